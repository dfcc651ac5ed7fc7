"""Subscriptions: trials, rises of price, renewals, and customers who leave more often after late service."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from keepwell.demo.columns import NONE, Flags, Floats, Ints, flags, money, nothing, numbered, where, words
from keepwell.demo.company import CURRENCIES
from keepwell.demo.people import People
from keepwell.demo.sampling import between, chance
from keepwell.demo.scene import Scene
from keepwell.demo.service import Tickets
from keepwell.demo.timeline import DAY_S, Timeline

MONTHLY_CHURN = 0.02  # of those who subscribe when a month begins
MONTHLY_CHURN_AFTER_LATE_SERVICE = 0.45
LATE_SERVICE_LASTS_MONTHS = 3  # the three months after the month of a missed deadline
_PLUS_SHARE, _BUSINESS_SHARE, _TRIAL_SHARE, _RETURNS_SHARE = 0.4, 0.75, 0.4, 0.12
_TRIAL_DAYS, _TERM_DAYS = 14, 365
_PLANS = ("plus", "business")
_PLUS_CENTS, _RISE = 2_500, 1.12
_LIST_RATES = np.array([1.0, 7.0, 7.6, 9.0])
_REASONS = ("late service", "price", "no longer needed", "competitor", "price change", "renewed", "trial converted", "trial ended")


@dataclass(frozen=True)
class Subscribers:
    """Who subscribes, one element each."""

    customer: Ints
    is_business: Flags
    signed_s: Ints
    has_trial: Flags
    converts: Flags  # from the trial
    monthly_cents: Ints


@dataclass(frozen=True)
class Spells:
    """Unbroken paid times of subscribers, one element each; no end while they last."""

    subscriber: Ints
    started_s: Ints
    ended_s: Ints
    left_for: Ints


@dataclass(frozen=True)
class Rows:
    """Subscription rows: a spell is cut where its price changes or its term is renewed."""

    subscriber: Ints
    started_s: Ints
    ended_s: Ints
    renews_s: Ints
    renewed_as: Ints
    reason: Ints
    cents: Ints
    is_trial: Flags


def draw_subscribers(rng: np.random.Generator, scene: Scene) -> Subscribers:
    """Two of five persons and most companies, some weeks after their first purchase."""
    timeline, people = scene.timeline, scene.people
    size = len(people)
    takes = people.is_buyer & chance(rng, np.where(people.is_company, _BUSINESS_SHARE, _PLUS_SHARE), size)
    signed = people.joined_s + rng.exponential(25 * DAY_S, size).astype(np.int64) + 3600
    who = np.flatnonzero(takes & (signed < timeline.end_s))
    business = people.is_company[who]
    yuan = np.where(business, 100 * between(rng, 6, 40, len(who)), _PLUS_CENTS // 100)
    return Subscribers(
        customer=who,
        is_business=business,
        signed_s=signed[who],
        has_trial=~business & chance(rng, _TRIAL_SHARE, len(who)),
        converts=chance(rng, 0.7, len(who)),
        monthly_cents=np.round(yuan * 100 / _LIST_RATES[people.currency[who]]).astype(np.int64),
    )


def draw_spells(
    rng: np.random.Generator, scene: Scene, subscribers: Subscribers, tickets: Tickets, churn_after_late_service: float
) -> Spells:
    """Month by month some leave: few, or that share where a deadline was missed within the months before."""
    timeline = scene.timeline
    waits = np.where(subscribers.has_trial, _TRIAL_DAYS * DAY_S, 0)
    started_s = subscribers.signed_s + waits
    pays = np.flatnonzero((~subscribers.has_trial | subscribers.converts) & (started_s < timeline.end_s))
    exposed = _exposed_months(timeline, tickets, len(scene.people))[subscribers.customer[pays]]
    churn = np.where(exposed, churn_after_late_service, MONTHLY_CHURN)
    ended_s, left_for = _leavings(rng, timeline, started_s[pays], churn)
    returns = np.flatnonzero((ended_s >= 0) & chance(rng, _RETURNS_SHARE, len(pays)))
    back_s = ended_s[returns] + between(rng, 60 * DAY_S, 150 * DAY_S, len(returns))
    returns, back_s = returns[back_s < timeline.end_s], back_s[back_s < timeline.end_s]
    end_again_s, left_again_for = _leavings(rng, timeline, back_s, churn[returns])
    return Spells(
        subscriber=np.concatenate([pays, pays[returns]]),
        started_s=np.concatenate([started_s[pays], back_s]),
        ended_s=np.concatenate([ended_s, end_again_s]),
        left_for=np.concatenate([left_for, left_again_for]),
    )


def _exposed_months(timeline: Timeline, tickets: Tickets, size: int) -> Flags:
    """For each customer and month, whether a deadline was missed in one of the months before that count."""
    months = len(timeline.months)
    late = tickets.is_late(timeline.end_s) & (tickets.customer >= 0) & (tickets.resolution_due_s < timeline.end_s)
    missed = np.zeros((size, months + LATE_SERVICE_LASTS_MONTHS), dtype=bool)
    exposed = np.zeros_like(missed)
    missed[tickets.customer[late], timeline.month_of(tickets.resolution_due_s[late])] = True
    for shift in range(1, LATE_SERVICE_LASTS_MONTHS + 1):
        exposed[:, shift:] |= missed[:, :-shift]
    return exposed[:, :months]


def _leavings(rng: np.random.Generator, timeline: Timeline, started_s: Ints, churn: Floats) -> tuple[Ints, Ints]:
    size, starts_s = len(started_s), timeline.month_starts_s
    ended_s, left_for = nothing(size), nothing(size)
    for month in range(len(timeline.months)):
        stays = (started_s < starts_s[month]) & (ended_s < 0)
        leaves = stays & chance(rng, churn[:, month], size)
        length_s = int(starts_s[month + 1] - starts_s[month])
        ended_s = np.where(leaves, starts_s[month] + between(rng, 3600, length_s - 3600, size), ended_s)
        left_for = np.where(leaves, np.where(churn[:, month] > MONTHLY_CHURN, 0, between(rng, 1, 4, size)), left_for)
    return ended_s, left_for


def draw_rows(timeline: Timeline, subscribers: Subscribers, spells: Spells) -> Rows:
    """The rows of all spells, each spell's in the order of time, and then the trials."""
    edges = np.column_stack([spells.started_s, _cuts(timeline, subscribers, spells)])
    until_s = np.where(spells.ended_s >= 0, spells.ended_s, timeline.end_s)
    is_row = (edges >= 0) & (edges < until_s[:, None])
    spell, piece = np.nonzero(is_row)
    is_last = np.append(spell[1:] != spell[:-1], True)
    started_s = edges[spell, piece]
    subscriber = spells.subscriber[spell]
    business, cents = subscribers.is_business[subscriber], subscribers.monthly_cents[subscriber]
    has_risen = ~business & (started_s >= _rise_s(timeline))
    paid = Rows(
        subscriber=subscriber,
        started_s=started_s,
        ended_s=np.where(is_last, spells.ended_s[spell], np.append(started_s[1:], NONE)),
        renews_s=where(business, started_s + _TERM_DAYS * DAY_S),
        renewed_as=where(~is_last, np.arange(1, len(spell) + 1)),
        reason=np.where(is_last, spells.left_for[spell], np.where(business, _REASONS.index("renewed"), _REASONS.index("price change"))),
        cents=np.where(has_risen, np.round(cents * _RISE).astype(np.int64), cents),
        is_trial=np.zeros(len(spell), dtype=bool),
    )
    firsts = np.cumsum(is_row.sum(axis=1)) - is_row.sum(axis=1)
    trials = _trials(timeline, subscribers, spells, firsts)
    return Rows(**{name: np.concatenate([getattr(paid, name), getattr(trials, name)]) for name in Rows.__dataclass_fields__})


def _rise_s(timeline: Timeline) -> int:
    """The moment at which the price of the persons' plan rises."""
    return int(timeline.month_starts_s[len(timeline.months) * 2 // 3])


def _cuts(timeline: Timeline, subscribers: Subscribers, spells: Spells) -> Ints:
    """The moments at which each spell may begin a new row: the terms of companies, the rise of price for persons."""
    business = subscribers.is_business[spells.subscriber]
    terms = np.arange(1, timeline.days // _TERM_DAYS + 2) * _TERM_DAYS * DAY_S
    renewed_s = where(business[:, None], spells.started_s[:, None] + terms[None, :])
    rise = _rise_s(timeline)
    rises = where(~business & (spells.started_s < rise), np.full(len(business), rise))
    return np.column_stack([renewed_s, rises])


def _trials(timeline: Timeline, subscribers: Subscribers, spells: Spells, first_rows: Ints) -> Rows:
    who = np.flatnonzero(subscribers.has_trial)
    ended_s = timeline.past(subscribers.signed_s[who] + _TRIAL_DAYS * DAY_S)
    converts = subscribers.converts[who] & (ended_s >= 0)
    follows = nothing(len(subscribers.customer))
    subscriber, first_spell = np.unique(spells.subscriber, return_index=True)
    follows[subscriber] = first_rows[first_spell]
    return Rows(
        subscriber=who,
        started_s=subscribers.signed_s[who],
        ended_s=ended_s,
        renews_s=nothing(len(who)),
        renewed_as=where(converts, follows[who]),
        reason=where(ended_s >= 0, np.where(converts, _REASONS.index("trial converted"), _REASONS.index("trial ended"))),
        cents=np.zeros(len(who), dtype=np.int64),
        is_trial=np.ones(len(who), dtype=bool),
    )


def subscriptions_table(timeline: Timeline, people: People, subscribers: Subscribers, rows: Rows) -> pa.Table:
    """The canonical ``subscriptions``."""
    customer = subscribers.customer[rows.subscriber]
    business = subscribers.is_business[rows.subscriber]
    return pa.table(
        {
            "subscription_id": numbered("S", np.arange(len(customer))),
            "customer_id": numbered("C", customer),
            "plan": words(_PLANS, business.astype(np.int64)),
            "started_at": timeline.instants(rows.started_s),
            "ended_at": timeline.instants(rows.ended_s),
            "renews_at": timeline.instants(rows.renews_s),
            "renewed_as": numbered("S", rows.renewed_as),
            "monthly_amount": money(rows.cents),
            "currency": words(CURRENCIES, people.currency[customer]),
            "is_trial": flags(rows.is_trial),
            "end_reason": words(_REASONS, rows.reason),
            "contract_id": numbered("B", where(business, rows.subscriber)),
        }
    )
