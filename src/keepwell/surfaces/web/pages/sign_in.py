"""Signing in and out."""

from dataclasses import dataclass
from typing import Annotated

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


@ROUTES.get("/sign-in", Door.OPEN)
def show(visit: Here) -> Response:
    wanted = local_path(visit.asked("next"))
    if visit.user is not None:
        return redirect(wanted)
    return _form(visit, SignInPage(next=wanted), 200)


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
        minutes = -(-int(error.wait.total_seconds()) // 60)
        return _form(visit, SignInPage(email, wanted, visit.say("sign_in.too_many", minutes=minutes)), 429)
    except door.SignInError:
        return _form(visit, SignInPage(email, wanted, visit.say("sign_in.wrong")), 401)
    response = redirect(wanted)
    visit.set_cookie(response, SESSION, found.key, int(door.LONGEST.total_seconds()))
    response.delete_cookie(FORM)
    return response


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


def _form(visit: Visit, page: SignInPage, status: int) -> Response:
    return visit.keep_form_key(visit.html("sign_in.html", status, page=page, title=visit.say("sign_in.title")))
