"""Segments: the RFM matrix, who moved between groups, the clusters, and the segments that people have saved."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keepwell.access.roles import Capability
from keepwell.core.errors import KeepwellError
from keepwell.core.settings import Locale
from keepwell.engagement.segments.audience import Size
from keepwell.engagement.segments.queries import Segment, segments
from keepwell.lake.runs import Run
from keepwell.metrics.intervals import wilson
from keepwell.metrics.kpi import Unit
from keepwell.models.rfm_matrix import Cell, rfm_matrix
from keepwell.models.transitions import CAME, GONE, STATES, labels
from keepwell.surfaces.audiences import Audiences
from keepwell.surfaces.web.charts import Chart
from keepwell.surfaces.web.cluster_charts import cluster_cards
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.rule_words import Told, fault_words, told_rule
from keepwell.surfaces.web.segment_names import names_of
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Visit

ROUTES = PageRoutes()
NEEDS = (Capability.SEE_CUSTOMERS, Capability.SEE_MODELS)
PAGE = Page("segments", "/segments", NEEDS, ROUTES, group=1)
SHOWS = ("count", "value", "retention")
MOST_RUNS = 24


@dataclass(frozen=True)
class Listed:
    """A saved segment with what it comes to for this person; without a size where its rule means nothing any more, with the reason."""

    segment: Segment
    groups: tuple[Told, ...]
    size: Size | None
    share: str
    clv: str
    fault: str = ""


@dataclass(frozen=True)
class Earlier:
    """An earlier run that can be compared with."""

    run_id: str
    label: str


@dataclass(frozen=True)
class SegmentsPage:
    """All that the page of segments shows."""

    title: str
    shows: str
    states: tuple[tuple[str, str], ...]
    state: str
    earlier: tuple[Earlier, ...]
    since: str
    matrix: Chart | None
    flow: Chart | None
    flow_note: str
    clusters: tuple[Any, ...]
    saved: tuple[Listed, ...]
    deleted: str
    sheets: tuple[Sheet, ...]


@ROUTES.page("/segments", NEEDS, "segments.html")
def page(visit: Visit) -> SegmentsPage:
    run = visit.run_or_none
    shows = visit.asked("show") if visit.asked("show") in SHOWS else SHOWS[0]
    state = visit.asked("state") if visit.asked("state") in STATES else "rfm"
    before = _earlier(visit, run)
    since = next((r for r in before if r.run_id == visit.asked("since")), before[0] if before else None)
    matrix = _matrix(visit, run, since, shows) if run and "customer_scores" in run.results else None
    flow, note = _flow(visit, state, since)
    clusters = cluster_cards(visit, run) if run else ()
    saved = _saved(visit)
    sheets = [c.sheet for c in (matrix, flow) if c] + [c.chart.sheet for c in clusters]
    return SegmentsPage(
        title=visit.say("segments.title"),
        shows=shows,
        states=tuple((name, visit.say(f"segments.state_{name}")) for name in STATES),
        state=state,
        earlier=tuple(Earlier(r.run_id, f"{r.as_of} · {visit.moment(r.started_at)}") for r in before),
        since=since.run_id if since else "",
        matrix=matrix,
        flow=flow,
        flow_note=note,
        clusters=clusters,
        saved=saved,
        deleted=visit.asked("deleted"),
        sheets=(*sheets, _saved_sheet(visit, saved)),
    )


def _earlier(visit: Visit, run: Run | None) -> list[Run]:
    """Runs that looked from an earlier day, the newest first; of several of one day the last."""
    if run is None:
        return []
    by_day = {r.as_of: r for r in visit.workspace.runs() if r.as_of < run.as_of and "customer_scores" in r.results}
    return [by_day[day] for day in sorted(by_day, reverse=True)][:MOST_RUNS]


def _matrix(visit: Visit, run: Run, since: Run | None, shows: str) -> Chart | None:
    key = ("rfm", run.run_id, since.run_id if since else None)
    found = visit.kept(key, lambda: tuple(rfm_matrix(visit.workspace.lake, run, since, visit.scope)))
    if not found:
        return None
    best = max(max(c.recency, c.frequency) for c in found)
    total = sum(c.customers for c in found)
    cells = [
        {
            "x": c.recency - 1, "y": best - c.frequency, "value": _shown(c, shows), "label": _label(visit, c, shows),
            "title": visit.say("segments.cell", recency=c.recency, frequency=c.frequency), "words": _words(visit, c, total),
            "more": _bought(visit, c, since), "href": f"/customers?where=rfm_recency+%3D+{c.recency}+and+rfm_frequency+%3D+{c.frequency}",
        }
        for c in found
    ]  # fmt: skip
    heads = ("recency", "frequency", "customers", "clv", "net_amount_12m", "were", "bought")
    columns = tuple(Column(h, visit.say(f"segments.head_{h}"), is_number=True) for h in heads)
    rows = [[getattr(c, h) for h in heads] for c in found]
    figures = [
        [str(c.recency), str(c.frequency), f"{c.customers:,}", *(visit.money(v) if v is not None else "" for v in (c.clv, c.net_amount_12m)), f"{c.were:,}", f"{c.bought:,}"]
        for c in found
    ]  # fmt: skip
    levels = [str(i) for i in range(1, best + 1)]
    drawn = {
        "columns": levels, "rows": levels[::-1], "cells": cells, "x": visit.say("segments.recency"), "y": visit.say("segments.frequency"),
    }  # fmt: skip
    note = visit.say("segments.retention_needs_a_run" if shows == "retention" and since is None else "segments.matrix_note")
    return Chart("matrix", visit.say("segments.matrix"), "heat", drawn, Sheet("matrix", columns, rows), note, "high", figures)


def _shown(c: Cell, shows: str) -> float | None:
    if shows == "value":
        return float(c.clv) if c.clv is not None else None
    if shows == "retention":
        return c.bought / c.were if c.were else None
    return float(c.customers)


def _label(visit: Visit, c: Cell, shows: str) -> str:
    if shows == "value":
        return visit.short_money(c.clv) if c.clv is not None else ""
    if shows == "retention":
        return f"{c.bought / c.were:.0%}" if c.were else ""
    return f"{c.customers:,}"


def _words(visit: Visit, c: Cell, total: int) -> str:
    share = visit.figure(c.customers / total, Unit.SHARE) if total else ""
    value = f" · {visit.say('segments.head_clv')} {visit.money(c.clv)}" if c.clv is not None else ""
    return f"{visit.say('segments.people', n=f'{c.customers:,}', share=share)}{value}"


def _bought(visit: Visit, c: Cell, since: Run | None) -> str:
    if since is None or not c.were:
        return ""
    share = c.bought / c.were
    within = wilson(share, c.were)
    return visit.say(
        "segments.bought", share=visit.figure(share, Unit.SHARE), low=visit.figure(within.low, Unit.SHARE), high=visit.figure(within.high, Unit.SHARE),
        n=f"{c.were:,}", day=since.as_of,
    )  # fmt: skip


def _flow(visit: Visit, state: str, since: Run | None) -> tuple[Chart | None, str]:
    """Who went where since that run; a note in its stead where nothing can be compared."""
    run = visit.run_or_none
    if run is None or since is None:
        return None, visit.say("segments.one_run")
    key = ("moves", run.run_id, since.run_id, state)
    try:
        found = visit.kept(key, lambda: visit.workspace.transitions(state, since=since.run_id, until=run.run_id).transitions)
    except KeepwellError as error:
        # a model that had refused in one of the two runs gave nobody a state
        return None, visit.told(error.message)
    place = 1 if visit.locale is Locale.CHINESE else 0
    words = {v: w[place] for v, w in {**labels(state), **_own_labels(visit)}.items()}

    def named(value: str) -> str:
        return words.get(value, value)

    befores, afters = found.befores(), found.afters()
    order = list(dict.fromkeys([*afters, *befores]))
    nodes = [
        {"id": f"{side}{v}", "name": named(v), "words": f"{named(v)} · {sum(m.customers for m in found.moves if getattr(m, attribute) == v):,}",
         "colour": order.index(v), "depth": depth}
        for depth, (side, attribute, values) in enumerate((("1", "before", befores), ("2", "after", afters)))
        for v in values
    ]  # fmt: skip
    links = [
        {
            "from": f"1{m.before}",
            "to": f"2{m.after}",
            "value": m.customers,
            "words": visit.say(
                "segments.moved",
                before=named(m.before),
                after=named(m.after),
                n=f"{m.customers:,}",
                share=visit.figure(m.share, Unit.SHARE),
            ),
        }
        for m in found.moves
    ]
    heads = tuple(
        Column(n, visit.say(f"segments.head_{n}"), is_number=n in {"customers", "share"}) for n in ("before", "after", "customers", "share")
    )
    rows = [[m.before, m.after, m.customers, m.share] for m in found.moves]
    figures = [[named(m.before), named(m.after), f"{m.customers:,}", visit.figure(m.share, Unit.SHARE)] for m in found.moves]
    stayed = sum(m.customers for m in found.moves if m.before == m.after and m.before not in {CAME, GONE})
    both = sum(m.customers for m in found.moves if m.before != CAME and m.after != GONE)
    note = visit.say("segments.stayed", n=f"{stayed:,}", both=f"{both:,}", day=since.as_of)
    title = visit.say("segments.flow", since=since.as_of, until=run.as_of)
    return Chart("flow", title, "flow", {"nodes": nodes, "links": links}, Sheet("flow", heads, rows), note, "high", figures), note


def _own_labels(visit: Visit) -> Mapping[str, tuple[str, str]]:
    return visit.workspace.group_labels


def _saved(visit: Visit) -> tuple[Listed, ...]:
    with visit.site.store.transaction(writes=False) as session:
        found = segments(session)
    names = names_of(visit)
    sizes = Audiences(visit.workspace).sizes_of(found)
    return tuple(_listed(visit, s, sizes.get(s.segment_id), names) for s in found)


def _listed(visit: Visit, segment: Segment, size: Size | None, names: Mapping[str, str]) -> Listed:
    if size is None:
        return Listed(segment, (), None, "", "", fault_words(visit, segment))
    share = visit.figure(size.share, Unit.SHARE) if size.share is not None else ""
    return Listed(segment, told_rule(visit, segment.rule, names), size, share, visit.money(size.clv) if size.clv is not None else "")


def _saved_sheet(visit: Visit, saved: tuple[Listed, ...]) -> Sheet:
    heads = (
        Column("name", visit.say("segments.name")),
        Column("rule", visit.say("segments.rule")),
        Column("customers", visit.say("segments.head_customers"), is_number=True),
    )
    rows = [
        [s.segment.name, " · ".join(c for g in s.groups for c in g.conditions) or s.fault, s.size.customers if s.size else None]
        for s in saved
    ]
    return Sheet("saved", heads, rows)
