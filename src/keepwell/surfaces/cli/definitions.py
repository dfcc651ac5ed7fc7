"""Commands about what numbers mean: the catalogue, a KPI's definition with its lineage."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from keepwell.core.settings import Settings
from keepwell.metrics.example import Executed
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.schema import kpi_schema
from keepwell.surfaces.answers import Definition, kpi_json
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer, show_error
from keepwell.surfaces.cli.opening import opened
from keepwell.surfaces.figures import figure
from keepwell.surfaces.words import words_of

Say = Callable[[str], str]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("kpis")(list_kpis)


def list_kpis(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="One KPI, for its definition, lineage and example.", show_default=False)] = None,
    check: Annotated[bool, typer.Option("--check", help="Execute the worked examples of your own KPIs, or of the one named.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="The shape of a KPI file as JSON Schema, for your editor.")] = False,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """The catalogue; with a name its definition, lineage and example."""
    if schema:
        answer([], Table, Format.JSON, output, as_json=kpi_schema())
        return
    workspace = opened(context)
    settings = workspace.place.settings
    word = words_of(settings.locale)
    problems = workspace.kpi_problems
    for problem in problems:
        show_error(problem)
    if check:
        checked = workspace.check_examples(*([name] if name else []))
        answer([_checked_json(c) for c in checked], lambda: _checked(checked, word, has_problems=bool(problems)), format_, output)
        if problems or not all(c.is_right for c in checked):
            raise typer.Exit(1)
        return
    if name is not None:
        found = workspace.definition(name)
        answer([found.to_json()], lambda: _definition(found, settings, word), format_, output)
        return
    known = list(workspace.kpis.values())
    answer([kpi_json(k) for k in known], lambda: _catalogue(known, settings, word), format_, output)


def _catalogue(known: Sequence[Kpi], settings: Settings, word: Say) -> Table:
    shown = Table(word("theme"), word("name"), word("title"), word("unit"), word("better"), word("meaning"), box=None, pad_edge=False)
    for k in known:
        shown.add_row(k.theme, k.name, k.title[settings.locale], word(k.unit), word(k.better), k.meaning[settings.locale])
    return shown


def _checked_json(c: Executed) -> dict[str, Any]:
    return {"kpi": c.kpi.name, "is_right": c.is_right, "expected": c.kpi.example.value, "expected_n": c.kpi.example.n, "found": c.says}


def _checked(checked: Sequence[Executed], word: Say, *, has_problems: bool) -> Table | Text:
    if not checked:
        return Text("" if has_problems else word("no_own_kpis"))
    shown = Table(word("kpi"), word("example"), word("state"), box=None, pad_edge=False)
    for c in checked:
        state = Text(word("ok"), style="green") if c.is_right else Text(c.says, style="red")
        shown.add_row(c.kpi.name, f"{c.kpi.example.value}, n = {c.kpi.example.n}", state)
    return shown


def _definition(found: Definition, settings: Settings, word: Say) -> Group:
    k = found.kpi
    locale = settings.locale
    rows = Table(box=None, show_header=False, pad_edge=False)
    rows.add_column(style="dim")
    rows.add_column()
    written = "\n".join(f"{field}: {value}" for field, value in k.definition.items() if field != "fact")
    benchmark = f"{figure(k.benchmark.value, k.unit, settings)} ({k.benchmark.source})" if k.benchmark else ""
    for label, text in (
        (word("meaning"), k.meaning[locale]),
        (word("formula"), k.formula[locale]),
        (word("pitfalls"), k.pitfalls.get(locale, "")),
        (word("unit"), f"{word(k.unit)}, {word(k.better)}"),
        (word("minimum_n"), str(k.min_n) if k.min_n else ""),
        (word("benchmark"), benchmark),
        (word("owner"), k.owner or ""),
        (word("kind"), str(k.kind)),
        (word("fact"), ", ".join(found.lineage.facts)),
        ("SQL", written),
        (word("dimensions"), ", ".join(k.dimensions)),
        (word("definition"), f"{word('version')} {k.version}, {k.definition_hash}"),
        (word("coverage"), "" if found.coverage is None else f"{found.coverage:.1%} ({found.period})"),
        (word("fresh_until"), f"{found.fresh_until:%Y-%m-%d %H:%M} UTC" if found.fresh_until else word("no_data")),
        (word("example"), f"{k.example.period}: {k.example.value}, n = {k.example.n}"),
    ):
        if text:
            rows.add_row(label, Text(text))
    lineage = Table(word("entity"), word("columns"), word("source"), box=None, pad_edge=False)
    for entity, columns in found.lineage.columns.items():
        brought = [
            f"{s.source}: {s.rows:,} ({s.updated_at:%Y-%m-%d %H:%M})" for s in found.lineage.sources if s.entity == entity and s.updated_at
        ]
        lineage.add_row(entity, ", ".join(columns), "\n".join(brought) or word("no_data"))
    examples = [_example_table(name, listed) for name, listed in k.example.rows.items()]
    return Group(Text(f"{k.title[locale]}  ({k.name})\n", style="bold"), rows, Text(), lineage, Text(), *examples)


def _example_table(name: str, listed: Sequence[dict[str, Any]]) -> Group:
    columns = list(dict.fromkeys(c for row in listed for c in row))
    shown = Table(*columns, box=None, pad_edge=False)
    for row in listed:
        shown.add_row(*(Text(str(row.get(c, ""))) for c in columns))
    return Group(Text(name, style="dim"), shown, Text())
