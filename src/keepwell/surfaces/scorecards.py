"""Scorecards of a workspace: which there are, and what they come to in a period, today or as it was known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from keepwell.core.clock import local_day
from keepwell.core.errors import KeepwellError, WrongUseError, unknown
from keepwell.core.periods import Grain, Period
from keepwell.core.yaml_file import YamlError
from keepwell.lake import runs
from keepwell.lake.runs import Run
from keepwell.metrics.reading import Reading
from keepwell.performance.scorecards.card import Card, Grade, Item
from keepwell.performance.scorecards.card_file import FOLDER, cards, read_card
from keepwell.performance.scorecards.scored import MEAN_OF, Scored, ScoredItem, scored
from keepwell.surfaces.answers import plain
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.stored import readings_of_run

GRAINS = (Grain.MONTH, Grain.QUARTER, Grain.YEAR)


@dataclass(frozen=True)
class Scorecards:
    """The cards that are shipped and the workspace's own (files in its folder ``scorecards``), as one person sees them."""

    workspace: Workspace

    def all(self, problems: list[YamlError] | None = None) -> dict[str, Card]:
        """Every card by name; faulty own ones are left out and noted in ``problems``."""
        return cards(self.workspace.kpis, self.workspace.place.folder / FOLDER, [] if problems is None else problems)

    def card(self, name: str) -> Card:
        """The card of that name; a faulty own file of that name tells what is wrong with it."""
        problems: list[YamlError] = []
        found = self.all(problems)
        own = self.workspace.place.folder / FOLDER / f"{name}.yaml"
        if own.is_file() and problems:
            read_card(own, self.workspace.kpis)
        if name not in found:
            raise unknown("scorecard", name, found)
        return found[name]

    def scored(
        self, name: str, period: str = "last-month", *, as_known: date | None = None, judged: Mapping[str, Decimal] | None = None
    ) -> Scored:
        """A card for a month, quarter or year, from the published run, or from the last one that was published on ``as_known`` or before."""
        card = self.card(name)
        run = self._run(as_known)
        span = self.workspace.place.calendar.parse(period, today=run.as_of if as_known else self.workspace.today)
        if span.grain not in GRAINS or ".." in span.label:
            raise WrongUseError(f"{period} is no month, quarter or year.", "Write 2026-10, 2026-Q3 or 2026.")
        at = Period(span.label, span.grain, span.start, span.end)
        return scored(card, at, self._readings(card, run, at), self.workspace.place.calendar, judged)

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
        found: Sequence[Reading]
        if self.workspace.scope.is_whole:
            found = readings_of_run(self.workspace.lake, run, period.grain, None, calendar)
        else:
            found = list(self.workspace.kpi(*card.kpis, period=f"{start}..{period.end}", grain=period.grain, run=run.run_id))
        wanted = set(card.kpis)
        made: dict[str, list[Reading]] = {}
        for reading in found:
            if reading.kpi in wanted and start <= reading.period_start <= period.start:
                made.setdefault(reading.kpi, []).append(reading)
        return made


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
    if item.curve is not None:
        knots = [[float(x), float(y)] for x, y in item.curve.knots]
        made["curve"] = {"versus": str(item.curve.versus), "better": str(item.curve.better), "points": knots}
    if item.manual is not None:
        made["manual"] = {"title": dict(item.manual.title), "most": plain(item.manual.most), "guidance": dict(item.manual.guidance)}
    return made


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
        "value": reading.value if reading else item.judged,
        "ci_low": reading.ci_low if reading else None,
        "ci_high": reading.ci_high if reading else None,
        "n": reading.n if reading else None,
        "change_previous": reading.change_previous if reading else None,
        "change_previous_is_real": reading.change_previous_is_real if reading else None,
        "baseline": item.baseline,
        "target": item.target,
        "points": item.points,
        "points_low": item.low,
        "points_high": item.high,
        "share": item.share,
        "adds": item.adds,
        "without": str(item.without) if item.without else None,
        "grade": None,
    }
