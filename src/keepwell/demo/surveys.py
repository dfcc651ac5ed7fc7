"""Whom we ask: some customers every month, and after tickets and orders, unless they do not want it."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from keepwell.demo.columns import Ints, nothing, numbered, where, words
from keepwell.demo.consents import Consents
from keepwell.demo.people import People, buying
from keepwell.demo.sampling import chance
from keepwell.demo.scene import Scene
from keepwell.demo.service import Tickets
from keepwell.demo.shop import Orders
from keepwell.demo.timeline import DAY_S, Timeline

SURVEYS = ("SV-NPS", "SV-SERVICE", "SV-ORDER")
RELATION, SERVICE, ORDER = range(3)
_ASKED_SHARES = (0.20, 0.65, 0.30)
_ANSWERED_SHARES = np.array([0.36, 0.5, 0.35])
_REFUSALS = ("no consent", "asked lately")
_ASKED_LATELY_SHARE = 0.05
_LAST_DAYS = 10  # of a month in which nobody is asked, so that an answer belongs to the month of its wave
_PATIENCE_DAYS = 9


@dataclass(frozen=True)
class Invitations:
    """Decisions to ask, one element each, in the order of time; an answer has the number of its invitation."""

    survey: Ints
    customer: Ints
    ticket: Ints
    order: Ints
    decided_s: Ints
    refusal: Ints
    answered_s: Ints

    @property
    def answered(self) -> Ints:
        """The numbers of those that were answered."""
        return np.flatnonzero(self.answered_s >= 0)


def draw_invitations(rng: np.random.Generator, scene: Scene, consents: Consents, orders: Orders, tickets: Tickets) -> Invitations:
    """Who was to be asked when, who was left alone and why, and who answered."""
    timeline = scene.timeline
    survey, customer, ticket, order, decided_s = _occasions(rng, scene, orders, tickets)
    size = len(customer)
    refuses = ~consents.allows_survey(timeline.end_s)[customer]
    was_asked_lately = chance(rng, _ASKED_LATELY_SHARE, size)
    refusal = np.select([refuses, was_asked_lately], [0, 1], -1).astype(np.int64)
    replies = (refusal < 0) & chance(rng, _ANSWERED_SHARES[survey], size)
    waited_s = np.minimum(rng.exponential(0.7 * DAY_S, size), _PATIENCE_DAYS * DAY_S).astype(np.int64) + 120
    by_time = np.argsort(decided_s, kind="stable")
    drawn = Invitations(survey, customer, ticket, order, decided_s, refusal, where(replies, timeline.past(decided_s + waited_s)))
    return Invitations(**{name: getattr(drawn, name)[by_time] for name in Invitations.__dataclass_fields__})


def _occasions(rng: np.random.Generator, scene: Scene, orders: Orders, tickets: Tickets) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Survey, customer, ticket, order and moment of every reason to ask."""
    timeline = scene.timeline
    months = [_asked_in_month(rng, timeline, scene.people, month) for month in range(len(timeline.months))]
    known, known_s = (np.concatenate(parts) for parts in zip(*months, strict=True))
    settled = np.flatnonzero((tickets.resolved_s >= 0) & (tickets.customer >= 0) & chance(rng, _ASKED_SHARES[SERVICE], len(tickets)))
    bought = np.flatnonzero(orders.is_sale & (orders.customer >= 0) & chance(rng, _ASKED_SHARES[ORDER], len(orders)))
    survey = np.repeat([RELATION, SERVICE, ORDER], [len(known), len(settled), len(bought)])
    customer = np.concatenate([known, tickets.customer[settled], orders.customer[bought]])
    ticket = np.concatenate([nothing(len(known)), settled, nothing(len(bought))])
    order = np.concatenate([nothing(len(known) + len(settled)), bought])
    decided_s = np.concatenate([known_s, tickets.resolved_s[settled] + 3600, orders.moment_s[bought] + 5 * DAY_S])
    has_come = decided_s < timeline.end_s
    return survey[has_come], customer[has_come], ticket[has_come], order[has_come], decided_s[has_come]


def _asked_in_month(rng: np.random.Generator, timeline: Timeline, people: People, month: int) -> tuple[Ints, Ints]:
    start_s, end_s = (int(moment) for moment in timeline.month_starts_s[month : month + 2])
    known = buying(people, start_s)
    asked = known[chance(rng, _ASKED_SHARES[RELATION], len(known))]
    days = max((end_s - start_s) // DAY_S - _LAST_DAYS, 1)
    return asked, start_s + rng.integers(0, days, len(asked)) * DAY_S + rng.integers(10 * 3600, 18 * 3600, len(asked))


def invitations_table(timeline: Timeline, invitations: Invitations) -> pa.Table:
    """The canonical ``invitations``, those that were not sent included."""
    size = len(invitations.customer)
    is_sent = invitations.refusal < 0
    number = np.arange(size)
    return pa.table(
        {
            "invitation_id": numbered("I", number),
            "survey_id": words(SURVEYS, invitations.survey),
            "customer_id": numbered("C", invitations.customer),
            "decided_at": timeline.instants(invitations.decided_s),
            "sent_at": timeline.instants(where(is_sent, np.minimum(invitations.decided_s + 60, timeline.end_s - 1))),
            "refused_because": words(_REFUSALS, invitations.refusal),
            "response_id": numbered("R", where(invitations.answered_s >= 0, number)),
        }
    )
