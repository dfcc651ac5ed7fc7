"""The review of a period, assembled by itself: how it stands, what moved and why, targets, customers who moved, what the models say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from keepwell.core.errors import KeepwellError
from keepwell.core.periods import JUDGED, REVIEWED, Grain, Period
from keepwell.core.settings import Locale
from keepwell.lake.runs import Run
from keepwell.metrics.explain import Explanation
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.reading import Reading
from keepwell.models.stored import ModelCard, model_cards
from keepwell.models.transitions import CAME, GONE, Transitions
from keepwell.performance.scorecards.card import Card
from keepwell.performance.scorecards.scored import Scored
from keepwell.store.db import Database
from keepwell.surfaces.changed import Moved, Movements, is_solid, movements
from keepwell.surfaces.explained import explanation_or_none
from keepwell.surfaces.meetings import Meeting, Meetings
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.scorecards import Scorecards
from keepwell.surfaces.stored import readings_of_run, real_changes_of_members
from keepwell.surfaces.targets import Checked, Targets

# what people look at first; the later ones stand in for those of which a business has no data
HEADLINES = ("revenue", "active_customers", "retention_rate", "nps", "clv_12m", "first_response_time")
INSTEAD = ("orders", "repeat_purchase_rate", "csat", "mrr", "gross_margin", "complaints", "customers", "interactions")
MOST_HEADLINES, MOST_MOVED, MOST_REASONS, PERIODS = 6, 12, 5, 13
STATES = ("tier", "lifecycle")
CARD = "company"


@dataclass(frozen=True)
class Headline:
    """A KPI that people look at first: its reading of the period, and the periods up to it, oldest first."""

    kpi: Kpi
    reading: Reading
    series: Sequence[Reading]


@dataclass(frozen=True)
class Flow:
    """Customers between two states of the period before and this one, those who stayed apart."""

    before: str
    after: str
    customers: int
    share: float


@dataclass(frozen=True)
class Moves:
    """Who moved in a state (tier, lifecycle) between two runs, most customers first."""

    state: str
    earlier: Run
    later: Run
    stayed: int
    flows: tuple[Flow, ...]


@dataclass(frozen=True)
class Review:
    """All that a review tells, as data. ``reasons`` explains movements of whole KPIs; ``readings`` are those of every KPI that has one."""

    period: Period
    run: Run
    is_open: bool
    headlines: tuple[Headline, ...]
    movements: Movements
    reasons: Mapping[str, Explanation]
    card: Scored | None
    targets: tuple[Checked, ...]
    moves: tuple[Moves, ...]
    models: Mapping[Locale, tuple[ModelCard, ...]]  # the same in each language
    kpis: Mapping[str, Kpi]
    readings: tuple[tuple[Kpi, Reading], ...]
    meeting: Meeting  # what people wrote down
    is_latest: bool  # of its length: targets are told there only

    @property
    def shown(self) -> tuple[Moved, ...]:
        """The movements that are told one by one, the most telling first."""
        return self.movements.found[:MOST_MOVED]


@dataclass(frozen=True)
class Reviews:
    """Reviews of a workspace, of the customers whom the reader sees."""

    workspace: Workspace
    store: Database

    def review(self, period: str = "last-month", card: str = CARD) -> Review:
        """The review of a week, month, quarter or year from the published run. Unknown names and malformed periods are errors.

        What cards ask of a period is meant for months and longer ones: the review of a week has none.
        """
        at = self.workspace.place.calendar.one(period, today=self.workspace.today, grains=REVIEWED)
        cards = Scorecards(self.workspace, self.store)
        known, run, shown = self.workspace.kpis, cards.run, cards.card(card)
        scored = cards.scored(card, at.label) if at.grain in JUDGED else None
        series = self._series(run, at, shown)
        of_period = [found[-1] for found in series.values() if found[-1].period_start == at.start]
        found = movements(known, of_period, self._members(run, at))
        readings = tuple(sorted(((known[r.kpi], r) for r in of_period if r.value is not None), key=lambda p: (p[0].theme, p[0].name)))
        if not readings:
            raise KeepwellError(f"There are no readings of {at.label}.", "Choose another period, or run `keepwell refresh`.")
        has_models, is_latest = "model_reports" in run.results, self._is_latest(at, run)
        return Review(
            at,
            run,
            at.end > run.as_of,
            self._headlines(known, series, at),
            found,
            self._reasons(run, at, [m for m in found.found[:MOST_MOVED] if m.reading.dimension is None][:MOST_REASONS]),
            scored if scored is not None and scored.total is not None else None,
            tuple(Targets(self.workspace, self.store).all()) if is_latest else (),
            tuple(m for state in STATES if (m := self._moves_or_none(state, at)) is not None),
            {language: tuple(model_cards(self.workspace.lake, language, run.run_id)) for language in Locale} if has_models else {},
            known,
            readings,
            Meetings(self.workspace, self.store).meeting(at),
            is_latest,
        )

    def _series(self, run: Run, at: Period, card: Card) -> dict[str, list[Reading]]:
        """Readings up to the period by KPI of the catalogue, oldest first.

        The run wrote down the company's of months and longer periods. Of weeks, and of a reader who sees a part, those are computed of which a review
        shows the way here; of a week the others too, for themselves.
        """
        known = self.workspace.kpis
        is_stored = self.workspace.scope.is_whole and at.grain in JUDGED
        names = [n for n in dict.fromkeys((*HEADLINES, *INSTEAD, *card.kpis)) if n in known]
        found: list[Reading] = []
        if is_stored:
            found = readings_of_run(self.workspace.lake, run, at.grain, None, self.workspace.place.calendar)
        else:
            found += self.workspace.kpi(*names, period=f"{self._first(at).start}..{at.end}", grain=at.grain, run=run.run_id)
        if at.grain not in JUDGED and self.workspace.scope.is_whole:
            found += self.workspace.kpi(*(n for n in known if n not in names), period=at.label, run=run.run_id)
        made: dict[str, list[Reading]] = {}
        for r in found:
            if r.period_start <= at.start and r.kpi in known:
                made.setdefault(r.kpi, []).append(r)
        return made

    def _is_latest(self, at: Period, run: Run) -> bool:
        """Whether no later period of its length is over by the run: targets stand as they do by it, and say nothing of what lies longer ago."""
        return self.workspace.place.calendar.containing(at.grain, at.end + timedelta(days=1)).end > run.as_of

    def _first(self, at: Period) -> Period:
        """The first period of a trend up to that one."""
        first = at
        for _ in range(PERIODS - 1):
            first = self.workspace.place.calendar.previous_or_none(first) or first
        return first

    def _members(self, run: Run, at: Period) -> Sequence[Reading]:
        if at.grain is not Grain.MONTH or not self.workspace.scope.is_whole:
            return ()
        return real_changes_of_members(self.workspace.lake, run, at)

    @staticmethod
    def _headlines(known: Mapping[str, Kpi], series: Mapping[str, Sequence[Reading]], at: Period) -> tuple[Headline, ...]:
        made: list[Headline] = []
        for name in (*HEADLINES, *INSTEAD):
            found = series.get(name, ())
            if found and found[-1].period_start == at.start and is_solid(found[-1]) and len(made) < MOST_HEADLINES:
                made.append(Headline(known[name], found[-1], tuple(found[-PERIODS:])))
        return tuple(made)

    def _reasons(self, run: Run, at: Period, moved: Sequence[Moved]) -> dict[str, Explanation]:
        before = self.workspace.place.calendar.previous_or_none(at)
        made: dict[str, Explanation] = {}
        for m in moved if before is not None else ():
            kpi = m.kpi
            is_written = before is not None and self.workspace.scope.is_whole
            written = explanation_or_none(self.workspace.lake, run, kpi, at.label, before.label) if before and is_written else None
            made[kpi.name] = written or self.workspace.at(run).explain(kpi.name, period=at.label).explanation
        return made

    def _moves_or_none(self, state: str, at: Period) -> Moves | None:
        """From the last run that looks from before the period to the last one that looks from its end or earlier; None where there are not both."""
        try:
            found = self.workspace.transitions(state, since=at.start - timedelta(days=1), until=at.end).transitions
        except KeepwellError:
            return None
        return moves_of(found)


def moves_of(found: Transitions) -> Moves:
    """Transitions without those who stayed, the largest first."""
    flows = sorted(
        (Flow(m.before, m.after, m.customers, m.share) for m in found.moves if m.before != m.after and {m.before, m.after} != {CAME, GONE}),
        key=lambda f: -f.customers,
    )
    stayed = sum(m.customers for m in found.moves if m.before == m.after)
    return Moves(found.state, found.earlier, found.later, stayed, tuple(flows))


def worsened(found: Review) -> list[Moved]:
    """Movements for the worse, the most telling first."""
    return [m for m in found.shown if m.is_better is False]
