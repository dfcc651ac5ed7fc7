"""Commands about alerts: what somebody wants to be told of, and what they were told."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from keepwell.core.clock import SystemClock
from keepwell.core.settings import Settings
from keepwell.core.workspace import open_workspace
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer, say
from keepwell.surfaces.words import words_of

if TYPE_CHECKING:
    from keepwell.surfaces.alerts import Console

UserArgument = Annotated[str, typer.Argument(help="Whose: the address of a user.", show_default=False)]
AlertArgument = Annotated[str, typer.Argument(help="Its id: alr_…, see `keepwell alert list`.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Be told of KPIs: add, list, delete, restore, inbox.", no_args_is_help=True)
    group.command("add")(add)
    group.command("list")(list_alerts)
    group.command("delete")(delete)
    group.command("restore")(restore)
    group.command("inbox")(inbox)
    app.add_typer(group, name="alert")


def add(
    context: typer.Context,
    user: UserArgument,
    kpi: Annotated[str, typer.Argument(help="The KPI's name, such as repeat_purchase_rate.", show_default=False)],
    when: Annotated[
        str, typer.Option(help="worse or change (more than chance), target (at risk, off track, missed), anomaly (unlike before).")
    ] = "worse",
    mail: Annotated[bool, typer.Option("--mail/--no-mail", help="By mail too; in any case it lies in the inbox.")] = True,
    channel: Annotated[str | None, typer.Option(help="A channel too: its name.", show_default=False)] = None,
    every_days: Annotated[int, typer.Option(help="What is sent besides is so at most every so many days; 0 for always.")] = 0,
    quiet: Annotated[str, typer.Option(help="Hours in which nothing is sent, such as 22:00-07:00; none by default.")] = "",
    format_: FormatOption = Format.TABLE,
) -> None:
    """Tell a user of a KPI from the next run on, of the rows that the user sees."""
    from keepwell.surfaces.alerts import alert_json, new_alert  # noqa: PLC0415 - the store's libraries load slowly

    with _console(context).desk(user) as (desk, at, actor, settings):
        new = new_alert(kpi, when, by_mail=mail, channel=channel, every_days=every_days, quiet=quiet, store=desk.store)
        found = [alert_json(desk.add(at, actor, new))]
    answer(found, lambda: _table(found, settings), format_, None)


def list_alerts(context: typer.Context, user: UserArgument, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """List what a user wants to be told of."""
    from keepwell.surfaces.alerts import alert_json  # noqa: PLC0415 - the store's libraries load slowly

    with _console(context).desk(user) as (desk, _, _actor, settings):
        found = [alert_json(a) for a in desk.all()]
    if not found and format_ is Format.TABLE:
        say(Text(words_of(settings.locale)("no_alerts")))
        return
    answer(found, lambda: _table(found, settings), format_, output)


def delete(context: typer.Context, user: UserArgument, alert: AlertArgument) -> None:
    """Tell the user no more; `restore` takes that back."""
    with _console(context).desk(user) as (desk, at, actor, settings):
        gone = desk.delete(at, actor, alert)
        say(Text(words_of(settings.locale)("alert_deleted").format(user=user, alert_id=gone.alert_id)))


def restore(context: typer.Context, user: UserArgument, alert: AlertArgument, format_: FormatOption = Format.TABLE) -> None:
    """Bring back one that was deleted."""
    from keepwell.surfaces.alerts import alert_json  # noqa: PLC0415 - the store's libraries load slowly

    with _console(context).desk(user) as (desk, at, actor, settings):
        found = [alert_json(desk.restore(at, actor, alert))]
    answer(found, lambda: _table(found, settings), format_, None)


def inbox(context: typer.Context, user: UserArgument, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """List what a user was told, the newest first."""
    from keepwell.surfaces.alerts import notice_json  # noqa: PLC0415 - the store's libraries load slowly

    with _console(context).desk(user) as (desk, _, _actor, settings):
        found = [notice_json(n) for n in desk.inbox(settings)]
    if not found and format_ is Format.TABLE:
        say(Text(words_of(settings.locale)("no_notices")))
        return
    flat = [{k: v for k, v in n.items() if k != "data"} for n in found]
    answer(flat, lambda: _notices(found, settings), format_, output, as_json=found)


def _console(context: typer.Context) -> "Console":
    from keepwell.surfaces.alerts import Console  # noqa: PLC0415 - the store's libraries load slowly

    return Console(open_workspace(context.obj), SystemClock())


def _table(found: Sequence[Mapping[str, Any]], settings: Settings) -> Table:
    word = words_of(settings.locale)
    shown = Table(
        *(word(h) for h in ("alert_id", "kpi", "alert_when", "alert_mail", "alert_every", "alert_quiet")), box=None, pad_edge=False
    )
    shown.columns[0].no_wrap = True  # what is copied stays in one piece
    for a in found:
        quiet = "" if a["quiet_start"] == a["quiet_end"] else f"{a['quiet_start']}–{a['quiet_end']}"
        mail = word("review_yes" if a["by_mail"] else "review_no")
        shown.add_row(a["alert_id"], a["kpi"], word(f"alert_{a['when']}"), mail, str(a["every_days"] or "—"), quiet or "—")
    return shown


def _notices(found: Sequence[Mapping[str, Any]], settings: Settings) -> Table:
    word = words_of(settings.locale)
    shown = Table(*(word(h) for h in ("moment", "alert_told", "alert_text")), box=None, pad_edge=False)
    for n in found:
        shown.add_row(n["made_at"][:10], Text(n["title"]), Text(n["text"]))
    return shown
