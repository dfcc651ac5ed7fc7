"""The application: every route of the table behind its door, files that never change, errors as pages."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

import keepwell
from keepwell.access.oidc_provider import provider_or_none
from keepwell.core.clock import Clock
from keepwell.core.workspace import Workspace
from keepwell.store.db import store_of
from keepwell.surfaces.api.app import PATH, create_api
from keepwell.surfaces.web import problems
from keepwell.surfaces.web.headers import SecureHeaders
from keepwell.surfaces.web.page import pages
from keepwell.surfaces.web.pages import sign_in, single_sign_on
from keepwell.surfaces.web.route import Route
from keepwell.surfaces.web.site import Site
from keepwell.surfaces.web.templating import environment
from keepwell.surfaces.web.visit import Here, check_form, check_may
from keepwell.surfaces.worker.jobs import Jobs

STATIC = Path(__file__).parent / "static"
A_YEAR = "public, max-age=31536000, immutable"


def all_routes() -> Iterator[Route]:
    """The table of routes: what the application answers, and nothing else."""
    yield from sign_in.ROUTES
    yield from single_sign_on.ROUTES
    for page in pages():
        yield from page.routes


def create_app(place: Workspace, clock: Clock) -> FastAPI:
    """The web application of a workspace."""
    store, jobs = store_of(place), Jobs(place, clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        jobs.close()
        store.close()

    app = FastAPI(title="Keepwell", version=keepwell.__version__, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = Site(place, clock, store, environment(), jobs, provider_or_none(place.settings))
    for route in all_routes():
        app.add_api_route(
            route.path,
            route.answer,
            methods=[route.method],
            dependencies=[Depends(_door(route))],
            include_in_schema=False,
            response_model=None,
        )
    app.mount("/static", GZipMiddleware(KeptFiles(directory=STATIC), minimum_size=1_000), name="static")
    app.mount(PATH, create_api(app.state.site), name="api")
    problems.add_to(app)
    app.add_middleware(SecureHeaders)
    return app


def _door(route: Route) -> Callable[..., Awaitable[None]]:
    async def door(visit: Here) -> None:
        check_may(visit, route)
        if route.writes:
            await check_form(visit)

    return door


class KeptFiles(StaticFiles):
    """Files whose address changes with their content: a browser keeps them."""

    def file_response(self, *given: Any, **named: Any) -> Any:
        response = super().file_response(*given, **named)
        response.headers["Cache-Control"] = A_YEAR
        return response
