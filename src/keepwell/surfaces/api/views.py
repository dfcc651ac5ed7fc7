"""Saved views: the filters of pages under names."""

from dataclasses import asdict
from http import HTTPStatus

from pydantic import BaseModel, Field
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.access.views import NewView, View, add_view, delete_view, views
from keepwell.core.errors import unknown
from keepwell.surfaces.api.call import Call, Caller
from keepwell.surfaces.api.cursor import MOST, PageSize, paged
from keepwell.surfaces.api.door import ApiRoutes
from keepwell.surfaces.web.page import Page, pages_with_filters
from keepwell.surfaces.web.route import capabilities_of

ROUTES = ApiRoutes("Views")
READ, WRITE, MAY = "views:read", "views:write", Capability.SEE_KPIS


class WantedView(BaseModel):
    """A view to be saved."""

    name: str = Field(max_length=100)
    page: str = Field(max_length=40, description="customers, scorecard or retention.")
    query: str = Field("", max_length=2_000, description="The filters as in the page's address, such as tier=A&churn=high.")
    is_shared: bool = Field(default=False, description="For everybody; asks for a role that builds segments.")


@ROUTES.get("/views", READ, MAY)
def list_views(call: Caller, cursor: str | None = None, limit: PageSize = MOST) -> Response:
    """The user's own views and those that are everybody's, of pages that the user may open."""
    with call.site.store.transaction(writes=False) as session:
        found = views(session, call.bearer.user, _open_to(call))
    return paged(call, [_told(v) for v in found], cursor, limit)


@ROUTES.post("/views", WRITE, MAY)
def save_view(call: Caller, wanted: WantedView) -> Response:
    """Save filters of a page under a name."""
    known = _open_to(call)
    if wanted.page not in known:
        raise unknown("page with filters", wanted.page, known)
    new = NewView(wanted.name, wanted.page, wanted.query, wanted.is_shared)
    with call.site.store.transaction() as session:
        made = add_view(session, call.at, call.bearer.user, new, known[wanted.page].filters, call.actor.address)
    return call.answer(_told(made), HTTPStatus.CREATED)


@ROUTES.delete("/views/{view_id}", WRITE, MAY)
def remove_view(call: Caller, view_id: str) -> Response:
    """Delete it; on the page it can be brought back."""
    with call.site.store.transaction() as session:
        delete_view(session, call.at, call.bearer.user, view_id, call.actor.address)
    return call.answer({"view_id": view_id, "is_deleted": True})


def _open_to(call: Call) -> dict[str, Page]:
    return {n: p for n, p in pages_with_filters().items() if all(call.bearer.user.may(c) for c in capabilities_of(p.needs))}


def _told(view: View) -> dict[str, object]:
    return asdict(view)
