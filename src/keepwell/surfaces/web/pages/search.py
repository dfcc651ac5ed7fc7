"""One search over customers, KPIs, segments and pages: as one types, and as a page of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.engagement.segments.queries import name_key, segments
from keepwell.surfaces.web.page import Page, pages
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.route import Door
from keepwell.surfaces.web.saved_views import seen_views
from keepwell.surfaces.web.tables import Sheet
from keepwell.surfaces.web.visit import Here, Visit, customer_path

ROUTES = PageRoutes()
PAGE = Page("search", "/search", Door.SIGNED_IN, ROUTES, group=1, is_in_navigation=False)
SUGGESTED, LISTED = 6, 50


@dataclass(frozen=True)
class Hit:
    """One thing that was found, what kind of thing it is, and where it is."""

    title: str
    detail: str
    href: str


@dataclass(frozen=True)
class Hits:
    """What was found of one kind."""

    kind: str
    hits: tuple[Hit, ...]


@dataclass(frozen=True)
class SearchPage:
    """All that the search shows."""

    title: str
    text: str
    groups: tuple[Hits, ...]
    sheets: tuple[Sheet, ...] = ()


@ROUTES.page("/search", Door.SIGNED_IN, "search.html")
def search(visit: Visit) -> SearchPage:
    text = visit.asked("q")[:100].strip()
    return SearchPage(visit.say("search.title"), text, found(visit, text, LISTED))


@ROUTES.get("/search/suggestions", Door.SIGNED_IN)
def suggestions(visit: Here) -> Response:
    text = visit.asked("q")[:100].strip()
    return visit.html("parts/suggestions.html", text=text, groups=found(visit, text, SUGGESTED))


def found(visit: Visit, text: str, limit: int) -> tuple[Hits, ...]:
    """What fits, of each kind at most ``limit``; only what this person may open."""
    if not text:
        return ()
    groups = [
        Hits("customers", tuple(_customers(visit, text, limit))),
        Hits("kpis", tuple(_kpis(visit, text)[:limit])),
        Hits("segments", tuple(_segments(visit, text)[:limit])),
        Hits("views", tuple(_views(visit, text)[:limit])),
        Hits("pages", tuple(_pages(visit, text)[:limit])),
    ]
    return tuple(g for g in groups if g.hits)


def _customers(visit: Visit, text: str, limit: int) -> Sequence[Hit]:
    if not visit.may_see_customers:
        return ()
    hits = visit.workspace.search(text, limit)
    return [
        Hit(
            h.name or h.customer_id,
            " · ".join(p for p in (h.customer_id if h.name else None, h.phone, h.tier) if p),
            customer_path(h.customer_id),
        )
        for h in hits
    ]


def _kpis(visit: Visit, text: str) -> list[Hit]:
    if not visit.may(Capability.SEE_KPIS):
        return []
    words = text.casefold().split()

    def fits(*told: str) -> bool:
        whole = " ".join(told).casefold()
        return all(w in whole for w in words)

    known = visit.workspace.kpis.values()
    hits = [
        (k, fits(k.title["en"], k.title["zh"], k.name))
        for k in known
        if fits(k.title["en"], k.title["zh"], k.name, k.meaning[visit.locale])
    ]
    ranked = sorted(hits, key=lambda h: (not h[1], not h[0].title[visit.locale].casefold().startswith(words[0]), h[0].name))
    return [Hit(k.title[visit.locale], k.name, f"/kpi/{k.name}") for k, _ in ranked]


def _segments(visit: Visit, text: str) -> list[Hit]:
    if not visit.may_see_customers:
        return []
    with visit.site.store.transaction(writes=False) as session:
        known = segments(session)
    return [Hit(s.name, s.note or "", f"/segments/{s.segment_id}") for s in known if name_key(text) in name_key(s.name)]


def _views(visit: Visit, text: str) -> list[Hit]:
    return [
        Hit(s.view.name, visit.say(f"{s.view.page}.title"), s.href) for s in seen_views(visit) if name_key(text) in name_key(s.view.name)
    ]


def _pages(visit: Visit, text: str) -> list[Hit]:
    open_to = [p for p in pages() if (p.is_in_navigation or p.name == "account") and visit.may_enter(p.needs)]
    return [
        Hit(visit.say(f"{p.name}.title"), p.path, p.path)
        for p in open_to
        if text.casefold() in f"{visit.say(f'{p.name}.title')} {p.name}".casefold()
    ]
