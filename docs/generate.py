"""Writes docs/reference/ from the code, so that it can't say anything else; with --check only tells which pages differ."""

import inspect
import json
import sys
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer
from typer.models import ArgumentInfo, OptionInfo

from keepwell.core.settings import FILE_NAME, Settings
from keepwell.engine.walls import ALLOWED_FUNCTIONS, LONGEST_PADDED
from keepwell.lake.entity import SQL_TYPES, Column, ColumnType, Entity, entities
from keepwell.lake.table import META_COLUMNS, PROFILES, TEXTS
from keepwell.metrics.kpi_file import built_in
from keepwell.metrics.schema import kpi_schema
from keepwell.sources.mapping import ENTITY_FIELDS, TOP_FIELDS
from keepwell.surfaces.cli.app import app, workspace_option

# the pages of KPIs are written beside this file, which is run, imported and tested from several places
sys.path.insert(0, str(Path(__file__).parent))
import kpi_pages

REFERENCE = Path(__file__).parent / "reference"
MADE = "<!-- Written by docs/generate.py from the code. Change the code, then run `make docs`. -->"

THEMES = {
    "who": "Who they are",
    "bought": "What they bought",
    "came": "How they came",
    "relationship": "How the relationship goes",
    "loyalty": "Loyalty",
    "reference": "Reference",
    "derived": "Derived: written by a refresh, never imported",
}
TYPES: dict[str, str] = {
    ColumnType.ID: "identifier: trimmed, composed (NFC), never case-folded; carries its source's prefix",
    ColumnType.TEXT: "words for people",
    ColumnType.CODE: "a word for machines: one of a list, a currency, a country",
    ColumnType.MONEY: "exact amount, beside a currency",
    ColumnType.NUMBER: "measured number: a score, a probability",
    ColumnType.DECIMAL: "exact number that is no money: a quantity, points, a rate",
    ColumnType.READING: "exact value of a KPI, whatever its unit",
    ColumnType.COUNT: "whole number",
    ColumnType.FLAG: "true or false",
    ColumnType.INSTANT: "moment, UTC, microseconds",
    ColumnType.DATE: "calendar day",
    ColumnType.TIME: "time of day, HH:MM",
    ColumnType.ATTRIBUTES: "what the model does not name: words by name",
}
META = {
    "source": "where the row came from (`--source`)",
    "batch_id": "the import that last wrote it",
    "updated_at": "when that was",
}
LANDED = {"_landed_at": "the moment of landing", "_landed_on": "the day of landing"}
TOP_WORDS = {
    "version": "`1`; required.",
    "files": 'Patterns of file names, such as `["*.parquet"]`: which files the mapping reads. An entity may narrow it.',
    "timezone": "IANA name of the time zone of instants that carry none; by default the workspace's.",
    "dates": 'Format of all dates, as strptime writes it (`"%d.%m.%Y"`); by default found out for each column.',
    "decimal": 'The sign before the decimals, `"."` or `","`; by default found out for each column.',
    "encoding": "Encoding of a text file, such as `latin-1`; by default UTF-8, UTF-16 with a byte order mark, or GB18030, found out.",
    "delimiter": 'What stands between the fields of a CSV file, such as `";"` or `"\\t"`; by default found out.',
    "sheet": "The sheet of an Excel file; by default the first.",
    "constants": "Values that are the same in all rows: column → value, for every entity that has the column.",
    "ids": "Columns that hold another source's ids: column → that source's name. Otherwise ids belong to `--source`.",
    "entities": "What each entity takes from the files; required.",
}
ENTITY_WORDS = {
    "files": "Patterns of the file names that this entity reads, instead of those at the top.",
    "columns": "Plain form: the model's column → the file's column.",
    "expressions": "Plain form: the model's column → an SQL expression over one row of the file.",
    "values": 'Column → map from what the file holds to what the model says; `null` for nothing, `""` for an empty cell.',
    "constants": "As at the top, for this entity; what `columns` and `expressions` give comes first.",
    "where": "Plain form: SQL condition; only rows for which it holds.",
    "select": "Instead of the plain form: one SELECT over the view `rows`.",
    "replace_by": "Column whose values stand for a whole: rows of the lake that share a value with an imported row, but are not imported, go.",
    "attributes": "Plain form: columns to keep as attributes: a list of the file's columns, or attribute → column.",
    "ids": "As at the top, for this entity.",
    "dates": "As at the top, for this entity.",
    "decimal": "As at the top, for this entity.",
}


class IncompleteError(Exception):
    """Something in the code that this script has no words for."""


def words_for(what: str, names: Iterable[str], words: dict[str, str]) -> list[tuple[str, str]]:
    """Each name with its words; a name without words, or words without a name, stops the script."""
    wanted = list(names)
    odd = sorted(set(wanted) ^ set(words))
    if odd:
        raise IncompleteError(f"docs/generate.py: {what}: {', '.join(odd)} stands in the code or in the script, but not in both.")
    return [(name, words[name]) for name in wanted]


def cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return [*lines, *(f"| {' | '.join(cell(c) for c in row)} |" for row in rows), ""]


def code(values: Iterable[object]) -> str:
    return ", ".join(f"`{v}`" for v in values)


def page(title: str, intro: str, *parts: list[str]) -> str:
    lines = [MADE, "", f"# {title}", "", intro, "", *(line for part in parts for line in part)]
    return "\n".join(lines).rstrip() + "\n"


# ---------------------------------------------------------------- entities


def entities_page() -> str:
    known = entities()
    by_theme = {theme: [e for e in known.values() if e.theme == theme] for theme in dict.fromkeys(e.theme for e in known.values())}
    titles = dict(words_for("themes of entities", by_theme, THEMES))
    listed = ((f"**{titles[t]}**", ", ".join(f"[{e.name}](#{e.name})" for e in found)) for t, found in by_theme.items())
    held = dict(words_for("types of columns", SQL_TYPES, TYPES))
    types = table(("Type", "Stored as", "Holds"), ((f"`{t}`", f"`{sql}`", held[t]) for t, sql in SQL_TYPES.items()))
    meta = words_for("columns of every table", (name for name, _ in META_COLUMNS), META)
    common = ["Every row also carries:", "", *table(("Column", "Holds"), ((f"`{n}`", text) for n, text in meta))]
    bodies = [[f"## {titles[t]}", "", *(line for e in found for line in entity_part(e))] for t, found in by_theme.items()]
    intro = (
        "The canonical model: what a file's columns are mapped to, and what the tables of the lake hold. "
        f"Columns marked *personal* lie in `{PROFILES}` (of people) or `{TEXTS}` (of facts), all others in the entity's own table. "
        "Columns marked *computed* are made when rows land; no file may bring them."
    )
    return page("Entities", intro, table(("Theme", "Entities"), listed), ["## Types", "", *types], common, *bodies)


def entity_part(e: Entity) -> list[str]:
    facts_of_it = [f"Key: {code(e.key)}."]
    if e.month_of:
        facts_of_it.append(f"Partitioned by the month of `{e.month_of}`.")
    if e.personal_columns:
        facts_of_it.append(f"Personal columns lie in `{PROFILES if e.person else TEXTS}`.")
    if e.keeps_history:
        facts_of_it.append(f"Ended versions lie in `{e.name}_history` with `valid_from` and `valid_to`.")
    rows = ((f"`{c.name}`", c.label["en"], c.label["zh"], f"`{c.type}`", "; ".join(column_marks(c)), c.meaning) for c in e.columns)
    lines = [f"### {e.name}", "", f"**{e.label['en']} · {e.label['zh']}** {e.meaning} {' '.join(facts_of_it)}", ""]
    lines += table(("Column", "Label", "中文", "Type", "", "Meaning"), rows)
    if e.rules:
        kinds = ((f"`{r.holds}`", f"{r.says['en']} · {r.says['zh']}", "warned of" if r.is_warning else "rejected") for r in e.rules)
        lines += table(("Rule that must hold", "Otherwise", "The row is"), kinds)
    return lines


def column_marks(c: Column) -> list[str]:
    marks = ["**key**"] if c.is_key else ["**required**"] if c.is_required and not c.is_computed and not c.default else []
    if c.is_personal:
        marks.append("*personal*")
    marks += computed_marks(c)
    if c.allowed:
        marks.append("one of " + code(c.allowed))
    if c.references:
        marks.append(f"names one of [{c.references}](#{c.references})")
    if c.default:
        marks.append(f"without one: {LANDED.get(c.default, f'`{c.default}`')}")
    limits = [f"{word} {limit:g}" for word, limit in (("at least", c.minimum), ("at most", c.maximum)) if limit is not None]
    marks += [" and ".join(limits)] if limits else []
    return [*marks, "may lie in the future"] if c.may_be_future else marks


def computed_marks(c: Column) -> list[str]:
    if c.derived:
        return [f"*computed* from {code(c.derived_from)}"]
    if c.date_of:
        return [f"*computed*: the day of `{c.date_of}`"]
    return [f"*computed*: copied from [{c.copied_from}](#{c.copied_from})"] if c.copied_from else []


# ---------------------------------------------------------------- commands


def commands_page() -> str:
    found = commands()
    index = table(("Command", "Does"), ((f"[`{name}`](#{name.replace(' ', '-')})", first_line(call)) for name, call in found))
    intro = (
        "`keepwell [-w WORKSPACE] COMMAND`. Exit status 0: done, rejected rows included; 1: something failed, said on stderr with a hint; 2: wrong use. "
        "Answers go to stdout, everything else to stderr."
    )
    common = ["## Before the command", "", *parameter_table(workspace_option)]
    return page("Commands", intro, index, common, *(command_part(name, call) for name, call in found))


def commands(of: typer.Typer = app, before: str = "") -> list[tuple[str, Callable[..., Any]]]:
    """Every command by how it is called, groups that answer by themselves too, then those of each group (`user add`)."""
    own = [(f"{before}{info.name}", info.callback) for info in of.registered_commands if info.callback]
    groups = [(info.name, info.typer_instance) for info in of.registered_groups if info.typer_instance]
    alone = [
        (f"{before}{name}", g.info.callback) for name, g in groups if g.info.invoke_without_command is True and callable(g.info.callback)
    ]
    return own + alone + [command for name, group in groups for command in commands(group, f"{before}{name} ")]


def first_line(call: Callable[..., Any]) -> str:
    return (inspect.getdoc(call) or "").split("\n\n", maxsplit=1)[0].replace("\n", " ")


def command_part(name: str, call: Callable[..., Any]) -> list[str]:
    arguments = [word for _, info, word, _ in parameters(call) if isinstance(info, ArgumentInfo)]
    usage = " ".join(["keepwell", name, *arguments, "[OPTIONS]"])
    return [f"## {name}", "", first_line(call), "", f"`{usage}`", "", *parameter_table(call)]


def parameters(call: Callable[..., Any]) -> list[tuple[str, ArgumentInfo | OptionInfo, str, inspect.Parameter]]:
    """Name, what the command line knows of it, how it is written, and the function's own parameter."""
    hints = typing.get_type_hints(call, include_extras=True)
    found = []
    for parameter in inspect.signature(call).parameters.values():
        info = next((m for m in getattr(hints[parameter.name], "__metadata__", ()) if isinstance(m, ArgumentInfo | OptionInfo)), None)
        if info is None:
            continue
        if isinstance(info, ArgumentInfo):
            many = "…" if typing.get_origin(typing.get_args(hints[parameter.name])[0]) is list else ""
            word = parameter.name.upper().removesuffix("S" if many else "") + many
            word = word if parameter.default is inspect.Parameter.empty else f"[{word}]"
        else:
            # inside Annotated what stands first is a name too, though Typer keeps it as the default
            names = [n for n in (info.default, *(info.param_decls or ())) if isinstance(n, str)]
            word = ", ".join(names or ["--" + parameter.name.strip("_").replace("_", "-")])
        found.append((parameter.name, info, word, parameter))
    return found


def parameter_table(call: Callable[..., Any]) -> list[str]:
    hints = typing.get_type_hints(call, include_extras=True)
    found = parameters(call)
    rows = ((f"`{word}`", value_of(hints[name], info), default_of(own, info), info.help) for name, info, word, own in found)
    return table(("", "Takes", "Default", "Does"), rows) if found else []


def value_of(hint: Any, info: ArgumentInfo | OptionInfo) -> str:
    inner = typing.get_args(hint)[0]
    kinds = [k for k in typing.get_args(inner) if k is not type(None)] or [inner]
    kind = kinds[0]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return ", ".join(f"`{m}`" for m in kind)
    if info.min is not None or info.max is not None:
        limits = (("at least", info.min), ("at most", info.max))
        return "number, " + " and ".join(f"{word} {limit:g}" for word, limit in limits if limit is not None)
    words = {bool: "", Path: "path", int: "number", float: "number", datetime: "day, YYYY-MM-DD", str: "text"}
    return "text, any number of times" if typing.get_origin(kind) is list else words[kind]


def default_of(parameter: inspect.Parameter, info: ArgumentInfo | OptionInfo) -> str:
    value = f"${info.envvar}" if isinstance(info.envvar, str) else parameter.default
    return "" if value is inspect.Parameter.empty or value is None or value is False else f"`{value}`"


# ---------------------------------------------------------------- settings, mappings, index


def settings_page() -> str:
    rows = []
    for spec in fields(Settings):
        kind = spec.type if isinstance(spec.type, type) else str
        takes = ", ".join(f'`"{m}"`' for m in kind) if issubclass(kind, StrEnum) else "whole number" if kind is int else "text"
        shown = f"`{spec.default}`" if kind is int else f'`"{spec.default}"`'
        rows.append((f"`{spec.name}`", takes, shown, spec.metadata["meaning"]))
    intro = f"One line each in `{FILE_NAME}`, the file that makes a folder a workspace. What is missing has its default; an unknown name is an error."
    return page("Settings", intro, table(("Setting", "Takes", "Default", "Meaning"), rows))


def mapping_page() -> str:
    top = ((f"`{name}`", text) for name, text in words_for("fields of a mapping", TOP_FIELDS, TOP_WORDS))
    inner = ((f"`{name}`", text) for name, text in words_for("fields of an entity in a mapping", ENTITY_FIELDS, ENTITY_WORDS))
    may = "SQL in a mapping, in a KPI or after `--where` may use these functions of DuckDB and no other:"
    pads = f"`lpad` and `rpad` take a number of at most {LONGEST_PADDED:,} as their length."
    functions = ["## Functions", "", may, "", code(sorted(ALLOWED_FUNCTIONS)) + ".", "", pads, ""]
    intro = "The fields of a mapping file (YAML). How to write one: [how-to/write-a-mapping.md](../how-to/write-a-mapping.md)."
    head = ("Field", "Meaning")
    fields_of = [["## At the top", "", *table(head, top)], ["## Under an entity", "", *table(head, inner)]]
    return page("Mapping files", intro, *fields_of, functions)


def index_page() -> str:
    rows = (
        ("[entities.md](entities.md)", f"{len(entities())} entities of the canonical model: columns, types, rules, both languages"),
        (
            "[kpis.md](kpis.md)",
            f"{len(built_in())} KPIs, a page each in both languages: definition, formula, pitfalls, worked example, sources",
        ),
        ("[kpi.schema.json](kpi.schema.json)", "the shape of a KPI file, for editors"),
        ("[commands.md](commands.md)", f"{len(commands())} commands of the command line"),
        ("[settings.md](settings.md)", f"{len(fields(Settings))} settings of a workspace"),
        ("[mapping.md](mapping.md)", f"fields of a mapping file, and the {len(ALLOWED_FUNCTIONS)} SQL functions that it may use"),
    )
    intro = "Generated from the code by `make docs`; `make check` fails when a page differs."
    return page("Reference", intro, table(("Page", "Holds"), rows))


def pages() -> dict[str, str]:
    """Every page by its file name."""
    return {
        "README.md": index_page(),
        "entities.md": entities_page(),
        "kpis.md": kpi_pages.index_page(page, table),
        **kpi_pages.kpi_pages(page, table),
        "kpi.schema.json": json.dumps(kpi_schema(), indent=2, ensure_ascii=False) + "\n",
        "commands.md": commands_page(),
        "settings.md": settings_page(),
        "mapping.md": mapping_page(),
    }


def differing(folder: Path = REFERENCE) -> list[str]:
    """The pages that are not what the code says, and files that are no pages."""
    wanted = pages()
    there = {p.relative_to(folder).as_posix(): p.read_text(encoding="utf-8") for p in folder.rglob("*") if p.is_file()}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with --check say which differ: exit status 1."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("docs/generate.py [--check]\n")
        return 2
    different = differing()
    if arguments:
        sys.stderr.writelines(f"docs/reference/{name} is not what the code says: run `make docs`.\n" for name in different)
        return 1 if different else 0
    REFERENCE.mkdir(exist_ok=True)
    wanted = pages()
    for name in different:
        if name in wanted:
            (REFERENCE / name).parent.mkdir(exist_ok=True)
            (REFERENCE / name).write_text(wanted[name], encoding="utf-8", newline="\n")
        else:
            (REFERENCE / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
