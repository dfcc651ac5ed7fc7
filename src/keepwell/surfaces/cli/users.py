"""Commands about who may sign in: user add, list, password, disable, enable, unlink, roles."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table
from rich.text import Text

from keepwell.access.roles import ROLES, Rows, capabilities
from keepwell.core.clock import SystemClock
from keepwell.core.errors import WrongUseError
from keepwell.core.settings import Locale, Settings
from keepwell.core.workspace import open_workspace
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer, note, say
from keepwell.surfaces.cli.opening import command_of
from keepwell.surfaces.words import words_of

if TYPE_CHECKING:
    from keepwell.access.console import Accounts
    from keepwell.access.users import User

Say = Callable[[str], str]
UserArgument = Annotated[str, typer.Argument(help="Whose: the address, or the user's id.", show_default=False)]
RoleOption = Annotated[
    list[str] | None, typer.Option("--role", help="What the user is, as `keepwell user roles` names it; may be given several times.")
]
RowsOption = Annotated[Rows | None, typer.Option(help="Whose customers the user sees; by default as the roles have it.")]
EmployeeOption = Annotated[
    str | None, typer.Option("--employee", help="The employee's id: tells which customers are the user's own or the team's.")
]
StdinOption = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(help="Who may sign in: add, list, password, disable, enable, unlink, roles.", no_args_is_help=True)
    group.command("add")(add_user)
    group.command("list")(list_users)
    group.command("password")(set_password)
    group.command("disable")(disable_user)
    group.command("enable")(enable_user)
    group.command("unlink")(unlink_user)
    group.command("roles")(set_roles)
    app.add_typer(group, name="user")


def add_user(
    context: typer.Context,
    email: Annotated[str, typer.Argument(help="The address to sign in with.", show_default=False)],
    name: Annotated[str, typer.Option(help="How the user is called beside what the user does.", show_default=False)],
    role: RoleOption = None,
    rows: RowsOption = None,
    employee: EmployeeOption = None,
    password_stdin: StdinOption = False,
    no_password: Annotated[bool, typer.Option("--no-password", help="The user has none and comes by single sign-on alone.")] = False,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Add somebody who may sign in; the first must be an administrator."""
    settings, found = accounts(context)
    # its libraries are here by now
    from keepwell.access.users import NewUser  # noqa: PLC0415 - see above

    word = words_of(settings.locale)
    if no_password and password_stdin:
        raise WrongUseError("--no-password and --password-stdin exclude each other.", "Give one of them.")
    password = None if no_password else _password(word, from_stdin=password_stdin)
    user = found.add(NewUser(email, name, role or [], password, rows, employee))
    _show([user], settings, format_, output)


def list_users(context: typer.Context, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """List users, disabled ones too."""
    settings, found = accounts(context)
    users = found.users()
    if not users and format_ is Format.TABLE:
        word = words_of(settings.locale)
        command = f"{command_of(context)} user add EMAIL --name NAME --role administrator"
        say(Text(f"{word('no_users')}\n{word('no_users_advice').format(command=command)}"))
        return
    _show(users, settings, format_, output)


def set_password(
    context: typer.Context,
    email: UserArgument,
    password_stdin: StdinOption = False,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Give a user a new password; who is signed in with the old one is signed out."""
    settings, found = accounts(context)
    word = words_of(settings.locale)
    # who mistypes the address is told before the password is asked for
    found.user(email)
    user = found.set_password(email, _password(word, from_stdin=password_stdin))
    note(word("password_set").format(name=user.name))
    _show([user], settings, format_, output)


def disable_user(context: typer.Context, email: UserArgument, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """Let a user in no more; sessions and tokens end at once."""
    settings, found = accounts(context)
    _show([found.disable(email)], settings, format_, output)


def enable_user(context: typer.Context, email: UserArgument, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """Let a disabled user in again; tokens stay revoked."""
    settings, found = accounts(context)
    _show([found.enable(email)], settings, format_, output)


def unlink_user(context: typer.Context, email: UserArgument, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """Let single sign-on forget who a user is there; the next who comes with the verified address is remembered."""
    settings, found = accounts(context)
    _show([found.unlink(email)], settings, format_, output)


def set_roles(
    context: typer.Context,
    email: Annotated[str | None, typer.Argument(help="Whose; without it the roles there are.", show_default=False)] = None,
    role: RoleOption = None,
    rows: Annotated[Rows | None, typer.Option(help="Whose customers the user sees from now on.")] = None,
    employee: EmployeeOption = None,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """List the roles and what they may do; with an address, give a user other roles, rows or employee."""
    settings, found = accounts(context)
    is_change = bool(role or rows or employee)
    if email is None and is_change:
        raise WrongUseError("The command does not say whose roles.", "Name the user: keepwell user roles EMAIL --role ROLE.")
    if email is None:
        answer([_role_json(name) for name in ROLES], lambda: _roles_table(settings.locale), format_, output)
        return
    if not is_change:
        raise WrongUseError(f"Nothing is to be changed for {email}.", "Give --role (once or several times), --rows or --employee.")
    _show([found.set_roles(email, role or [], rows, employee)], settings, format_, output)


def accounts(context: typer.Context) -> "tuple[Settings, Accounts]":
    """The workspace's settings, and the door to its users and tokens."""
    workspace = open_workspace(context.obj)
    # the store's libraries take half a second to load
    from keepwell.access.console import Accounts  # noqa: PLC0415 - see above

    return workspace.settings, Accounts(workspace, SystemClock())


def _password(word: Say, *, from_stdin: bool) -> str:
    """The password: never an argument, which every user of the machine could read."""
    if from_stdin:
        try:
            return sys.stdin.buffer.readline().decode("utf-8-sig").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise WrongUseError("The password on standard input is not UTF-8.", "Send it in UTF-8.") from error
    if not sys.stdin.isatty():
        raise WrongUseError("There is no terminal on which to ask for the password.", "Send it on standard input: --password-stdin.")
    asked: str = typer.prompt(word("password"), hide_input=True, confirmation_prompt=word("password_again"), err=True)
    return asked


def _show(users: "Sequence[User]", settings: Settings, format_: Format, output: Any) -> None:
    answer([_user_json(u) for u in users], lambda: _users_table(users, settings), format_, output)


def _user_json(user: "User") -> dict[str, Any]:
    return {
        "user_id": user.user_id, "email": user.email, "name": user.name, "roles": list(user.roles), "rows": str(user.rows),
        "employee_id": user.employee_id, "is_active": user.is_active, "created_at": user.created_at.isoformat(),
    }  # fmt: skip


def _users_table(users: "Sequence[User]", settings: Settings) -> Table:
    word = words_of(settings.locale)
    heads = ("email", "name", "roles", "sees", "employee", "state", "added")
    shown = Table(*(word(h) for h in heads), box=None, pad_edge=False)
    shown.columns[0].no_wrap = True  # what is copied stays in one piece
    for u in users:
        state = Text(word("may_sign_in")) if u.is_active else Text(word("disabled"), style="red")
        day = f"{u.created_at.astimezone(ZoneInfo(settings.timezone)):%Y-%m-%d}"
        roles = word("list_comma").join(_title(r, settings.locale) for r in u.roles)
        shown.add_row(Text(u.email), Text(u.name), roles, word(f"rows_{u.rows}"), Text(u.employee_id or ""), state, day)
    return shown


def _title(role: str, locale: Locale) -> str:
    """A role's title; a role that this version does not know goes by its name."""
    if role not in ROLES:
        return role
    english, chinese = ROLES[role].title
    return chinese if locale is Locale.CHINESE else english


def _role_json(name: str) -> dict[str, Any]:
    english, chinese = ROLES[name].title
    may = sorted(str(c) for c in capabilities([name]))
    return {"role": name, "title": {"en": english, "zh": chinese}, "rows": str(ROLES[name].rows), "may": may}


def _roles_table(locale: Locale) -> Table:
    word = words_of(locale)
    shown = Table(word("role"), word("title"), word("sees"), word("may"), box=None, pad_edge=False)
    for name, role in ROLES.items():
        may = word("list_comma").join(word(f"may_{c}") for c in sorted(role.may))
        shown.add_row(name, _title(name, locale), word(f"rows_{role.rows}"), may)
    return shown
