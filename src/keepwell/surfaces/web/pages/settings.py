"""Settings: what the workspace is set to, who may sign in and do what, tokens, and who did what."""

from dataclasses import dataclass, fields
from typing import Annotated

from fastapi import Form
from starlette.responses import Response

from keepwell.access import audit, tokens, users
from keepwell.access.audit import Entry
from keepwell.access.roles import ROLES, Capability, Rows
from keepwell.access.tokens import SCOPES, Token
from keepwell.access.users import NewUser, User
from keepwell.core.errors import KeepwellError
from keepwell.core.settings import Locale, Settings
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.pages import settings_webhooks
from keepwell.surfaces.web.pages.settings_tabs import Tab, tabs
from keepwell.surfaces.web.route import Routes
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Here, Visit, redirect, whole_or

ROUTES = PageRoutes()
A_PAGE = 50
HIDDEN = {"store"}  # its address may hold a password
MANAGE = Capability.MANAGE_USERS


@dataclass(frozen=True)
class Set:
    """A setting: name, value, and what it changes."""

    name: str
    value: str
    meaning: str


@dataclass(frozen=True)
class SettingsPage:
    """What the workspace is set to."""

    title: str
    tabs: tuple[Tab, ...]
    folder: str
    settings: tuple[Set, ...]
    roles: tuple[tuple[str, str], ...]
    may_set_readings: bool
    sheets: tuple[Sheet, ...] = ()


@ROUTES.page("/settings", Capability.SEE_DATA, "settings.html")
def settings(visit: Visit) -> SettingsPage:
    found = visit.site.place.settings
    told = tuple(
        Set(f.name, str(getattr(found, f.name)), visit.word_or(f"settings.about_{f.name}", f.metadata["meaning"]))
        for f in fields(Settings)
        if f.name not in HIDDEN
    )
    place = 1 if visit.locale is Locale.CHINESE else 0
    roles = tuple(
        (
            r.title[place],
            "、".join(visit.word_or(f"may_{c}", str(c)) for c in sorted(r.may))
            if place
            else ", ".join(visit.word_or(f"may_{c}", str(c)) for c in sorted(r.may)),
        )
        for r in ROLES.values()
    )
    return SettingsPage(
        visit.say("settings.title"),
        tabs(visit),
        visit.site.place.folder.name,
        told,
        roles,
        visit.has_page("pins") and visit.may(Capability.MANAGE_SETTINGS),
    )


@dataclass(frozen=True)
class UsersPage:
    """Who may sign in."""

    title: str
    tabs: tuple[Tab, ...]
    people: tuple[User, ...]
    roles: tuple[tuple[str, str], ...]
    rows: tuple[str, ...]
    error: str | None
    hint: str | None
    sheets: tuple[Sheet, ...]


@ROUTES.page("/settings/users", MANAGE, "settings_users.html")
def list_users(visit: Visit) -> UsersPage:
    return _users(visit)


def _users(visit: Visit, error: KeepwellError | None = None) -> UsersPage:
    with visit.site.store.transaction(writes=False) as session:
        people = tuple(users.users(session))
    place = 1 if visit.locale is Locale.CHINESE else 0
    columns = tuple(Column(n, visit.say(f"settings.user_{n}")) for n in ("email", "name", "roles", "rows", "employee_id", "is_active"))
    sheet = Sheet("users", columns, [[u.email, u.name, " ".join(u.roles), str(u.rows), u.employee_id, u.is_active] for u in people])
    roles = tuple((n, r.title[place]) for n, r in ROLES.items())
    return UsersPage(
        visit.say("settings.title"),
        tabs(visit),
        people,
        roles,
        tuple(Rows),
        error.message if error else None,
        error.hint if error else None,
        (sheet,),
    )


def _refused(visit: Visit, error: KeepwellError) -> Response:
    page = _users(visit, error)
    return visit.html("settings_users.html", 400, page=page, title=page.title)


@ROUTES.post("/settings/users", MANAGE)
def add_user(
    visit: Here,
    email: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    role: Annotated[list[str] | None, Form()] = None,
    rows: Annotated[str, Form()] = "",
    employee: Annotated[str, Form()] = "",
) -> Response:
    seen = Rows(rows) if rows in set(Rows) else None
    try:
        with visit.site.store.transaction() as session:
            users.add_user(
                session, visit.at, visit.actor, NewUser(email, name, role or [], password or None, seen, employee.strip() or None)
            )
    except KeepwellError as error:
        return _refused(visit, error)
    return redirect("/settings/users")


@ROUTES.post("/settings/users/{user_id}/roles", MANAGE)
def set_roles(
    visit: Here,
    user_id: str,
    role: Annotated[list[str] | None, Form()] = None,
    rows: Annotated[str, Form()] = "",
    employee: Annotated[str, Form()] = "",
) -> Response:
    try:
        with visit.site.store.transaction() as session:
            users.set_roles(
                session, visit.at, visit.actor, user_id, role or [], Rows(rows) if rows in set(Rows) else None, employee.strip() or None
            )
    except KeepwellError as error:
        return _refused(visit, error)
    return redirect("/settings/users")


@ROUTES.post("/settings/users/{user_id}/password", MANAGE)
def set_password(visit: Here, user_id: str, password: Annotated[str, Form()] = "") -> Response:
    try:
        with visit.site.store.transaction() as session:
            users.set_password(session, visit.at, visit.actor, user_id, password)
    except KeepwellError as error:
        return _refused(visit, error)
    return redirect("/settings/users")


@ROUTES.post("/settings/users/{user_id}/active", MANAGE)
def set_active(visit: Here, user_id: str, active: Annotated[str, Form()] = "") -> Response:
    """Disable a user, or let one in again."""
    try:
        with visit.site.store.transaction() as session:
            (users.enable if active == "yes" else users.disable)(session, visit.at, visit.actor, user_id)
    except KeepwellError as error:
        return _refused(visit, error)
    return redirect("/settings/users")


@dataclass(frozen=True)
class TokensPage:
    """Keys of programs; one that was just made is shown once."""

    title: str
    tabs: tuple[Tab, ...]
    tokens: tuple[tuple[Token, str, str], ...]
    people: tuple[User, ...]
    scopes: tuple[str, ...]
    made: str | None
    error: str | None
    hint: str | None
    sheets: tuple[Sheet, ...] = ()


@ROUTES.page("/settings/tokens", MANAGE, "settings_tokens.html")
def list_tokens(visit: Visit) -> TokensPage:
    return _tokens(visit)


def _tokens(visit: Visit, made: str | None = None, error: KeepwellError | None = None) -> TokensPage:
    with visit.site.store.transaction(writes=False) as session:
        people = {u.user_id: u for u in users.users(session)}
        found = tokens.tokens(session)
    shown = tuple((t, people[t.user_id].email, _state(visit, t)) for t in found)
    able = tuple(u for u in people.values() if u.may(Capability.USE_API))
    return TokensPage(
        visit.say("settings.title"),
        tabs(visit),
        shown,
        able,
        tuple(SCOPES),
        made,
        error.message if error else None,
        error.hint if error else None,
    )


def _state(visit: Visit, token: Token) -> str:
    if token.revoked_at is not None:
        return visit.say("settings.revoked")
    return visit.say("settings.ended" if token.expires_at is not None and token.expires_at <= visit.at else "settings.holds")


@ROUTES.post("/settings/tokens", MANAGE)
def create_token(
    visit: Here,
    user: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    scope: Annotated[list[str] | None, Form()] = None,
    days: Annotated[str, Form()] = "365",
) -> Response:
    """The answer is the page itself, no redirect: the secret is in no address and nowhere else."""
    try:
        with visit.site.store.transaction() as session:
            made, _ = tokens.create_token(session, visit.at, visit.actor, user, name, scope or [], whole_or(days, 365))
    except KeepwellError as error:
        page = _tokens(visit, error=error)
        return visit.html("settings_tokens.html", 400, page=page, title=page.title)
    page = _tokens(visit, made)
    return visit.html("settings_tokens.html", page=page, title=page.title)


@ROUTES.post("/settings/tokens/{token_id}/revoke", MANAGE)
def revoke_token(visit: Here, token_id: str) -> Response:
    with visit.site.store.transaction() as session:
        tokens.revoke_token(session, visit.at, visit.actor, token_id)
    return redirect("/settings/tokens")


@dataclass(frozen=True)
class AuditPage:
    """Who did what, the newest first."""

    title: str
    tabs: tuple[Tab, ...]
    entries: tuple[Entry, ...]
    older: str | None
    sheets: tuple[Sheet, ...]


@ROUTES.page("/settings/audit", Capability.SEE_AUDIT, "settings_audit.html")
def show_audit(visit: Visit) -> AuditPage:
    before = visit.asked("before")
    with visit.site.store.transaction(writes=False) as session:
        found = audit.entries(
            session,
            limit=A_PAGE + 1,
            before=int(before) if before.isdecimal() and len(before) < 16 else None,
            kind=visit.asked("kind") or None,
        )
    shown = tuple(found[:A_PAGE])
    columns = tuple(
        Column(n, visit.say(f"settings.audit_{n}")) for n in ("at", "user_name", "action", "kind", "object_id", "details", "address")
    )
    sheet = Sheet("audit", columns, [[e.at, e.user_name, e.action, e.kind, e.object_id, str(dict(e.details)), e.address] for e in shown])
    older = visit.address_with(before=str(shown[-1].entry_id)) if len(found) > A_PAGE else None
    return AuditPage(visit.say("settings.title"), tabs(visit), shown, older, (sheet,))


PAGE = Page("settings", "/settings", Capability.SEE_DATA, Routes([*ROUTES, *settings_webhooks.ROUTES]), group=3)
