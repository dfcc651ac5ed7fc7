"""How often a token may call: so many requests a minute, told in each answer."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

A_MINUTE = 60.0
MOST_KNOWN = 10_000  # tokens; beyond, those that have not called for longest are forgotten


@dataclass(frozen=True)
class Allowance:
    """What is left: requests until it is full again, and whether this one may be answered."""

    limit: int
    remaining: int
    reset_seconds: int
    is_allowed: bool

    @property
    def headers(self) -> dict[str, str]:
        """The fields that the IETF's draft on rate limits names, and when to come again."""
        told = {
            "RateLimit-Policy": f'"minute";q={self.limit};w=60',
            "RateLimit": f'"minute";r={self.remaining};t={self.reset_seconds}',
        }
        return told if self.is_allowed else told | {"Retry-After": str(max(1, self.reset_seconds))}


class Limits:
    """A bucket a token: it holds ``limit`` requests and fills evenly within a minute."""

    def __init__(self, limit: int, now: Callable[[], float]) -> None:
        self._limit, self._now = limit, now
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, who: str) -> Allowance:
        """Count a request."""
        at = self._now()
        with self._lock:
            level, since = self._buckets.pop(who, (float(self._limit), at))
            level = min(float(self._limit), level + (at - since) * self._limit / A_MINUTE)
            is_allowed = level >= 1
            level -= 1 if is_allowed else 0
            self._buckets[who] = (level, at)
            while len(self._buckets) > MOST_KNOWN:
                self._buckets.pop(next(iter(self._buckets)))
        missing = self._limit - level if is_allowed else 1 - level
        return Allowance(self._limit, int(level), -int(-missing * A_MINUTE // self._limit), is_allowed)
