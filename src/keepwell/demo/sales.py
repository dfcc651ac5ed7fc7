"""Selling to companies: leads, and opportunities with their stages."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from keepwell.demo.columns import NONE, Ints, money, nothing, numbered, only, where, words
from keepwell.demo.company import CURRENCIES
from keepwell.demo.marketing import campaign_at
from keepwell.demo.people import CHANNELS
from keepwell.demo.sampling import any_of, between, chance, picks, repeated
from keepwell.demo.scene import Scene
from keepwell.demo.timeline import DAY_S, Timeline

STAGES = ("lead in", "proposal", "negotiation", "won", "lost")
_PROBABILITY = np.array([0.1, 0.4, 0.7, 1.0, 0.0])
WIN_RATE = 0.4
_CONVERTED_PERSONS_SHARE = 0.10
_OTHER_LEADS_SHARE = 0.5  # leads that become nobody, for each customer


@dataclass(frozen=True)
class Leads:
    """Leads, one element each, in the order of time."""

    created_s: Ints
    channel: Ints
    qualified_s: Ints
    lost_s: Ints
    converted_s: Ints
    customer: Ints


@dataclass(frozen=True)
class Opportunities:
    """Opportunities, one element each."""

    customer: Ints
    lead: Ints
    created_s: Ints
    stage: Ints
    reached_s: Ints  # for each opportunity the moments of proposal, negotiation and decision
    closed_s: Ints
    cents: Ints


def draw_leads(rng: np.random.Generator, scene: Scene) -> Leads:
    """Every company and some persons came as a lead; many other leads came to nothing."""
    timeline, people, size = scene.timeline, scene.people, len(scene.people)
    won = np.flatnonzero(people.is_buyer & (people.is_company | chance(rng, _CONVERTED_PERSONS_SHARE, size)))
    known_s = people.created_s[won]
    created_s = known_s - (rng.exponential(20, len(won)) * DAY_S).astype(np.int64)
    created_s = np.where(created_s >= 0, created_s, (rng.random(len(won)) * known_s).astype(np.int64))
    others = max(5, round(size * _OTHER_LEADS_SHARE))
    other_s = scene.season.moments(rng, np.zeros(others, dtype=np.int64), np.full(others, timeline.end_s, dtype=np.int64))
    qualified_s = timeline.past(other_s + between(rng, 3600, 10 * DAY_S, others))
    lost_s = timeline.past(np.maximum(other_s, qualified_s) + between(rng, DAY_S, 60 * DAY_S, others))
    leads = Leads(
        created_s=np.concatenate([created_s, other_s]),
        channel=np.concatenate([people.channel[won], picks(rng, (1,) * len(CHANNELS), others)]),
        qualified_s=np.concatenate([(created_s + people.joined_s[won]) // 2, where(chance(rng, 0.35, others), qualified_s)]),
        lost_s=np.concatenate([nothing(len(won)), where(chance(rng, 0.7, others), lost_s)]),
        converted_s=np.concatenate([people.joined_s[won], nothing(others)]),
        customer=np.concatenate([won, nothing(others)]),
    )
    order = np.argsort(leads.created_s, kind="stable")
    return Leads(**{name: getattr(leads, name)[order] for name in Leads.__dataclass_fields__})


def leads_table(rng: np.random.Generator, scene: Scene, leads: Leads) -> pa.Table:
    """The canonical ``leads``."""
    size, timeline = len(leads.created_s), scene.timeline
    return pa.table(
        {
            "lead_id": numbered("L", np.arange(size)),
            "created_at": timeline.local_times(leads.created_s),
            "source_channel": words(CHANNELS, leads.channel),
            "campaign_id": numbered("CAM", where(chance(rng, 0.5, size), campaign_at(timeline, leads.channel, leads.created_s)), 3),
            "owner_id": numbered("E", any_of(rng, scene.company.sellers, size), 4),
            "qualified_at": timeline.local_times(leads.qualified_s),
            "lost_at": timeline.local_times(leads.lost_s),
            "converted_at": timeline.local_times(leads.converted_s),
            "customer_id": numbered("C", leads.customer),
        }
    )


def draw_opportunities(rng: np.random.Generator, scene: Scene, leads: Leads) -> Opportunities:
    """Some for every company: :data:`WIN_RATE` of the decided ones are won, and the latest are still open."""
    timeline, people = scene.timeline, scene.people
    firms = people.companies[people.is_buyer[people.companies]]
    firm, place = repeated(1 + rng.poisson(1.6, len(firms)))
    customer = firms[firm]
    since = people.created_s[customer]
    created_s = since + (rng.random(len(customer)) * (timeline.end_s - since)).astype(np.int64)
    steps = np.cumsum(between(rng, 2 * DAY_S, 25 * DAY_S, len(customer) * 3).reshape(-1, 3), axis=1)
    reached_s = timeline.past(created_s[:, None] + steps)
    closed_s = reached_s[:, 2]
    is_won = chance(rng, WIN_RATE, len(customer))
    passed = (reached_s >= 0).sum(axis=1)
    by_customer = nothing(len(people))
    converted = np.flatnonzero(leads.customer >= 0)
    by_customer[leads.customer[converted]] = converted
    return Opportunities(
        customer=customer,
        lead=where(place == 0, by_customer[customer]),
        created_s=created_s,
        stage=np.where(closed_s >= 0, np.where(is_won, 3, 4), np.minimum(passed, 2)),
        reached_s=reached_s,
        closed_s=closed_s,
        cents=between(rng, 20, 900, len(customer)) * 10_000,
    )


def opportunities_table(rng: np.random.Generator, scene: Scene, deals: Opportunities) -> pa.Table:
    """The canonical ``opportunities``."""
    size, timeline, people = len(deals.customer), scene.timeline, scene.people
    is_decided = deals.closed_s >= 0
    return pa.table(
        {
            "opportunity_id": numbered("D", np.arange(size)),
            "customer_id": numbered("C", deals.customer),
            "lead_id": numbered("L", deals.lead),
            "owner_id": numbered("E", people.owner[deals.customer], 4),
            "stage": words(STAGES, deals.stage),
            "amount": money(deals.cents),
            "currency": words(CURRENCIES, people.currency[deals.customer]),
            "probability": pa.array(_PROBABILITY[deals.stage]),
            "expected_close_at": timeline.local_times(deals.created_s + between(rng, 20 * DAY_S, 80 * DAY_S, size)),
            "created_at": timeline.local_times(deals.created_s),
            "closed_at": timeline.local_times(deals.closed_s),
            "outcome": only(words(("won", "lost"), (deals.stage == STAGES.index("lost")).astype(np.int64)), is_decided),
        }
    )


def stage_changes_table(timeline: Timeline, deals: Opportunities) -> pa.Table:
    """The canonical ``stage_changes``, the entry into the first stage included."""
    size = len(deals.customer)
    at_s = np.column_stack([deals.created_s, deals.reached_s])
    ends_in = np.where(deals.closed_s >= 0, deals.stage, NONE)
    to_stage = np.column_stack([np.tile(np.arange(3), (size, 1)), ends_in])
    deal, step = np.nonzero(at_s >= 0)
    return pa.table(
        {
            "opportunity_id": numbered("D", deal),
            "at": timeline.instants(at_s[deal, step]),
            "from_stage": words(STAGES, step.astype(np.int64) - 1),
            "to_stage": words(STAGES, to_stage[deal, step]),
        }
    )
