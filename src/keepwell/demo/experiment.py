"""One campaign whose effect is known: customers drawn by lot get a coupon, the others do not, and the coupon sells."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from keepwell.demo.columns import Flags, Ints, flags, nothing, numbered, only, same, where, words
from keepwell.demo.consents import Consents
from keepwell.demo.marketing import EXPERIMENT_CAMPAIGN
from keepwell.demo.people import buying
from keepwell.demo.purchases import COMPLETED, Purchases
from keepwell.demo.sampling import between, chance
from keepwell.demo.scene import Scene
from keepwell.demo.timeline import DAY_S, Timeline

EXPERIMENT = "EXP-COUPON"
EFFECT = 0.08  # added to the probability of a purchase within the window
WINDOW_DAYS = 30
_DAYS_BEFORE_END = 80
_MEMORY_DAYS = 365
_ASSIGNED_HOUR = 9


@dataclass(frozen=True)
class Experiment:
    """Who was assigned, to which arm, and who bought because of it."""

    customer: Ints
    is_control: Flags
    assigned_s: int
    caused: Purchases


def assigned_at_s(timeline: Timeline) -> int:
    """The moment at which the arms are drawn: late enough for a history, early enough for the window to be over."""
    return (timeline.days - _DAYS_BEFORE_END) * DAY_S + _ASSIGNED_HOUR * 3600


def draw_experiment(rng: np.random.Generator, scene: Scene, consents: Consents, purchases: Purchases) -> Experiment:
    """Half of those who may be written to get the coupon, which makes :data:`EFFECT` more of them buy.

    The extra buyers are drawn among the treated who would not have bought within the window, so that each adds one to the arm.
    """
    people, start_s = scene.people, assigned_at_s(scene.timeline)
    reachable = np.intersect1d(buying(people, start_s, _MEMORY_DAYS), np.flatnonzero(consents.allows_marketing(start_s)))
    bought = purchases.buyers_between(start_s, start_s + WINDOW_DAYS * DAY_S, len(people))
    is_control = _arms(rng, bought[reachable])
    treated = reachable[~is_control]
    idle = treated[~bought[treated]]
    extra = rng.choice(idle, min(round(EFFECT * len(treated)), len(idle)), replace=False)
    # From a day after the assignment, when the coupon has been read.
    moment_s = start_s + between(rng, DAY_S, WINDOW_DAYS * DAY_S, len(extra))
    caused = Purchases(extra, moment_s, np.full(len(extra), COMPLETED), np.full(len(extra), EXPERIMENT_CAMPAIGN))
    return Experiment(reachable, is_control, start_s, caused)


def _arms(rng: np.random.Generator, would_buy: Flags) -> Flags:
    """Who is held out: by lot, one of every two who would have bought alike.

    So the files show the declared effect, and not only on average over many businesses.
    """
    order = np.lexsort((rng.random(len(would_buy)), would_buy))
    side = chance(rng, 0.5, len(order) // 2 + 1)
    is_control = np.empty(len(order), dtype=bool)
    is_control[order] = (np.arange(len(order)) % 2 == 1) ^ np.repeat(side, 2)[: len(order)]
    return is_control


def exposures_table(rng: np.random.Generator, timeline: Timeline, experiment: Experiment) -> pa.Table:
    """The canonical ``exposures``; nothing was sent to the control group."""
    size = len(experiment.customer)
    treated = ~experiment.is_control
    sent_s = where(treated, experiment.assigned_s + between(rng, 600, 3 * 3600, size))
    arrives = chance(rng, 0.97, size)
    delivered_s = where(treated & arrives, sent_s + between(rng, 5, 300, size))
    opened_s = where((delivered_s >= 0) & chance(rng, 0.42, size), delivered_s + between(rng, 300, 15 * 3600, size))
    clicked_s = where((opened_s >= 0) & chance(rng, 0.3, size), opened_s + between(rng, 10, 600, size))
    caused = _by_customer(experiment)
    left_s = where((opened_s >= 0) & chance(rng, 0.015, size), opened_s + between(rng, 20, 900, size))
    return pa.table(
        {
            "experiment_id": same(EXPERIMENT, size),
            "customer_id": numbered("C", experiment.customer),
            "campaign_id": numbered("CAM", np.full(size, EXPERIMENT_CAMPAIGN), 3),
            "action_id": only(same("ACT-COUPON", size), treated),
            "assigned_at": timeline.instants(np.full(size, experiment.assigned_s)),
            "arm": words(("coupon", "control"), experiment.is_control.astype(np.int64)),
            "is_control": flags(experiment.is_control),
            "sent_at": timeline.instants(sent_s),
            "delivered_at": timeline.instants(delivered_s),
            "bounced_at": timeline.instants(where(treated & ~arrives, sent_s + 60)),
            "opened_at": timeline.instants(opened_s),
            "clicked_at": timeline.instants(clicked_s),
            "responded_at": timeline.instants(caused),
            "unsubscribed_at": timeline.instants(left_s),
        }
    )


def _by_customer(experiment: Experiment) -> Ints:
    """For each assigned customer the moment of the purchase that the coupon caused."""
    moments = nothing(int(experiment.customer.max(initial=0)) + 1)
    moments[experiment.caused.customer] = experiment.caused.moment_s
    return moments[experiment.customer]
