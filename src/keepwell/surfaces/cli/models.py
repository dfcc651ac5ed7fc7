"""Commands about models: what each found, and whether to believe it."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from keepwell.core.settings import Locale
from keepwell.models.stored import ModelCard
from keepwell.models.transitions import Transitions, labels
from keepwell.surfaces.cli.cohorts import triangle
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer
from keepwell.surfaces.cli.opening import opened
from keepwell.surfaces.cli.voices import VOICES
from keepwell.surfaces.judged import baseline_title, measure_title
from keepwell.surfaces.words import words_of

Say = Callable[[str], str]
# model -> its rows as tables of their own
TABLES = {**VOICES, "cohorts": triangle}
RunOption = Annotated[str | None, typer.Option(help="What this run found instead of the published one.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("models")(list_models)
    app.command("model")(show_model)
    app.command("transitions")(show_transitions)


def list_models(context: typer.Context, run: RunOption = None, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """List the models of a run, each with its verdict in one sentence."""
    workspace = opened(context)
    found = workspace.models(run)
    word = words_of(workspace.place.settings.locale)

    def table() -> Table:
        shown = Table(word("model"), word("found"), box=None, pad_edge=False)
        for m in found:
            shown.add_row(
                Text(m.name, style="bold"), Text(m.verdict or word("refused").format(why=m.refused), style="" if m.verdict else "yellow")
            )
        return shown

    answer([m.to_json() for m in found], table, format_, output)


def show_model(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A model (see `keepwell models`).", show_default=False)],
    run: RunOption = None,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """A model's back-test beside its naive baseline, and its parameters."""
    workspace = opened(context)
    found = workspace.model(name, run)
    word = words_of(workspace.place.settings.locale)
    answer([found.to_json()], lambda: _shown(found, word), format_, output, as_json=found.to_json())


def _shown(found: ModelCard, word: Say) -> Group:
    parts: list[Text | Table] = [
        Text(f"{found.title} ({found.name})", style="bold"),
        Text(found.meaning),
        Text(word("customer_as_of").format(day=found.as_of, run=found.run_id)),
        *_window(found, word),
        Text(),
        Text(found.verdict or word("refused").format(why=found.refused)),
    ]
    if found.rows:
        parts += [Text(), *(TABLES[found.name](found.rows, word) if found.name in TABLES else [_rows(found, word)])]
    if found.measures:
        parts += [Text(), _measures(found, word)]
    if found.parameters:
        parts += [Text(), _parameters(found, word)]
    return Group(*parts)


def _window(found: ModelCard, word: Say) -> list[Text]:
    """From when to when the data go, and until when was learned and tested."""
    told = []
    if found.data_from and found.data_until:
        told.append(word("data_window").format(since=found.data_from, until=found.data_until))
    splits = dict.fromkeys((m["trained_until"], m["tested_until"]) for m in found.measures if m["trained_until"])
    told += [word("time_split").format(trained=trained, tested=tested) for trained, tested in splits]
    return [Text(line) for line in told]


def _rows(found: ModelCard, word: Say) -> Table:
    shown = Table(box=None, pad_edge=False)
    hidden = {"group", "stage"}  # codes that stand beside their words
    names = [n for n in found.rows[0] if n not in hidden]
    for name in names:
        shown.add_column(word(f"row_{name}"), justify="right" if isinstance(found.rows[0][name], int | float) else "left")
    for row in found.rows:
        shown.add_row(*(Text(_number(v) if isinstance(v, int | float) else str(v)) for v in (row[n] for n in names)))
    return shown


def _measures(found: ModelCard, word: Say) -> Table:
    shown = Table(box=None, pad_edge=False)
    shown.add_column(word("measure"))
    for name in ("value", "interval", "baseline", "n"):
        shown.add_column(word(name), justify="right")
    has_notes = any(m["note"] for m in found.measures)
    if has_notes:
        shown.add_column(word("note"))
    for m in found.measures:
        interval = f"{_number(m['ci_low'])} – {_number(m['ci_high'])}" if m["ci_low"] is not None else ""
        named = (
            word("value_of").format(value=_number(m["baseline_value"]), name=baseline_title(m["baseline"], word)) if m["baseline"] else ""
        )
        style = {True: "green", False: "yellow"}.get(m["beats_baseline"], "")
        n = f"{m['n']:,}" if m["n"] is not None else ""
        note = [Text(m["note"] or "", style="dim")] if has_notes else []
        shown.add_row(Text(measure_title(m["measure"], word)), Text(_number(m["value"]), style=style), interval, named, n, *note)
    return shown


def _parameters(found: ModelCard, word: Say) -> Table:
    shown = Table(box=None, pad_edge=False)
    shown.add_column(word("parameter"), no_wrap=True)
    shown.add_column(word("value"), justify="right")
    shown.add_column(word("standard_error"), justify="right")
    for p in found.parameters:
        shown.add_row(Text(p["parameter"]), _number(p["value"]), _number(p["standard_error"]))
    return shown


def _number(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.4g}"


def show_transitions(
    context: typer.Context,
    state: Annotated[str, typer.Argument(help="tier, lifecycle or rfm.", show_default=False)],
    since: Annotated[
        str | None, typer.Option("--from", help="The earlier run, or a day; by default the last run before the later one.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="The later run, or a day; by default the published one.")] = None,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """How many customers went from each tier, lifecycle stage or RFM group to each other between two runs."""
    workspace = opened(context)
    found = workspace.transitions(state, since=since, until=until)
    settings = workspace.place.settings
    answer(
        found.to_json(),
        lambda: _moves(found.transitions, words_of(settings.locale), settings.locale, workspace.group_labels),
        format_,
        output,
    )


def _moves(found: Transitions, word: Say, locale: Locale, own: Mapping[str, tuple[str, str]]) -> Group:
    told = {code: pair[1 if locale is Locale.CHINESE else 0] for code, pair in {**labels(found.state), **own}.items()}
    counts = {(m.before, m.after): m.customers for m in found.moves}
    befores, afters = found.befores(), found.afters()
    shown = Table(box=None, pad_edge=False)
    shown.add_column(word("from_to"), no_wrap=True)
    for after in afters:
        shown.add_column(told.get(after, after), justify="right")
    shown.add_column(word("together"), justify="right", style="bold")
    for before in befores:
        row = [counts.get((before, after), 0) for after in afters]
        cells = [Text(f"{n:,}" if n else "·", style="dim" if before == after else "") for n, after in zip(row, afters, strict=True)]
        shown.add_row(told.get(before, before), *cells, f"{sum(row):,}")
    sums = [sum(counts.get((before, after), 0) for before in befores) for after in afters]
    shown.add_row(word("together"), *(f"{n:,}" for n in sums), f"{found.customers:,}", style="bold")
    head = word("moved_between").format(
        since=found.earlier.as_of, until=found.later.as_of, from_run=found.earlier.run_id, to_run=found.later.run_id
    )
    return Group(Text(head), Text(), shown)
