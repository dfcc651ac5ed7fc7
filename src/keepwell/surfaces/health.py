"""Customers' health as all surfaces tell of it: the definition, the check, one customer with the override beside the computed value."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from keepwell.access.audit import Actor
from keepwell.access.console import person
from keepwell.customers.one import check_seen
from keepwell.lake import runs
from keepwell.lake.runs import Run
from keepwell.performance.health import overrides
from keepwell.performance.health.check import Check
from keepwell.performance.health.definition import Band, Health
from keepwell.performance.health.override import Override, State, Wanted
from keepwell.performance.health.scored import Scored
from keepwell.performance.health.stored import Known, computed_of, known_of
from keepwell.store.db import Database, store_of
from keepwell.surfaces.answers import plain
from keepwell.surfaces.python import Workspace


@dataclass(frozen=True)
class Defined:
    """The definition and the check of the published run, and how many of the customers whom one sees are in each band."""

    known: Known
    counts: Mapping[Band, int]


@dataclass(frozen=True)
class CustomerHealth:
    """A customer's health: computed by the published run, what was said against it, and which of the two counts."""

    customer_id: str
    known: Known
    computed: Scored
    history: tuple[Override, ...]  # the newest first
    today: date

    @property
    def override(self) -> Override | None:
        """The one that counts today."""
        return next((o for o in self.history if o.state(self.today) is State.COUNTS), None)

    @property
    def band(self) -> Band | None:
        """What counts: the override's band, or that of its score; else the computed one."""
        said = self.override
        if said is None:
            return self.computed.band
        return said.band if said.score is None else self.known.health.bands.of(said.score)


@dataclass(frozen=True)
class HealthDesk:
    """The health of the customers whom one person sees; one who is hidden is as unknown as one who is not there."""

    workspace: Workspace
    store: Database

    def defined(self) -> Defined:
        """The definition that the published run used, and what its check came to."""
        known = known_of(self.workspace.lake, self._run)
        with self.workspace.book.people(self.workspace.scope, is_barrier=False) as (cursor, people):
            found = dict(cursor.rows(f"select health_band, count(*) from {people} where health_band is not null group by 1"))
        return Defined(known, {band: int(found.get(str(band), 0)) for band in Band})

    def of(self, customer_id: str, known: Known | None = None) -> CustomerHealth:
        """One customer's health by the published run, and every override; ``known`` is what that run tells, where it was read already."""
        self._check_seen(customer_id)
        lake = self.workspace.lake
        known = known or known_of(lake, self._run)
        computed = computed_of(lake, runs.run(lake, known.run_id), known.health, customer_id)
        with self.store.transaction(writes=False) as session:
            history = tuple(overrides.overrides_of(session, customer_id))
        return CustomerHealth(customer_id, known, computed.scored, history, self.workspace.today)

    def override(self, at: datetime, actor: Actor, customer_id: str, wanted: Wanted) -> CustomerHealth:
        """Say otherwise than the score, with all that an override needs."""
        self._check_seen(customer_id)
        with self.store.transaction() as session:
            overrides.override(session, at, self.workspace.today, actor, customer_id, wanted)
        return self.of(customer_id)

    def end(self, at: datetime, actor: Actor, customer_id: str) -> CustomerHealth:
        """The computed value counts again."""
        self._check_seen(customer_id)
        with self.store.transaction() as session:
            overrides.end_override(session, at, self.workspace.today, actor, customer_id)
        return self.of(customer_id)

    @property
    def _run(self) -> Run | None:
        return runs.published_or_none(self.workspace.lake)

    def _check_seen(self, customer_id: str) -> None:
        check_seen(self.workspace.book, self.workspace.scope, customer_id)


class Console:
    """Health for whoever sits at the machine: each call opens the store of the workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def defined(self) -> Defined:
        """The definition and the check."""
        with self._desk() as desk:
            return desk.defined()

    def of(self, customer_id: str) -> CustomerHealth:
        """One customer's health."""
        with self._desk() as desk:
            return desk.of(customer_id)

    def override(self, customer_id: str, wanted: Wanted) -> CustomerHealth:
        """Say otherwise than the score."""
        with self._desk() as desk:
            return desk.override(self._workspace.clock.now(), Actor(None, person()), customer_id, wanted)

    def end(self, customer_id: str) -> CustomerHealth:
        """The computed value counts again."""
        with self._desk() as desk:
            return desk.end(self._workspace.clock.now(), Actor(None, person()), customer_id)

    @contextmanager
    def _desk(self) -> Iterator[HealthDesk]:
        with store_of(self._workspace.place) as store:
            yield HealthDesk(self._workspace, store)


TIE_RULE = "better_band"  # a score at a border belongs to the better band


def defined_json(found: Defined) -> dict[str, Any]:
    """The definition in plain values: of each part direction, bounds and weight; bands with their tie rule; the missing rule; the check."""
    known = found.known
    return {
        "run_id": known.run_id,
        "as_of": known.as_of.isoformat(),
        **_definition_json(known.health),
        "customers": {str(b): n for b, n in found.counts.items()},
        "checks": [check_json(c) for c in known.checks],
    }


def _definition_json(health: Health) -> dict[str, Any]:
    return {
        "title": dict(health.title),
        "meaning": dict(health.meaning),
        "version": health.version,
        "is_own": health.is_own,
        "score_from": 0,
        "score_to": 100,
        "better": "up",
        "tie_rule": TIE_RULE,
        "bands": [{"band": str(b), "from": plain(least)} for b, least in bands_of(health)],
        "missing": str(health.missing),
        "least_known": plain(health.least_known),
        "parts": [
            {
                "part": p.name,
                "label": {"en": p.measure.label[0], "zh": p.measure.label[1]},
                "meaning": {"en": p.measure.meaning[0], "zh": p.measure.meaning[1]},
                "kind": str(p.measure.kind),
                "better": str(p.measure.better),
                "weight": plain(p.weight),
                "points": [[float(x), float(y)] for x, y in p.curve.knots],
            }
            for p in health.parts
        ],
    }


def bands_of(health: Health) -> list[tuple[Band, Any]]:
    """The bands with the score from which each is reached, the best first."""
    return [(Band.HEALTHY, health.bands.healthy), (Band.WATCH, health.bands.watch), (Band.AT_RISK, 0)]


def check_json(check: Check) -> dict[str, Any]:
    """A check in plain values, and whether it separates."""
    return {
        "who": str(check.who),
        "checked_on": check.day.isoformat(),
        "left_from": check.left_from.isoformat(),
        "left_until": check.left_until.isoformat(),
        "separates": check.separates,
        "bands": [asdict(line) | {"band": str(line.band) if line.band else "not_scored"} for line in check.lines],
    }


def customer_json(found: CustomerHealth) -> dict[str, Any]:
    """A customer's health in plain values: ``score`` and ``computed_band`` are the run's, ``band`` is what counts."""
    said, computed = found.override, found.computed
    return {
        "customer_id": found.customer_id,
        "run_id": found.known.run_id,
        "as_of": found.known.as_of.isoformat(),
        "score": plain(computed.score),
        "computed_band": str(computed.band) if computed.band else None,
        "known": plain(computed.known),
        "band": str(found.band) if found.band else None,
        "is_overridden": said is not None,
        "override": override_json(said, found.today) if said else None,
        "parts": [
            {
                "part": p.part.name,
                "value": p.value,
                "points": plain(p.points),
                "weight": plain(p.share),
                "adds": plain(p.adds),
                "better": str(p.part.measure.better),
                "bounds": [[float(x), float(y)] for x, y in p.part.curve.knots],
                "is_missing": p.points is None,
            }
            for p in computed.parts
        ],
        "history": [override_json(o, found.today) for o in found.history],
    }


def override_json(said: Override, today: date) -> dict[str, Any]:
    """An override in plain values, with whether it counts today."""
    told = {k: plain(v) for k, v in asdict(said).items() if k != "customer_id"}
    return told | {"band": str(said.band) if said.band else None, "state": str(said.state(today))}
