"""What a page is: one entry of ``pages/``. The navigation, the search for pages and the routes rest on this table."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keepwell.surfaces.web.route import Needs, Routes


@dataclass(frozen=True)
class Page:
    """A page of the navigation: its address, who may open it, and the routes that belong to it.

    Its title is the word ``<name>.title``. ``group`` sets it apart from those of other groups. ``filters`` are the parameters of its
    address that people can save as a view; where there are none, nothing can be saved.
    """

    name: str
    path: str
    needs: "Needs"
    routes: "Routes"
    group: int
    is_in_navigation: bool = True
    filters: tuple[str, ...] = ()


# in the order of the navigation
PAGES = {
    "overview": "keepwell.surfaces.web.pages.overview:PAGE",
    "inbox": "keepwell.surfaces.web.pages.inbox:PAGE",
    "scorecard": "keepwell.surfaces.web.pages.scorecard:PAGE",
    "cards": "keepwell.surfaces.web.pages.cards:PAGE",
    "kpi": "keepwell.surfaces.web.pages.kpi:PAGE",
    "customers": "keepwell.surfaces.web.pages.customers:PAGE",
    "customer": "keepwell.surfaces.web.pages.customer:PAGE",
    "segments": "keepwell.surfaces.web.pages.segments:PAGE",
    "segment": "keepwell.surfaces.web.pages.segment:PAGE",
    "retention": "keepwell.surfaces.web.pages.retention:PAGE",
    "predictions": "keepwell.surfaces.web.pages.predictions:PAGE",
    "health": "keepwell.surfaces.web.pages.health:PAGE",
    "team": "keepwell.surfaces.web.pages.team:PAGE",
    "appraisals": "keepwell.surfaces.web.pages.appraisals:PAGE",
    "reviews": "keepwell.surfaces.web.pages.reviews:PAGE",
    "schedules": "keepwell.surfaces.web.pages.schedules:PAGE",
    "data": "keepwell.surfaces.web.pages.data:PAGE",
    "jobs": "keepwell.surfaces.web.pages.jobs:PAGE",
    "settings": "keepwell.surfaces.web.pages.settings:PAGE",
    "account": "keepwell.surfaces.web.pages.account:PAGE",
    "search": "keepwell.surfaces.web.pages.search:PAGE",
    "pins": "keepwell.surfaces.web.pages.pins:PAGE",
    "views": "keepwell.surfaces.web.pages.views:PAGE",
}


def pages() -> Iterator[Page]:
    """Every page, in the order of the navigation."""
    for place in PAGES.values():
        module, _, name = place.partition(":")
        found: Page = getattr(importlib.import_module(module), name)
        yield found


def pages_with_filters() -> dict[str, Page]:
    """Those whose filters can be saved, by name."""
    return {p.name: p for p in pages() if p.filters}
