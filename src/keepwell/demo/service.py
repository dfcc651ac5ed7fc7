"""Customer care: tickets with their deadlines, some of them missed, and every step of their lives."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from keepwell.demo.columns import NONE, Flags, Ints, counts, nothing, numbered, only, where, words
from keepwell.demo.company import CARE_HOURS, TEAMS
from keepwell.demo.sampling import any_of, between, chance, picks, repeated
from keepwell.demo.scene import Scene
from keepwell.demo.shop import DISCONTINUED, Orders
from keepwell.demo.timeline import DAY_S, Timeline
from keepwell.demo.working_time import WorkingClock

_HOUR_S = 3600
KINDS = ("question", "incident", "request", "complaint")
COMPLAINT = KINDS.index("complaint")
_KIND_SHARES = (0.36, 0.22, 0.27, 0.15)
_PRIORITIES = ("low", "normal", "high", "urgent")
_PRIORITY_SHARES = (0.18, 0.52, 0.24, 0.06)
_RESPONSE_HOURS = np.array([16, 8, 4, 1])  # working hours promised, by priority
_RESOLUTION_HOURS = np.array([60, 36, 18, 8])
_LATE_RESPONSE_SHARE = 0.10
_LATE_RESOLUTION_SHARE = 0.18
_PER_ORDER, _PER_CUSTOMER, _PER_SUBSCRIBER = 0.11, 0.12, 1.3
_UNKNOWN_SHARE = 0.02
_CHANNELS = ("chat", "wechat", "email", "web", "call")
_EVENTS = ("opened", "assigned", "responded", "pending", "resolved", "reopened", "closed")
_STATES = ("open", "pending", "resolved", "closed")
_SUBJECTS = (
    *("物流什么时候到？", "收到的茶壶有裂纹", "想修改收货地址", "发票抬头开错了", "会员积分没有到账", "空气净化器有异响"),
    *(
        "Where is my parcel?",
        "The kettle does not switch on",
        "Please change my address",
        "Wrong name on the invoice",
        "Points are missing",
    ),
)
_FIRST_GHOST, _GHOST_EVERY, _GHOST_NUMBER = 5, 400, 9_000_000


@dataclass(frozen=True)
class Tickets:
    """Tickets, one element each, in the order of opening."""

    customer: Ints
    order: Ints
    product: Ints
    opened_s: Ints
    kind: Ints
    priority: Ints
    employee: Ints
    response_s: Ints
    response_due_s: Ints
    first_resolved_s: Ints
    reopened_s: Ints
    resolved_s: Ints
    closed_s: Ints
    resolution_due_s: Ints

    def __len__(self) -> int:
        return len(self.customer)

    def is_late(self, end_s: int) -> Flags:
        """Whether the matter was not settled when it had been promised, as far as is known at the end."""
        settled_s = np.where(self.resolved_s >= 0, self.resolved_s, end_s)
        late: Flags = settled_s > self.resolution_due_s
        return late


def draw_tickets(rng: np.random.Generator, scene: Scene, orders: Orders, subscribers: Ints) -> Tickets:
    """Tickets about orders, about anything else, more of them from subscribers, and a few from people nobody knows."""
    timeline = scene.timeline
    customer, order, opened_s = _matters(rng, scene, orders, subscribers)
    by_time = np.argsort(opened_s, kind="stable")
    customer, order, opened_s = customer[by_time], order[by_time], opened_s[by_time]
    size = len(customer)
    clock = WorkingClock(timeline, *CARE_HOURS)
    priority = picks(rng, _PRIORITY_SHARES, size)
    response_promised, promised = _RESPONSE_HOURS[priority] * _HOUR_S, _RESOLUTION_HOURS[priority] * _HOUR_S
    taken = _taken(rng, promised, _LATE_RESOLUTION_SHARE, 3.0)
    answered = np.minimum(_taken(rng, response_promised, _LATE_RESPONSE_SHARE, 2.5), taken * 9 // 10)
    first_resolved_s = timeline.past(clock.later(opened_s, taken))
    reopened_s, again_s = _reopenings(rng, timeline, clock, first_resolved_s)
    resolved_s = np.where(reopened_s >= 0, again_s, first_resolved_s)
    closed_s = where(resolved_s >= 0, timeline.past(resolved_s + 2 * DAY_S))
    return Tickets(
        customer=customer,
        order=order,
        product=where(order >= 0, orders.product[order]),
        opened_s=opened_s,
        kind=picks(rng, _KIND_SHARES, size),
        priority=priority,
        employee=any_of(rng, scene.company.care, size),
        response_s=timeline.past(clock.later(opened_s, answered)),
        response_due_s=clock.later(opened_s, response_promised),
        first_resolved_s=first_resolved_s,
        reopened_s=reopened_s,
        resolved_s=resolved_s,
        closed_s=closed_s,
        resolution_due_s=clock.later(opened_s, promised),
    )


def _matters(rng: np.random.Generator, scene: Scene, orders: Orders, subscribers: Ints) -> tuple[Ints, Ints, Ints]:
    end_s, people = scene.timeline.end_s, scene.people
    about = np.flatnonzero(orders.is_sale & (orders.customer >= 0) & chance(rng, _PER_ORDER, len(orders)))
    about_s = orders.moment_s[about] + (rng.random(len(about)) * 10 * DAY_S).astype(np.int64)
    anyone, _ = repeated(rng.poisson(_PER_CUSTOMER, len(people)))
    loyal, _ = repeated(rng.poisson(_PER_SUBSCRIBER, len(subscribers)))
    others = np.concatenate([anyone, subscribers[loyal]])
    others_s = scene.season.moments(rng, people.created_s[others] + 1, np.full(len(others), end_s, dtype=np.int64))
    nobody = nothing(round((len(about) + len(others)) * _UNKNOWN_SHARE))
    nobody_s = between(rng, 0, end_s, len(nobody))
    customer = np.concatenate([orders.customer[about], others, nobody])
    order = np.concatenate([about, nothing(len(others) + len(nobody))])
    opened_s = np.concatenate([about_s, others_s, nobody_s])
    has_come = opened_s < end_s
    return customer[has_come], order[has_come], opened_s[has_come]


def _taken(rng: np.random.Generator, promised_s: Ints, late_share: float, at_most: float) -> Ints:
    size = len(promised_s)
    is_late = chance(rng, late_share, size)
    share = np.where(is_late, rng.uniform(1.05, at_most, size), rng.uniform(0.05, 0.98, size))
    taken: Ints = (promised_s * share).astype(np.int64)
    return taken


def _reopenings(rng: np.random.Generator, timeline: Timeline, clock: WorkingClock, resolved_s: Ints) -> tuple[Ints, Ints]:
    size = len(resolved_s)
    back_s = resolved_s + between(rng, 4 * _HOUR_S, 30 * _HOUR_S, size)
    reopened_s = where((resolved_s >= 0) & chance(rng, 0.06, size), timeline.past(back_s))
    again_s = timeline.past(clock.later(np.maximum(reopened_s, 0), between(rng, _HOUR_S, 10 * _HOUR_S, size)))
    return reopened_s, where(reopened_s >= 0, again_s)


def ghosts(tickets: Tickets) -> Ints:
    """The tickets that name a customer whom no file holds."""
    return np.arange(_FIRST_GHOST, len(tickets), _GHOST_EVERY)


def tickets_table(rng: np.random.Generator, scene: Scene, tickets: Tickets) -> pa.Table:
    """The canonical ``tickets``; a few name customers whom no file holds."""
    size, timeline, company = len(tickets), scene.timeline, scene.company
    is_late = tickets.is_late(timeline.end_s)
    is_settled = tickets.resolved_s >= 0
    by_phone = company.team[tickets.employee] == TEAMS.index("care-phone")
    channel = np.where(by_phone, _CHANNELS.index("call"), between(rng, 0, 4, size))
    customer = tickets.customer.copy()
    customer[ghosts(tickets)] = _GHOST_NUMBER + ghosts(tickets)
    state = np.select([tickets.closed_s >= 0, is_settled, tickets.response_s >= 0], [3, 2, 1], 0)
    touches = 1 + rng.poisson(np.where(is_late, 1.3, 0.3))
    return pa.table(
        {
            "ticket_id": numbered("T", np.arange(size)),
            "customer_id": numbered("C", customer),
            "order_id": numbered("O", tickets.order, 8),
            "product_id": numbered("P", where(tickets.product != DISCONTINUED, tickets.product), 4),
            "opened_at": timeline.instants(tickets.opened_s),
            "kind": words(KINDS, tickets.kind),
            "priority": words(_PRIORITIES, tickets.priority),
            "channel": words(_CHANNELS, channel),
            "team": words(TEAMS, company.team[tickets.employee]),
            "employee_id": only(numbered("E", tickets.employee, 4), tickets.response_s >= 0),
            "first_response_at": timeline.instants(tickets.response_s),
            "resolved_at": timeline.instants(tickets.resolved_s),
            "closed_at": timeline.instants(tickets.closed_s),
            "first_response_due_at": timeline.instants(tickets.response_due_s),
            "resolution_due_at": timeline.instants(tickets.resolution_due_s),
            "reopened_count": counts((tickets.reopened_s >= 0).astype(np.int64)),
            "contacts_to_resolve": counts(where(is_settled, touches + (tickets.reopened_s >= 0))),
            "escalated_at": timeline.instants(where(is_late & chance(rng, 0.3, size), timeline.past(tickets.resolution_due_s + _HOUR_S))),
            "subject": words(_SUBJECTS, between(rng, 0, len(_SUBJECTS), size)),
            "status": words(_STATES, state),
        }
    )


def ticket_events_table(rng: np.random.Generator, timeline: Timeline, tickets: Tickets) -> pa.Table:
    """The canonical ``ticket_events``: each ticket from opening to closing."""
    size = len(tickets)
    assigned_s = where(tickets.response_s >= 0, (tickets.opened_s + tickets.response_s) // 2)
    waits = (tickets.first_resolved_s >= 0) & chance(rng, 0.25, size)
    steps = (
        ("opened", tickets.opened_s),
        ("assigned", assigned_s),
        ("responded", tickets.response_s),
        ("pending", where(waits, (tickets.response_s + tickets.first_resolved_s) // 2)),
        ("resolved", tickets.first_resolved_s),
        ("reopened", tickets.reopened_s),
        ("resolved", where(tickets.reopened_s >= 0, tickets.resolved_s)),
        ("closed", tickets.closed_s),
    )
    ticket = np.tile(np.arange(size), len(steps))
    at_s = np.concatenate([moments for _, moments in steps])
    event = np.repeat([_EVENTS.index(name) for name, _ in steps], size)
    stage = np.repeat(np.arange(len(steps)), size)
    happened = np.flatnonzero(at_s >= 0)
    order = happened[np.lexsort((stage[happened], ticket[happened]))]
    ticket, event = ticket[order], event[order]
    return pa.table(
        {
            "ticket_id": numbered("T", ticket),
            "at": timeline.instants(at_s[order]),
            "kind": words(_EVENTS, event),
            "employee_id": numbered("E", np.where(event == 0, NONE, tickets.employee[ticket]), 4),
        }
    )
