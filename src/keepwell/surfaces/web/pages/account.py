"""The person's own account: language, theme, password, where one is signed in."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Form
from starlette.responses import Response

from keepwell.access import sign_in as door
from keepwell.access import users
from keepwell.access.sign_in import Browser
from keepwell.core.errors import KeepwellError
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.route import Door
from keepwell.surfaces.web.tables import Sheet
from keepwell.surfaces.web.visit import SESSION, Here, Visit, redirect

ROUTES = PageRoutes()
PAGE = Page("account", "/account", Door.SIGNED_IN, ROUTES, group=4, is_in_navigation=False)


@dataclass(frozen=True)
class AccountPage:
    """All that the account shows."""

    title: str
    browsers: tuple[Browser, ...]
    error: str | None = None
    hint: str | None = None
    done: bool = False
    sheets: tuple[Sheet, ...] = ()


@ROUTES.get("/account", Door.SIGNED_IN)
def show(visit: Here) -> Response:
    return _page(visit, 200, done=visit.asked("done") == "password")


@ROUTES.post("/account/password", Door.SIGNED_IN)
def set_password(
    visit: Here, old: Annotated[str, Form()] = "", new: Annotated[str, Form()] = "", again: Annotated[str, Form()] = ""
) -> Response:
    """A new password: the old one is asked for, so that an open browser is not enough. Every session ends and a new one begins."""
    if new != again:
        return _page(visit, 400, error=visit.say("account.differ"))
    try:
        # under the same limit of attempts as signing in
        found = door.sign_in(visit.site.store, visit.at, visit.who.email, old, address=visit.address, browser=visit.browser)
        with visit.site.store.transaction() as session:
            users.set_password(session, visit.at, visit.actor, visit.who.user_id, new)
            found = door.begin(session, visit.at, visit.who, address=visit.address, browser=visit.browser)
    except door.SignInError:
        return _page(visit, 400, error=visit.say("account.wrong"))
    except KeepwellError as error:
        return _page(visit, 400, error=error.message, hint=error.hint)
    response = redirect("/account?done=password")
    visit.set_cookie(response, SESSION, found.key, int(door.LONGEST.total_seconds()))
    return response


@ROUTES.post("/account/sign-out-everywhere", Door.SIGNED_IN)
def sign_out_everywhere(visit: Here) -> Response:
    with visit.site.store.transaction() as session:
        door.sign_out_everywhere(session, visit.at, visit.who, address=visit.address)
    response = redirect("/sign-in")
    response.delete_cookie(SESSION)
    return response


def _page(visit: Visit, status: int, *, error: str | None = None, hint: str | None = None, done: bool = False) -> Response:
    with visit.site.store.transaction(writes=False) as session:
        browsers = tuple(door.browsers(session, visit.at, visit.who))
    page = AccountPage(visit.say("account.title"), browsers, error, hint, done)
    return visit.html("account.html", status, page=page, title=page.title)
