"""Commands about webhooks: rows that other systems send in, events that are sent out to them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table
from rich.text import Text

from keepwell.core.clock import SystemClock
from keepwell.core.ids import MAIN_SOURCE
from keepwell.core.settings import Settings
from keepwell.core.workspace import open_workspace
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer, note, say
from keepwell.surfaces.words import words_of

if TYPE_CHECKING:
    from keepwell.surfaces.webhooks import Console

SHOWN = 50  # messages
WebhookArgument = Annotated[str, typer.Argument(help="Its id: hook_… or sub_…, see `keepwell webhook list`.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Rows in and events out, signed: list, receive, send, rotate, on, off, test, sent.", no_args_is_help=True)
    group.command("list")(list_webhooks)
    group.command("receive")(receive)
    group.command("send")(send)
    group.command("rotate")(rotate)
    group.command("on")(switch_on)
    group.command("off")(switch_off)
    group.command("test")(send_test)
    group.command("sent")(sent)
    app.add_typer(group, name="webhook")


def list_webhooks(context: typer.Context, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """List where rows come in and where events go out, without their secrets."""
    settings, console = _console(context)
    found = console.all()
    if not found and format_ is Format.TABLE:
        say(Text(words_of(settings.locale)("no_webhooks")))
        return
    answer(found, lambda: _table(found, settings), format_, output)


def receive(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What sends, such as shop.", show_default=False)],
    entity: Annotated[str | None, typer.Option("--as", help="What each row is: an entity, such as orders.")] = None,
    mapping: Annotated[str | None, typer.Option(help="Or a file of mappings/ through which they are read.")] = None,
    source: Annotated[str, typer.Option(help="The source that the rows' ids belong to.")] = MAIN_SOURCE,
    secret: Annotated[
        str | None, typer.Option(envvar="KEEPWELL_WEBHOOK_SECRET", help="The sender's own secret (whsec_…), where the sender makes it.")
    ] = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Make a door for rows of another system, and show its secret, this one time."""
    settings, console = _console(context)
    _show_made(console.receive(name, entity, mapping, source, secret), settings, format_)


def send(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Who gets the events.", show_default=False)],
    url: Annotated[str, typer.Argument(help="Where they are posted to.", show_default=False)],
    kind: Annotated[
        list[str], typer.Option("--on", help="Which events, such as run.published; may be given several times.", show_default=False)
    ],
    format_: FormatOption = Format.TABLE,
) -> None:
    """Send events there from now on, and show the secret that they are signed with, this one time."""
    settings, console = _console(context)
    _show_made(console.send(name, url, kind), settings, format_)


def rotate(
    context: typer.Context,
    webhook: WebhookArgument,
    at_once: Annotated[bool, typer.Option("--at-once", help="The old secret ends now, not in a day.")] = False,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Give it another secret, shown this one time; the old one counts for a day more."""
    settings, console = _console(context)
    _show_made(console.rotate(webhook, at_once=at_once), settings, format_)


def switch_on(context: typer.Context, webhook: WebhookArgument, format_: FormatOption = Format.TABLE) -> None:
    """Switch it on."""
    _switched(context, webhook, format_, on=True)


def switch_off(context: typer.Context, webhook: WebhookArgument, format_: FormatOption = Format.TABLE) -> None:
    """Switch it off; what happens meanwhile is not sent later."""
    _switched(context, webhook, format_, on=False)


def send_test(context: typer.Context, webhook: WebhookArgument, format_: FormatOption = Format.TABLE) -> None:
    """Send a message that says nothing; the worker does it soon."""
    told = {"delivery_id": _console(context)[1].send_test(webhook)}
    if format_ is Format.TABLE:
        typer.echo(told["delivery_id"])
    else:
        answer([told], Table, format_, None)


def sent(context: typer.Context, webhook: WebhookArgument, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """List what was sent there in the last 30 days, or is on its way, the newest first."""
    settings, console = _console(context)
    found = console.sent(webhook, SHOWN)
    if not found and format_ is Format.TABLE:
        say(Text(words_of(settings.locale)("nothing_sent")))
        return
    flat = [{**{k: d[k] for k in ("delivery_id", "made_at", "kind", "state", "due_at")}, **_last(d["attempts"])} for d in found]
    answer(flat, lambda: _sent_table(flat, settings), format_, output, as_json=found)


def _last(attempts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    last = attempts[-1] if attempts else {"status": None, "fault": None, "milliseconds": None}
    return {"tries": len(attempts), **{n: last[n] for n in ("status", "fault", "milliseconds")}}


def _sent_table(found: Sequence[Mapping[str, Any]], settings: Settings) -> Table:
    word, zone = words_of(settings.locale), ZoneInfo(settings.timezone)
    shown = Table(*(word(h) for h in ("message", "moment", "event", "state", "tries", "last_answer")), box=None, pad_edge=False)
    shown.columns[0].no_wrap = True  # what is copied stays in one piece
    for d in found:
        moment = f"{datetime.fromisoformat(d['made_at']).astimezone(zone):%Y-%m-%d %H:%M}"
        last = " ".join(str(part) for part in (d["status"], d["fault"]) if part)
        shown.add_row(d["delivery_id"], moment, d["kind"], word(f"sent_{d['state']}"), str(d["tries"]), last)
    return shown


def _console(context: typer.Context) -> "tuple[Settings, Console]":
    # other commands do not wait for the store's libraries
    from keepwell.surfaces.webhooks import Console  # noqa: PLC0415 - see above

    place = open_workspace(context.obj)
    return place.settings, Console(place, SystemClock())


def _show_made(told: Mapping[str, Any], settings: Settings, format_: Format) -> None:
    if format_ is Format.TABLE:
        # a table would break or cut the line that is to be copied
        typer.echo(told["webhook_id"])
        typer.echo(told["secret"])
        note(words_of(settings.locale)("secret_once"))
    else:
        answer([dict(told)], Table, format_, None, as_json=told)


def _switched(context: typer.Context, webhook: str, format_: Format, *, on: bool) -> None:
    settings, console = _console(context)
    told = [console.switch(webhook, on=on)]
    answer(told, lambda: _table(told, settings), format_, None)


def _table(found: Sequence[Mapping[str, Any]], settings: Settings) -> Table:
    word = words_of(settings.locale)
    shown = Table(*(word(h) for h in ("webhook", "direction", "name", "content", "state")), box=None, pad_edge=False)
    shown.columns[0].no_wrap = True  # what is copied stays in one piece
    for w in found:
        content = ", ".join(w["kinds"]) + f" → {w['url']}" if w["direction"] == "out" else w["entity"] or w["mapping"]
        state = word("webhook_on") if w["is_on"] else word(f"webhook_off_{w.get('off_reason') or 'by_hand'}")
        shown.add_row(w["webhook_id"], word(f"webhook_{w['direction']}"), Text(w["name"]), Text(content), state)
    return shown
