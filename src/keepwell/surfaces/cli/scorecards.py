"""The command about scorecards: which there are, and what one comes to."""

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from keepwell.core.settings import Settings
from keepwell.metrics.kpi import Kpi
from keepwell.performance.scorecards.scored import Scored, ScoredItem
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer
from keepwell.surfaces.cli.opening import opened
from keepwell.surfaces.figures import change_words, figure
from keepwell.surfaces.scorecards import Scorecards, rows_of
from keepwell.surfaces.words import words_of


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
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Show what a scorecard comes to: points by KPI, the total, the grade."""
    workspace = opened(context)
    desk, settings = Scorecards(workspace), workspace.place.settings
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
    found = desk.scored(name, period, as_known=as_known.date() if as_known else None)
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
        kpi, reading = kpis[item.item.name], item.reading
        value = figure(reading.value, kpi.unit, settings) if reading is not None and reading.value is not None else ""
        target = figure(item.target, kpi.unit, settings) if item.target is not None else ""
        change = change_words(reading.change_previous, reading.change_previous_is_real, kpi, settings)[0] if reading else ""
        cells = [kpi.title[language], f"{value} {without}".strip(), target, change]
    return [Text(f"  {cells[0]}"), *map(Text, cells[1:]), Text(_points(item.points)), Text(f"{item.share:.1f} %")]


def _points(value: Any) -> str:
    return "—" if value is None else f"{value:.1f}"
