"""What customers answer, and how much less one region likes us from a certain month on."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from keepwell.demo.columns import NONE, Flags, Floats, Ints, flags, nothing, numbered, only, same, where, words
from keepwell.demo.comments import LANGUAGES, TOPICS, moods, written
from keepwell.demo.company import REGIONS
from keepwell.demo.sampling import answers, chance, picks
from keepwell.demo.scene import Scene
from keepwell.demo.service import Tickets
from keepwell.demo.surveys import RELATION, SERVICE, SURVEYS, Invitations
from keepwell.demo.timeline import Timeline

REGION = "East"
DROP_LASTS_MONTHS = 4  # the last months of the timeline
# Shares of the answers, from the lowest point of the scale to the highest.
NPS = (0.01, 0.01, 0.02, 0.02, 0.03, 0.04, 0.05, 0.14, 0.18, 0.22, 0.28)
NPS_DROPPED = (0.04, 0.03, 0.04, 0.05, 0.06, 0.08, 0.08, 0.14, 0.18, 0.14, 0.16)
CSAT = (0.03, 0.04, 0.07, 0.36, 0.50)
CSAT_LATE = (0.16, 0.12, 0.11, 0.26, 0.35)  # after a missed deadline
CSAT_DROPPED = (0.13, 0.12, 0.11, 0.28, 0.36)
CSAT_LATE_DROPPED = (0.26, 0.20, 0.15, 0.18, 0.21)
CES = (0.02, 0.03, 0.05, 0.10, 0.20, 0.30, 0.30)
CES_LATE = (0.12, 0.12, 0.14, 0.18, 0.18, 0.14, 0.12)
DROP_TOPIC, DROP_TOPIC_SHARE = "delivery", 0.85  # of the unhappy comments there and then
_SKIPPED_SHARE = 0.05
_COMMENT_SHARES = np.array([0.8, 0.5, 0.5])  # of the unhappy, the lukewarm, the happy: who is angry writes
_OWN_PART = 0.3  # of the variance of an answer that lies in the customer and not in the occasion
_DRIVERS = {"Q2-DELIVERY": 0.75, "Q3-QUALITY": 0.45}  # how closely each goes with the main answer


@dataclass(frozen=True)
class Answers:
    """The answered invitations, one element each; none where a question was skipped or not put."""

    invitation: Ints
    survey: Ints
    customer: Ints
    score: Ints
    effort: Ints
    is_hit: Flags  # in the region and the time of the drop
    inclination: Floats  # what made the score, standard normal

    def __len__(self) -> int:
        return len(self.invitation)


@dataclass(frozen=True)
class _Question:
    """One question: to whom it was put, how it is measured, and what the others see of the answers."""

    name: str
    metric: str
    rows: Ints
    low: int
    high: int
    score: Ints
    comment: pa.Array | None = None


def drop_month(timeline: Timeline) -> int:
    """The place of the first month of the drop."""
    return len(timeline.months) - DROP_LASTS_MONTHS


def draw_answers(rng: np.random.Generator, scene: Scene, tickets: Tickets, invitations: Invitations) -> Answers:
    """Answers by the declared shares; those of one customer resemble each other."""
    timeline, people, place = scene.timeline, scene.people, invitations.answered
    size, survey, customer = len(place), invitations.survey[place], invitations.customer[place]
    month = timeline.month_of(invitations.answered_s[place])
    is_hit = (people.region[customer] == REGIONS.index(REGION)) & (month >= drop_month(timeline))
    ticket = invitations.ticket[place]
    is_late = (ticket >= 0) & tickets.is_late(timeline.end_s)[ticket]
    inclination = np.sqrt(_OWN_PART) * people.leaning[customer] + np.sqrt(1 - _OWN_PART) * rng.standard_normal(size)
    is_asked_effort = (survey == SERVICE) & ~chance(rng, _SKIPPED_SHARE, size)
    ease = 1 + np.where(is_late, answers(rng.standard_normal(size), CES_LATE), answers(rng.standard_normal(size), CES))
    score = where(~chance(rng, _SKIPPED_SHARE, size), _scores(survey, is_late, is_hit, inclination))
    return Answers(place, survey, customer, score, where(is_asked_effort, ease), is_hit, inclination)


def _scores(survey: Ints, is_late: Flags, is_hit: Flags, inclination: Floats) -> Ints:
    is_nps = survey == RELATION
    kinds = {
        NPS: is_nps & ~is_hit,
        NPS_DROPPED: is_nps & is_hit,
        CSAT: ~is_nps & ~is_late & ~is_hit,
        CSAT_LATE: ~is_nps & is_late & ~is_hit,
        CSAT_DROPPED: ~is_nps & ~is_late & is_hit,
        CSAT_LATE_DROPPED: ~is_nps & is_late & is_hit,
    }
    score = nothing(len(survey))
    for shares, rows in kinds.items():
        score[rows] = answers(inclination[rows], shares)
    return np.where(is_nps, score, score + 1)  # satisfaction is asked from 1


def responses_table(rng: np.random.Generator, scene: Scene, tickets: Tickets, invitations: Invitations, given: Answers) -> pa.Table:
    """The canonical ``responses``: NPS with two questions on its causes, satisfaction, and effort after tickets."""
    by_nps, after_tickets = np.flatnonzero(given.survey == RELATION), np.flatnonzero(given.survey == SERVICE)
    by_csat = np.flatnonzero(given.survey != RELATION)
    comment = _comments(rng, scene, given)
    questions = [
        _Question("Q1", "nps", by_nps, 0, 10, given.score, comment),
        _Question("Q1", "csat", by_csat, 1, 5, given.score, comment),
        _Question("Q2", "ces", after_tickets, 1, 7, given.effort),
    ]
    for name, weight in _DRIVERS.items():
        cause = weight * (given.inclination - given.is_hit) + np.sqrt(1 - weight**2) * rng.standard_normal(len(given))
        questions.append(_Question(name, "other", by_nps, 1, 5, 1 + answers(cause, CSAT)))
    occasions = _occasions(scene, tickets, invitations, given)
    return pa.concat_tables([_answered(occasions, question) for question in questions])


def _comments(rng: np.random.Generator, scene: Scene, given: Answers) -> pa.Array:
    size = len(given)
    mood = np.where(given.survey == RELATION, moods(given.score, 6, 8), moods(given.score, 2, 3))
    others = picks(rng, [float(name != DROP_TOPIC) for name in TOPICS], size)
    blamed = np.where(chance(rng, DROP_TOPIC_SHARE, size), TOPICS.index(DROP_TOPIC), others)
    topic = np.where(given.is_hit & (mood == 0), blamed, picks(rng, (1,) * len(TOPICS), size))
    writes = (given.score >= 0) & chance(rng, _COMMENT_SHARES[mood], size)
    return written(rng, scene.people.is_chinese[given.customer], mood, topic, writes)


def _occasions(scene: Scene, tickets: Tickets, invitations: Invitations, given: Answers) -> pa.Table:
    """What all questions of an answered invitation have in common."""
    timeline, place = scene.timeline, given.invitation
    ticket = invitations.ticket[place]
    is_chinese = scene.people.is_chinese[given.customer].astype(np.int64)
    wave = words(timeline.months, timeline.month_of(invitations.decided_s[place]))
    return pa.table(
        {
            "response_id": numbered("R", place),
            "survey_id": words(SURVEYS, given.survey),
            "survey_version": same("1", len(given)),
            "wave": only(wave, given.survey == RELATION),
            "language": words(LANGUAGES, is_chinese),
            "customer_id": numbered("C", given.customer),
            "ticket_id": numbered("T", ticket),
            "order_id": numbered("O", invitations.order[place], 8),
            "employee_id": numbered("E", where(ticket >= 0, tickets.employee[ticket]), 4),
            "invited_at": timeline.instants(invitations.decided_s[place]),
            "answered_at": timeline.instants(invitations.answered_s[place]),
            "channel": words(("email", "wechat"), is_chinese),
        }
    )


def _answered(occasions: pa.Table, question: _Question) -> pa.Table:
    size, score = len(question.rows), question.score[question.rows]
    satisfied_from = question.high - 1  # the top two points
    columns = {
        "question_id": same(question.name, size),
        "metric": same(question.metric, size),
        "scale_min": np.full(size, float(question.low)),
        "scale_max": np.full(size, float(question.high)),
        "higher_is_better": flags(np.ones(size, dtype=bool)),
        "satisfied_from": np.full(size, float(satisfied_from)),
        "score": pa.array(score.astype(np.float64), mask=score == NONE),
        "comment": pa.nulls(size, pa.string()) if question.comment is None else question.comment.take(pa.array(question.rows)),
    }
    table = occasions.take(pa.array(question.rows))
    for name, column in columns.items():
        table = table.append_column(name, pa.array(column) if isinstance(column, np.ndarray) else column)
    return table
