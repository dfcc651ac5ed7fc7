"""Signing in and out."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Form
from starlette.responses import Response

from keepwell.access import sign_in as door
from keepwell.surfaces.web.route import Door, Routes
from keepwell.surfaces.web.visit import FORM, SESSION, Here, Visit, local_path, redirect

ROUTES = Routes()


@dataclass(frozen=True)
class SignInPage:
    """The form, filled in as it was sent, and why it did not lead in."""

    email: str = ""
    next: str = "/"
    error: str | None = None
    provider: str | None = None

    @property
    def path(self) -> str:
        """Where the form is found again, without what somebody brought along."""
        return f"/sign-in?next={quote(self.next, safe='/')}"

    @property
    def provider_path(self) -> str:
        return f"/sign-in/oidc?next={quote(self.next, safe='/')}"


@ROUTES.get("/sign-in", Door.OPEN)
def show(visit: Here) -> Response:
    wanted = local_path(visit.asked("next"))
    if visit.user is not None:
        return redirect(wanted)
    return form(visit, 200, wanted)


@ROUTES.post("/sign-in", Door.OPEN)
def sign_in(
    visit: Here,
    email: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002 - the field's name in the form
) -> Response:
    wanted = local_path(next)
    try:
        found = door.sign_in(visit.site.store, visit.at, email, password, address=visit.address, browser=visit.browser)
    except door.TooManyAttemptsError as error:
        return form(visit, 429, wanted, too_many(visit, error), email)
    except door.SignInError:
        return form(visit, 401, wanted, visit.say("sign_in.wrong"), email)
    return come_in(visit, found, wanted)


@ROUTES.post("/sign-out", Door.SIGNED_IN)
def sign_out(visit: Here) -> Response:
    with visit.site.store.transaction() as session:
        door.sign_out(session, visit.at, visit.who, visit.key, address=visit.address)
    response = redirect("/sign-in")
    response.delete_cookie(SESSION)
    # what the browser holds of our pages goes with the session
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@ROUTES.post("/look", Door.OPEN)
def look(
    visit: Here,
    locale: Annotated[str | None, Form()] = None,
    theme: Annotated[str | None, Form()] = None,
    next: Annotated[str, Form()] = "/",  # noqa: A002 - the field's name in the form
) -> Response:
    """Another language or theme, for this browser and for the person; the page stays."""
    return visit.with_look(redirect(local_path(next)), locale, theme)


def come_in(visit: Visit, found: door.SignedIn, wanted: str) -> Response:
    """The page that was wanted, for somebody who has been recognised."""
    response = redirect(wanted)
    visit.set_cookie(response, SESSION, found.key, int(door.LONGEST.total_seconds()))
    response.delete_cookie(FORM)
    return response


def form(visit: Visit, status: int, wanted: str, error: str | None = None, email: str = "") -> Response:
    """The page of the form, with every way in that there is."""
    page = SignInPage(email, wanted, error, _button(visit))
    return visit.keep_form_key(visit.html("sign_in.html", status, page=page, title=visit.say("sign_in.title")))


def too_many(visit: Visit, error: door.TooManyAttemptsError) -> str:
    minutes = -(-int(error.wait.total_seconds()) // 60)
    return visit.say("sign_in.too_many", minutes=minutes)


def _button(visit: Visit) -> str | None:
    provider = visit.site.provider
    if provider is None:
        return None
    return visit.say("sign_in.continue_with", name=provider.name) if provider.name else visit.say("sign_in.oidc")
