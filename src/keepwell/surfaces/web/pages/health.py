"""Health: by which definition customers are scored, and whether the bands foretold who left; and what is said against a score."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Form
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.ids import id_of_part
from keepwell.performance.health.override import Wanted, day_of, score_of
from keepwell.surfaces import health_told as told
from keepwell.surfaces.health import HealthDesk, bands_of
from keepwell.surfaces.web.health_panel import TONES, known_or_none
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Here, Visit, redirect

ROUTES = PageRoutes()
PATH = "/health"
PAGE = Page("health", PATH, Capability.SEE_MODELS, ROUTES, group=1, is_in_navigation=False)
OVERRIDE = "/customers/{customer_id}/health/override"
MAY = (Capability.SEE_CUSTOMERS, Capability.ACT)


@dataclass(frozen=True)
class PartTold:
    """A part of the definition in words."""

    name: str
    label: str
    meaning: str
    direction: str
    better: str
    bounds: str
    weight: str
    exact: object


@dataclass(frozen=True)
class BandTold:
    """A band: from where to where it goes, and how many customers are in it."""

    name: str
    label: str
    tone: str
    ends: str
    least: object
    customers: int
    href: str | None


@dataclass(frozen=True)
class CheckTold:
    """A check in words; ``rows`` are label, tone, and the line in words and exactly."""

    who: str
    title: str
    verdict: str
    separates: bool | None
    rows: tuple[tuple[str, str, tuple[str, ...], object], ...]


@dataclass(frozen=True)
class HealthPage:
    """The definition and the checks; nothing where no run has computed health."""

    title: str
    meaning: str
    version: str
    parts: tuple[PartTold, ...]
    bands: tuple[BandTold, ...]
    rules: tuple[str, ...]
    checks: tuple[CheckTold, ...]
    sheets: tuple[Sheet, ...]


@ROUTES.page(PATH, Capability.SEE_MODELS, "health.html")
def show(visit: Visit) -> HealthPage:
    known = known_or_none(visit)
    if known is None:
        return HealthPage(visit.say("health.title"), "", "", (), (), (), (), ())
    locale, health = visit.locale, known.health
    parts = tuple(
        PartTold(p.name, told.part_label(p.measure, locale), told.part_meaning(p.measure, locale), told.direction_words(p, locale), str(p.measure.better), told.bounds_words(p), told.percent(p.weight), p.weight / 100)
        for p in health.parts
    )  # fmt: skip
    checks = tuple(
        CheckTold(
            str(c.who), told.check_title(c, locale), told.check_verdict(c, locale), c.separates,
            tuple((row[1], TONES[row[0]] if row[0] else "none", tuple(row[2:]), line) for row, line in zip(told.check_rows(c, locale), c.lines, strict=True)),
        )
        for c in known.checks
    )  # fmt: skip
    bands = _bands(visit)
    return HealthPage(
        health.title[locale], health.meaning[locale], told.version_words(known, locale), parts, bands, tuple(told.rules(health, locale)), checks,
        (_parts_sheet(visit, parts), _bands_sheet(visit, bands), *(_check_sheet(visit, c) for c in checks)),
    )  # fmt: skip


def _bands(visit: Visit) -> tuple[BandTold, ...]:
    found = HealthDesk(visit.workspace, visit.site.store).defined()
    leads = visit.has_page("customers")
    return tuple(
        BandTold(
            str(band), label, TONES[band], ends, least, found.counts[band], f"/customers?health={band}&sort=-health" if leads else None
        )
        for (band, label, ends), (_, least) in zip(
            told.band_rows(found.known.health, visit.locale), bands_of(found.known.health), strict=True
        )
    )


def _parts_sheet(visit: Visit, parts: tuple[PartTold, ...]) -> Sheet:
    columns = tuple(Column(n, visit.say(f"health.{n}"), is_number=n == "weight") for n in ("part", "direction", "bounds", "weight"))
    return Sheet("parts", columns, [[p.name, p.better, p.bounds, p.exact] for p in parts])


def _bands_sheet(visit: Visit, bands: tuple[BandTold, ...]) -> Sheet:
    columns = tuple(Column(n, visit.say(f"health.{n}"), is_number=n != "band") for n in ("band", "from", "customers"))
    return Sheet("bands", columns, [[b.name, b.least, b.customers] for b in bands])


def _check_sheet(visit: Visit, check: CheckTold) -> Sheet:
    names = ("band", "customers", "churned", "share", "low", "high")
    columns = tuple(Column(n, visit.say(f"health.{n}"), is_number=n != "band") for n in names)
    rows = [[getattr(line, n) or ("not_scored" if n == "band" else getattr(line, n)) for n in names] for *_, line in check.rows]
    return Sheet(f"check-{check.who}", columns, rows)


@ROUTES.post(OVERRIDE, MAY)
def override(
    visit: Here,
    customer_id: str,
    band: Annotated[str, Form()] = "",
    score: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
    owner: Annotated[str, Form()] = "",
    until: Annotated[str, Form()] = "",
) -> Response:
    """Say otherwise than the score."""
    wanted = Wanted(band or None, score_of(score), reason, owner, day_of(until))
    found = HealthDesk(visit.workspace, visit.site.store).override(visit.at, visit.actor, id_of_part(customer_id), wanted)
    return redirect(visit.customer_path(found.customer_id))


@ROUTES.post(f"{OVERRIDE}/end", MAY)
def end(visit: Here, customer_id: str) -> Response:
    """The computed score counts again."""
    found = HealthDesk(visit.workspace, visit.site.store).end(visit.at, visit.actor, id_of_part(customer_id))
    return redirect(visit.customer_path(found.customer_id))
