"""A clock whose hands a test sets."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class Hands:
    """Stands still until it is set."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant.astimezone(UTC)

    def go_on(self, **by: float) -> datetime:
        """Set it forward; gives what it tells then."""
        self.instant += timedelta(**by)
        return self.now()
