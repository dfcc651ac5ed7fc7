"""One request: who asks, in which language, and the workspace as that person sees it."""

import functools
import hashlib
import hmac
import secrets
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlsplit

from babel.core import negotiate_locale
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from keepwell.access import audit, sign_in, users
from keepwell.access.audit import Actor
from keepwell.access.roles import ROLES, Capability
from keepwell.access.scope import Scope, scope_of
from keepwell.access.users import User
from keepwell.core.errors import WrongUseError
from keepwell.core.ids import part_of_path
from keepwell.core.settings import Locale, Settings, changed
from keepwell.core.workspace import Workspace as Place
from keepwell.lake import runs
from keepwell.lake.runs import Run
from keepwell.performance.alerts.service import unread
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.web.page import pages
from keepwell.surfaces.web.refusals import ForgedError, MayNotError, NotSignedInError
from keepwell.surfaces.web.route import Door, Needs, Route
from keepwell.surfaces.web.site import Site
from keepwell.surfaces.web.wording import Wording

SESSION, FORM, LOCALE, THEME = "keepwell_session", "keepwell_form", "keepwell_locale", "keepwell_theme"
THEMES = ("light", "dark")
MOST_DIGITS = 9
A_YEAR = 365 * 24 * 3600
Found = TypeVar("Found")
LANGUAGES = {Locale.ENGLISH: "en", Locale.CHINESE: "zh-CN"}


@dataclass(frozen=True)
class Item:
    """A line of the navigation."""

    name: str
    path: str
    title: str
    is_here: bool


@dataclass(frozen=True)
class Visit(Wording):
    """Who asks for what. ``key`` is the browser's own: of its session, or before signing in of its form."""

    site: Site
    request: Request
    at: datetime
    user: User | None
    key: str

    @functools.cached_property
    def locale(self) -> Locale:
        """The person's choice, else the browser's, else the workspace's."""
        if self.user and self.user.locale:
            return self.user.locale
        chosen = self.request.cookies.get(LOCALE)
        if chosen in set(Locale):
            return Locale(chosen)
        asked = [part.partition(";")[0].strip() for part in self.request.headers.get("accept-language", "").split(",")]
        found = negotiate_locale([a.replace("-", "_") for a in asked if a], [str(locale) for locale in Locale])
        return Locale(found) if found else self.site.place.settings.locale

    @property
    def language(self) -> str:
        return LANGUAGES[self.locale]

    @functools.cached_property
    def settings(self) -> Settings:
        """The workspace's settings, in the person's language."""
        return changed(self.site.place.settings, locale=self.locale)

    @property
    def theme(self) -> str:
        chosen = (self.user.theme if self.user else None) or self.request.cookies.get(THEME)
        return chosen if chosen in THEMES else THEMES[0]

    @property
    def who(self) -> User:
        """The person; only for routes that nobody else may use."""
        if self.user is None:
            raise NotSignedInError("Nobody is signed in.")
        return self.user

    @property
    def actor(self) -> Actor:
        return self.who.as_actor(self.address)

    @property
    def address(self) -> str:
        """Where the request came from, as the server tells it (behind a proxy that it trusts, the proxy's word)."""
        return self.request.client.host if self.request.client else "unknown"

    @property
    def browser(self) -> str | None:
        return self.request.headers.get("user-agent")

    @property
    def is_fragment(self) -> bool:
        """Whether a part of the page is asked for, to be put into the one that is shown."""
        return self.request.headers.get("hx-request") == "true" and self.request.headers.get("hx-request-type") != "full"

    @functools.cached_property
    def workspace(self) -> Workspace:
        """The workspace as this person sees it, as the run that is shown knew it."""
        found = Workspace(changed_place(self.site.place, self.settings), self.site.clock).seen_by(self.scope)
        return found.at(self.run_or_none) if self.run_or_none else found

    @property
    def scope(self) -> Scope:
        """Whose rows the numbers rest on. Who sees no customers sees the sums of all, or of those that the rows name, and nothing behind."""
        if self.may(Capability.SEE_CUSTOMERS):
            return scope_of(self.who)
        return Scope(self.who.rows, self.who.employee_id)

    @functools.cached_property
    def run_or_none(self) -> Run | None:
        """The run that is shown: the one named in the address, else the published one."""
        lake = Workspace(self.site.place, self.site.clock).lake
        asked = self.request.query_params.get("run")
        return runs.run(lake, asked) if asked else runs.published_or_none(lake)

    @functools.cached_property
    def navigation(self) -> list[list["Item"]]:
        """The pages that this person may open, in groups."""
        groups: dict[int, list[Item]] = {}
        for page in pages():
            if page.is_in_navigation and self.may_enter(page.needs):
                path = self.request.url.path
                is_here = path == page.path or (page.path != "/" and path.startswith(f"{page.path}/"))
                groups.setdefault(page.group, []).append(Item(page.name, page.path, self.say(f"{page.name}.title"), is_here))
        return [groups[g] for g in sorted(groups)]

    @property
    def role_titles(self) -> str:
        place = 1 if self.locale is Locale.CHINESE else 0
        return " · ".join(ROLES[r].title[place] for r in self.who.roles if r in ROLES)

    def may_enter(self, needs: Needs) -> bool:
        if isinstance(needs, Door):
            return needs is Door.OPEN or self.user is not None
        return self.may(*((needs,) if isinstance(needs, Capability) else needs))

    @property
    def known_run_or_none(self) -> Run | None:
        """The run that is shown, for what stands around every page: an error about the run shows none."""
        try:
            return self.run_or_none
        except WrongUseError:
            return None

    @property
    def form_token(self) -> str:
        """What a form of this browser carries, so that no page from elsewhere can send one in its name."""
        return hashlib.sha256(f"form:{self.key}".encode()).hexdigest()

    def kept(self, key: tuple[Hashable, ...], find: Callable[[], Found], is_small: Callable[[Found], bool] = lambda _: True) -> Found:
        """An answer that does not change as long as the run does not: found once for all who see the same rows, unless it is large."""
        return self.site.kept.get((self.scope_key, *key), find, is_small)

    @property
    def scope_key(self) -> str:
        """The same for whoever sees the same rows, unmasked alike."""
        return self.scope.key

    @property
    def scope_words(self) -> str:
        """Whose customers the numbers of this page are about."""
        return self.say(f"shell.scope_{self.who.rows}")

    @property
    def may_see_customers(self) -> bool:
        return self.may(Capability.SEE_CUSTOMERS)

    @property
    def may_import(self) -> bool:
        return self.may(Capability.IMPORT)

    @property
    def may_refresh(self) -> bool:
        return self.may(Capability.REFRESH)

    @functools.cached_property
    def unread(self) -> int:
        """How many notices the person has not read."""
        if self.user is None:
            return 0
        with self.site.store.transaction(writes=False) as session:
            return unread(session, self.user.user_id)

    def has_page(self, name: str) -> bool:
        """Whether there is such a page, and this person may open it."""
        return any(p.name == name and self.may_enter(p.needs) for p in pages())

    def customer_path(self, customer_id: str) -> str:
        return customer_path(customer_id)

    @property
    def can_export(self) -> bool:
        return self.may(Capability.EXPORT)

    def download_address(self, table: str, kind: str) -> str:
        """Where a table of this page can be taken along."""
        url = self.request.url
        path = "" if url.path == "/" else url.path
        return f"{path}/download/{table}.{kind}{'?' + url.query if url.query else ''}"

    def may(self, *capabilities: Capability) -> bool:
        return self.user is not None and all(self.user.may(c) for c in capabilities)

    @property
    def may_set_targets(self) -> bool:
        """Whether the person changes what is everybody's: targets, scorecards, what is written down in reviews."""
        return self.may(Capability.SET_TARGETS) and self.workspace.scope.is_whole

    def asked(self, name: str, default: str = "") -> str:
        """A value from the address."""
        return self.request.query_params.get(name, default)

    def address_with(self, **values: str | None) -> str:
        """The address of this page with other values in it; None takes one out."""
        return str(
            self.request.url.remove_query_params(list(values))
            .include_query_params(**{n: v for n, v in values.items() if v is not None})
            .replace(scheme="", netloc="")
        )

    def items_without(self, *names: str) -> list[tuple[str, str]]:
        """What the address says beside these."""
        return [(n, v) for n, v in self.request.query_params.multi_items() if n not in names]

    def note(self, action: str, kind: str, object_id: str | None = None, **details: str | float | list[str] | None) -> None:
        """Write a line of the audit of its own."""
        with self.site.store.transaction() as session:
            audit.noted(session, self.at, self.actor, action, kind, object_id, **details)

    def html(self, template: str, status: int = 200, **shown: Any) -> HTMLResponse:
        text = self.site.templates.get_template(template).render(visit=self, say=self.say, **shown)
        response = HTMLResponse(text, status)
        response.headers["Vary"] = "HX-Request"
        return response

    def keep_form_key(self, response: Response) -> Response:
        """Give a browser that nobody has signed in with a key for its forms."""
        if self.user is None and self.request.cookies.get(FORM) != self.key:
            self.set_cookie(response, FORM, self.key)
        return response

    def with_look(self, response: Response, locale: str | None, theme: str | None) -> Response:
        """Another language or theme, for this browser and, where somebody is signed in, for the person."""
        new_locale = Locale(locale) if locale in set(Locale) else None
        new_theme = theme if theme in THEMES else None
        if new_locale:
            self.set_cookie(response, LOCALE, new_locale, A_YEAR)
        if new_theme:
            self.set_cookie(response, THEME, new_theme, A_YEAR)
        if self.user is not None:
            with self.site.store.transaction() as session:
                users.set_look(session, self.user.user_id, new_locale, new_theme)
        return response

    def set_cookie(self, response: Response, name: str, value: str, seconds: int | None = None) -> None:
        response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", secure=self.request.url.scheme == "https")


def visit_of(request: Request) -> Visit:
    """Who asks: read from the store by the key that the browser brings."""
    site: Site = request.app.state.site
    at = site.clock.now()
    key = request.cookies.get(SESSION)
    if key:
        with site.store.transaction(writes=False) as session:
            user = sign_in.signed_in_or_none(session, at, key)
            is_noted = user is None or sign_in.is_use_noted(session, at, key)
        if user is not None:
            if not is_noted:
                with site.store.transaction() as session:
                    sign_in.note_use(session, at, key)
            return Visit(site, request, at, user, key)
    return nobody(request, at)


def nobody(request: Request, at: datetime) -> Visit:
    """A visit of whoever asks, without a look into the store."""
    return Visit(request.app.state.site, request, at, None, request.cookies.get(FORM) or secrets.token_urlsafe(32))


Here = Annotated[Visit, Depends(visit_of)]


def check_may(visit: Visit, route: Route) -> None:
    """Raises where this person may not use the route."""
    if visit.may_enter(route.needs):
        return
    if visit.user is None:
        raise NotSignedInError("Please sign in.")
    if not visit.may(*route.capabilities):
        raise MayNotError("Your role may not do this.", "Ask an administrator if you need it.")


async def check_form(visit: Visit) -> None:
    """Raises where a form did not come from a page of ours: by the browser's word, and by the token that it carries."""
    request = visit.request
    source = request.headers.get("origin")
    if source and source != "null" and urlsplit(source).netloc != request.url.netloc:
        raise ForgedError("This form was sent from another site.", "Open the page here and send it again.")
    # of an upload, so that its body need not be read to know whose it is
    told = request.headers.get("x-form-token") or request.query_params.get("form_token")
    if told is None and _is_form(request):
        # an upload brings its token outside its body; a file in any other form is refused before it is written anywhere
        told = str((await request.form(max_files=0)).get("form_token", ""))
    if not hmac.compare_digest((told or "").encode(), visit.form_token.encode()):
        raise ForgedError("The page was open for too long, or its form came from elsewhere.", "Load the page again and repeat.")


def _is_form(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    return kind in {"application/x-www-form-urlencoded", "multipart/form-data"}


def changed_place(place: Place, settings: Settings) -> Place:
    """The workspace in the person's language."""
    return Place(place.folder, settings)


def customer_path(customer_id: str) -> str:
    """Where a customer's page is; ids may hold anything."""
    return f"/customers/{quote(part_of_path(customer_id), safe='')}"


def whole_or(text: str, otherwise: int) -> int:
    """A whole number as an address tells it; what is none, or is longer than any that we write there, is ``otherwise``."""
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else otherwise


def local_path(path: str | None, default: str = "/") -> str:
    """An address within this site; anything else is the default."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")) or any(ord(c) < 32 for c in path):
        return default
    return path


def redirect(path: str) -> RedirectResponse:
    """After a form: the page that shows what came of it."""
    return RedirectResponse(path, 303)
