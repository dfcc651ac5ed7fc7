"""Appraisals as all surfaces tell of them: opened from the published run, seen by whom they concern, told so that no rater is found out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property

from keepwell.access.audit import Actor, noted
from keepwell.access.roles import Rows
from keepwell.access.scope import Scope, reach_of
from keepwell.access.users import User, user_of, users
from keepwell.core.errors import UnknownError, WrongUseError, unknown
from keepwell.core.periods import Period
from keepwell.core.yaml_file import YamlError
from keepwell.engine.sql import literal
from keepwell.lake import runs
from keepwell.metrics.kpi import kpi
from keepwell.performance.appraisals import asked, development, rounds, steps
from keepwell.performance.appraisals.appraisal import Appraisal, Round, StepKind
from keepwell.performance.appraisals.asked import Asked
from keepwell.performance.appraisals.development import Entry, EntryKind
from keepwell.performance.appraisals.outcome import Marks, Total, outcome, ranks
from keepwell.performance.appraisals.plan import Kind, Plan, RaterKind
from keepwell.performance.appraisals.plan_file import FOLDER, plans, read_plan
from keepwell.performance.appraisals.steps import Judged
from keepwell.performance.scorecards.scored import Scored
from keepwell.store.db import Database
from keepwell.surfaces.answers import Behind
from keepwell.surfaces.appraisal_sight import MACHINE, Listed, Relation, Shown, ShownRound, Simulated, Viewer, told_state, viewer_of
from keepwell.surfaces.freezing import Chosen, freezing
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.stored import check_same_definitions

EVERYBODY = Chosen()
LEAST_PEERS = 5  # results, below which a distribution would tell whose they are
BANDS = 10  # of a distribution, each of ten points


@dataclass(frozen=True)
class Rounds:
    """The appraisals of a workspace as ``viewer`` sees them: the own, those of people below, or all."""

    workspace: Workspace
    store: Database
    viewer: Viewer = MACHINE

    # ------------------------------------------------------------------ plans and rounds

    def plans(self, problems: list[YamlError] | None = None) -> dict[str, Plan]:
        """Every plan by name; faulty own ones are left out and noted in ``problems``."""
        return plans(self.workspace.kpis, self.workspace.place.folder / FOLDER, [] if problems is None else problems)

    def plan(self, name: str) -> Plan:
        """The plan of that name; a faulty own file of that name tells what is wrong with it."""
        problems: list[YamlError] = []
        found = self.plans(problems)
        own = self.workspace.place.folder / FOLDER / f"{name}.yaml"
        if own.is_file() and problems:
            read_plan(own, self.workspace.kpis)
        if name not in found:
            raise unknown("appraisal plan", name, found)
        return found[name]

    def open(self, at: datetime, actor: Actor, plan: str, period: str, chosen: Chosen = EVERYBODY) -> ShownRound:
        """Open a round of a month, quarter or year that is over: definition and readings are kept as they are now."""
        self._check_keeper()
        run = self.workspace.known_by or runs.published_or_none(self.workspace.lake)
        new = freezing(self.workspace, run, self.plan(plan), self._period(period)).new_round(chosen)
        with self.store.transaction() as session:
            found = rounds.open_round(session, at, actor, new)
        return self.round(found.round_id)

    def withdraw(self, at: datetime, actor: Actor, round_id: str, because: str) -> Round:
        """It counts no more."""
        self._check_keeper()
        with self.store.transaction() as session:
            return rounds.withdraw_round(session, at, actor, round_id, because)

    def publish(self, at: datetime, actor: Actor, round_id: str) -> ShownRound:
        """Tell everybody's result."""
        self._check_keeper()
        with self.store.transaction() as session:
            rounds.publish_round(session, at, actor, round_id, self.workspace.place.calendar)
        return self.round(round_id)

    def all(self, *, with_withdrawn: bool = False) -> list[Listed]:
        """Every round in which this person sees somebody, the latest period first."""
        with self.store.transaction(writes=False) as session:
            found = [
                (r, rounds.appraisals(session, r.round_id))
                for r in rounds.rounds(session, with_withdrawn=with_withdrawn and self.viewer.is_keeper)
            ]
        made = []
        for r, listed in found:
            related = [(a, self.relation_or_none(a)) for a in listed]
            made.append(Listed(r, len(listed), [told_state(a, relation) for a, relation in related if relation is not None]))
        return [r for r in made if r.states]

    def round(self, round_id: str) -> ShownRound:
        """That round; one in which this person sees nobody is as unknown as one that is not there."""
        with self.store.transaction(writes=False) as session:
            found = self._shown_round(rounds.round_of(session, round_id), rounds.appraisals(session, round_id))
        if not found.shown:
            raise unknown("appraisal round", round_id, ())
        return found

    def simulated(self, round_id: str, weights: Mapping[str, Decimal]) -> list[Simulated]:
        """What totals, grades and ranks would be with other weights; nothing is changed."""
        self._check_keeper()
        with self.store.transaction(writes=False) as session:
            found = rounds.appraisals(session, round_id)
        calendar = self.workspace.place.calendar
        before = {a.appraisal_id: a.outcome(calendar) for a in found}
        after = {a.appraisal_id: a.outcome(calendar, weights) for a in found}
        ranked, anew = _ranks(before), _ranks(after)
        return [
            Simulated(a, before[key], after[key], ranked[key], anew[key])
            for a in found
            if self.relation_or_none(a) is not Relation.SELF
            for key in (a.appraisal_id,)
        ]

    def note_export(self, at: datetime, actor: Actor, round_id: str) -> None:
        """Write to the audit that a round was taken along."""
        with self.store.transaction() as session:
            noted(session, at, actor, "exported", "appraisal round", round_id)

    # ------------------------------------------------------------------ one appraisal

    def one(self, appraisal_id: str) -> Shown:
        """That appraisal as this person sees it; one that is hidden is as unknown as one that is not there."""
        found, _ = self._known(appraisal_id)
        return next(s for s in self.round(found.round.round_id).shown if s.appraisal.appraisal_id == appraisal_id)

    def self_assess(self, at: datetime, actor: Actor, appraisal_id: str, given: Judged) -> Shown:
        """What the person gives the own work."""
        self._check(appraisal_id, Relation.SELF, on_machine=True)
        with self.store.transaction() as session:
            steps.self_assess(session, at, actor, appraisal_id, given)
        return self.one(appraisal_id)

    def assess(self, at: datetime, actor: Actor, appraisal_id: str, given: Judged) -> Shown:
        """The assessor's judgement; the first one ends the asking of raters."""
        self._check(appraisal_id, Relation.ABOVE, Relation.KEEPER)
        with self.store.transaction() as session:
            steps.assess(session, at, actor, appraisal_id, given)
        return self.one(appraisal_id)

    def approve(self, at: datetime, actor: Actor, appraisal_id: str, words: str | None = None) -> Shown:
        """Agree to what somebody else assessed."""
        self._check(appraisal_id, Relation.ABOVE, Relation.KEEPER)
        with self.store.transaction() as session:
            steps.approve(session, at, actor, appraisal_id, words)
        return self.one(appraisal_id)

    def send_back(self, at: datetime, actor: Actor, appraisal_id: str, because: str) -> Shown:
        """It is to be assessed anew."""
        self._check(appraisal_id, Relation.ABOVE, Relation.KEEPER)
        with self.store.transaction() as session:
            steps.send_back(session, at, actor, appraisal_id, because)
        return self.one(appraisal_id)

    def appeal(self, at: datetime, actor: Actor, appraisal_id: str, because: str) -> Shown:
        """Disagree with the own result."""
        self._check(appraisal_id, Relation.SELF, on_machine=True)
        with self.store.transaction() as session:
            steps.appeal(session, at, actor, appraisal_id, because)
        return self.one(appraisal_id)

    def answer(self, at: datetime, actor: Actor, appraisal_id: str, words: str, given: Judged | None = None) -> Shown:
        """Answer an appeal, with other marks where it was right."""
        self._check(appraisal_id, Relation.ABOVE, Relation.KEEPER)
        with self.store.transaction() as session:
            steps.answer(session, at, actor, appraisal_id, words, self.workspace.place.calendar, given)
        return self.one(appraisal_id)

    # ------------------------------------------------------------------ raters

    def ask(self, at: datetime, actor: Actor, appraisal_id: str, rater: str, kind: RaterKind) -> list[Asked]:
        """Ask a user (by id) or a customer (by any name) about somebody.

        Nobody is asked about the own work. Who sees what raters said is not asked either: the own answer taken off would tell the others'.
        """
        found = self._check(appraisal_id, Relation.ABOVE, Relation.KEEPER)
        with self.store.transaction() as session:
            name = rater
            if kind is not RaterKind.CUSTOMER:
                user = user_of(session, rater)
                name = user.user_id
                relation = self._relation_of(user, found)
                if relation is Relation.SELF:
                    raise WrongUseError("Nobody is asked about the own work.", "That is what the self-assessment is for.")
                if relation is not None:
                    raise WrongUseError(
                        f"{user.name} sees what raters say of {found.name}, and so is not asked.",
                        "Who is above, and who keeps the appraisals, assesses or approves instead.",
                    )
            return asked.ask(session, at, actor, appraisal_id, name, kind)

    def may_be_asked(self, appraisal_id: str) -> list[User]:
        """Users whom :meth:`ask` takes as colleagues."""
        found = self._check(appraisal_id, Relation.ABOVE, Relation.KEEPER)
        with self.store.transaction(writes=False) as session:
            known = users(session)
        return [u for u in known if u.is_active and self._relation_of(u, found) is None]

    def asked(self, appraisal_id: str) -> list[Asked]:
        """Who is asked; to the person it is not told."""
        if self._known(appraisal_id)[1] is Relation.SELF:
            return []
        with self.store.transaction(writes=False) as session:
            return asked.asked(session, appraisal_id)

    def to_rate(self) -> list[tuple[Appraisal, RaterKind]]:
        """About whom this person is asked and has not answered."""
        if self.viewer.user_id is None:
            return []
        with self.store.transaction(writes=False) as session:
            found = [(rounds.appraisal(session, key), kind) for key, kind in asked.asked_of(session, self.viewer.user_id)]
        return [(a, k) for a, k in found if a.last_or_none(StepKind.ASSESSED) is None and a.round.withdrawn_at is None]

    def rate(self, at: datetime, actor: Actor, appraisal_id: str, marks: Mapping[str, Decimal], rater: str | None = None) -> None:
        """What this person says, who was asked; or ``rater``, a customer whose answer somebody writes down."""
        if rater is not None and self.viewer.user_id is not None:
            self._check(appraisal_id, Relation.ABOVE, Relation.KEEPER)
            customers = {a.rater for a in self.asked(appraisal_id) if a.kind is RaterKind.CUSTOMER}
            if rater not in customers:
                raise WrongUseError(f"{rater} is no customer who was asked.", "Others answer for themselves.")
        if rater is None and self.viewer.user_id is None:
            raise WrongUseError("It is not told who answers.", "Name the rater: --rater.")
        with self.store.transaction() as session:
            name = self.viewer.user_id if rater is None else asked.rater_of(session, appraisal_id, rater)
            asked.rate(session, at, actor, appraisal_id, name or "", marks)

    # ------------------------------------------------------------------ development and evidence

    def entries(self, appraisal_id: str) -> list[Entry]:
        """Coaching notes and trainings, with those of earlier rounds."""
        found, _ = self._known(appraisal_id)
        with self.store.transaction(writes=False) as session:
            return development.entries(session, found)

    def add_entry(self, at: datetime, actor: Actor, appraisal_id: str, kind: EntryKind, text: str, due: date | None = None) -> list[Entry]:
        """Write a note or plan a training."""
        self._check(appraisal_id, Relation.ABOVE, Relation.KEEPER)
        with self.store.transaction() as session:
            return development.add_entry(session, at, actor, appraisal_id, kind, text, due)

    def end_training(self, at: datetime, actor: Actor, appraisal_id: str, entry_id: str) -> list[Entry]:
        """A training was done: the person says so, or who is above."""
        self._check(appraisal_id, *Relation)
        with self.store.transaction() as session:
            return development.end_training(session, at, actor, appraisal_id, entry_id)

    def evidence(self, appraisal_id: str, item: str, limit: int | None = None) -> list[Behind]:
        """The rows behind a KPI of somebody, as the round's run knew them, as far as this person sees their customers."""
        found, _ = self._known(appraisal_id)
        known = {i.name: i for i in found.round.plan.items_of(Kind.KPI)}
        if item not in known:
            raise unknown("item", item, known)
        past = runs.run(self.workspace.lake, found.round.run_id)
        check_same_definitions(past, [kpi(item, self.workspace.kpis)])
        return self.workspace.at(past).rows(item, period=found.round.period.label, where=self.filter_of(found, item), limit=limit)

    @staticmethod
    def filter_of(found: Appraisal, item: str) -> str:
        """The condition that picks the rows of a person or team."""
        by = next(i.by for i in found.round.plan.items if i.name == item)
        # a filter by a team would hold those below it too: a column that is written otherwise stands for itself
        return f"({by} || '') = {literal(found.subject)}"

    # ------------------------------------------------------------------ who may what

    @cached_property
    def _below(self) -> frozenset[str]:
        me = self.viewer.employee_id
        if me is None:
            return frozenset()
        return reach_of(self.workspace.lake, Scope(Rows.TEAM, me)).owners - {me}

    def _relation_of(self, user: User, found: Appraisal) -> Relation | None:
        return replace(self, viewer=viewer_of(user)).relation_or_none(found)

    def relation_or_none(self, found: Appraisal) -> Relation | None:
        """What the viewer is to an appraisal; None is told nothing of it."""
        me = self.viewer.employee_id
        if me is not None and me == found.answers_id:
            return Relation.SELF
        if found.answers_id is not None and found.answers_id in self._below:
            return Relation.ABOVE
        return Relation.KEEPER if self.viewer.is_keeper else None

    def _known(self, appraisal_id: str) -> tuple[Appraisal, Relation]:
        with self.store.transaction(writes=False) as session:
            found = rounds.appraisal(session, appraisal_id)
        relation = self.relation_or_none(found)
        if relation is None:
            raise unknown("appraisal", appraisal_id, ())
        return found, relation

    def _check(self, appraisal_id: str, *may: Relation, on_machine: bool = False) -> Appraisal:
        found, relation = self._known(appraisal_id)
        is_machine = on_machine and self.viewer.user_id is None
        if relation not in may and not is_machine:
            raise WrongUseError(
                f"As {relation} of {found.name} you may not do this.", "The person assesses and appeals; who is above assesses and answers."
            )
        return found

    def _check_keeper(self) -> None:
        if not self.viewer.is_keeper:
            raise UnknownError("Only who opens and publishes appraisals may do this.", "Ask the management.")

    def _period(self, period: str) -> Period:
        return self.workspace.place.calendar.one(period, today=self.workspace.today)

    def _shown_round(self, found: Round, listed: Sequence[Appraisal]) -> ShownRound:
        calendar = self.workspace.place.calendar
        scored = {a.appraisal_id: a.outcome(calendar) for a in listed}
        ranked = _ranks(scored)
        made = []
        for a in listed:
            relation = self.relation_or_none(a)
            if relation is None:
                continue
            told = a.result_or_none
            rank = told["rank"] if told else ranked[a.appraisal_id]
            is_hidden = relation is Relation.SELF and not a.is_told
            by_readings = outcome(found.plan, found.period, a.kept, Marks(), calendar)
            made.append(
                Shown(a, relation, None if is_hidden else scored[a.appraisal_id], by_readings, None if is_hidden else rank, len(listed))
            )
        return ShownRound(found, made, len(listed), _bands(listed))


def _ranks(scored: Mapping[str, Scored]) -> dict[str, int | None]:
    return ranks({key: Total(s.total, s.low, s.high) for key, s in scored.items()})


def _bands(listed: Sequence[Appraisal]) -> list[int] | None:
    totals = [a.result_or_none["total"] for a in listed if a.result_or_none and a.result_or_none["total"] is not None]
    if len(totals) < LEAST_PEERS:
        return None
    made = [0] * BANDS
    for total in totals:
        made[min(BANDS - 1, int(total // (100 / BANDS)))] += 1
    return made
