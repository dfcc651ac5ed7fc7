"""Commands about the keys of programs that call the API: token create, list, revoke."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table
from rich.text import Text

from keepwell.core.clock import SystemClock
from keepwell.core.settings import Settings
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer, note, say
from keepwell.surfaces.cli.users import accounts
from keepwell.surfaces.words import words_of

if TYPE_CHECKING:
    from keepwell.access.console import HeldToken

MOST_DAYS = 3_650


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Keys of programs that call the API: create, list, revoke.", no_args_is_help=True)
    group.command("create")(create_token)
    group.command("list")(list_tokens)
    group.command("revoke")(revoke_token)
    app.add_typer(group, name="token")


def create_token(
    context: typer.Context,
    email: Annotated[str, typer.Argument(help="For whom it acts: the address, or the user's id.", show_default=False)],
    name: Annotated[str, typer.Option(help="What it is for, such as the program's name.", show_default=False)],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="What it may do, such as kpis:read; may be given several times.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How long it holds.")] = 365,
    no_end: Annotated[bool, typer.Option("--no-end", help="It holds until it is revoked.")] = False,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Make a token and show it, this one time."""
    settings, found = accounts(context)
    word = words_of(settings.locale)
    written, held = found.create_token(email, name, scope or [], None if no_end else days)
    told = {"token": written, "note": word("token_once"), **_json(held, SystemClock().now())}
    if format_ is Format.TABLE:
        # a table would break or cut the line that is to be copied
        typer.echo(written)
        note(word("token_once"))
    else:
        answer([told], Table, format_, None, as_json=told)


def list_tokens(
    context: typer.Context,
    user: Annotated[str | None, typer.Option(help="Only those of this user: the address, or the user's id.")] = None,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """List tokens without their secrets, the newest first, ended ones too."""
    settings, found = accounts(context)
    tokens = found.tokens(user)
    if not tokens and format_ is Format.TABLE:
        say(Text(words_of(settings.locale)("no_tokens")))
        return
    _show(tokens, settings, format_, output)


def revoke_token(
    context: typer.Context,
    token: Annotated[str, typer.Argument(help="Its id (see `keepwell token list`), or the token itself.", show_default=False)],
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """End a token at once."""
    settings, found = accounts(context)
    _show([found.revoke_token(token)], settings, format_, output)


def _show(tokens: "Sequence[HeldToken]", settings: Settings, format_: Format, output: Any) -> None:
    now = SystemClock().now()
    answer([_json(t, now) for t in tokens], lambda: _table(tokens, settings, now), format_, output)


def _json(held: "HeldToken", at: datetime) -> dict[str, Any]:
    token = held.token
    moments = {name: getattr(token, name) for name in ("created_at", "expires_at", "used_at", "revoked_at")}
    return {
        "token_id": token.token_id, "name": token.name, "user": held.email, "scopes": list(token.scopes), "state": held.state(at),
        **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
    }  # fmt: skip


def _table(tokens: "Sequence[HeldToken]", settings: Settings, at: datetime) -> Table:
    word = words_of(settings.locale)
    zone = ZoneInfo(settings.timezone)
    heads = ("token", "name", "user", "scopes", "state", "added", "ends", "last_used")
    shown = Table(*(word(h) for h in heads), box=None, pad_edge=False)
    shown.columns[0].no_wrap = True  # what is copied stays in one piece
    for t in tokens:
        moments = ((t.token.created_at, ""), (t.token.expires_at, "no_end"), (t.token.used_at, "never"))
        days = (f"{moment.astimezone(zone):%Y-%m-%d}" if moment else word(otherwise) for moment, otherwise in moments)
        state = word(f"token_{t.state(at)}")
        shown.add_row(t.token.token_id, Text(t.token.name), Text(t.email), ", ".join(t.token.scopes), state, *days)
    return shown
