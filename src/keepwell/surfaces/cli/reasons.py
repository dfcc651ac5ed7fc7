"""Commands about why a number is what it is: explain, rows."""

import datetime as dt
from typing import Annotated

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from keepwell.metrics.explain import Explanation
from keepwell.metrics.kpi import kpi
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer, note
from keepwell.surfaces.cli.opening import opened
from keepwell.surfaces.empty import why_empty
from keepwell.surfaces.figures import figure
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.sentences import by_in_words, member_in_words, sentence, signed
from keepwell.surfaces.words import words_of

MOST_PARTS = 12


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("explain")(explain)
    app.command("rows")(rows)


def explain(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A KPI (see `keepwell kpis`).", show_default=False)],
    period: Annotated[str, typer.Option(help="The later period.")] = "last-month",
    versus: Annotated[str | None, typer.Option(help="The period to compare with; the one before by default.")] = None,
    by: Annotated[
        list[str] | None, typer.Option(help="Only by this dimension; may be given several times. `a+b` means their combinations.")
    ] = None,
    where: Annotated[str | None, typer.Option(help="Only rows for which this SQL holds.")] = None,
    run: Annotated[
        str | None, typer.Option(help="Why it is another number today than this run knew: late, corrected, defined otherwise.")
    ] = None,
    as_of: Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Look from this day: later facts are not known.")] = None,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Why a KPI moved: parts that add up to the change, largest first."""
    workspace = opened(context)
    found = workspace.explain(name, period=period, versus=versus, by=by or (), where=where, run=run, as_of=as_of.date() if as_of else None)
    if found.explanation.change is None and kpi(name, workspace.kpis).measure.models:
        asked = [found.explanation.versus, found.explanation.period]
        for reason in why_empty(
            [r for p in asked for r in workspace.kpi(name, period=p, as_of=as_of.date() if as_of else None)], workspace
        ):
            note(reason)
    answer(found.to_json(), lambda: _explained(found.explanation, workspace), format_, output)


def _explained(found: Explanation, workspace: Workspace) -> Group:
    settings = workspace.place.settings
    word = words_of(settings.locale)
    definition = kpi(found.kpi, workspace.kpis)
    shown: list[Text | Table] = [Text(sentence(found, definition, settings)), Text()]
    for decomposition in found.decompositions:
        table = Table(box=None, pad_edge=False, title=by_in_words(decomposition.by, settings), title_justify="left", title_style="bold")
        table.add_column(word("part"))
        for column in ("before", "now", "change"):
            table.add_column(word(column), justify="right")
        if decomposition.reason:
            shown += [Text(f"{by_in_words(decomposition.by, settings)}: {decomposition.reason}", style="dim"), Text()]
            continue
        for part in decomposition.parts[:MOST_PARTS]:
            is_own = part.effect in {"sum", "mix", "rate", "late", "corrected", "definition", "anonymous"}
            values = [figure(v, definition.unit, settings) if is_own and v is not None else "" for v in (part.before, part.now)]
            table.add_row(Text(member_in_words(part, settings, decomposition.by)), *values, signed(part.amount, definition.unit, settings))
        rest = decomposition.parts[MOST_PARTS:]
        if rest:
            total = sum((p.amount for p in rest[1:]), rest[0].amount)
            table.add_row(word("and_others").format(count=len(rest)), "", "", signed(total, definition.unit, settings))
        if found.change is not None:
            table.add_row(word("together"), "", "", signed(found.change, definition.unit, settings), style="bold")
        shown += [table, Text()]
    return Group(*shown[:-1])


def rows(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A KPI (see `keepwell kpis`).", show_default=False)],
    period: Annotated[str, typer.Option(help="The period of the reading.")] = "last-month",
    part: Annotated[str | None, typer.Option(help="numerator, denominator, or a KPI of the formula; all of them by default.")] = None,
    by: Annotated[str | None, typer.Option(help="A dimension whose member each row is shown with.")] = None,
    where: Annotated[str | None, typer.Option(help="Only rows for which this SQL holds.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many of each part.")] = 1000,
    as_of: Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Look from this day: later facts are not known.")] = None,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """The rows behind a reading, numerator and denominator apart, each with what it adds."""
    workspace = opened(context)
    found = workspace.rows(name, period=period, part=part, by=by, where=where, limit=limit, as_of=as_of.date() if as_of else None)
    word = words_of(workspace.place.settings.locale)
    for behind in found:
        if behind.more:
            note(word("more_rows").format(part=behind.part, shown=len(behind.rows), all=f"{behind.total:,}"))
    listed = [{"part": b.part, **row} for b in found for row in b.rows.to_json()]

    def table() -> Group:
        shown: list[Text | Table] = []
        for behind in found:
            plain = behind.rows.to_json()
            filled = [c for c in behind.rows.table.column_names if any(row[c] is not None for row in plain)]
            grid = Table(
                *filled, box=None, pad_edge=False, title=f"{behind.part}: {behind.total:,}", title_justify="left", title_style="bold"
            )
            for row in plain:
                grid.add_row(*(Text("" if row[c] is None else str(row[c])) for c in filled))
            shown += [grid if filled else Text(f"{behind.part}: {word('no_rows')}"), Text()]
        return Group(*shown[:-1])

    answer(listed, table, format_, output)
