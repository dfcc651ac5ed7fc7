"""Saved views: all that one sees, renamed, shared, deleted and brought back; the menus of pages save into them."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Form
from starlette.responses import Response

from keepwell.access.views import NewView, add_view, change_view, delete_view, may_share, restore_view
from keepwell.core.errors import unknown
from keepwell.surfaces.web.page import Page, pages_with_filters
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.route import Door
from keepwell.surfaces.web.saved_views import Seen, opened, seen_views
from keepwell.surfaces.web.tables import Sheet
from keepwell.surfaces.web.visit import Here, Visit, redirect

ROUTES = PageRoutes()
PATH = "/views"
PAGE = Page("views", PATH, Door.SIGNED_IN, ROUTES, group=4, is_in_navigation=False)


@dataclass(frozen=True)
class ViewsPage:
    """All that the page of views shows."""

    title: str
    views: tuple[Seen, ...]
    may_share: bool
    deleted: str
    sheets: tuple[Sheet, ...] = ()


@ROUTES.page(PATH, Door.SIGNED_IN, "views.html")
def list_views(visit: Visit) -> ViewsPage:
    return ViewsPage(visit.say("views.title"), seen_views(visit), may_share(visit.who), visit.asked("deleted"))


@ROUTES.post(PATH, Door.SIGNED_IN)
def save(
    visit: Here,
    page: Annotated[str, Form()] = "",
    query: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    shared: Annotated[str, Form()] = "",
) -> Response:
    """Save the filters of a page that one may open; leads back to them."""
    known = {n: p for n, p in pages_with_filters().items() if visit.may_enter(p.needs)}
    if page not in known:
        raise unknown("page with filters", page, known)
    new = NewView(name, page, query, shared == "yes")
    with visit.site.store.transaction() as session:
        made = add_view(session, visit.at, visit.who, new, known[page].filters, visit.address)
    return redirect(opened(known[page], made))


@ROUTES.post(f"{PATH}/{{view_id}}", Door.SIGNED_IN)
def change(visit: Here, view_id: str, name: Annotated[str, Form()] = "", shared: Annotated[str, Form()] = "") -> Response:
    """Another name, or for everybody or oneself alone."""
    with visit.site.store.transaction() as session:
        change_view(session, visit.at, visit.who, view_id, name, is_shared=shared == "yes", address=visit.address)
    return redirect(PATH)


@ROUTES.post(f"{PATH}/{{view_id}}/delete", Door.SIGNED_IN)
def delete(visit: Here, view_id: str) -> Response:
    """Delete it; the page offers to bring it back."""
    with visit.site.store.transaction() as session:
        mine = delete_view(session, visit.at, visit.who, view_id, visit.address)
    return redirect(f"{PATH}?deleted={mine.view_id}")


@ROUTES.post(f"{PATH}/{{view_id}}/restore", Door.SIGNED_IN)
def restore(visit: Here, view_id: str) -> Response:
    """Bring back one that was deleted."""
    with visit.site.store.transaction() as session:
        restore_view(session, visit.at, visit.who, view_id, visit.address)
    return redirect(PATH)
