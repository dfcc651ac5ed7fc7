"""Answers with what may drive them: the other questions of the same filled-in survey, and how long the customer waited before."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from keepwell.engine.sql import Steps, literal
from keepwell.metrics.fact import facts
from keepwell.metrics.session import Session
from keepwell.models.btyd.summary import Floats, Ints
from keepwell.models.comments.stored import numbered

TICKET_DAYS = 90  # before an answer that names no ticket: tickets of the same customer opened within
MICROSECONDS_PER_HOUR = 3_600_000_000


@dataclass(frozen=True)
class Answers:
    """One place an answer to a question of the metric, ordered by its filled-in survey; ``points`` from 0, worst, to 100, best."""

    response_id: pa.Array
    customer: Ints
    points: Floats
    answered_on: Ints  # days since 1970

    def some(self, rows: Ints) -> "Answers":
        """Those at ``rows``."""
        return Answers(self.response_id.take(pa.array(rows)), self.customer[rows], self.points[rows], self.answered_on[rows])


@dataclass(frozen=True)
class Wait:
    """A wait beside each answer, not a number where there was none: its column, and 1 or 0 as it was in time or not."""

    name: str
    value: Floats
    in_time: Floats


def answers_of(session: Session, metric: str) -> Answers:
    """Customers' answers to the metric's question, one a filled-in survey, as of the session's day."""
    steps = _answers(session).then(
        "mine",
        "select response_id, customer_id, cast(points as DOUBLE) as points, answered_on,\n"
        "  row_number() over (partition by response_id order by question_id) as place\n"
        f"from answers where is_answered and points is not null and metric = {literal(metric)} and not is_of_employee",
    )
    query = (
        "select response_id, customer_id, points, cast(datediff('day', DATE '1970-01-01', answered_on) as BIGINT) as answered_on\n"
        "from mine where place = 1 order by response_id"
    )
    found = session.engine.arrow(steps.then("answered", query))
    return Answers(
        response_id=found.column("response_id").combine_chunks(),
        customer=numbered(found.column("customer_id")),
        points=_numbers(found, "points"),
        answered_on=np.asarray(found.column("answered_on").to_numpy(), dtype=np.int64),
    )


def questions_of(session: Session, metric: str, answers: Answers) -> dict[str, Floats]:
    """Points of every question of another metric beside each answer, by name, the most often answered first.

    A question that several surveys put is one if it has the same id and metric in all.
    """
    steps = _answers(session).then(
        "others",
        "select response_id, question_id, cast(sum(points) as DOUBLE) / count(points) as points from answers\n"
        f"where is_answered and points is not null and metric <> {literal(metric)} and not is_of_employee group by response_id, question_id",
    )
    query = "select response_id, question_id, cast(points as DOUBLE) as points from others order by question_id, response_id"
    found = session.engine.arrow(steps.then("asked", query))
    at = pc.index_in(found.column("response_id"), answers.response_id).to_numpy(zero_copy_only=False).astype(float)
    asked, points = np.array(found.column("question_id").to_pylist(), dtype=object), _numbers(found, "points")
    columns: dict[str, Floats] = {}
    for name in sorted(set(asked.tolist())):
        mine = (asked == name) & np.isfinite(at)
        column = np.full(len(answers.points), np.nan)
        column[at[mine].astype(np.int64)] = points[mine]
        columns[str(name)] = column
    return dict(sorted(columns.items(), key=lambda c: (-int(np.isfinite(c[1]).sum()), c[0])))


def waits_of(session: Session, metric: str, answers: Answers) -> list[Wait]:
    """Hours until the first response and until the solution (logarithms), and whether a promise was broken, as known when answering.

    Of the ticket that the survey asked about, else the mean of the customer's tickets of the last 90 days.
    """
    if not session.tables.rows("tickets"):
        return []
    session.make_ready("tickets")
    columns = "t.ticket_id, t.opened_at, t.first_response_at, t.resolved_at, t.first_response_due_at, t.resolution_due_at"
    steps = (
        _answers(session)
        .then(
            "asked",
            f"select distinct response_id, customer_id, ticket_id, answered_on, answered_at from answers where metric = {literal(metric)}",
        )
        .then("of_ticket", f"select a.response_id, a.answered_at, {columns} from asked as a join tickets as t on t.ticket_id = a.ticket_id")
        .then(
            "of_customer",
            f"select a.response_id, a.answered_at, {columns} from asked as a join tickets as t on t.customer_id = a.customer_id\n"
            f"where a.ticket_id is null and t.opened_at < a.answered_at and datediff('day', t.opened_on, a.answered_on) <= {TICKET_DAYS}",
        )
        .then("beside", "select * from of_ticket union all select * from of_customer")
    )
    found = session.engine.arrow(steps.then("waits", "select * from beside order by response_id, ticket_id"))
    at = pc.index_in(found.column("response_id"), answers.response_id).to_numpy(zero_copy_only=False).astype(float)
    kept = np.flatnonzero(np.isfinite(at))
    place = at[kept].astype(np.int64)
    answered, opened, responded, resolved, response_due, resolution_due = (
        _instants(found, n)[kept]
        for n in ("answered_at", "opened_at", "first_response_at", "resolved_at", "first_response_due_at", "resolution_due_at")
    )
    # what came after the answer can't have driven it
    responded, resolved = (np.where(i < answered, i, np.nan) for i in (responded, resolved))
    size = len(answers.points)
    is_late = _is_late(resolved, resolution_due, answered)
    return [
        Wait("first_response", _mean_hours(responded - opened, place, size), 1 - _mean(_is_late(responded, response_due, answered), place, size)),
        Wait("resolution", _mean_hours(resolved - opened, place, size), 1 - _mean(is_late, place, size)),
        Wait("missed_deadline", _most(is_late, place, size), 1 - _most(is_late, place, size)),
    ]  # fmt: skip


def topics_of(said: pa.Table, answers: Answers, names: Sequence[str]) -> dict[str, tuple[Floats, Floats]]:
    """Of each topic whether an answer speaks of it (1, 0), and how its comments sound there (else not a number)."""
    at = pc.index_in(said.column("response_id"), answers.response_id).to_numpy(zero_copy_only=False).astype(float)
    topic, sentiment = np.array(said.column("topic").to_pylist(), dtype=object), said.column("sentiment").to_numpy()
    found: dict[str, tuple[Floats, Floats]] = {}
    for name in names:
        mine = np.flatnonzero((topic == name) & np.isfinite(at))
        place = at[mine].astype(np.int64)
        speaks = np.zeros(len(answers.points))
        speaks[place] = 1.0
        found[name] = speaks, _mean(sentiment[mine], place, len(speaks))
    return found


def _answers(session: Session) -> Steps:
    return Steps().then("answers", session.query_of(facts()["answers"], "answered_on"))


def _numbers(found: pa.Table, name: str) -> Floats:
    return np.asarray(found.column(name).to_numpy(zero_copy_only=False), dtype=float)


def _instants(found: pa.Table, name: str) -> Floats:
    """Microseconds since 1970, which a floating number holds exactly."""
    return np.asarray(found.column(name).cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=float)


def _is_late(done: Floats, due: Floats, answered: Floats) -> Floats:
    """1 where it was done after the promise or not yet though the promise was over, 0 where in time, else not known."""
    is_late = np.where(np.isfinite(done), done > due, answered > due).astype(float)
    is_known = np.isfinite(due) & (np.isfinite(done) | (answered > due))
    return np.where(is_known, is_late, np.nan)


def _mean(values: Floats, place: Ints, size: int) -> Floats:
    known = np.isfinite(values)
    count = np.bincount(place[known], minlength=size)
    total = np.bincount(place[known], values[known], minlength=size)
    found: Floats = np.divide(total, count, out=np.full(size, np.nan), where=count > 0)
    return found


def _most(values: Floats, place: Ints, size: int) -> Floats:
    mean = _mean(values, place, size)
    return np.where(np.isfinite(mean), (mean > 0).astype(float), np.nan)


def _mean_hours(length: Floats, place: Ints, size: int) -> Floats:
    """log(1 + hours): the tenth hour matters less than the first."""
    found: Floats = np.log1p(np.maximum(_mean(length, place, size), 0) / MICROSECONDS_PER_HOUR)
    return found
