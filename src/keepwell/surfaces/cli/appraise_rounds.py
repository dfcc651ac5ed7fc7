"""Commands about rounds of appraisals: plans, open, list, round, show, simulate, publish, withdraw, export, evidence."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from keepwell.core.errors import WrongUseError
from keepwell.core.settings import Settings
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer, note
from keepwell.surfaces.cli.opening import opened
from keepwell.surfaces.cli.scorecards import marks_of
from keepwell.surfaces.figures import figure
from keepwell.surfaces.words import words_of

if TYPE_CHECKING:
    from keepwell.surfaces.appraisal_sight import Shown, ShownRound
    from keepwell.surfaces.rounds import Rounds

RoundArgument = Annotated[str, typer.Argument(help="Its id: rnd_…, see `keepwell appraise list`.", show_default=False)]
AppraisalArgument = Annotated[str, typer.Argument(help="Its id: apr_…, see `keepwell appraise round`.", show_default=False)]
LISTED = ("round_id", "plan", "period", "of", "subjects", "states")
IN_ROUND = ("appraisal_id", "subject", "name", "team", "state", "total", "low", "high", "grade", "rank")
POINTS = {"total", "low", "high", "total_then", "points", "adds"}  # as cards tell them
ITEM = ("item", "weight", "value", "interval", "n", "own_mark", "mark", "points", "adds")


def add_to(group: typer.Typer) -> None:
    """Register the commands."""
    group.command("plans")(list_plans)
    group.command("open")(open_round)
    group.command("list")(list_rounds)
    group.command("round")(show_round)
    group.command("show")(show_appraisal)
    group.command("simulate")(simulate)
    group.command("publish")(publish)
    group.command("withdraw")(withdraw)
    group.command("export")(export)
    group.command("evidence")(evidence)


@contextmanager
def desk_of(context: typer.Context) -> "Iterator[Rounds]":
    """The appraisals of the workspace, for who sits at the machine."""
    # other commands do not wait for the store's libraries
    from keepwell.store.db import store_of  # noqa: PLC0415 - see above
    from keepwell.surfaces.rounds import Rounds  # noqa: PLC0415 - see above

    workspace = opened(context)
    with store_of(workspace.place) as store:
        yield Rounds(workspace, store)


def list_plans(context: typer.Context, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """List the plans: shipped ones, and the workspace's own in its folder appraisals/."""
    with desk_of(context) as desk:
        problems: list[Any] = []
        found = desk.plans(problems)
        settings = desk.workspace.place.settings
    rows = [
        {"name": p.name, "title": p.title[str(settings.locale)], "of": str(p.of), "version": p.version, "items": len(p.items)}
        for p in found.values()
    ]
    for problem in problems:
        note(problem.message)
    answer(rows, lambda: table_of(rows, ("name", "title", "of", "version", "items"), settings), format_, output)


def open_round(
    context: typer.Context,
    plan: Annotated[str, typer.Argument(help="The plan's name, see `keepwell appraise plans`.", show_default=False)],
    period: Annotated[str, typer.Option(help="A month, quarter or year that is over: 2026-10, 2026-Q3, 2026.")] = "last-quarter",
    who: Annotated[
        list[str] | None, typer.Option("--who", help="An employee or a team; several may be given. Without it everybody with results.")
    ] = None,
    team: Annotated[str | None, typer.Option(help="Only who was in this team on the last day of the period.")] = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Open a round: the plan's definition and everybody's readings are kept as they are now."""
    from keepwell.surfaces.freezing import Chosen  # noqa: PLC0415 - as above

    with desk_of(context) as desk:
        at, actor = desk.workspace.clock.now(), machine()
        _tell(desk.open(at, actor, plan, period, Chosen(who or (), team)), desk.workspace.place.settings, format_, None)


def list_rounds(
    context: typer.Context,
    withdrawn: Annotated[bool, typer.Option("--withdrawn", help="Withdrawn ones too.")] = False,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """List the rounds, the latest period first, with how far they are."""
    from keepwell.surfaces.appraised import round_json  # noqa: PLC0415 - as above

    with desk_of(context) as desk:
        rows = [round_json(r) for r in desk.all(with_withdrawn=withdrawn)]
        settings = desk.workspace.place.settings
    word = words_of(settings.locale)
    shown = [r | {"states": ", ".join(f"{word(f'appraisal_is_{s}')} {n}" for s, n in r["states"].items())} for r in rows]
    answer(rows, lambda: table_of(shown, LISTED, settings), format_, output)


def show_round(context: typer.Context, round_id: RoundArgument, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """Show a round: each person or team once, with state, total, grade and rank."""
    with desk_of(context) as desk:
        _tell(desk.round(round_id), desk.workspace.place.settings, format_, output)


def show_appraisal(context: typer.Context, appraisal_id: AppraisalArgument, format_: FormatOption = Format.TABLE) -> None:
    """Show an appraisal: its items, the trail, notes and trainings."""
    with desk_of(context) as desk:
        tell_one(desk, desk.one(appraisal_id), format_)


def simulate(
    context: typer.Context,
    round_id: RoundArgument,
    weights: Annotated[list[str], typer.Option("--weight", help="A weight to try: csat=40; the others stay, together they come to 100.")],
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Show what totals, grades and ranks would be with other weights; nothing is changed."""
    from keepwell.surfaces.appraised import simulated_json  # noqa: PLC0415 - as above

    with desk_of(context) as desk:
        rows = [simulated_json(s) for s in desk.simulated(round_id, marks_of(weights))]
        settings = desk.workspace.place.settings
    columns = ("subject", "name", "total", "total_then", "grade", "grade_then", "rank", "rank_then")
    answer(rows, lambda: table_of(rows, columns, settings), format_, output)


def publish(context: typer.Context, round_id: RoundArgument, format_: FormatOption = Format.TABLE) -> None:
    """Tell everybody's result, once all are approved. Nothing that changes later changes it."""
    with desk_of(context) as desk:
        found = desk.publish(desk.workspace.clock.now(), machine(), round_id)
        _tell(found, desk.workspace.place.settings, format_, None)


def withdraw(
    context: typer.Context,
    round_id: RoundArgument,
    because: Annotated[str, typer.Option(help="Why it is withdrawn.", show_default=False)],
    format_: FormatOption = Format.TABLE,
) -> None:
    """Withdraw a round of which nothing was published; the plan may then be opened for the period anew."""
    with desk_of(context) as desk:
        found = desk.withdraw(desk.workspace.clock.now(), machine(), round_id, because)
    told = {"round_id": found.round_id, "withdrawn_because": found.withdrawn_because}
    answer([told], lambda: Text(found.round_id), format_, None)


def export(
    context: typer.Context,
    round_id: RoundArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="The file: .csv or .xlsx.", show_default=False)],
) -> None:
    """Write a round to a file, a row a person or team, each once."""
    from keepwell.surfaces.appraised_sheet import export_sheet  # noqa: PLC0415 - as above
    from keepwell.surfaces.web.tables import csv_parts, write_xlsx  # noqa: PLC0415 - as above

    if output.suffix not in {".csv", ".xlsx"}:
        raise WrongUseError(f"{output} is called as no export is.", "End it in .csv or .xlsx.")
    with desk_of(context) as desk:
        sheet = export_sheet(desk.round(round_id), desk.workspace.place.settings.locale)
        desk.note_export(desk.workspace.clock.now(), machine(), round_id)
    if output.suffix == ".csv":
        output.write_bytes(b"".join(csv_parts(sheet, sheet.rows)))
    else:
        write_xlsx(sheet, sheet.rows, output)
    note(str(output))


def evidence(
    context: typer.Context,
    appraisal_id: AppraisalArgument,
    item: Annotated[str, typer.Argument(help="A KPI of the plan.", show_default=False)],
    limit: Annotated[int, typer.Option(min=1, help="Rows of each part.")] = 50,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Show the rows behind a KPI of somebody, as the round's run knew them."""
    with desk_of(context) as desk:
        found = desk.evidence(appraisal_id, item, limit)
    rows = [{"part": b.part, **row} for b in found for row in b.rows.to_json()]

    def tables() -> Group:
        made: list[Any] = []
        for b in found:
            listed = b.rows.to_json()
            table = Table(*(listed[0] if listed else ()), title=f"{b.part}: {b.total}", box=None, pad_edge=False, title_justify="left")
            for row in listed:
                table.add_row(*(Text("" if v is None else str(v)) for v in row.values()))
            made += [table, Text()]
        return Group(*made)

    told = [{"part": b.part, "total": b.total, "rows": b.rows.to_json()} for b in found]
    answer(rows, tables, format_, output, as_json=told)


def machine() -> Any:
    """Who acts: whoever sits at the machine."""
    from keepwell.access.audit import Actor  # noqa: PLC0415 - as above
    from keepwell.access.console import person  # noqa: PLC0415 - as above

    return Actor(None, person())


def table_of(rows: list[dict[str, Any]], columns: tuple[str, ...], settings: Settings) -> Table:
    """Rows as a table with words over its columns; numbers short, grades and states in words."""
    word = words_of(settings.locale)
    table = Table(box=None, pad_edge=False)
    numbers = {c for c in columns if any(isinstance(r.get(c), int | float | Decimal) for r in rows)}
    for c in columns:
        table.add_column(word(f"appraisal_{c}"), justify="right" if c in numbers else "left", no_wrap=c.endswith("_id"))
    for row in rows:
        table.add_row(*(Text(_cell(c, row.get(c), settings)) for c in columns))
    return table


def tell_one(desk: "Rounds", shown: "Shown", format_: Format) -> None:
    """An appraisal to people, or as JSON to programs."""
    from keepwell.surfaces.appraised import appraisal_json  # noqa: PLC0415 - as above

    told, settings = appraisal_json(shown, desk), desk.workspace.place.settings
    word = words_of(settings.locale)

    def tables() -> Group:
        items = [_item_in_words(i, shown, desk) for i in told["items"]]
        trail = [t | {"kind": word(f"appraisal_is_{t['kind']}"), "at": t["at"][:16].replace("T", " ")} for t in told["trail"]]
        made: list[Any] = [table_of([told], IN_ROUND, settings), Text(), table_of(items, ITEM, settings), Text()]
        made.append(table_of(trail, ("number", "kind", "at", "by", "words", "total"), settings))
        if told["entries"]:
            entries = [e | {"kind": word(f"appraisal_{e['kind']}")} for e in told["entries"]]
            made += [Text(), table_of(entries, ("entry_id", "period", "kind", "text", "due", "done_at"), settings)]
        return Group(*made)

    flat = {k: v for k, v in told.items() if not isinstance(v, list | dict)}
    answer([flat], tables, format_, None, as_json=told)


def _item_in_words(row: dict[str, Any], shown: "Shown", desk: "Rounds") -> dict[str, Any]:
    settings = desk.workspace.place.settings
    item = next(i for i in shown.appraisal.round.plan.items if i.name == row["item"])
    known = desk.workspace.kpis.get(item.name)
    made = row | {"item": item.title[str(settings.locale)], "interval": None}
    if known is not None and row["value"] is not None:
        made["value"] = figure(row["value"], known.unit, settings)
        if row["low"] is not None and row["high"] is not None:
            made["interval"] = f"{figure(row['low'], known.unit, settings)} – {figure(row['high'], known.unit, settings)}"
    for name in ("mark", "own_mark"):
        made[name] = None if row[name] is None else f"{row[name]:g} / {item.most:g}"
    if row["without"]:
        made["points"] = words_of(settings.locale)(f"scorecard_{row['without']}")
    return made


def _tell(found: "ShownRound", settings: Settings, format_: Format, output: Path | None) -> None:
    from keepwell.surfaces.appraised import row_of, whole_round_json  # noqa: PLC0415 - as above

    rows = [row_of(s) for s in found.shown]
    head = Text(f"{found.round.plan.title[str(settings.locale)]} · {found.round.period.label} · {found.round.round_id}", style="bold")
    answer(rows, lambda: Group(head, table_of(rows, IN_ROUND, settings)), format_, output, as_json=whole_round_json(found))


def _cell(column: str, value: Any, settings: Settings) -> str:
    if value is None:
        return ""
    word = words_of(settings.locale)
    if column.startswith("grade"):
        return word(f"grade_{value}")
    if column == "state":
        return word(f"appraisal_is_{value}")
    if isinstance(value, bool):
        return word("is_yes" if value else "is_no")
    if column in POINTS and isinstance(value, float):
        return f"{value:.1f}"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
