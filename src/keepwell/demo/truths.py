"""What is known to be so in the demo business, for tests and for readers who want to see whether it is found."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keepwell.demo import experiment, marketing, shop, subscriptions, voice
from keepwell.demo.columns import numbered
from keepwell.demo.deliveries import SHIPMENTS
from keepwell.demo.dirty import DirtyRow
from keepwell.demo.scene import Scene
from keepwell.demo.timeline import Timeline


@dataclass(frozen=True)
class SatisfactionDrop:
    """From ``from_month`` on one region likes us less; all other regions stay as they were.

    Shares are those of the satisfied (4 and 5 of 5), NPS is in points; ``late`` is after a missed deadline.
    """

    region: str
    from_month: str
    nps_before: float
    nps_after: float
    csat_before: float
    csat_after: float
    csat_late_before: float
    csat_late_after: float
    topic: str  # what the unhappy then write about
    topic_share: float


@dataclass(frozen=True)
class CampaignEffect:
    """How many more of the treated complete an order after ``assigned_at`` and within the window, as a share."""

    experiment_id: str
    campaign_id: str
    assigned_at: str
    window_days: int
    effect: float


@dataclass(frozen=True)
class LateServiceChurn:
    """The share of paying subscribers at the start of a month who leave within it.

    The higher one holds where the deadline of a ticket was missed in one of the ``lasts_months`` calendar months before.
    """

    monthly_churn: float
    monthly_churn_after_late_service: float
    lasts_months: int


@dataclass(frozen=True)
class MissingParent:
    """References of a column to something that no file holds."""

    entity: str
    column: str
    parent: str
    rows: int


@dataclass(frozen=True)
class Truths:
    """All that is known of one generated business."""

    seed: int
    customers: int
    first_day: str
    last_day: str
    satisfaction_drop: SatisfactionDrop
    campaign_effect: CampaignEffect
    late_service_churn: LateServiceChurn
    month_factors: dict[str, float]  # how much is bought in a month, by day, compared with an even one
    cost_per_new_buyer: dict[str, float]  # media money by channel, in yuan
    bought_together: tuple[str, str]  # the first product takes the second along
    duplicates: tuple[tuple[str, str], ...]  # pairs of customer ids as they are stored
    dirty_file: str
    dirty_rows: tuple[DirtyRow, ...]
    missing_parents: tuple[MissingParent, ...]

    @classmethod
    def of(
        cls,
        seed: int,
        scene: Scene,
        churn_after_late_service: float,
        duplicates: tuple[tuple[str, str], ...],
        dirty_rows: tuple[DirtyRow, ...],
        missing_parents: tuple[MissingParent, ...],
    ) -> "Truths":
        """What the modules of the business declare, with what was counted when it was drawn."""
        timeline = scene.timeline
        return cls(
            seed=seed,
            customers=len(scene.people),
            first_day=timeline.first_day.isoformat(),
            last_day=timeline.last_day.isoformat(),
            satisfaction_drop=_satisfaction_drop(timeline),
            campaign_effect=_campaign_effect(timeline),
            late_service_churn=LateServiceChurn(
                subscriptions.MONTHLY_CHURN,
                churn_after_late_service,
                subscriptions.LATE_SERVICE_LASTS_MONTHS,
            ),
            month_factors=scene.season.month_factors,
            cost_per_new_buyer={channel: float(cost) for channel, cost in marketing.CAC.items()},
            bought_together=shop.PAIR_IDS,
            duplicates=duplicates,
            dirty_file=SHIPMENTS["pop_up_orders"].path,
            dirty_rows=dirty_rows,
            missing_parents=missing_parents,
        )

    def write(self, path: Path) -> None:
        """The truths as JSON, in a stable order."""
        text = json.dumps(dataclasses.asdict(self), ensure_ascii=False, indent=1)
        path.write_text(text + "\n", encoding="utf-8", newline="\n")


def _satisfaction_drop(timeline: Timeline) -> SatisfactionDrop:
    return SatisfactionDrop(
        region=voice.REGION,
        from_month=timeline.months[voice.drop_month(timeline)],
        nps_before=_nps(voice.NPS),
        nps_after=_nps(voice.NPS_DROPPED),
        csat_before=_top_two(voice.CSAT),
        csat_after=_top_two(voice.CSAT_DROPPED),
        csat_late_before=_top_two(voice.CSAT_LATE),
        csat_late_after=_top_two(voice.CSAT_LATE_DROPPED),
        topic=voice.DROP_TOPIC,
        topic_share=voice.DROP_TOPIC_SHARE,
    )


def _nps(shares: tuple[float, ...]) -> float:
    """Promoters (9 and 10) less detractors (0 to 6), in points."""
    return round(100 * (sum(shares[9:]) - sum(shares[:7])) / sum(shares), 6)


def _top_two(shares: tuple[float, ...]) -> float:
    return round(sum(shares[-2:]) / sum(shares), 6)


def _campaign_effect(timeline: Timeline) -> CampaignEffect:
    moment = np.array([experiment.assigned_at_s(timeline)])
    return CampaignEffect(
        experiment_id=experiment.EXPERIMENT,
        campaign_id=numbered("CAM", np.array([marketing.EXPERIMENT_CAMPAIGN]), 3)[0].as_py(),
        assigned_at=f"{timeline.local_times(moment)[0].as_py():%Y-%m-%dT%H:%M:%S}+08:00",
        window_days=experiment.WINDOW_DAYS,
        effect=experiment.EFFECT,
    )
