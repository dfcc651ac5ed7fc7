"""Commands about schedules: what is done on a calendar, who gets it, and what became of each message."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table
from rich.text import Text

from keepwell.core.clock import SystemClock
from keepwell.core.settings import Settings
from keepwell.core.workspace import open_workspace
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer, note, say
from keepwell.surfaces.words import words_of

if TYPE_CHECKING:
    from keepwell.surfaces.schedules import Console

ScheduleArgument = Annotated[str, typer.Argument(help="Its id or its name, see `keepwell schedule list`.", show_default=False)]
NameArgument = Annotated[str, typer.Argument(help="What it is called.", show_default=False)]
EveryOption = Annotated[str, typer.Option(help="day, week, month or quarter.")]
OnOption = Annotated[int, typer.Option("--on", help="Which day of it, from 1; of a week 1 is Monday, beyond the end it is the last day.")]
AtOption = Annotated[str, typer.Option("--at", help="The time of the workspace's zone.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(
        help="What is done on a calendar: list, review, refresh, show, on, off, delete, restore, run, sent, again, test-mail.",
        no_args_is_help=True,
    )
    group.command("list")(list_schedules)
    group.command("review")(add_review)
    group.command("refresh")(add_refresh)
    group.command("show")(show)
    group.command("on")(switch_on)
    group.command("off")(switch_off)
    group.command("delete")(delete)
    group.command("restore")(restore)
    group.command("run")(run)
    group.command("sent")(sent)
    group.command("again")(send_again)
    group.command("test-mail")(send_test_mail)
    app.add_typer(group, name="schedule")


def list_schedules(context: typer.Context, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """List schedules: when, what, for whom, the next time and how the last one went."""
    from keepwell.surfaces.schedules import schedule_json  # noqa: PLC0415 - the store's libraries load slowly

    settings, console = _console(context)
    with console.desk() as (desk, at, _):
        found = [schedule_json(s) for s in desk.all(at)]
    _answer(found, settings, format_, output)


def add_review(
    context: typer.Context,
    name: NameArgument,
    to: Annotated[list[str] | None, typer.Option("--to", help="A user's address; several times for several.", show_default=False)] = None,
    channel: Annotated[list[str] | None, typer.Option(help="A channel's name; several times for several.", show_default=False)] = None,
    sees_as: Annotated[str | None, typer.Option("--as", help="For channels: the user whose view they get.", show_default=False)] = None,
    every: EveryOption = "month",
    on: OnOption = 1,
    at: AtOption = "08:00",
    of: Annotated[str, typer.Option(help="Of which period: last-week, last-month, last-quarter or last-year.")] = "last-month",
    kinds: Annotated[list[str] | None, typer.Option("--file", help="pdf, pptx or xlsx; several times for several. By default pdf.")] = None,
    card: Annotated[str, typer.Option(help="The scorecard in it.")] = "company",
    format_: FormatOption = Format.TABLE,
) -> None:
    """Send the review of the period that is over: to each user by mail, of the rows that the user sees and in the user's language."""
    from keepwell.performance.schedules.written import Wanted  # noqa: PLC0415 - the store's libraries load slowly

    _add(context, Wanted(name, "review", every, on, at, to or (), channel or (), sees_as, kinds or ("pdf",), of, card), format_)


def add_refresh(
    context: typer.Context, name: NameArgument, every: EveryOption = "day", on: OnOption = 1, at: AtOption = "03:00",
    format_: FormatOption = Format.TABLE,
) -> None:  # fmt: skip
    """Refresh on a calendar: every day, or less often."""
    from keepwell.performance.schedules.written import Wanted  # noqa: PLC0415 - the store's libraries load slowly

    _add(context, Wanted(name, "refresh", every, on, at), format_)


def show(context: typer.Context, schedule: ScheduleArgument, format_: FormatOption = Format.TABLE) -> None:
    """Show how a schedule went, the newest first."""
    from keepwell.surfaces.schedules import occasion_json  # noqa: PLC0415 - the store's libraries load slowly

    settings, console = _console(context)
    with console.desk() as (desk, _, _actor):
        found = [occasion_json(o) for o in desk.occasions(schedule)]
    if not found and format_ is Format.TABLE:
        say(Text(words_of(settings.locale)("no_occasions")))
        return
    answer(found, lambda: _occasions(found, settings), format_, None)


def switch_on(context: typer.Context, schedule: ScheduleArgument, format_: FormatOption = Format.TABLE) -> None:
    """Switch it on; what was due meanwhile is not made up."""
    _switched(context, schedule, format_, on=True)


def switch_off(context: typer.Context, schedule: ScheduleArgument, format_: FormatOption = Format.TABLE) -> None:
    """Switch it off."""
    _switched(context, schedule, format_, on=False)


def delete(context: typer.Context, schedule: ScheduleArgument) -> None:
    """Delete it; `restore` with the id brings it back, switched off."""
    settings, console = _console(context)
    with console.desk() as (desk, at, actor):
        gone = desk.delete(at, actor, schedule)
    say(Text(words_of(settings.locale)("schedule_deleted").format(schedule_id=gone.schedule_id)))


def restore(context: typer.Context, schedule: ScheduleArgument, format_: FormatOption = Format.TABLE) -> None:
    """Bring back one that was deleted."""
    from keepwell.surfaces.schedules import schedule_json  # noqa: PLC0415 - the store's libraries load slowly

    settings, console = _console(context)
    with console.desk() as (desk, at, actor):
        found = schedule_json(desk.restore(at, actor, schedule))
    _answer([found], settings, format_, None)


def run(
    context: typer.Context,
    schedule: ScheduleArgument,
    day: Annotated[
        datetime | None, typer.Option("--on-day", formats=["%Y-%m-%d"], help="As if it were that day; by default today.")
    ] = None,
) -> None:
    """Do it now, out of turn; the worker does it soon."""
    _, console = _console(context)
    with console.desk() as (desk, at, actor):
        typer.echo(desk.run_now(at, actor, schedule, _day_or_none(day)))


def sent(
    context: typer.Context,
    schedule: Annotated[str | None, typer.Argument(help="Its id or its name; by default all.", show_default=False)] = None,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """List what was sent in the last 90 days, or is on its way: to whom, and whether it arrived."""
    from keepwell.surfaces.schedules import message_json  # noqa: PLC0415 - the store's libraries load slowly

    settings, console = _console(context)
    with console.desk() as (desk, _, _actor):
        found = [message_json(m) for m in desk.messages(schedule)]
    if not found and format_ is Format.TABLE:
        say(Text(words_of(settings.locale)("no_messages")))
        return
    answer(found, lambda: messages_table(found, settings), format_, output)


def send_again(
    context: typer.Context,
    message: Annotated[str, typer.Argument(help="Its id: msg_…, see `keepwell schedule sent`.", show_default=False)],
    format_: FormatOption = Format.TABLE,
) -> None:
    """Send a message once more that did not arrive, or may not have."""
    from keepwell.surfaces.schedules import message_json  # noqa: PLC0415 - the store's libraries load slowly

    settings, console = _console(context)
    with console.desk() as (desk, at, actor):
        found = [message_json(desk.send_again(at, actor, message))]
    answer(found, lambda: messages_table(found, settings), format_, None)


def send_test_mail(
    context: typer.Context, user: Annotated[str, typer.Argument(help="The address of a user of Keepwell.", show_default=False)]
) -> None:
    """Send a mail that says nothing, to see whether mails arrive; the worker does it soon."""
    settings, console = _console(context)
    with console.desk() as (desk, at, actor):
        typer.echo(desk.test_mail(at, actor, user))
    _warn_of_no_mail(settings)


def messages_table(found: Sequence[Mapping[str, Any]], settings: Settings) -> Table:
    """Messages in a table."""
    word = words_of(settings.locale)
    heads = ("message", "moment", "message_to", "state", "tries", "last_answer")
    shown = Table(*(word(h) for h in heads), box=None, pad_edge=False)
    shown.columns[0].no_wrap = True  # what is copied stays in one piece
    for m in found:
        state = word(f"message_{m['state']}")
        shown.add_row(m["message_id"], _moment(m["made_at"], settings), Text(m["name"]), state, str(m["tries"]), Text(m["answer"] or ""))
    return shown


def _day_or_none(day: datetime | None) -> date | None:
    return day.date() if day else None


def _console(context: typer.Context) -> "tuple[Settings, Console]":
    from keepwell.surfaces.schedules import Console  # noqa: PLC0415 - the store's libraries load slowly

    place = open_workspace(context.obj)
    return place.settings, Console(place, SystemClock())


def _add(context: typer.Context, wanted: Any, format_: Format) -> None:
    from keepwell.surfaces.schedules import schedule_json  # noqa: PLC0415 - the store's libraries load slowly

    settings, console = _console(context)
    with console.desk() as (desk, at, actor):
        found = schedule_json(desk.add(at, actor, wanted))
    _answer([found], settings, format_, None)
    if any(r["to"] == "user" for r in found["recipients"]):
        _warn_of_no_mail(settings)


def _warn_of_no_mail(settings: Settings) -> None:
    if not settings.mail_host:
        note(words_of(settings.locale)("mail_unset"))


def _switched(context: typer.Context, schedule: str, format_: Format, *, on: bool) -> None:
    from keepwell.surfaces.schedules import schedule_json  # noqa: PLC0415 - the store's libraries load slowly

    settings, console = _console(context)
    with console.desk() as (desk, at, actor):
        found = schedule_json(desk.switch(at, actor, schedule, on=on))
    _answer([found], settings, format_, None)


def _answer(found: list[dict[str, Any]], settings: Settings, format_: Format, output: Any) -> None:
    if not found and format_ is Format.TABLE:
        say(Text(words_of(settings.locale)("no_schedules")))
        return
    flat = [
        {
            **{k: v for k, v in s.items() if k not in {"recipients", "formats", "last"}},
            "recipients": _to(s),
            "formats": ", ".join(s["formats"]),
        }
        for s in found
    ]
    answer(flat, lambda: _table(found, settings), format_, output, as_json=found)


def _table(found: Sequence[Mapping[str, Any]], settings: Settings) -> Table:
    word = words_of(settings.locale)
    heads = ("name", "schedule_what", "schedule_when", "schedule_to", "schedule_next", "schedule_last")
    shown = Table(*(word(h) for h in heads), box=None, pad_edge=False)
    for s in found:
        when = word(f"schedule_every_{s['every']}").format(day=s["on_day"], at=s["at"])
        last = word(f"occasion_{s['last']['state']}") if s["last"] else "—"
        next_ = _moment(s["next_at"], settings) if s["next_at"] else word("schedule_off")
        shown.add_row(Text(s["name"]), word(f"schedule_{s['what']}"), when, Text(_to(s)), next_, last)
    return shown


def _to(found: Mapping[str, Any]) -> str:
    return ", ".join(r["name"] for r in found["recipients"])


def _occasions(found: Sequence[Mapping[str, Any]], settings: Settings) -> Table:
    word = words_of(settings.locale)
    shown = Table(*(word(h) for h in ("moment", "state", "schedule_came")), box=None, pad_edge=False)
    for o in found:
        came = o["error"] or o["job_id"] or o["occasion_id"]
        shown.add_row(_moment(o["due_at"], settings), word(f"occasion_{o['state']}"), Text(came))
    return shown


def _moment(text: str, settings: Settings) -> str:
    return f"{datetime.fromisoformat(text).astimezone(ZoneInfo(settings.timezone)):%Y-%m-%d %H:%M}"
