"""Schedules as people write them, and recipients as people call them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.access.roles import Capability
from keepwell.access.users import user_of, users
from keepwell.core.errors import WrongUseError, did_you_mean
from keepwell.core.ids import new_id
from keepwell.core.settings import Locale
from keepwell.performance.schedules import channels, messages
from keepwell.performance.schedules.messages import About, NewMessage
from keepwell.performance.schedules.schedule import NewSchedule, Of, Recipient, To, What, every_or_error
from keepwell.performance.schedules.timing import Timing


@dataclass(frozen=True)
class Wanted:
    """A schedule as a person writes it: users by address or id, channels by name or id. Channels get what ``sees_as`` sees, by default the actor."""

    name: str
    what: str = "review"
    every: str = "month"
    on_day: int = 1
    at: str = "08:00"
    users: Sequence[str] = ()
    channels: Sequence[str] = ()
    sees_as: str | None = None
    formats: Sequence[str] = ("pdf",)
    of: str = "last-month"
    card: str = "company"


def schedule_wanted(session: Session, actor: Actor, wanted: Wanted) -> NewSchedule:
    """What was written, with ids for names. Raises for what is unknown, or what the person may not schedule."""
    people = [user_of(session, u).user_id for u in wanted.users]
    groups = [channels.channel_of(session, c).channel_id for c in wanted.channels]
    seer = user_of(session, wanted.sees_as).user_id if wanted.sees_as else actor.user_id
    if groups and seer is None:
        raise WrongUseError("A channel gets what some user sees.", "Say whose: --as with the user's address.")
    for value, known in ((wanted.what, What), (wanted.of, Of)):
        if value not in set(known):
            raise WrongUseError(f"{value!r} can't be scheduled.", did_you_mean(value, list(known)))
    if wanted.what == What.REFRESH and actor.user_id is not None and not user_of(session, actor.user_id).may(Capability.REFRESH):
        raise WrongUseError("You may not refresh, and so not schedule it.", "Ask for a role that may: operations or administrator.")
    to = [*(Recipient(To.USER, u, u) for u in people), *(Recipient(To.CHANNEL, c, seer or "") for c in groups)]
    timing = Timing(every_or_error(wanted.every), wanted.on_day, wanted.at)
    return NewSchedule(wanted.name, What(wanted.what), timing, tuple(to), tuple(wanted.formats), Of(wanted.of), wanted.card)


def put_test_in_line(session: Session, at: datetime, actor: Actor, to: Recipient, language: Locale) -> str:
    """A message that says nothing; gives its id."""
    subject = new_id("test", at)
    own = messages.put_in_line(session, at, NewMessage(About.TEST, subject, to, "", language, at))
    noted(session, at, actor, "tested", to.to, to.to_id)
    return own


def recipient_names(session: Session) -> dict[str, str]:
    """What recipients are called."""
    people = {f"{To.USER}:{u.user_id}": u.name for u in users(session)}
    return people | {f"{To.CHANNEL}:{c.channel_id}": c.name for c in channels.channels(session)}
