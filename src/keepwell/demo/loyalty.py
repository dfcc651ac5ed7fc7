"""The points programme as a ledger of lots, and customers who bring customers.

Every lot is earned once. A refund takes back the points of what it gives back. What is left is spent when its member next
redeems while it is valid, else it lapses. A redemption takes every lot that is available, so no older one is skipped.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from keepwell.demo.columns import Floats, Ints, money, nothing, numbered, only, same, where, words
from keepwell.demo.people import People
from keepwell.demo.sampling import any_of, between, chance
from keepwell.demo.scene import Scene
from keepwell.demo.shop import REFUND_DAYS, Orders
from keepwell.demo.timeline import DAY_S, Timeline

PROGRAMME = "LP-LEAVES"
_KINDS = ("earn", "spend", "expire", "reverse", "adjust")
_EARN, _SPEND, _EXPIRE, _REVERSE, _ADJUST = range(5)
_LIVES_DAYS = 270
_MEMBERS_SHARE = 0.62
_GIFT_SHARE, _GIFT_POINTS = 0.06, 50
_REDEEMS_SHARE = 0.4
_TIERS = ("leaf", "silver", "gold")
_TIER_FROM_YUAN = np.array([2_000, 8_000])
_YUAN_RATES = np.array([1.0, 7.2, 7.8, 9.1])


@dataclass(frozen=True)
class Members:
    """Members, one element each."""

    customer: Ints
    joined_s: Ints
    left_s: Ints
    tier: Ints


@dataclass(frozen=True)
class _Lots:
    """Lots of points, one element each."""

    customer: Ints
    order: Ints
    earned_s: Ints
    points: Ints
    kind: Ints
    refunded_s: Ints
    reversed_points: Ints  # taken back with the refund

    @property
    def available_s(self) -> Ints:
        # A day after the last at which goods can be returned: what was spent need never be taken back.
        return self.earned_s + (REFUND_DAYS + 1) * DAY_S

    @property
    def expires_s(self) -> Ints:
        return self.earned_s + _LIVES_DAYS * DAY_S


def programmes_table(timeline: Timeline) -> pa.Table:
    """The canonical ``programmes``: one, without an end."""
    return pa.table(
        {
            "programme_id": [PROGRAMME],
            "name": ["茶叶会员 Tea leaves"],
            "point_value": money(np.array([5])),
            "currency": ["CNY"],
            "breakage_rate": [0.2],
            "starts_on": pa.array([timeline.first_day], pa.date32()),
            "ends_on": pa.nulls(1, pa.date32()),
        }
    )


def draw_members(rng: np.random.Generator, scene: Scene, orders: Orders) -> Members:
    """Most persons join with their first purchase or some time after; a few leave."""
    timeline, people = scene.timeline, scene.people
    who = np.flatnonzero(people.is_buyer & ~people.is_company & chance(rng, _MEMBERS_SHARE, len(people)))
    waits_s = np.where(chance(rng, 0.7, len(who)), -60, rng.exponential(40 * DAY_S, len(who))).astype(np.int64)
    joined_s = np.maximum(people.joined_s[who] + waits_s, people.created_s[who])
    who, joined_s = who[joined_s < timeline.end_s], joined_s[joined_s < timeline.end_s]
    left_s = where(chance(rng, 0.03, len(who)), timeline.past(joined_s + between(rng, 60 * DAY_S, 500 * DAY_S, len(who))))
    return Members(who, joined_s, left_s, np.searchsorted(_TIER_FROM_YUAN, _spent(people, orders)[who], side="right"))


def _spent(people: People, orders: Orders) -> Ints:
    """What each customer has spent in all, in whole yuan."""
    known = orders.is_sale & (orders.customer >= 0)
    yuan = _points(orders.amount[known], orders.currency[known])
    return np.bincount(orders.customer[known], yuan, minlength=len(people)).astype(np.int64)


def memberships_table(timeline: Timeline, members: Members) -> pa.Table:
    """The canonical ``memberships``."""
    size = len(members.customer)
    return pa.table(
        {
            "membership_id": numbered("ML", members.customer),
            "programme_id": same(PROGRAMME, size),
            "customer_id": numbered("C", members.customer),
            "joined_at": timeline.instants(members.joined_s),
            "left_at": timeline.instants(members.left_s),
            "tier": words(_TIERS, members.tier),
        }
    )


def loyalty_entries_table(rng: np.random.Generator, scene: Scene, orders: Orders, members: Members) -> pa.Table:
    """The canonical ``loyalty_entries``, in the order of time."""
    timeline, lots = scene.timeline, _lots(rng, scene, orders, members)
    lot = np.arange(len(lots.customer))
    spent_s = timeline.past(_redeemed(rng, timeline, lots))
    left = lots.points - lots.reversed_points
    fates = (
        (lots.earned_s, lots.points, lots.kind),
        (lots.refunded_s, -lots.reversed_points, np.full(len(lot), _REVERSE)),
        (spent_s, -left, np.full(len(lot), _SPEND)),
        (where(spent_s < 0, timeline.past(lots.expires_s)), -left, np.full(len(lot), _EXPIRE)),
    )
    at_s, points, kind = (np.concatenate(parts) for parts in zip(*fates, strict=True))
    owner = np.tile(lot, len(fates))
    happened = np.flatnonzero((at_s >= 0) & (points != 0))
    order = happened[np.argsort(at_s[happened], kind="stable")]
    owner, at_s, points, kind = owner[order], at_s[order], points[order], kind[order]
    opens = np.isin(kind, (_EARN, _ADJUST))
    return pa.table(
        {
            "entry_id": numbered("G", np.arange(len(order)), 8),
            "programme_id": same(PROGRAMME, len(order)),
            "customer_id": numbered("C", lots.customer[owner]),
            "at": timeline.instants(at_s),
            "points": pa.array(points),
            "kind": words(_KINDS, kind),
            "lot_id": numbered("LOT", owner, 8),
            "available_at": timeline.instants(where(opens, lots.available_s[owner])),
            "expires_at": timeline.instants(where(opens, lots.expires_s[owner])),
            "order_id": numbered("O", where(np.isin(kind, (_EARN, _REVERSE)), lots.order[owner]), 8),
            "note": only(same("周年礼 anniversary gift", len(order)), kind == _ADJUST),
        }
    )


def _lots(rng: np.random.Generator, scene: Scene, orders: Orders, members: Members) -> _Lots:
    """A point for each yuan of a member's orders, and gifts to some."""
    size, end_s = len(scene.people), scene.timeline.end_s
    joined_s, left_s = np.full(size, end_s), np.full(size, end_s)
    joined_s[members.customer] = members.joined_s
    left_s[members.customer] = np.where(members.left_s >= 0, members.left_s, end_s)
    buyer = np.maximum(orders.customer, 0)
    counts = orders.is_sale & (orders.customer >= 0) & (orders.moment_s >= joined_s[buyer]) & (orders.moment_s < left_s[buyer])
    earned = np.flatnonzero(counts)
    points = _points(np.abs(orders.amount), orders.currency)
    refunds = np.flatnonzero(orders.refund_of >= 0)
    refunded_s, back = nothing(len(orders)), np.zeros(len(orders), dtype=np.int64)
    refunded_s[orders.refund_of[refunds]] = orders.moment_s[refunds]
    back[orders.refund_of[refunds]] = points[refunds]
    guests = members.customer[chance(rng, _GIFT_SHARE, len(members.customer))]
    gift_s = joined_s[guests] + (rng.random(len(guests)) * (left_s[guests] - joined_s[guests])).astype(np.int64)
    return _Lots(
        customer=np.concatenate([buyer[earned], guests]),
        order=np.concatenate([earned, nothing(len(guests))]),
        earned_s=np.concatenate([orders.moment_s[earned], gift_s]),
        points=np.concatenate([points[earned], np.full(len(guests), _GIFT_POINTS)]),
        kind=np.concatenate([np.full(len(earned), _EARN), np.full(len(guests), _ADJUST)]),
        refunded_s=np.concatenate([refunded_s[earned], nothing(len(guests))]),
        reversed_points=np.concatenate([back[earned], np.zeros(len(guests), dtype=np.int64)]),
    )


def _redeemed(rng: np.random.Generator, timeline: Timeline, lots: _Lots) -> Ints:
    """The moment at which each lot is spent: the member's next redemption after it became available, if still valid."""
    customers = np.unique(lots.customer)
    redeemers = customers[chance(rng, _REDEEMS_SHARE, len(customers))]
    if not len(redeemers):
        return nothing(len(lots.customer))
    who = np.repeat(redeemers, 4)
    when_s = between(rng, 30 * DAY_S, max(timeline.end_s, 31 * DAY_S), len(who))
    # One number for member and moment, so that one search finds the next redemption of each lot's own member.
    span = 4 * timeline.end_s
    keys = np.sort(who * span + when_s)
    place = np.searchsorted(keys, lots.customer * span + lots.available_s)
    found = keys[np.minimum(place, len(keys) - 1)]
    next_s = found % span
    fits = (place < len(keys)) & (found // span == lots.customer) & (next_s < lots.expires_s)
    return where(fits, next_s)


def _points(cents: Ints, currency: Ints) -> Ints:
    """A point for each whole yuan."""
    yuan: Floats = cents / 100 * _YUAN_RATES[currency]
    return yuan.astype(np.int64)


def referrals_table(rng: np.random.Generator, scene: Scene) -> pa.Table:
    """The canonical ``referrals``: those that brought a buyer, and those that have not yet."""
    timeline, people = scene.timeline, scene.people
    referred = np.flatnonzero(people.referrer >= 0)
    idle = np.flatnonzero(~people.is_buyer & (people.referrer < 0) & (np.arange(len(people)) > 0))
    named = any_of(rng, idle, len(idle) // 3) if len(idle) else idle
    named = np.unique(named)
    referrer = np.concatenate([people.referrer[referred], (rng.random(len(named)) * named).astype(np.int64)])
    referred = np.concatenate([referred, named])
    return pa.table(
        {
            "referrer_id": numbered("C", referrer),
            "referred_id": numbered("C", referred),
            "referred_at": timeline.instants(np.maximum(people.created_s[referred] - 3600, 0)),
            "converted_at": timeline.instants(people.joined_s[referred]),
        }
    )
