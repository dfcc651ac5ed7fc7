"""Signing in by the OpenID provider of the workspace: there and back."""

import logging

from starlette.responses import RedirectResponse, Response

from keepwell.access import oidc, sign_in
from keepwell.access.keys import new_key
from keepwell.access.oidc import Reason
from keepwell.access.oidc_provider import Provider
from keepwell.surfaces.web.pages.sign_in import come_in, form, too_many
from keepwell.surfaces.web.refusals import NotFoundError
from keepwell.surfaces.web.route import Door, Routes
from keepwell.surfaces.web.visit import Here, Visit, local_path, redirect

ROUTES = Routes()
BACK = "/sign-in/oidc/back"
BROWSER = "keepwell_sign_on"  # SameSite=Lax, like all of ours: it must come along when the provider sends the browser back
log = logging.getLogger("keepwell.web")
STATUS = {Reason.STALE: 400, Reason.CANCELLED: 200, Reason.UNAVAILABLE: 503}


@ROUTES.get("/sign-in/oidc", Door.OPEN)
def leave(visit: Here) -> Response:
    """To the provider."""
    provider, wanted = _provider(visit), local_path(visit.asked("next"))
    if visit.user is not None:
        return redirect(wanted)
    # kept while there is one: two tabs may be on the way at once
    browser = _browser(visit, visit.request.cookies.get(BROWSER) or new_key())
    try:
        url = oidc.start(visit.site.store, visit.at, provider, browser, redirect_uri=_back(visit), wanted=wanted)
    except (oidc.RefusedError, sign_in.TooManyAttemptsError) as error:
        return _told(visit, error, wanted)
    response = RedirectResponse(url, 303)
    visit.set_cookie(response, BROWSER, browser.key, int(oidc.ON_THE_WAY.total_seconds()))
    return response


@ROUTES.get(BACK, Door.OPEN)
def come_back(visit: Here) -> Response:
    """From the provider, who sends the browser here with an answer in the address."""
    provider = _provider(visit)
    answer = oidc.Answer(visit.asked("state"), visit.asked("code"), visit.asked("error"), visit.asked("iss"))
    browser = _browser(visit, visit.request.cookies.get(BROWSER, ""))
    try:
        found = oidc.finish(visit.site.store, visit.at, provider, browser, answer, redirect_uri=_back(visit))
    except (oidc.RefusedError, sign_in.TooManyAttemptsError) as error:
        return _told(visit, error, "/")
    response = come_in(visit, found.signed_in, local_path(found.wanted))
    response.delete_cookie(BROWSER)
    return response


def _provider(visit: Visit) -> Provider:
    if visit.site.provider is None:
        raise NotFoundError(visit.say("shell.no_page"))
    return visit.site.provider


def _browser(visit: Visit, key: str) -> oidc.Browser:
    return oidc.Browser(key, visit.address, visit.browser)


def _back(visit: Visit) -> str:
    """Where the provider sends the browser back to; it must know this address beforehand."""
    url = visit.request.url
    return f"{url.scheme}://{url.netloc}{BACK}"


def _told(visit: Visit, error: sign_in.SignInError, wanted: str) -> Response:
    """The form again, with the reason: a password leads in still."""
    if isinstance(error, sign_in.TooManyAttemptsError):
        return form(visit, 429, wanted, too_many(visit, error))
    if not isinstance(error, oidc.RefusedError):
        raise error
    if error.reason in {Reason.UNAVAILABLE, Reason.REFUSED}:
        # for who runs the server: the provider's own words
        log.warning("%s", error)
    email = error.email or visit.say("sign_in.oidc_you")
    return form(visit, STATUS.get(error.reason, 403), wanted, visit.say(f"sign_in.oidc_{error.reason}", email=email))
