"""Channels, campaigns, what they cost and the visits they bring."""

import numpy as np
import pyarrow as pa

from keepwell.demo.columns import NONE, Flags, Ints, counts, flags, money, numbered, only, same, where, words
from keepwell.demo.people import CHANNELS, PAID_CHANNELS, People
from keepwell.demo.sampling import between, chance, picks, repeated
from keepwell.demo.scene import Scene
from keepwell.demo.timeline import DAY_S, Timeline

# Media money for each customer who first buys, in yuan: what a sum over any month must come to.
CAC = {"search ads": 85, "social ads": 62, "marketplace": 48}
_CAMPAIGN_CHANNELS = (*PAID_CHANNELS, "wechat")
EXPERIMENT_CAMPAIGN = 0  # the number of the campaign that is proven by an experiment; the seasonal ones follow


def channels_table() -> pa.Table:
    """The canonical ``channels``."""
    return pa.table({"channel": CHANNELS, "is_paid": [channel in PAID_CHANNELS for channel in CHANNELS]})


def campaign_at(timeline: Timeline, channel: Ints, moments: Ints) -> Ints:
    """The number of the campaign that a channel ran in the quarter of a moment; none in channels without campaigns."""
    places = np.array([_CAMPAIGN_CHANNELS.index(c) if c in _CAMPAIGN_CHANNELS else NONE for c in CHANNELS])
    place = places[np.maximum(channel, 0)]
    quarter = timeline.month_of(moments) // 3
    return where((place >= 0) & (moments >= 0) & (channel >= 0), 1 + quarter * len(_CAMPAIGN_CHANNELS) + place)


def campaigns_table(timeline: Timeline, experiment_at_s: int, experiment_days: int) -> pa.Table:
    """The canonical ``campaigns``: one a paid channel and quarter, and the one under experiment."""
    starts_s = timeline.month_starts_s
    quarters = range(0, len(timeline.months), 3)
    rows = [("秋日回归券 Come back to tea", "email", experiment_at_s, experiment_at_s + experiment_days * DAY_S)]
    rows += [
        (f"{timeline.months[q]} {channel}", channel, int(starts_s[q]), int(starts_s[min(q + 3, len(timeline.months))]) - 1)
        for q in quarters
        for channel in _CAMPAIGN_CHANNELS
    ]
    name, channel, start, end = zip(*rows, strict=True)
    return pa.table(
        {
            "campaign_id": numbered("CAM", np.arange(len(rows)), 3),
            "name": name,
            "channel": channel,
            "started_at": timeline.instants(np.array(start)),
            "ended_at": timeline.instants(np.array(end)),
        }
    )


def costs_table(rng: np.random.Generator, scene: Scene, ticket_customers: Ints, experiment_at_s: int) -> pa.Table:
    """The canonical ``costs``: media by what each new buyer costs, salaries, tools, the service of customers, and the coupons of the experiment.

    ``ticket_customers`` are those whose tickets were dear to settle.
    """
    timeline, people = scene.timeline, scene.people
    blocks = [_media(timeline, people), _overhead(timeline, len(people)), _service(rng, timeline, people, ticket_customers)]
    blocks.append(_coupons(timeline, len(people), experiment_at_s))
    table = pa.concat_tables(blocks, promote_options="default")
    return table.add_column(0, "cost_id", numbered("K", np.arange(len(table))))


def _media(timeline: Timeline, people: People) -> pa.Table:
    months = len(timeline.months)
    buyers = np.flatnonzero(people.is_buyer)
    cells = people.channel[buyers] * months + timeline.month_of(people.joined_s[buyers])
    won = np.bincount(cells, minlength=len(CHANNELS) * months).reshape(len(CHANNELS), months)
    rows = [
        (CHANNELS.index(name), month, int(won[CHANNELS.index(name), month]) * cac) for name, cac in CAC.items() for month in range(months)
    ]
    channel, month, yuan = np.array([row for row in rows if row[2]]).T
    month_s = timeline.month_starts_s[month]
    table = _costs(timeline, month_s, "acquisition", "media", yuan * 100)
    campaign = numbered("CAM", campaign_at(timeline, channel, month_s), 3)
    return table.append_column("channel", words(CHANNELS, channel)).append_column("campaign_id", campaign)


def _overhead(timeline: Timeline, size: int) -> pa.Table:
    starts_s = timeline.month_starts_s[:-1]
    each = np.full(len(starts_s), size)
    cents = {
        ("acquisition", "people"): 120,
        ("acquisition", "tools"): 20,
        ("retention", "people"): 90,
        ("service", "people"): 150,
        ("service", "tools"): 15,
    }
    return pa.concat_tables([_costs(timeline, starts_s, purpose, kind, each * amount) for (purpose, kind), amount in cents.items()])


def _service(rng: np.random.Generator, timeline: Timeline, people: People, ticket_customers: Ints) -> pa.Table:
    visited = people.owned[chance(rng, 0.5, len(people.owned))]
    customers = np.concatenate([ticket_customers, visited])
    since = people.created_s[customers]
    moments = since + (rng.random(len(customers)) * (timeline.end_s - since)).astype(np.int64)
    table = _costs(timeline, moments, "service", "service", between(rng, 3_000, 60_000, len(customers)))
    return table.append_column("customer_id", numbered("C", customers))


def _coupons(timeline: Timeline, size: int, at_s: int) -> pa.Table:
    table = _costs(timeline, np.array([at_s]), "retention", "media", np.array([size * 60]))
    return table.append_column("campaign_id", numbered("CAM", np.array([EXPERIMENT_CAMPAIGN]), 3))


def _costs(timeline: Timeline, moments: Ints, purpose: str, kind: str, cents: Ints) -> pa.Table:
    size = len(moments)
    return pa.table(
        {
            "incurred_on": timeline.days_of(moments),
            "purpose": same(purpose, size),
            "kind": same(kind, size),
            "amount": money(cents),
            "currency": same("CNY", size),
        }
    )


def visits_table(rng: np.random.Generator, scene: Scene, buyers: Ints, bought_s: Ints) -> pa.Table:
    """The canonical ``visits``: half of the orders begin with one, and most visits end without."""
    timeline, people = scene.timeline, scene.people
    orders = chance(rng, 0.5, len(buyers))
    browsing, _ = repeated(rng.poisson(1.5, len(people)))
    known = people.created_s[browsing]
    looked_s = scene.season.moments(rng, known, np.full(len(known), timeline.end_s, dtype=np.int64))
    came_s = np.maximum(bought_s[orders] - between(rng, 120, 2400, int(orders.sum())), 0)
    customer = np.concatenate([buyers[orders], browsing])
    started_s = np.concatenate([came_s, looked_s])
    converted: Flags = np.arange(len(customer)) < int(orders.sum())
    order = np.argsort(started_s, kind="stable")
    customer, started_s, converted = customer[order], started_s[order], converted[order]
    channel = np.where(chance(rng, 0.5, len(customer)), people.channel[customer], picks(rng, (1,) * len(CHANNELS), len(customer)))
    signed_in = converted | chance(rng, 0.45, len(customer))
    return pa.table(
        {
            "visit_id": numbered("V", np.arange(len(customer)), 8),
            "visitor_id": numbered("D", customer * 13 % 9_999_991),
            "customer_id": only(numbered("C", customer), signed_in),
            "started_at": timeline.instants(started_s),
            "channel": words(CHANNELS, channel),
            "campaign_id": numbered("CAM", where(chance(rng, 0.3, len(customer)), campaign_at(timeline, channel, started_s)), 3),
            "pages": counts(1 + rng.poisson(np.where(converted, 7.0, 3.0))),
            "converted": flags(converted),
        }
    )
