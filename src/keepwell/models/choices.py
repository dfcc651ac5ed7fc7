"""What a workspace may choose for its estimators."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Choices:
    """The choices with their defaults; days unless said otherwise."""

    inactive_days: int = 90  # N: without an order for so long, a customer is inactive
    horizon_days: int = 365  # of CLV and of expected orders
    annual_rate: float = 0.10  # at which what comes later is worth less
    seed: int = 20_260_101
