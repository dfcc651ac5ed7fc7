"""The command about scorecards: which there are, and what one comes to."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from keepwell.core import yaml_file
from keepwell.core.errors import WrongUseError
from keepwell.core.settings import Locale, Settings
from keepwell.metrics.kpi import Kpi
from keepwell.performance.scorecards.card_file import read_card
from keepwell.performance.scorecards.scored import Scored, ScoredItem
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer
from keepwell.surfaces.cli.opening import opened
from keepwell.surfaces.codes import title_of
from keepwell.surfaces.figures import change_words, figure
from keepwell.surfaces.words import words_of

if TYPE_CHECKING:
    from keepwell.surfaces.scorecards import Scorecards


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("scorecard")(show_scorecard)


def show_scorecard(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="The card; without one all are listed.", show_default=False)] = None,
    period: Annotated[str, typer.Option(help="A month, quarter or year: 2026-10, 2026-Q3, 2026.")] = "last-month",
    as_known: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="As it was known at the end of that day.", show_default=False)
    ] = None,
    marks: Annotated[
        list[str] | None, typer.Option("--mark", help="A mark of an item that is judged: familiarity=7; may be given several times.")
    ] = None,
    publish: Annotated[bool, typer.Option("--publish", help="Keep the card as it is today, for good.")] = False,
    note: Annotated[str | None, typer.Option(help="With --publish: what to say of it.")] = None,
    restated: Annotated[bool, typer.Option("--restated", help="The card as it was published, and what differs today.")] = False,
    tried: Annotated[
        Path | None,
        typer.Option("--try", exists=True, dir_okay=False, help="A card's file, to see what it would change; nothing is saved."),
    ] = None,
    definition: Annotated[bool, typer.Option("--definition", help="The card's file as it is now, to change it.")] = False,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Show what a scorecard comes to: points by KPI, the total, the grade; try a change; publish it; compare a published one with today."""
    # other commands do not wait for the store's libraries
    from keepwell.access.audit import Actor  # noqa: PLC0415 - see above
    from keepwell.access.console import person  # noqa: PLC0415 - see above
    from keepwell.store.db import store_of  # noqa: PLC0415 - see above
    from keepwell.surfaces.scorecards import Scorecards, published_json  # noqa: PLC0415 - see above

    workspace = opened(context)
    settings = workspace.place.settings
    with store_of(workspace.place) as store:
        desk = Scorecards(workspace, store)
        if name is not None and definition:
            _defined(desk, name, output)
            return
        if name is not None and restated:
            _restated(desk, name, period, settings, format_, output)
            return
        if name is not None and tried is not None:
            _tried(desk, name, period, tried, marks_of(marks or []), format_, output)
            return
        if name is not None and publish:
            made = desk.publish(workspace.clock.now(), Actor(None, person()), name, period, marks_of(marks or []), note)
            told = published_json(made)
            answer(told["rows"], lambda: Text(told["card_id"]), format_, output, as_json=told)
            return
        _shown(desk, name, period, as_known, marks_of(marks or []), format_, output)


def marks_of(given: list[str]) -> dict[str, Decimal]:
    """Marks as they are written, ``item=7``."""
    found = {}
    for text in given:
        item, equals, mark = text.partition("=")
        try:
            found[item.strip()] = Decimal(mark)
        except InvalidOperation:
            equals = ""
        if not equals:
            raise WrongUseError(f"{text!r} is no mark.", "Write item=7.")
    return found


def _defined(desk: "Scorecards", name: str, output: Path | None) -> None:
    from keepwell.surfaces.card_edits import CardEdits  # noqa: PLC0415 - the store's libraries load slowly

    text = yaml_file.written(CardEdits(desk).definition(name).values)
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


def _tried(desk: "Scorecards", name: str, period: str, file: Path, marks: dict[str, Decimal], format_: Format, output: Path | None) -> None:
    from keepwell.surfaces.card_edits import CardEdits, preview_rows  # noqa: PLC0415 - the store's libraries load slowly

    # a fault of a file is told with its line
    read_card(file, desk.workspace.kpis)
    found = CardEdits(desk).preview(name, yaml_file.read(file).values, period, marks)
    language, kpis = desk.workspace.place.settings.locale, desk.workspace.kpis
    word = words_of(language)
    rows = preview_rows(found)
    titles = {i.item.name: _title(i, kpis, language) for i in (*found.before.items, *found.after.items)} | {
        "total": word("scorecard_total")
    }

    def table() -> Group:
        made = Table(box=None, pad_edge=False)
        for column in ("item", "share", "points", "adds"):
            made.add_column(word(f"scorecard_{column}"), justify="left" if column == "item" else "right")
        for row in rows:
            ends = ((row[f"{c}_before"], row[c]) for c in ("share", "points", "adds"))
            made.add_row(Text(titles[row["item"]]), *(Text(" → ".join(dict.fromkeys(map(_points, e)))) for e in ends))
        grades = [word(f"grade_{s.grade}") if s.grade else word("scorecard_no_total") for s in (found.before, found.after)]
        return Group(
            Text(f"{found.after.card.title[language]} · {found.after.period.label}", style="bold"),
            made,
            Text(" → ".join(grades), style="bold"),
        )

    answer(rows, table, format_, output)


def _restated(desk: "Scorecards", name: str, period: str, settings: Settings, format_: Format, output: Path | None) -> None:
    from keepwell.surfaces.scorecards import published_json  # noqa: PLC0415 - as above

    before, differing = desk.restated(name, period)
    word = words_of(settings.locale)

    def table() -> Group:
        made = Table(box=None, pad_edge=False)
        for column in ("item", "differs", "before", "now"):
            made.add_column(word(f"scorecard_{column}"))
        for r in differing:
            for c in r.differs:
                cells = ("" if side is None or side.get(c) is None else str(side[c]) for side in (r.before, r.now))
                made.add_row(Text(r.item), c, *cells)
        said = word("scorecard_published").format(period=before.card.period, at=f"{before.published_at:%Y-%m-%d}", n=len(differing))
        return Group(Text(said, style="bold"), made)

    rows = [asdict(r) for r in differing]
    answer(rows, table, format_, output, as_json=published_json(before) | {"restated": rows})


def _shown(
    desk: "Scorecards",
    name: str | None,
    period: str,
    as_known: datetime | None,
    marks: dict[str, Decimal],
    format_: Format,
    output: Path | None,
) -> None:
    from keepwell.surfaces.scorecards import rows_of  # noqa: PLC0415 - as above

    workspace = desk.workspace
    settings = workspace.place.settings
    if name is None:
        problems: list[Any] = []
        cards = desk.all(problems)
        rows = [
            {"name": c.name, "title": c.title[str(settings.locale)], "version": c.version, "items": len(c.items), "problem": None}
            for c in cards.values()
        ]
        rows += [{"name": None, "title": None, "version": None, "items": None, "problem": str(p.message)} for p in problems]
        answer(rows, lambda: _list(rows, settings), format_, output)
        return
    found = desk.scored(name, period, as_known=as_known.date() if as_known else None, judged=marks)
    answer(rows_of(found), lambda: _card(found, workspace.kpis, settings), format_, output)


def _list(rows: list[dict[str, Any]], settings: Settings) -> Table:
    word = words_of(settings.locale)
    table = Table(*(word(f"scorecard_{c}") for c in ("name", "title", "version", "items")), box=None, pad_edge=False)
    for row in rows:
        if row["problem"]:
            table.add_row(Text(row["problem"], style="red"))
        else:
            table.add_row(*(Text(str(row[c])) for c in ("name", "title", "version", "items")))
    return table


def _card(found: Scored, kpis: dict[str, Kpi], settings: Settings) -> Group:
    word, language = words_of(settings.locale), str(settings.locale)
    table = Table(box=None, pad_edge=False)
    for column in ("item", "value", "target", "change", "points", "share"):
        table.add_column(word(f"scorecard_{column}"), justify="left" if column in {"item", "change"} else "right")
    for p in found.perspectives:
        points = _points(p.points)
        table.add_row(
            Text(p.perspective.title[language], style="bold"), "", "", "", Text(points, style="bold"), f"{p.perspective.weight:f} %"
        )
        for i in p.items:
            table.add_row(*_line(i, kpis, settings))
    total = word("scorecard_no_total") if found.total is None else _points(found.total)
    if found.total is not None and found.low != found.high:
        total += f" ({_points(found.low)} – {_points(found.high)})"
    grade = f" · {word(f'grade_{found.grade}')}" if found.grade else ""
    known = word("scorecard_known").format(share=f"{found.known:.0f} %")
    head = Text(f"{found.card.title[language]} · {found.period.label}", style="bold")
    return Group(head, table, Text(f"{word('scorecard_total')}: {total}{grade} · {known}", style="bold"))


def _line(item: ScoredItem, kpis: dict[str, Kpi], settings: Settings) -> list[Text]:
    word, language = words_of(settings.locale), str(settings.locale)
    without = word(f"scorecard_{item.without}") if item.without else ""
    if item.item.manual is not None:
        judged = without if item.judged is None else f"{item.judged} / {item.item.manual.most}"
        cells = [item.item.manual.title[language], judged, f"{item.item.manual.most}", ""]
    else:
        kpi, reading = kpis[item.item.kpi or ""], item.reading
        value = figure(reading.value, kpi.unit, settings) if reading is not None and reading.value is not None else ""
        target = figure(item.target, kpi.unit, settings) if item.target is not None else ""
        change = change_words(reading.change_previous, reading.change_previous_is_real, kpi, settings)[0] if reading else ""
        cells = [title_of(kpi, item.item.by, item.item.member, settings.locale), f"{value} {without}".strip(), target, change]
    return [Text(f"  {cells[0]}"), *map(Text, cells[1:]), Text(_points(item.points)), Text(f"{item.share:.1f} %")]


def _title(item: ScoredItem, kpis: dict[str, Kpi], language: Locale) -> str:
    shown = item.item
    return shown.manual.title[language] if shown.manual is not None else title_of(kpis[shown.kpi or ""], shown.by, shown.member, language)


def _points(value: Any) -> str:
    return "—" if value is None else f"{value:.1f}"
