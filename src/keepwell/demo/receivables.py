"""What companies sign and what they owe: contracts by the quarter, orders on invoice."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from keepwell.demo.columns import Ints, money, nothing, numbered, where, words
from keepwell.demo.company import CURRENCIES
from keepwell.demo.sampling import between, chance, picks, repeated
from keepwell.demo.scene import Scene
from keepwell.demo.shop import Orders
from keepwell.demo.subscriptions import Spells, Subscribers
from keepwell.demo.timeline import DAY_S, Timeline

ON_TIME_SHARE, _LATE_SHARE = 0.82, 0.14  # of what is due; the rest is not paid
_TERM_DAYS, _QUARTER_DAYS, _CREDIT_DAYS = 365, 91, 30
_RATE_DAYS = 5
_ON_INVOICE_SHARE = 0.5  # of the orders of companies


@dataclass(frozen=True)
class Debts:
    """Sums that are owed, one element each, for a contract or for an order."""

    customer: Ints
    contract: Ints
    order: Ints
    due_s: Ints
    cents: Ints

    def and_also(self, other: "Debts") -> "Debts":
        return Debts(**{name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in Debts.__dataclass_fields__})


def contracts_table(rng: np.random.Generator, scene: Scene, subscribers: Subscribers) -> pa.Table:
    """The canonical ``contracts``: one for the first year of every company's subscription."""
    timeline, people = scene.timeline, scene.people
    who = np.flatnonzero(subscribers.is_business)
    customer, begins_s = subscribers.customer[who], subscribers.signed_s[who]
    starts = begins_s // DAY_S
    signed_s = np.maximum(begins_s - between(rng, 3600, 12 * DAY_S, len(who)), people.created_s[customer])
    return pa.table(
        {
            "contract_id": numbered("B", who),
            "customer_id": numbered("C", customer),
            "signed_at": timeline.instants(signed_s),
            "starts_on": timeline.dates(starts, starts >= 0),
            "ends_on": timeline.dates(starts + _TERM_DAYS - 1, starts >= 0),
            "amount": money(subscribers.monthly_cents[who] * 12),
            "currency": words(CURRENCIES, people.currency[customer]),
            "owner_id": numbered("E", people.owner[customer], 4),
        }
    )


def contract_debts(timeline: Timeline, subscribers: Subscribers, spells: Spells) -> Debts:
    """A quarter's money for every quarter that a company's subscription has begun, due a month later."""
    of_firms = np.flatnonzero(subscribers.is_business[spells.subscriber])
    started_s, ended_s = spells.started_s[of_firms], spells.ended_s[of_firms]
    until_s = np.where(ended_s >= 0, ended_s, timeline.end_s)
    spell, place = repeated((until_s - started_s) // (_QUARTER_DAYS * DAY_S) + 1)
    subscriber = spells.subscriber[of_firms][spell]
    return Debts(
        customer=subscribers.customer[subscriber],
        contract=subscriber,
        order=nothing(len(spell)),
        due_s=started_s[spell] + (place * _QUARTER_DAYS + _CREDIT_DAYS) * DAY_S,
        cents=subscribers.monthly_cents[subscriber] * 3,
    )


def invoices(rng: np.random.Generator, scene: Scene, orders: Orders) -> Debts:
    """Half of what companies order is paid on invoice, within a month."""
    of_firms = orders.is_sale & (orders.customer >= 0) & scene.people.is_company[orders.customer]
    billed = np.flatnonzero(of_firms & chance(rng, _ON_INVOICE_SHARE, len(orders)))
    return Debts(
        customer=orders.customer[billed],
        contract=nothing(len(billed)),
        order=billed,
        due_s=orders.moment_s[billed] + _CREDIT_DAYS * DAY_S,
        cents=orders.amount[billed],
    )


def payments_table(rng: np.random.Generator, scene: Scene, debts: Debts) -> pa.Table:
    """The canonical ``payments``, by the day: most in time, some late, some not at all."""
    timeline, size = scene.timeline, len(debts.customer)
    fate = picks(rng, (ON_TIME_SHARE, _LATE_SHARE, 1 - ON_TIME_SHARE - _LATE_SHARE), size)
    shift_s = np.where(fate == 0, -between(rng, 0, 25 * DAY_S, size), between(rng, DAY_S, 50 * DAY_S, size))
    # abroad nothing falls due later than a rate may be old, for the rates end with the days
    is_abroad = scene.people.currency[debts.customer] != CURRENCIES.index("CNY")
    due_s = np.where(is_abroad, np.minimum(debts.due_s, timeline.end_s + _RATE_DAYS * DAY_S), debts.due_s)
    paid_s = timeline.past(where(fate < 2, due_s + shift_s))
    return pa.table(
        {
            "payment_id": numbered("Y", np.arange(size)),
            "customer_id": numbered("C", debts.customer),
            "order_id": numbered("O", debts.order, 8),
            "contract_id": numbered("B", debts.contract),
            "due_at": timeline.days_of(due_s),
            "paid_at": timeline.days_of(paid_s),
            "amount_due": money(debts.cents),
            "amount_paid": money(debts.cents, paid_s >= 0),
            "currency": words(CURRENCIES, scene.people.currency[debts.customer]),
        }
    )
