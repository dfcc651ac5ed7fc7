"""Commands about channels: group chats of other services that reports and alerts go to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from keepwell.core.clock import SystemClock
from keepwell.core.settings import Locale, Settings
from keepwell.core.workspace import open_workspace
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer, say
from keepwell.surfaces.words import words_of

if TYPE_CHECKING:
    from keepwell.surfaces.schedules import Console

ChannelArgument = Annotated[str, typer.Argument(help="Its name or its id, see `keepwell channel list`.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Group chats that reports go to: add, list, test, delete, restore.", no_args_is_help=True)
    group.command("add")(add)
    group.command("list")(list_channels)
    group.command("test")(send_test)
    group.command("delete")(delete)
    group.command("restore")(restore)
    app.add_typer(group, name="channel")


def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is called here.", show_default=False)],
    address: Annotated[
        str,
        typer.Option(
            envvar="KEEPWELL_CHANNEL_ADDRESS",
            prompt=True,
            hide_input=True,
            help="As apprise writes it: dingtalk://TOKEN, feishu://TOKEN, wecombot://KEY, slack://A/B/C, workflows://HOST/WORKFLOW/SIGNATURE.",
        ),
    ],
    language: Annotated[Locale | None, typer.Option(help="In which language; by default the workspace's.", show_default=False)] = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Add a channel. Its address holds a key: it is asked for where it is not given, sealed, and never shown again."""
    from keepwell.performance.schedules.channels import NewChannel  # noqa: PLC0415 - the store's libraries load slowly
    from keepwell.surfaces.schedules import channel_json  # noqa: PLC0415 - the store's libraries load slowly

    settings, console = _console(context)
    with console.desk() as (desk, at, actor):
        found = [channel_json(desk.add_channel(at, actor, NewChannel(name, address, language or settings.locale)))]
    answer(found, lambda: _table(found, settings), format_, None)


def list_channels(context: typer.Context, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """List channels, without their addresses."""
    from keepwell.surfaces.schedules import channel_json  # noqa: PLC0415 - the store's libraries load slowly

    settings, console = _console(context)
    with console.desk() as (desk, _, _actor):
        found = [channel_json(c) for c in desk.channels()]
    if not found and format_ is Format.TABLE:
        say(Text(words_of(settings.locale)("no_channels")))
        return
    answer(found, lambda: _table(found, settings), format_, output)


def send_test(context: typer.Context, channel: ChannelArgument) -> None:
    """Send a message that says nothing; the worker does it soon."""
    _, console = _console(context)
    with console.desk() as (desk, at, actor):
        typer.echo(desk.test_channel(at, actor, channel))


def delete(context: typer.Context, channel: ChannelArgument) -> None:
    """Delete it: it gets nothing more; `restore` with the id brings it back."""
    settings, console = _console(context)
    with console.desk() as (desk, at, actor):
        gone = desk.delete_channel(at, actor, channel)
    say(Text(words_of(settings.locale)("channel_deleted").format(channel_id=gone.channel_id)))


def restore(context: typer.Context, channel: ChannelArgument, format_: FormatOption = Format.TABLE) -> None:
    """Bring back one that was deleted."""
    from keepwell.surfaces.schedules import channel_json  # noqa: PLC0415 - the store's libraries load slowly

    settings, console = _console(context)
    with console.desk() as (desk, at, actor):
        found = [channel_json(desk.restore_channel(at, actor, channel))]
    answer(found, lambda: _table(found, settings), format_, None)


def _console(context: typer.Context) -> "tuple[Settings, Console]":
    from keepwell.surfaces.schedules import Console  # noqa: PLC0415 - the store's libraries load slowly

    place = open_workspace(context.obj)
    return place.settings, Console(place, SystemClock())


def _table(found: Sequence[dict[str, Any]], settings: Settings) -> Table:
    word = words_of(settings.locale)
    shown = Table(*(word(h) for h in ("channel_id", "name", "channel_service", "channel_language")), box=None, pad_edge=False)
    shown.columns[0].no_wrap = True  # what is copied stays in one piece
    for c in found:
        shown.add_row(c["channel_id"], Text(c["name"]), word(f"service_{c['service']}"), c["language"])
    return shown
