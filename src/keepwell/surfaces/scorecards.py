"""Scorecards of a workspace: which there are, and what they come to in a period, today or as it was known."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from keepwell.access.audit import Actor
from keepwell.core.clock import local_day
from keepwell.core.errors import KeepwellError, WrongUseError, did_you_mean, unknown
from keepwell.core.periods import Grain, Period, Span
from keepwell.core.yaml_file import YamlError
from keepwell.lake import runs
from keepwell.lake.runs import Run
from keepwell.metrics.cut import NO_MEMBER
from keepwell.metrics.reading import Reading
from keepwell.performance.scorecards import published
from keepwell.performance.scorecards.card import Card, Grade, Item, item_name
from keepwell.performance.scorecards.card_file import FOLDER, cards, read_card
from keepwell.performance.scorecards.fields import is_manageable
from keepwell.performance.scorecards.published import NewCard, PublishedCard, Restated
from keepwell.performance.scorecards.scored import MEAN_OF, Given, Scored, ScoredItem, scored
from keepwell.performance.targets.service import targets
from keepwell.performance.targets.standing import expected_of
from keepwell.store.db import Database
from keepwell.surfaces.answers import plain
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.stored import readings_of_run


class Keep(Protocol):
    """Whoever keeps readings that do not change as long as the run does not, for those who see the same rows."""

    def __call__(self, key: tuple[Hashable, ...], find: Callable[[], list[Reading]], /) -> list[Reading]:
        """What is kept under the key, else what ``find`` gives."""


def _anew(_: tuple[Hashable, ...], find: Callable[[], list[Reading]]) -> list[Reading]:
    return find()


@dataclass(frozen=True)
class Scorecards:
    """The cards that are shipped and the workspace's own (files in its folder ``scorecards``), as one person sees them."""

    workspace: Workspace
    store: Database | None = None  # without it there are no targets, and nothing can be published
    keep: Keep = _anew

    def all(self, problems: list[YamlError] | None = None) -> dict[str, Card]:
        """Every card by name; faulty own ones are left out and noted in ``problems``."""
        return cards(self.workspace.kpis, self.folder, [] if problems is None else problems)

    def card(self, name: str) -> Card:
        """The card of that name; a faulty own file of that name tells what is wrong with it."""
        problems: list[YamlError] = []
        found = self.all(problems)
        own = self.folder / f"{name}.yaml"
        if own.is_file() and problems:
            read_card(own, self.workspace.kpis)
        if name not in found:
            raise unknown("scorecard", name, found)
        return found[name]

    @property
    def folder(self) -> Path:
        """Where the workspace's own cards are."""
        return self.workspace.place.folder / FOLDER

    def scored(
        self, name: str, period: str = "last-month", *, as_known: date | None = None, judged: Mapping[str, Decimal] | None = None
    ) -> Scored:
        """A card for a month, quarter or year, from the published run, or from the last one that was published on ``as_known`` or before.

        Targets of the company take the place of the card's, as they stand, or stood at the end of that day.
        """
        return self.score(self.card(name), period, as_known=as_known, judged=judged)

    def score(
        self, card: Card, period: str = "last-month", *, as_known: date | None = None, judged: Mapping[str, Decimal] | None = None
    ) -> Scored:
        """The same of a card that need not be saved."""
        run = self._run(as_known)
        at = self._period(period, run.as_of if as_known else self.workspace.today)
        readings = self._readings(card, run, at)
        card = card.with_members(_members(card, readings, at))
        given = Given(_checked_marks(card, judged or {}), self._aims(card, at, as_known))
        return scored(card, at, readings, self.workspace.place.calendar, given)

    @property
    def run(self) -> Run:
        """The run that cards of today rest on."""
        return self._run(None)

    def publish(
        self, at: datetime, actor: Actor, name: str, period: str, judged: Mapping[str, Decimal] | None = None, note: str | None = None
    ) -> PublishedCard:
        """Keep the card of a period that is over, as it is today, for good. It tells of the whole: who sees a part publishes none."""
        self.check_whole()
        found, run = self.scored(name, period, judged=judged), self._run(None)
        if found.period.end >= self.workspace.today:
            raise WrongUseError(f"{found.period.label} is not over yet.", "Publish it once all its readings are there.")
        if all(i.points is None for i in found.items):
            raise WrongUseError(f"There are no readings of {found.period.label}.", "Choose another period, or run `keepwell refresh`.")
        awaited = [i.item.name for i in found.items if i.reading is not None and i.reading.is_open]
        if awaited:
            raise WrongUseError(
                f"The run of {run.as_of} still awaits readings of {found.period.label}: {', '.join(awaited)}.", "Refresh, then publish."
            )
        marks = {item: f"{mark:f}" for item, mark in (judged or {}).items()}
        new = NewCard(
            name, found.card.version, found.period.label, found.period.start, run.run_id, card_json(found.card), marks, rows_of(found), note
        )
        with self._store().transaction() as session:
            return published.publish(session, at, actor, new)

    def published(self, name: str | None = None) -> list[PublishedCard]:
        """Cards as they were published, the latest period first. Who sees a part of the customers sees none: they tell of the whole."""
        if not self.workspace.scope.is_whole:
            return []
        with self._store().transaction(writes=False) as session:
            return published.published(session, name)

    def restated(self, name: str, period: str) -> tuple[PublishedCard, list[Restated]]:
        """A published card, and what comes to something else today: readings that were corrected, targets, weights or curves that changed."""
        at = self._period(period, self.workspace.today)
        if not self.workspace.scope.is_whole:
            raise unknown("published scorecard", f"{name} {at.label}", ())
        with self._store().transaction(writes=False) as session:
            before = published.published_card(session, name, at.label)
        return before, published.restated(before.card.rows, self._rows_today(before))

    def _rows_today(self, before: PublishedCard) -> list[dict[str, Any]]:
        """What the card comes to today with the marks that it was published with, as far as it still has such items; nothing where it is gone."""
        known = self.all().get(before.card.name)
        if known is None:
            return []
        given = {i.name: (Decimal(before.card.marks[i.name]), i.manual) for _, i in known.items if i.name in before.card.marks}
        marks = {item: mark for item, (mark, manual) in given.items() if manual is not None and mark <= manual.most}
        return rows_of(self.score(known, before.card.period, judged=marks))

    def check_whole(self) -> None:
        """Raises for who sees a part of the customers: cards are defined and published for everybody."""
        self.workspace.scope.check_whole()

    def _store(self) -> Database:
        if self.store is None:
            raise ValueError("published cards need the store")
        return self.store

    def _period(self, period: str, today: date) -> Period:
        return self.workspace.place.calendar.one(period, today=today)

    def _aims(self, card: Card, period: Period, as_known: date | None) -> dict[str, Decimal]:
        """What targets expect of the period, by item; where several do, the one whose deadline is next."""
        if self.store is None or not self.workspace.scope.is_whole:
            return {}
        place = self.workspace.place
        at = place.calendar.instants(Span("", Grain.DAY, as_known, as_known))[1] if as_known else self.workspace.clock.now()
        with self.store.transaction(writes=False) as session:
            found = targets(session, with_ended=as_known is not None)
        made: dict[str, Decimal] = {}
        names = {i.name for _, i in card.items}
        for target in found:
            version, name = target.as_known(at), item_name(target.aim.kpi, target.aim.slice.dimension, target.aim.slice.member)
            expected = expected_of(version, period, place.calendar) if version is not None and name in names else None
            if expected is not None:
                made.setdefault(name, expected)
        return made

    def _run(self, as_known: date | None) -> Run:
        if as_known is None:
            found = self.workspace.known_by or runs.published_or_none(self.workspace.lake)
            if found is None:
                raise KeepwellError("Nothing has been computed yet.", "Run `keepwell refresh`.")
            return found
        zone = self.workspace.place.settings.timezone
        known = [r for r in runs.all_runs(self.workspace.lake) if local_day(r.finished_at, zone) <= as_known]
        if not known:
            raise KeepwellError(f"Nothing was known on {as_known}: no run had finished by then.", "`keepwell runs` lists them.")
        return known[-1]

    def _readings(self, card: Card, run: Run, period: Period) -> dict[str, list[Reading]]:
        calendar, first = self.workspace.place.calendar, period
        for _ in range(MEAN_OF):
            first = calendar.previous_or_none(first) or first
        year_ago = calendar.same_last_year_or_none(period)
        start = min(first.start, year_ago.start) if year_ago else first.start
        made: dict[str, list[Reading]] = {}
        for by in dict.fromkeys(i.by for _, i in card.items if i.kpi is not None):
            wanted = {i.kpi for _, i in card.items if i.kpi is not None and i.by == by}
            for reading in self._of(wanted, run, period.grain, by, Span("", Grain.DAY, start, period.end)):
                made.setdefault(item_name(reading.kpi, by, reading.member if by else None), []).append(reading)
        return made

    def _of(self, wanted: set[str], run: Run, grain: Grain, by: str | None, span: Span) -> list[Reading]:
        """What the run wrote down, and, computed from its versions, what it did not: parts of quarters and years, dimensions that it left out."""
        found: list[Reading] = []
        lake, calendar = self.workspace.lake, self.workspace.place.calendar
        if self.workspace.scope.is_whole:
            stored = self.keep(("card", run.run_id, grain, by), lambda: readings_of_run(lake, run, grain, by, calendar))
            found = [r for r in stored if r.kpi in wanted and span.start <= r.period_start <= span.end]
        left = sorted(wanted - {r.kpi for r in found}) if by is not None or not self.workspace.scope.is_whole else []
        if left:
            period, known = f"{span.start}..{span.end}", tuple(self.workspace.kpis[k].definition_hash for k in left)
            found += self.keep(
                ("card", run.run_id, grain, by, period, *left, *known),
                lambda: list(self.workspace.kpi(*left, period=period, grain=grain, by=by, run=run.run_id)),
            )
        return found


def _members(card: Card, readings: Mapping[str, Sequence[Reading]], period: Period) -> dict[str, list[str]]:
    """Of each item about every member those that had something to read in the period, by the item's name."""
    made: dict[str, list[str]] = {}
    for _, item in card.items:
        if item.is_each:
            here = (
                r for name, found in readings.items() if name.startswith(f"{item.name}=") for r in found if r.period_start == period.start
            )
            made[item.name] = sorted(r.member for r in here if r.member not in {None, NO_MEMBER} and r.n)
    return made


def _checked_marks(card: Card, judged: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    manual = {i.name: i.manual.most for _, i in card.items if i.manual is not None}
    for item, mark in judged.items():
        if item not in manual:
            raise WrongUseError(f"{card.name} has no item {item!r} that is judged.", did_you_mean(item, manual) or "It has none.")
        if not is_manageable(mark) or not 0 <= mark <= manual[item]:
            raise WrongUseError(f"{mark} is no mark of {item}.", f"Give 0 to {manual[item]}.")
    return judged


def card_json(card: Card) -> dict[str, Any]:
    """A card's definition as JSON."""
    return {
        "name": card.name,
        "title": dict(card.title),
        "meaning": dict(card.meaning),
        "version": card.version,
        "missing": str(card.missing),
        "least_known": plain(card.least_known),
        "grades": {str(g): plain(getattr(card.grades, g)) for g in (Grade.EXCELLENT, Grade.GOOD, Grade.FAIR)},
        "perspectives": [
            {"name": p.name, "title": dict(p.title), "weight": plain(p.weight), "items": [_item_json(i) for i in p.items]}
            for p in card.perspectives
        ],
    }


def _item_json(item: Item) -> dict[str, Any]:
    made: dict[str, Any] = {"item": item.name, "weight": plain(item.weight), "curve": None, "manual": None}
    made |= {"kpi": item.kpi, "by": item.by, "member": item.member}
    if item.curve is not None:
        knots = [[float(x), float(y)] for x, y in item.curve.knots]
        made["curve"] = {"versus": str(item.curve.versus), "better": str(item.curve.better), "points": knots}
    if item.manual is not None:
        made["manual"] = {"title": dict(item.manual.title), "most": plain(item.manual.most), "guidance": dict(item.manual.guidance)}
    return made


def published_json(found: PublishedCard) -> dict[str, Any]:
    """A published card in plain values."""
    card = found.card
    return {
        "card_id": found.card_id,
        "name": card.name,
        "version": card.version,
        "period": card.period,
        "run_id": card.run_id,
        "published_at": found.published_at.isoformat(),
        "published_by": found.published_by,
        "note": card.note,
        "marks": dict(card.marks),
        "rows": [dict(r) for r in card.rows],
        "definition": dict(card.definition),
    }


def rows_of(found: Scored) -> list[dict[str, Any]]:
    """A scored card as rows: one an item, and a last one, ``total``."""
    rows = [_row(i) for i in found.items]
    rows.append(
        {
            **dict.fromkeys(rows[0]),
            "item": "total",
            "points": found.total,
            "points_low": found.low,
            "points_high": found.high,
            "share": found.known,
            "adds": found.total,
            "grade": str(found.grade) if found.grade else None,
        }
    )
    return [{name: plain(value) for name, value in row.items()} for row in rows]


def _row(item: ScoredItem) -> dict[str, Any]:
    reading = item.reading
    return {
        "perspective": item.perspective,
        "item": item.item.name,
        "is_manual": item.item.manual is not None,
        "kpi": item.item.kpi,
        "by": item.item.by,
        "member": item.item.member,
        "value": reading.value if reading else item.judged,
        "ci_low": reading.ci_low if reading else None,
        "ci_high": reading.ci_high if reading else None,
        "n": reading.n if reading else None,
        "change_previous": reading.change_previous if reading else None,
        "change_previous_is_real": reading.change_previous_is_real if reading else None,
        "baseline": item.baseline,
        "target": item.target,
        "is_aimed": item.is_aimed,
        "points": item.points,
        "points_low": item.low,
        "points_high": item.high,
        "share": item.share,
        "adds": item.adds,
        "without": str(item.without) if item.without else None,
        "grade": None,
    }
