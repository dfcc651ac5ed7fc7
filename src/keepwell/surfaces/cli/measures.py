"""Commands about numbers: refresh, runs, show, kpi."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from keepwell.core.errors import unknown
from keepwell.core.periods import Grain
from keepwell.core.settings import EngineName
from keepwell.lake import runs as run_store
from keepwell.lake.runs import Run
from keepwell.metrics.reading import Reading, Readings
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer, note, say, watcher
from keepwell.surfaces.cli.opening import opened
from keepwell.surfaces.empty import why_empty
from keepwell.surfaces.figures import change_words, interval_or_empty, sparkline, value_or_words
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.words import words_of
from keepwell.surfaces.worker.refresh import refresh as compute

TREND_PERIODS = 12
STYLES = {"better": "green", "worse": "red", "": ""}

Say = Callable[[str], str]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("refresh")(refresh)
    app.command("runs")(list_runs)
    app.command("show")(show_run)
    app.command("kpi")(read_kpis)


def refresh(
    context: typer.Context,
    as_of: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Look from this day: later facts are not known yet.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="duckdb or spark: computes this run; by default the workspace's engine.")] = None,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Compute everything and publish one run."""
    workspace = opened(context)
    known = [str(e) for e in EngineName]
    if engine is not None and engine not in known:
        raise unknown("engine", engine, known)
    with watcher() as progress:
        run = compute(
            workspace.place,
            workspace.lake,
            workspace.clock,
            as_of=as_of.date() if as_of else None,
            engine=EngineName(engine) if engine else None,
            progress=progress,
        )
    for name, reason in run.problems.items():
        note(f"Warning: {name} was left out: {reason}")
    word = words_of(workspace.place.settings.locale)
    answer([run.to_json()], lambda: _runs_table([run], run, word), format_, output)


def list_runs(context: typer.Context, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """List the runs, the published one marked."""
    workspace = opened(context)
    found = workspace.runs()
    word = words_of(workspace.place.settings.locale)
    if not found and format_ is Format.TABLE:
        say(Text(f"{word('no_runs')}\n{word('no_runs_advice')}"))
        return
    published = run_store.published_or_none(workspace.lake)
    answer(
        [r.to_json() | {"is_published": published is not None and r.run_id == published.run_id} for r in found],
        lambda: _runs_table(found, published, word),
        format_,
        output,
    )


def _runs_table(found: Sequence[Run], published: Run | None, word: Say) -> Table:
    shown = Table(word("run"), word("when"), word("as_of"), word("took"), "", box=None, pad_edge=False)
    for r in found:
        took = (r.finished_at - r.started_at).total_seconds()
        mark = Text(word("published"), style="green") if published and r.run_id == published.run_id else Text()
        shown.add_row(r.run_id, f"{r.started_at:%Y-%m-%d %H:%M}", r.as_of.isoformat(), f"{took:.1f} s", mark)
    return shown


def show_run(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="The run (see `keepwell runs`).", show_default=False)],
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Show a run: inputs with their versions, definitions, durations."""
    workspace = opened(context)
    found = run_store.run(workspace.lake, run)

    def table() -> Group:
        inputs = Table("table", "version", box=None, pad_edge=False)
        for name, version in sorted(found.versions.items()):
            inputs.add_row(name, str(version))
        definitions = Table("KPI", "definition", box=None, pad_edge=False)
        for name, fingerprint in sorted(found.definitions.items()):
            definitions.add_row(name, fingerprint)
        seconds = ", ".join(f"{name} {took:.1f} s" for name, took in found.seconds.items())
        return Group(Text(f"{found.run_id}  as of {found.as_of}  Keepwell {found.code_version}  {seconds}\n"), inputs, Text(), definitions)

    answer([found.to_json()], table, format_, output)


def read_kpis(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(help="KPIs (see `keepwell kpis`).", show_default=False)],
    period: Annotated[
        str, typer.Option(help="all, 2026, 2026-H1, 2026-Q3, 2026-10, 2026-W41, 2026-10-05, FY2026-Q1, last-month, or A..B.")
    ] = "last-month",
    grain: Annotated[Grain | None, typer.Option(help="Divide the period; by default as it is named.")] = None,
    by: Annotated[str | None, typer.Option(help="Break down by a dimension.")] = None,
    where: Annotated[str | None, typer.Option(help="Only rows for which this SQL holds.")] = None,
    run: Annotated[str | None, typer.Option(help="As that run knew it.")] = None,
    as_of: Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Look from this day: later facts are not known.")] = None,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Readings with interval, n, change and whether the change is real."""
    workspace = opened(context)
    day = as_of.date() if as_of else None
    found = workspace.kpi(*names, period=period, grain=grain, by=by, where=where, run=run, as_of=day)
    for warning in found.warnings:
        note(warning)
    settings = workspace.place.settings
    word = words_of(settings.locale)
    reasons = why_empty(found or _whole(names, workspace, period, grain, run, day), workspace)
    for reason in reasons:
        note(reason)
    if not found and not reasons and format_ is Format.TABLE:
        note(word("no_readings"))
    answer(found.to_json(), lambda: readings_table(found, workspace, where=where, run=run, as_of=day), format_, output)


def _whole(
    names: Sequence[str], workspace: Workspace, period: str, grain: Grain | None, run: str | None, day: dt.date | None
) -> Sequence[Reading]:
    """Where a break-down of what models tell has no members, the whole says why."""
    told = [n for n in names if n in workspace.kpis and workspace.kpis[n].measure.models]
    return workspace.kpi(*told, period=period, grain=grain, run=run, as_of=day) if told else ()


def readings_table(
    found: Readings, workspace: Workspace, *, where: str | None = None, run: str | None = None, as_of: dt.date | None = None
) -> Table:
    """Readings for people: one row each, with the last twelve periods as bars."""
    settings = workspace.place.settings
    word = words_of(settings.locale)
    known = workspace.kpis
    has_members = any(r.dimension for r in found)
    shown = Table(box=None, pad_edge=False)
    shown.add_column(word("kpi"))
    shown.add_column(word("period"))
    if has_members:
        shown.add_column(found[0].dimension or word("member"))
    for name in ("value", "interval", "n"):
        shown.add_column(word(name), justify="right")
    for name in ("versus_previous", "versus_last_year", "trend"):
        shown.add_column(word(name))
    trends = _trends(found, workspace, where, run, as_of)
    for r in found:
        k = known[r.kpi]
        previous, previous_colour = change_words(r.change_previous, r.change_previous_is_real, k, settings)
        last_year, last_year_colour = change_words(r.change_last_year, r.change_last_year_is_real, k, settings)
        period = f"{r.period} ({word('open_period')})" if r.is_open else r.period
        cells: list[Any] = [k.title[settings.locale], period]
        if has_members:
            cells.append(Text(r.member or ""))
        cells += [value_or_words(r, k, settings), interval_or_empty(r, k, settings), f"{r.n:,}"]
        cells += [Text(previous, style=STYLES[previous_colour]), Text(last_year, style=STYLES[last_year_colour])]
        shown.add_row(*cells, trends.get((r.kpi, r.member, r.period_start), ""))
    return shown


def _trends(
    found: Readings, workspace: Workspace, where: str | None, run: str | None, as_of: dt.date | None
) -> dict[tuple[str, str | None, dt.date], str]:
    """For each reading the last twelve periods up to it, as bars."""
    if not found or found[0].grain == Grain.ALL:
        return {}
    calendar = workspace.place.calendar
    grain = Grain(found[0].grain)
    first = min(r.period_start for r in found)
    start = calendar.containing(grain, first)
    for _ in range(TREND_PERIODS - 1):
        start = calendar.previous_or_none(start) or start
    last = max(r.period_end for r in found)
    names = list(dict.fromkeys(r.kpi for r in found))
    span = f"{start.start.isoformat()}..{last.isoformat()}"
    longer = workspace.kpi(*names, period=span, grain=grain, by=found[0].dimension, where=where, run=run, as_of=as_of)
    series: dict[tuple[str, str | None], list[Reading]] = {}
    for r in longer:
        series.setdefault((r.kpi, r.member), []).append(r)
    return {
        (r.kpi, r.member, r.period_start): sparkline(
            [p.value for p in series.get((r.kpi, r.member), []) if p.period_start <= r.period_start][-TREND_PERIODS:]
        )
        for r in found
    }
