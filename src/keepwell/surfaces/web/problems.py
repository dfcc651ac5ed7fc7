"""The one place where an error becomes an answer: a page for people, a fragment within a page."""

import logging
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from keepwell.core.errors import KeepwellError, UnknownError, WrongUseError
from keepwell.engine.walls import RefusedSqlError
from keepwell.store.db import StoreUnavailableError
from keepwell.surfaces.web.refusals import ForgedError, MayNotError, NotFoundError, NotSignedInError
from keepwell.surfaces.web.visit import Visit, nobody, redirect, visit_of

log = logging.getLogger("keepwell.web")
STATUS: tuple[tuple[type[KeepwellError], HTTPStatus], ...] = (
    (NotSignedInError, HTTPStatus.UNAUTHORIZED),
    (MayNotError, HTTPStatus.FORBIDDEN),
    (ForgedError, HTTPStatus.FORBIDDEN),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (UnknownError, HTTPStatus.NOT_FOUND),
    (WrongUseError, HTTPStatus.BAD_REQUEST),
    (RefusedSqlError, HTTPStatus.BAD_REQUEST),
    (StoreUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (KeepwellError, HTTPStatus.CONFLICT),
)


def add_to(app: FastAPI) -> None:
    app.add_exception_handler(KeepwellError, _known)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(Exception, _fault)


def status_of(error: KeepwellError) -> HTTPStatus:
    return next(status for kind, status in STATUS if isinstance(error, kind))


def _known(request: Request, error: Exception) -> Response:
    if not isinstance(error, KeepwellError):
        raise error
    visit = _visit(request)
    if isinstance(error, StoreUnavailableError):
        log.error("%s", error)
        return _told(visit, status_of(error), visit.say("shell.no_store"), visit.say("shell.no_store_hint"))
    if isinstance(error, NotSignedInError):
        return _to_sign_in(visit)
    return _told(visit, status_of(error), error.message, error.hint)


def _plain(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    visit, status = _visit(request), HTTPStatus(error.status_code)
    name = "no_page" if status is HTTPStatus.NOT_FOUND else "wrong_method" if status is HTTPStatus.METHOD_NOT_ALLOWED else "bad_request"
    response = _told(visit, status, visit.say(f"shell.{name}"), None)
    for header, value in (error.headers or {}).items():
        response.headers[header] = value
    return response


def _malformed(request: Request, error: Exception) -> Response:
    visit = _visit(request)
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return _told(visit, HTTPStatus.BAD_REQUEST, f"{where}: {first['msg']}", None)


def _fault(request: Request, error: Exception) -> Response:
    # the seam that records: the person gets a number to tell, the log what happened
    visit = _visit(request)
    number = visit.at.strftime("%Y%m%d-%H%M%S-%f")
    log.error("fault %s at %s %s", number, request.method, request.url.path, exc_info=error)
    return _told(visit, HTTPStatus.INTERNAL_SERVER_ERROR, visit.say("shell.fault"), visit.say("shell.fault_hint", number=number))


def _visit(request: Request) -> Visit:
    # who asks stands in the store; where that is what broke, the error is told to nobody in particular
    try:
        return visit_of(request)
    except StoreUnavailableError:
        return nobody(request, request.app.state.site.clock.now())


def _to_sign_in(visit: Visit) -> Response:
    path = f"/sign-in?next={quote(str(visit.request.url.replace(scheme='', netloc='')))}" if visit.request.method == "GET" else "/sign-in"
    if visit.is_fragment:
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": "/sign-in"})
    return redirect(path)


def _told(visit: Visit, status: HTTPStatus, message: str, hint: str | None) -> Response:
    return visit.html(
        "error.html", int(status), number=int(status), message=visit.told(message), hint=visit.told(hint), title=visit.say("shell.error")
    )
