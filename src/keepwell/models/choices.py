"""What a workspace may choose for its estimators."""

from dataclasses import dataclass

BANDS = {"low": ("low", "低"), "medium": ("medium", "中"), "high": ("high", "高")}  # of the probability to leave


DIMENSIONS = ("recency", "frequency", "money")
Range = tuple[int, int]


@dataclass(frozen=True)
class Group:
    """A named group of RFM: the scores that lead to it, both ends included."""

    name: str
    label: tuple[str, str]
    recency: Range
    frequency: Range
    money: Range


@dataclass(frozen=True)
class RfmChoices:
    """How RFM scores: levels, weights, thresholds where they are fixed, groups where they are the workspace's own."""

    levels: int
    weights: tuple[float, float, float]
    thresholds: tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]] | None
    groups: tuple[Group, ...] | None


@dataclass(frozen=True)
class Choices:
    """The choices with their defaults; days unless said otherwise."""

    inactive_days: int = 90  # N: without an order for so long, a customer is inactive
    horizon_days: int = 365  # of CLV and of expected orders
    annual_rate: float = 0.10  # at which what comes later is worth less
    churn_days: int = 90  # within which a customer leaves or does not
    embargo_days: int = 7  # between what is known and what is foretold
    churn_bands: tuple[float, float] = (0.33, 0.66)  # from which the probability is medium, high
    rfm: RfmChoices | None = None  # what models.yaml says of it
    tiers: tuple[float, float] = (0.80, 0.95)  # shares of value at which A and B end
    subscription_margin: float | None = None  # of what subscribers pay, where the workspace says it
    seed: int = 20_260_101
