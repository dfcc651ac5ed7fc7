"""What somebody says of a customer's health against the computed score: why, whose word it is, and until when it counts."""

import calendar
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from keepwell.core.errors import WrongUseError, did_you_mean
from keepwell.core.text import clean
from keepwell.performance.health.definition import Band

MOST_REASON = 500


class State(StrEnum):
    """Whether an override counts."""

    COUNTS = "counts"
    EXPIRED = "expired"
    ENDED = "ended"


@dataclass(frozen=True)
class Wanted:
    """An override as somebody asks for it: a band or a score, the user whose word it is, and the last day on which it counts."""

    band: str | None
    score: Decimal | None
    reason: str
    owner: str  # an address or an id
    until: date | None


@dataclass(frozen=True)
class Override:
    """An override as it is kept. ``until`` is the last day on which it counts; names are those of then."""

    override_id: str
    customer_id: str
    band: Band | None
    score: Decimal | None
    reason: str
    owner_id: str | None
    owner_name: str
    until: date
    made_at: datetime
    made_by_name: str
    ended_at: datetime | None
    ended_by_name: str | None

    def state(self, today: date) -> State:
        """Whether it counts on that day. One that nobody ended before its last day was over has expired."""
        if self.ended_at is not None and self.ended_at.date() <= self.until:
            return State.ENDED
        return State.EXPIRED if today > self.until else State.COUNTS


def checked(wanted: Wanted, today: date) -> Wanted:
    """The same with clean words; raises ``WrongUseError`` where it lacks something, or would count for more than a year."""
    if (wanted.band is None) is (wanted.score is None):
        raise WrongUseError("An override is a band or a score.", "Give one of the two.")
    if wanted.band is not None and wanted.band not in set(Band):
        raise WrongUseError(f"{wanted.band!r} is no band of health.", did_you_mean(wanted.band, [str(b) for b in Band]))
    if wanted.score is not None and not (wanted.score.is_finite() and 0 <= wanted.score <= 100):
        raise WrongUseError(f"{wanted.score} is no score of health.", "Give 0 to 100.")
    reason = clean(wanted.reason)
    if not reason:
        raise WrongUseError("An override needs a reason.", "Say what the score does not know.")
    if len(reason) > MOST_REASON:
        raise WrongUseError("The reason is too long.", f"At most {MOST_REASON} characters.")
    if not wanted.owner.strip():
        raise WrongUseError("An override needs an owner.", "Name the user whose word it is.")
    if wanted.until is None:
        raise WrongUseError("An override needs an expiry.", "Give the last day on which it counts.")
    if wanted.until <= today:
        raise WrongUseError(f"{wanted.until} does not lie in the future.", "Give the last day on which the override counts.")
    latest = in_a_year(today)
    if wanted.until > latest:
        raise WrongUseError(f"{wanted.until} is more than a year away.", f"Give {latest} at the latest.")
    return Wanted(wanted.band, wanted.score, reason, wanted.owner.strip(), wanted.until)


def day_of(text: str) -> date | None:
    """A day as people write it, 2027-03-31; None where nothing is written."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise WrongUseError(f"{text!r} is no day.", "Write it as 2027-03-31.") from None


def score_of(text: str) -> Decimal | None:
    """A score as people write it; None where nothing is written."""
    if not text.strip():
        return None
    try:
        return Decimal(text.strip())
    except ArithmeticError:
        raise WrongUseError(f"{text!r} is no score of health.", "Give 0 to 100.") from None


def in_a_year(today: date) -> date:
    """The same day next year; of the 29th of February the 28th."""
    last = calendar.monthrange(today.year + 1, today.month)[1]
    return today.replace(year=today.year + 1, day=min(today.day, last))
