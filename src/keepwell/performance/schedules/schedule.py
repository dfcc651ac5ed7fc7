"""A schedule: what is done, when, and who gets it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from keepwell.core.errors import WrongUseError
from keepwell.core.text import clean
from keepwell.performance.schedules.timing import Every, Occasion, Timing

MOST_NAME, MOST_RECIPIENTS = 100, 200
FORMATS = ("pdf", "pptx", "xlsx")


class What(StrEnum):
    """What a schedule does."""

    REFRESH = "refresh"
    REVIEW = "review"


class Of(StrEnum):
    """Which period a review is of: always the last one that is over."""

    WEEK = "last-week"
    MONTH = "last-month"
    QUARTER = "last-quarter"
    YEAR = "last-year"


class To(StrEnum):
    """What a recipient is."""

    USER = "user"  # by mail
    CHANNEL = "channel"


@dataclass(frozen=True)
class Recipient:
    """Who gets a report: a user by mail, or a channel, which gets what the user ``sees_as`` sees."""

    to: To
    to_id: str
    sees_as: str

    @property
    def key(self) -> str:
        """The same for the same recipient."""
        return f"{self.to}:{self.to_id}"


@dataclass(frozen=True)
class NewSchedule:
    """What is told of a schedule. A review goes to somebody, in at least one format; a refresh goes to nobody. Raises where that is not so."""

    name: str
    what: What
    timing: Timing
    recipients: tuple[Recipient, ...] = ()
    formats: tuple[str, ...] = ("pdf",)
    of: Of = Of.MONTH
    card: str = "company"

    def __post_init__(self) -> None:
        if not clean(self.name) or len(self.name) > MOST_NAME:
            raise WrongUseError("The schedule has no name, or one that is too long.", f"Give one of at most {MOST_NAME} characters.")
        if self.what is What.REFRESH and self.recipients:
            raise WrongUseError("A refresh is sent to nobody.", "Leave the recipients out, or schedule a review.")
        if self.what is What.REVIEW:
            self._check_review(self.formats)

    def _check_review(self, formats: Collection[str]) -> None:
        if not self.recipients:
            raise WrongUseError("Nobody would get the review.", "Name at least one user or channel.")
        if len(self.recipients) > MOST_RECIPIENTS:
            raise WrongUseError(f"{len(self.recipients)} recipients are too many.", f"Up to {MOST_RECIPIENTS} get one schedule; make two.")
        if not formats or not set(formats) <= set(FORMATS):
            raise WrongUseError(f"{', '.join(formats) or 'no format'} can't be sent.", f"Choose from {', '.join(FORMATS)}.")


@dataclass(frozen=True)
class Ran:
    """One occasion of a schedule as it went. ``job_id`` names the refresh; ``error`` says why nothing was made."""

    occasion_id: str
    day: date
    due_at: datetime
    state: "OccasionState"
    ended_at: datetime | None
    job_id: str | None
    error: str | None
    hint: str | None


class OccasionState(StrEnum):
    """Where an occasion is."""

    WAITING = "waiting"  # for the worker, or being made
    DONE = "done"  # made, and put in line for everybody
    FAILED = "failed"


@dataclass(frozen=True)
class Schedule:
    """A schedule as it is kept. ``counts_from`` is when its calendar last began to count: nothing before it is made up."""

    schedule_id: str
    name: str
    what: What
    timing: Timing
    recipients: tuple[Recipient, ...]
    formats: tuple[str, ...]
    of: Of
    card: str
    is_on: bool
    counts_from: datetime
    made_by: str | None
    last: Ran | None = None

    def due_or_none(self, now: datetime, zone: str) -> Occasion | None:
        """The latest occasion that is due and counts; of several that were missed it is made up alone. None where there is none."""
        found = self.timing.latest(now, zone)
        return found if self.is_on and found.at > self.counts_from else None

    def next_or_none(self, now: datetime, zone: str) -> Occasion | None:
        """The next occasion; None where it is switched off."""
        return self.timing.next(now, zone) if self.is_on else None


def every_or_error(text: str) -> Every:
    """The word for how often. Raises ``WrongUseError``."""
    if text not in set(Every):
        raise WrongUseError(f"{text!r} is not how often something is done.", f"Choose from {', '.join(Every)}.")
    return Every(text)
