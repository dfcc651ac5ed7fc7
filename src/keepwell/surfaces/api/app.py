"""The API's application: its routes behind their doors, its schema, its errors."""

import time
from collections.abc import Iterator

from fastapi import Depends, FastAPI, params
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

import keepwell
from keepwell.surfaces.api import (
    alerts,
    appraisals,
    customers,
    entities,
    health,
    hooks,
    jobs,
    kpis,
    models,
    problem,
    reports,
    reviews,
    schedules,
    scorecards,
    targets,
    views,
    webhooks,
)
from keepwell.surfaces.api.door import ApiRoute, door
from keepwell.surfaces.api.limits import Limits
from keepwell.surfaces.api.problem import Problem
from keepwell.surfaces.web.site import Site

PATH = "/api/v1"
A_MINUTE = 600  # requests of a token
ERRORS = {
    400: "Wrong use",
    401: "No token",
    403: "Not allowed",
    404: "Not there",
    409: "Can't be done now",
    413: "Too large",
    422: "Malformed",
    429: "Too many",
}
DESCRIPTION = """The same objects as the pages. Tokens are made with `keepwell token create`. Lists come in pages with a `next_cursor`;
answers carry an `ETag`; errors are problem details (RFC 9457); each answer tells how many requests are left."""


def api_routes() -> Iterator[ApiRoute]:
    """The table of the API's routes."""
    for part in (
        kpis,
        scorecards,
        targets,
        appraisals,
        reports,
        reviews,
        schedules,
        alerts,
        customers,
        health,
        models,
        entities,
        hooks,
        jobs,
        views,
        webhooks,
    ):
        yield from part.ROUTES.found


def create_api(site: Site) -> FastAPI:
    """The API of a workspace."""
    api = FastAPI(
        title="Keepwell", version=keepwell.__version__, description=DESCRIPTION, docs_url=None, redoc_url=None, servers=[{"url": PATH}]
    )
    api.state.site = site
    api.state.limits = Limits(A_MINUTE, time.monotonic)
    errors = {status: {"description": words, "model": Problem, "content": {problem.MEDIA_TYPE: {}}} for status, words in ERRORS.items()}
    for route in api_routes():
        api.add_api_route(
            route.path, route.answer, methods=[route.method], tags=[route.tag], dependencies=_doors(route), responses=errors,  # type: ignore[arg-type]  # numbers are statuses too
            operation_id=route.answer.__name__, response_model=None,
        )  # fmt: skip
    problem.add_to(api)
    api.add_middleware(BaseHTTPMiddleware, dispatch=_told_limits)
    return api


def _doors(route: ApiRoute) -> list[params.Depends]:
    return [] if route.scope is None else [Depends(door(route))]


async def _told_limits(request: Request, answer: RequestResponseEndpoint) -> Response:
    response = await answer(request)
    for name, value in getattr(request.state, "rate_headers", {}).items():
        response.headers[name] = value
    return response
