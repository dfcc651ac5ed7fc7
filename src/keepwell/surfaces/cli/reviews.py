"""Commands about reviews: what is written down in them, and what came of it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from keepwell.core.clock import SystemClock
from keepwell.core.settings import Settings
from keepwell.core.workspace import open_workspace
from keepwell.metrics.kpi import Kpi
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer, say
from keepwell.surfaces.figures import figure
from keepwell.surfaces.sentences import signed
from keepwell.surfaces.words import words_of

if TYPE_CHECKING:
    from keepwell.surfaces.meetings import Console

TextArgument = Annotated[str, typer.Argument(help="What is written down.", show_default=False)]
EntryArgument = Annotated[str, typer.Argument(help="Its id: ent_…, see `keepwell review list`.", show_default=False)]
PeriodOption = Annotated[str, typer.Option(help="The review's week, month, quarter or year: 2026-W43, 2026-10, 2026-Q3, 2026.")]
KpiOption = Annotated[str | None, typer.Option(help="The KPI that it should move, or is about.", show_default=False)]
EffectOption = Annotated[str | None, typer.Option(help="What the KPI should change by: +2%, -30min, 5000.", show_default=False)]
DAYS = ["%Y-%m-%d"]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(
        help="What is written down in reviews: show, list, decide, act, point, note, done, drop, reopen, withdraw, restore.",
        no_args_is_help=True,
    )
    group.command("show")(show)
    group.command("list")(list_entries)
    group.command("decide")(decide)
    group.command("act")(act)
    group.command("point")(point)
    group.command("note")(note)
    group.command("done")(done)
    group.command("drop")(drop)
    group.command("reopen")(reopen)
    group.command("withdraw")(withdraw)
    group.command("restore")(restore)
    app.add_typer(group, name="review")


def show(
    context: typer.Context,
    period: Annotated[str, typer.Argument(help="A week, month, quarter or year.")] = "last-month",
    format_: FormatOption = Format.TABLE,
) -> None:
    """Show what the review of a period tells: last period's decisions and what came of them, actions, points, notes."""
    from keepwell.surfaces.meetings import meeting_json  # noqa: PLC0415 - the store's libraries load slowly

    settings, console = _console(context)
    with console.desk() as (desk, _, _actor):
        told, kpis = meeting_json(desk.meeting(desk.period(period))), desk.workspace.kpis
    found = [e for part in ("decided_before", "decisions", "actions", "points", "notes") for e in told[part]]
    _answer(found, settings, kpis, format_, None, as_json=told)


def list_entries(context: typer.Context, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """List everything that was written down, the oldest first."""
    from keepwell.surfaces.meetings import entry_json  # noqa: PLC0415 - the store's libraries load slowly

    settings, console = _console(context)
    with console.desk() as (desk, _, _actor):
        found, kpis = [entry_json(e) for e in desk.all()], desk.workspace.kpis
    _answer(found, settings, kpis, format_, output)


def decide(
    context: typer.Context, text: TextArgument, period: PeriodOption = "last-month", kpi: KpiOption = None, effect: EffectOption = None,
    format_: FormatOption = Format.TABLE,
) -> None:  # fmt: skip
    """Write down a decision; the next review tells what came of it."""
    _add(context, format_, kind="decision", text=text, period=period, kpi=kpi, effect=effect)


def act(
    context: typer.Context,
    text: TextArgument,
    who: Annotated[str, typer.Option(help="Who does it: a user's address.", show_default=False)],
    due: Annotated[datetime, typer.Option("--until", formats=DAYS, help="Until when.", show_default=False)],
    period: PeriodOption = "last-month",
    kpi: KpiOption = None,
    effect: EffectOption = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Write down an action; it is carried to later reviews until it is done or dropped."""
    _add(context, format_, kind="action", text=text, period=period, owner=who, due=due.date(), kpi=kpi, effect=effect)


def point(context: typer.Context, text: TextArgument, period: PeriodOption = "last-month", format_: FormatOption = Format.TABLE) -> None:
    """Put a point on the agenda."""
    _add(context, format_, kind="point", text=text, period=period)


def note(
    context: typer.Context,
    text: TextArgument,
    source: Annotated[str, typer.Option(help="Where it stands.", show_default=False)],
    on: Annotated[datetime, typer.Option("--on", formats=DAYS, help="Of which day it is.", show_default=False)],
    kpi: KpiOption = None,
    value: Annotated[str | None, typer.Option(help="What the KPI is there, a benchmark: 45, 12%, 4h.", show_default=False)] = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Note something about the market or a competitor, or a benchmark; reviews tell of it for a year from its date."""
    _add(context, format_, kind="note", text=text, source=source, noted_on=on.date(), kpi=kpi, value=value)


def done(context: typer.Context, entry: EntryArgument, because: Annotated[str, typer.Option("--note", help="What was done.")] = "") -> None:
    """An action is done."""
    _close(context, entry, "done", because)


def drop(
    context: typer.Context, entry: EntryArgument, because: Annotated[str, typer.Option("--note", help="Why it is dropped.")] = ""
) -> None:
    """An action is dropped."""
    _close(context, entry, "dropped", because)


def reopen(context: typer.Context, entry: EntryArgument) -> None:
    """An action is open again after all."""
    _close(context, entry, "open", "")


def withdraw(context: typer.Context, entry: EntryArgument) -> None:
    """Withdraw a mistake; `restore` brings it back."""
    settings, console = _console(context)
    with console.desk() as (desk, at, actor):
        gone = desk.withdraw(at, actor, entry)
    say(Text(words_of(settings.locale)("entry_withdrawn").format(entry_id=gone.entry_id)))


def restore(context: typer.Context, entry: EntryArgument) -> None:
    """Bring back what was withdrawn."""
    _, console = _console(context)
    with console.desk() as (desk, at, actor):
        typer.echo(desk.restore(at, actor, entry).entry_id)


def _console(context: typer.Context) -> "tuple[Settings, Console]":
    from keepwell.surfaces.meetings import Console  # noqa: PLC0415 - the store's libraries load slowly

    place = open_workspace(context.obj)
    return place.settings, Console(place, SystemClock())


def _add(context: typer.Context, format_: Format, **written: str | date | None) -> None:
    from keepwell.surfaces.meetings import Written, entry_json  # noqa: PLC0415 - the store's libraries load slowly

    settings, console = _console(context)
    with console.desk() as (desk, at, actor):
        made = desk.add(at, actor, Written(**written))  # type: ignore[arg-type]  # the commands give what it takes
        found, kpis = [entry_json(e) for e in desk.all() if e.entry.entry_id == made.entry_id], desk.workspace.kpis
    _answer(found, settings, kpis, format_, None)


def _close(context: typer.Context, entry: str, state: str, because: str) -> None:
    settings, console = _console(context)
    with console.desk() as (desk, at, actor):
        found = desk.close(at, actor, entry, state, because)
    say(Text(f"{found.text}: {words_of(settings.locale)(f'meeting_{found.state}')}"))


def _answer(
    found: list[dict[str, Any]], settings: Settings, kpis: Mapping[str, Kpi], format_: Format, output: Any, as_json: Any = None
) -> None:
    if not found and format_ is Format.TABLE:
        say(Text(words_of(settings.locale)("no_entries")))
        return
    answer(found, lambda: _table(found, settings, kpis), format_, output, as_json=found if as_json is None else as_json)


def _table(found: Sequence[dict[str, Any]], settings: Settings, kpis: Mapping[str, Kpi]) -> Table:
    word = words_of(settings.locale)
    heads = (
        "meeting_entry",
        "meeting_kind",
        "meeting_period",
        "meeting_text",
        "meeting_owner",
        "meeting_due",
        "state",
        "kpi",
        "meeting_came",
    )
    shown = Table(*(word(h) for h in heads), box=None, pad_edge=False)
    shown.columns[0].no_wrap = True  # what is copied stays in one piece
    for e in found:
        state = word("meeting_overdue" if e["is_overdue"] else f"meeting_{e['state']}") if e["kind"] == "action" else ""
        kpi = kpis.get(e["kpi"] or "")
        came = ""
        if e["change"] is not None and kpi is not None:
            real = {True: "meeting_real", False: "meeting_chance", None: "meeting_unknown"}[e["change_is_real"]]
            reached = {True: "meeting_reached", False: "meeting_not_reached", None: None}[e["effect_is_reached"]]
            change = signed(Decimal(str(e["change"])), kpi.unit, settings)
            came = f"{change}: {', '.join(word(n) for n in (real, reached) if n)}"
        elif e["value"] is not None and kpi is not None:
            theirs, ours = (None if v is None else figure(Decimal(str(v)), kpi.unit, settings) for v in (e["value"], e["ours"]))
            came = word("meeting_benchmark").format(theirs=theirs, ours=ours) if ours else theirs or ""
        where = f" ({e['source']}, {e['noted_on']})" if e["source"] else ""
        shown.add_row(
            e["entry_id"], word(f"meeting_{e['kind']}"), e["period"], Text(e["text"] + where), Text(e["owner"] or ""), e["due"] or "", state,
            kpi.title[settings.locale] if kpi else e["kpi"] or "", came,
        )  # fmt: skip
    return shown
