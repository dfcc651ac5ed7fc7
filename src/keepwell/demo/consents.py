"""What customers have allowed: marketing, surveys, profiling, service."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from keepwell.demo.columns import Flags, Ints, numbered, only, same, where, words
from keepwell.demo.people import People
from keepwell.demo.sampling import between, chance
from keepwell.demo.timeline import DAY_S, Timeline

_PURPOSES = ("marketing", "survey", "profiling", "service")
_ASKED = (0.95, 0.9, 0.5, 0.2)
_GRANTED = (0.76, 0.85, 0.6, 1.0)
_WITHDRAWN = 0.08
_STATUSES = ("granted", "denied", "withdrawn")
_FORMS = ("注册页面勾选 sign-up form", "客服电话 phone call", "门店表格 paper form")


@dataclass(frozen=True)
class Consents:
    """Decisions, one element each, earlier ones of a customer and purpose before later ones."""

    size: int
    customer: Ints
    purpose: Ints
    status: Ints
    at_s: Ints

    def _allows(self, purpose: str, by_s: int) -> Flags:
        """For each customer, whether the last decision by that moment allows it."""
        made = (self.purpose == _PURPOSES.index(purpose)) & (self.at_s <= by_s)
        allowed = np.zeros(self.size, dtype=bool)
        allowed[self.customer[made & (self.status == 0)]] = True
        allowed[self.customer[made & (self.status > 0)]] = False
        return allowed

    def allows_marketing(self, by_s: int) -> Flags:
        """For each customer, whether we may write to win business."""
        return self._allows("marketing", by_s)

    def allows_survey(self, by_s: int) -> Flags:
        """For each customer, whether we may ask."""
        return self._allows("survey", by_s)


def draw_consents(rng: np.random.Generator, timeline: Timeline, people: People) -> Consents:
    """Most customers are asked when they register; some take their word back later."""
    size = len(people)
    blocks: list[tuple[Ints, Ints, Ints, Ints]] = []
    for place, (asked, granted) in enumerate(zip(_ASKED, _GRANTED, strict=True)):
        who = np.flatnonzero(chance(rng, asked, size))
        status = np.where(chance(rng, granted, len(who)), 0, 1)
        at_s = people.created_s[who] + between(rng, 5, 300, len(who))
        blocks.append((who, np.full(len(who), place), status, at_s))
        back = who[(status == 0) & chance(rng, _WITHDRAWN, len(who))]
        later_s = people.created_s[back] + between(rng, 5 * DAY_S, 500 * DAY_S, len(back))
        back, later_s = back[later_s < timeline.end_s], later_s[later_s < timeline.end_s]
        blocks.append((back, np.full(len(back), place), np.full(len(back), 2), later_s))
    customer, purpose, status, at_s = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return Consents(size, customer, purpose, status, np.minimum(at_s, timeline.end_s - 1))


def consents_table(rng: np.random.Generator, timeline: Timeline, consents: Consents) -> pa.Table:
    """The canonical ``consents``."""
    size = len(consents.customer)
    lapses = chance(rng, 0.1, size) & (consents.status == 0)
    return pa.table(
        {
            "consent_id": numbered("N", np.arange(size)),
            "customer_id": numbered("C", consents.customer),
            "purpose": words(_PURPOSES, consents.purpose),
            "channel": only(same("email", size), chance(rng, 0.3, size)),
            "status": words(_STATUSES, consents.status),
            "at": timeline.instants(consents.at_s),
            "expires_at": timeline.instants(where(lapses, consents.at_s + 730 * DAY_S)),
            "evidence": words(_FORMS, between(rng, 0, len(_FORMS), size)),
        }
    )
