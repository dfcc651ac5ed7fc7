"""The shop: products, orders with their lines, refunds."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from keepwell.demo import words as w
from keepwell.demo.columns import NONE, Flags, Ints, counts, money, numbered, same, where, words
from keepwell.demo.company import CURRENCIES
from keepwell.demo.marketing import campaign_at
from keepwell.demo.people import CHANNELS, COUNTRIES
from keepwell.demo.purchases import COMPLETED, REFUND, STATUSES, Purchases
from keepwell.demo.sampling import any_of, between, chance, picks, ranked, repeated
from keepwell.demo.scene import Scene
from keepwell.demo.timeline import DAY_S, Timeline

_GOODS = tuple((*names, category) for category, goods in w.PRODUCTS.items() for names in goods)
_NAMES = [chinese for chinese, *_ in _GOODS]
_LIST_RATES = (1.0, 7.0, 7.6, 9.0)  # by which prices in yuan become list prices of other currencies
_PRICES = np.array([[round(price * 100 / rate) for _, _, price, _, _ in _GOODS] for rate in _LIST_RATES], dtype=np.int64)
_COSTS = np.array([[round(cost * 100 / rate) for _, _, _, cost, _ in _GOODS] for rate in _LIST_RATES], dtype=np.int64)
_POPULARITY = tuple(1 / (1 + i * 5 % len(_GOODS)) ** 0.7 for i in range(len(_GOODS)))
_PAIR = tuple(_NAMES.index(name) for name in w.PAIR)
PAIR_IDS = (f"P{_PAIR[0]:04}", f"P{_PAIR[1]:04}")
PAIR_PROBABILITY = 0.6  # that whoever has the first of the pair in the basket takes the second as the next line
DISCONTINUED = 998  # still in some lines, no longer in the list of products
_DISCONTINUED_SHARE = 0.002
_REFUNDED_SHARE = 0.04
REFUND_DAYS = 14
_STORES = ("SH01", "SH02", "BJ01", "GZ01", "CD01")
_STORE = CHANNELS.index("store")


@dataclass(frozen=True)
class Lines:
    """Order lines, one element each, in the order of their orders."""

    order: Ints
    line_no: Ints
    product: Ints
    quantity: Ints
    unit_price: Ints  # cents
    unit_cost: Ints
    discount: Ints

    @property
    def amount(self) -> Ints:
        """What each line comes to, in cents."""
        return self.quantity * self.unit_price - self.discount


@dataclass(frozen=True)
class Orders:
    """Orders, one element each, in the order of time; the running number is the place."""

    customer: Ints
    moment_s: Ints
    status: Ints
    refund_of: Ints
    campaign: Ints
    currency: Ints
    amount: Ints  # cents
    cost: Ints
    discount: Ints
    product: Ints  # of the first line

    def __len__(self) -> int:
        return len(self.customer)

    @property
    def is_sale(self) -> Flags:
        completed: Flags = self.status == COMPLETED
        return completed


def products_table() -> pa.Table:
    """The canonical ``products``, with list prices in yuan."""
    return pa.table(
        {
            "product_id": numbered("P", np.arange(len(_GOODS)), 4),
            "name": [f"{chinese} {english}" for chinese, english, *_ in _GOODS],
            "category": [category for *_, category in _GOODS],
            "unit_price": money(_PRICES[0]),
            "unit_cost": money(_COSTS[0]),
            "currency": same("CNY", len(_GOODS)),
        }
    )


def draw_orders(rng: np.random.Generator, scene: Scene, purchases: Purchases) -> tuple[Orders, Lines]:
    """Baskets for the purchases, and refunds of some of them, all numbered by time."""
    currency = np.where(purchases.customer >= 0, scene.people.currency[purchases.customer], 0)
    sold = _baskets(rng, scene, purchases, currency)
    refunded, refund_s = _refunds(rng, scene.timeline, purchases)
    firsts = np.flatnonzero(sold.line_no == 1)[refunded]
    size = len(purchases)
    back = Lines(
        order=size + np.arange(len(refunded)),
        line_no=np.ones(len(refunded), dtype=np.int64),
        product=sold.product[firsts],
        quantity=-sold.quantity[firsts],
        unit_price=sold.unit_price[firsts],
        unit_cost=sold.unit_cost[firsts],
        discount=-sold.discount[firsts],
    )
    moments = np.concatenate([purchases.moment_s, refund_s])
    number = ranked(moments)
    lines = _renumbered([sold, back], number)
    order = np.argsort(number)
    whole = np.concatenate([np.arange(size), refunded])[order]
    is_refund = order >= size
    orders = Orders(
        customer=purchases.customer[whole],
        moment_s=moments[order],
        status=np.where(is_refund, REFUND, purchases.status[whole]),
        refund_of=where(is_refund, number[whole]),
        campaign=purchases.campaign[whole],
        currency=currency[whole],
        amount=_sums(lines.order, lines.amount, len(order)),
        cost=_sums(lines.order, lines.quantity * lines.unit_cost, len(order)),
        discount=_sums(lines.order, lines.discount, len(order)),
        product=lines.product[lines.line_no == 1],
    )
    return orders, lines


def _baskets(rng: np.random.Generator, scene: Scene, purchases: Purchases, currency: Ints) -> Lines:
    order, place = repeated(1 + np.minimum(rng.poisson(0.7, len(purchases)), 4))
    size = len(order)
    product = picks(rng, _POPULARITY, size)
    follows = (place == 1) & (np.roll(product, 1) == _PAIR[0]) & chance(rng, PAIR_PROBABILITY, size)
    product[follows] = _PAIR[1]
    customer = purchases.customer[order]
    is_firm = (customer >= 0) & scene.people.is_company[customer]
    quantity = np.where(is_firm, 2 + rng.poisson(5.0, size), 1 + (rng.random(size) < 0.22))
    price = _PRICES[currency[order], product]
    month = np.array([int(name[-2:]) for name in scene.timeline.months])[scene.timeline.month_of(purchases.moment_s[order])]
    is_cut = chance(rng, np.where(np.isin(month, (6, 11)), 0.55, 0.18), size)
    discount = np.where(is_cut, quantity * price * between(rng, 5, 21, size) // 100, 0)
    is_gone = chance(rng, _DISCONTINUED_SHARE, size)
    is_gone[0] = True
    shown = np.where(is_gone, DISCONTINUED, product)
    return Lines(order, place + 1, shown, quantity, price, _COSTS[currency[order], product], discount)


def _refunds(rng: np.random.Generator, timeline: Timeline, purchases: Purchases) -> tuple[Ints, Ints]:
    """Which purchases are given back, and when."""
    given_back = np.flatnonzero((purchases.status == COMPLETED) & chance(rng, _REFUNDED_SHARE, len(purchases)))
    moment_s = purchases.moment_s[given_back] + between(rng, DAY_S, REFUND_DAYS * DAY_S, len(given_back))
    has_come = moment_s < timeline.end_s
    return given_back[has_come], moment_s[has_come]


def _renumbered(parts: list[Lines], number: Ints) -> Lines:
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in Lines.__dataclass_fields__}
    whole["order"] = number[whole["order"]]
    order = np.lexsort((whole["line_no"], whole["order"]))
    return Lines(**{name: values[order] for name, values in whole.items()})


def _sums(owner: Ints, cents: Ints, size: int) -> Ints:
    # Whole cents stay exact in doubles far beyond any order.
    return np.round(np.bincount(owner, cents, minlength=size)).astype(np.int64)


def orders_table(rng: np.random.Generator, scene: Scene, orders: Orders) -> pa.Table:
    """The canonical ``orders``; the margin of a few is not known."""
    size, timeline, people = len(orders), scene.timeline, scene.people
    is_known = orders.customer >= 0
    by_habit = np.where(chance(rng, 0.55, size), people.channel[orders.customer], picks(rng, (1,) * len(CHANNELS), size))
    channel = np.where(is_known, by_habit, _STORE)
    by_quarter = where(chance(rng, 0.3, size), campaign_at(timeline, channel, orders.moment_s))
    in_store = channel == _STORE
    seller = np.where(in_store, any_of(rng, scene.company.sellers, size), NONE)
    return pa.table(
        {
            "order_id": numbered("O", np.arange(size), 8),
            "customer_id": numbered("C", orders.customer),
            "ordered_at": timeline.instants(orders.moment_s),
            "status": words(STATUSES, orders.status),
            "refund_of": numbered("O", orders.refund_of, 8),
            "amount": money(orders.amount),
            "margin": money(orders.amount - orders.cost, ~chance(rng, 0.03, size)),
            "discount": money(orders.discount),
            "currency": words(CURRENCIES, orders.currency),
            "channel": words(CHANNELS, channel),
            "campaign_id": numbered("CAM", np.where(orders.campaign >= 0, orders.campaign, by_quarter), 3),
            "employee_id": numbered("E", np.where(is_known & ~in_store, people.owner[orders.customer], seller), 4),
            "store": words(_STORES, where(in_store, between(rng, 0, len(_STORES), size))),
            "country": words(COUNTRIES, np.where(is_known, people.country[orders.customer], 0)),
        }
    )


def order_lines_table(lines: Lines) -> pa.Table:
    """The canonical ``order_lines``, without what is copied from the order."""
    return pa.table(
        {
            "order_id": numbered("O", lines.order, 8),
            "line_no": counts(lines.line_no),
            "product_id": numbered("P", lines.product, 4),
            "quantity": pa.array(lines.quantity),  # taken back goods are negative numbers here
            "unit_price": money(lines.unit_price),
            "amount": money(lines.amount),
            "unit_cost": money(lines.unit_cost),
            "discount": money(lines.discount),
        }
    )
