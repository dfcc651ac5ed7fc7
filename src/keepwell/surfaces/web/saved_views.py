"""The saved views of a page: those that this person sees, and the filters that could be saved now."""

from dataclasses import dataclass
from urllib.parse import urlencode

from keepwell.access.views import View, may_change, may_share, views
from keepwell.surfaces.web.page import Page, pages_with_filters
from keepwell.surfaces.web.visit import Visit


@dataclass(frozen=True)
class Seen:
    """A view with the address that it opens, whether that is shown now, and whether this person may change it."""

    view: View
    href: str
    is_here: bool
    may_change: bool


@dataclass(frozen=True)
class Menu:
    """What the menu of views offers on a page; ``query`` is what the address says now, as far as it can be saved."""

    page: str
    views: tuple[Seen, ...]
    query: str
    may_share: bool


def menu(visit: Visit, page: Page) -> Menu:
    """The views of this page."""
    items = [(n, v) for n, v in visit.request.query_params.multi_items() if n in page.filters and v]
    return Menu(page.name, seen_views(visit, page.name), urlencode(items), may_share(visit.who))


def seen_views(visit: Visit, of_page: str | None = None) -> tuple[Seen, ...]:
    """The views that this person sees, of pages that the person may open; those of one page where it is named."""
    known = {n: p for n, p in pages_with_filters().items() if visit.may_enter(p.needs) and of_page in {None, n}}
    with visit.site.store.transaction(writes=False) as session:
        found = views(session, visit.who, known)
    now = [(n, v) for n, v in visit.request.query_params.multi_items() if v]
    return tuple(Seen(v, opened(known[v.page], v), _is(v, now), may_change(visit.who, v)) for v in found)


def opened(page: Page, view: View) -> str:
    """The address that a view opens: always one of its page."""
    return f"{page.path}?{view.query}" if view.query else page.path


def _is(view: View, now: list[tuple[str, str]]) -> bool:
    return sorted(view.query.split("&")) == sorted(urlencode(now).split("&"))
