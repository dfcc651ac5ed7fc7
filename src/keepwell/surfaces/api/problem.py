"""Errors as problem details (RFC 9457): the one place where an error becomes an answer of the API."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from keepwell.core.errors import KeepwellError
from keepwell.store.db import StoreUnavailableError
from keepwell.surfaces.web.problems import status_of

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger("keepwell.api")


class Problem(BaseModel):
    """What went wrong, and what to do about it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    hint: str | None = None
    errors: list[dict[str, Any]] = []


def problem(status: HTTPStatus, detail: str, hint: str | None = None, headers: dict[str, str] | None = None, **more: Any) -> JSONResponse:
    """A problem document."""
    told = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail, "hint": hint, "errors": [], **more}
    return JSONResponse(told, int(status), headers=headers, media_type=MEDIA_TYPE)


class RefusedError(KeepwellError):
    """A request that is refused with a status of its own, and headers that say more."""

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        hint: str | None = None,
        headers: dict[str, str] | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(message, hint)
        self.status, self.headers, self.errors = status, headers or {}, list(errors)


def add_to(api: FastAPI) -> None:
    api.add_exception_handler(KeepwellError, _known)
    api.add_exception_handler(HTTPException, _plain)
    api.add_exception_handler(RequestValidationError, _malformed)
    api.add_exception_handler(Exception, _fault)


def _known(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, RefusedError):
        return problem(error.status, error.message, error.hint, error.headers, errors=error.errors)
    if isinstance(error, StoreUnavailableError):
        log.error("%s", error)
        return problem(status_of(error), "The store can't be reached.", "Try again later; the server's log says more.")
    if not isinstance(error, KeepwellError):
        raise error
    return problem(status_of(error), error.message, error.hint)


def _plain(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    return problem(HTTPStatus(error.status_code), str(error.detail), headers=dict(error.headers or {}))


def _malformed(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    found = [{"field": ".".join(str(p) for p in e["loc"]), "message": e["msg"]} for e in error.errors()]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not as it should be.", errors=found)


def _fault(request: Request, error: Exception) -> JSONResponse:
    # the seam that records
    log.error("fault at %s %s", request.method, request.url.path, exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something broke on our side.", "The server's log says more.")
