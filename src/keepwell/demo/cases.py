"""The follow-up of unhappy answers and complaints."""

import numpy as np
import pyarrow as pa

from keepwell.demo.columns import Ints, nothing, numbered, where, words
from keepwell.demo.sampling import any_of, between, chance, picks
from keepwell.demo.scene import Scene
from keepwell.demo.service import COMPLAINT, Tickets
from keepwell.demo.surveys import RELATION, Invitations
from keepwell.demo.timeline import DAY_S
from keepwell.demo.voice import Answers

_OPENED_SHARE = 0.75
_DUE_DAYS = 3
_OUTCOMES = ("explained", "compensated", "repaired", "no agreement")


def cases_table(rng: np.random.Generator, scene: Scene, tickets: Tickets, invitations: Invitations, given: Answers) -> pa.Table:
    """The canonical ``cases``: due within three days, most in time, some re-asked."""
    timeline = scene.timeline
    is_unhappy = (given.score >= 0) & (given.score <= np.where(given.survey == RELATION, 6, 2))
    unhappy = np.flatnonzero(is_unhappy & chance(rng, _OPENED_SHARE, len(given)))
    complaints = np.flatnonzero((tickets.kind == COMPLAINT) & (tickets.customer >= 0) & chance(rng, _OPENED_SHARE, len(tickets)))
    response = np.concatenate([given.invitation[unhappy], nothing(len(complaints))])
    ticket = np.concatenate([invitations.ticket[given.invitation[unhappy]], complaints])
    customer = np.concatenate([given.customer[unhappy], tickets.customer[complaints]])
    opened_s = np.concatenate([invitations.answered_s[given.invitation[unhappy]] + 600, tickets.opened_s[complaints] + 600])
    size = len(customer)
    contacted_s = where(chance(rng, 0.92, size), timeline.past(opened_s + (rng.exponential(0.8, size) * DAY_S).astype(np.int64) + 900))
    closed_s = where((contacted_s >= 0) & chance(rng, 0.95, size), timeline.past(contacted_s + between(rng, 1800, 3 * DAY_S, size)))
    asked_again = _next_answer(customer, where(closed_s >= 0, closed_s + DAY_S), invitations, given)
    return pa.table(
        {
            "case_id": numbered("F", np.arange(size)),
            "customer_id": numbered("C", customer),
            "response_id": numbered("R", response),
            "ticket_id": numbered("T", ticket),
            "opened_at": timeline.instants(np.minimum(opened_s, timeline.end_s - 1)),
            "due_at": timeline.instants(opened_s + _DUE_DAYS * DAY_S),
            "first_contact_at": timeline.instants(contacted_s),
            "closed_at": timeline.instants(closed_s),
            "outcome": words(_OUTCOMES, where(closed_s >= 0, picks(rng, (4, 3, 2, 1), size))),
            "owner_id": numbered("E", any_of(rng, scene.company.care, size), 4),
            "re_asked_response_id": numbered("R", asked_again),
        }
    )


def _next_answer(customer: Ints, from_s: Ints, invitations: Invitations, given: Answers) -> Ints:
    """The first answer of each customer from a moment on; none before the case is closed."""
    if not len(given):
        return nothing(len(customer))
    at_s = invitations.answered_s[given.invitation]
    # One number for customer and moment: one search finds the next answer of each customer.
    span = int(at_s.max(initial=0)) + 2
    keys = given.customer * span + at_s
    order = np.argsort(keys)
    place = np.searchsorted(keys[order], customer * span + np.minimum(from_s, span - 1))
    found = order[np.minimum(place, len(order) - 1)]
    fits = (from_s >= 0) & (place < len(order)) & (given.customer[found] == customer)
    return where(fits, given.invitation[found])
