"""Schedules, channels and messages as all surfaces tell of them. Each call is one transaction, with its line in the audit."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from keepwell.access.audit import Actor
from keepwell.access.console import person
from keepwell.access.roles import Rows
from keepwell.access.sealing import Sealer
from keepwell.access.users import User, user_of, users
from keepwell.core.clock import Clock, local_day
from keepwell.core.errors import WrongUseError, unknown
from keepwell.core.workspace import Workspace
from keepwell.metrics.kpi_file import catalogue
from keepwell.performance.schedules import channels, messages, services
from keepwell.performance.schedules.channels import Channel, NewChannel
from keepwell.performance.schedules.messages import Message
from keepwell.performance.schedules.schedule import NewSchedule, Ran, Recipient, Schedule, To, What
from keepwell.performance.schedules.timing import Occasion
from keepwell.performance.schedules.written import Wanted, put_test_in_line, recipient_names, schedule_wanted
from keepwell.performance.scorecards.card_file import FOLDER, cards
from keepwell.store.db import Database, store_of
from keepwell.surfaces.delivery.channel import check_address

MOST_MESSAGES = 200


@dataclass(frozen=True)
class Listed:
    """A schedule with its next occasion, and the names of those who get it."""

    schedule: Schedule
    next_at: datetime | None
    names: tuple[str, ...]


@dataclass(frozen=True)
class Sent:
    """A message, and the name of whom it goes to."""

    message: Message
    to: str


@dataclass(frozen=True)
class Person:
    """Somebody who may be sent reports."""

    user_id: str
    name: str
    email: str


class Schedules:
    """The schedules of a workspace as ``user`` sees them, or as a command on the machine does. Unknown names answer with the nearest known one.

    Who sees a part of the customers schedules reports for nobody else, and sees no other schedules: they are about everybody's business.
    """

    def __init__(self, place: Workspace, store: Database, user: User | None = None) -> None:
        self._place, self._store = place, store
        self._only = user if user is not None and user.rows is not Rows.ALL else None

    def all(self, at: datetime) -> list[Listed]:
        """Those that there are, by name."""
        with self._store.transaction(writes=False) as session:
            names = recipient_names(session)
            return [self._listed(s, at, names) for s in services.schedules(session) if self._is_seen(s.recipients)]

    def one(self, at: datetime, schedule_id: str) -> Listed:
        """The one of that id or name."""
        with self._store.transaction(writes=False) as session:
            return self._listed(self._seen(services.schedule_of(session, schedule_id), schedule_id), at, recipient_names(session))

    def add(self, at: datetime, actor: Actor, wanted: Wanted) -> Listed:
        """A new one; it counts from now on."""
        with self._store.transaction() as session:
            new = self._checked(schedule_wanted(session, actor, wanted))
            return self._listed(services.add_schedule(session, at, actor, new), at, recipient_names(session))

    def change(self, at: datetime, actor: Actor, schedule_id: str, wanted: Wanted) -> Listed:
        """As it is from now on."""
        with self._store.transaction() as session:
            own, new = (
                self._seen(services.schedule_of(session, schedule_id), schedule_id).schedule_id,
                self._checked(schedule_wanted(session, actor, wanted)),
            )
            return self._listed(services.change_schedule(session, at, actor, own, new), at, recipient_names(session))

    def switch(self, at: datetime, actor: Actor, schedule_id: str, *, on: bool) -> Listed:
        """On or off."""
        with self._store.transaction() as session:
            own = self._seen(services.schedule_of(session, schedule_id), schedule_id).schedule_id
            return self._listed(services.switch_schedule(session, at, actor, own, on=on), at, recipient_names(session))

    def delete(self, at: datetime, actor: Actor, schedule_id: str) -> Schedule:
        """It is there no more."""
        with self._store.transaction() as session:
            return services.delete_schedule(
                session, at, actor, self._seen(services.schedule_of(session, schedule_id), schedule_id).schedule_id
            )

    def restore(self, at: datetime, actor: Actor, schedule_id: str) -> Listed:
        """One that was deleted is there again, switched off."""
        with self._store.transaction() as session:
            found = self._seen(services.restore_schedule(session, at, actor, schedule_id), schedule_id)
            return self._listed(found, at, recipient_names(session))

    def run_now(self, at: datetime, actor: Actor, schedule_id: str, day: date | None = None) -> str:
        """Do it out of turn, by default as of today; gives the occasion's id. The worker does it soon."""
        today = local_day(at, self._place.settings.timezone)
        if day is not None and day > today:
            raise WrongUseError(f"{day} is yet to come.", "Give today or a day before.")
        with self._store.transaction() as session:
            found = self._seen(services.schedule_of(session, schedule_id), schedule_id)
            # raises for a day that lies outside the calendar
            self._place.calendar.parse(found.of, today=day or today)
            return services.run_now(session, at, actor, found.schedule_id, Occasion(day or today, at))

    def occasions(self, schedule_id: str) -> list[Ran]:
        """How it went, the newest first."""
        with self._store.transaction(writes=False) as session:
            return services.occasions(session, self._seen(services.schedule_of(session, schedule_id), schedule_id).schedule_id)

    def messages(self, schedule_id: str | None = None, limit: int = MOST_MESSAGES) -> list[Sent]:
        """What was sent, or is on its way; the newest first."""
        with self._store.transaction(writes=False) as session:
            of = None
            if schedule_id is not None:
                own = self._seen(services.schedule_of(session, schedule_id), schedule_id).schedule_id
                of = [o.occasion_id for o in services.occasions(session, own, MOST_MESSAGES)]
            names = recipient_names(session)
            found = [m for m in messages.messages(session, of, limit) if self._is_seen([m.recipient])]
            return [Sent(m, names.get(m.recipient.key, m.recipient.to_id)) for m in found]

    def send_again(self, at: datetime, actor: Actor, message_id: str) -> Sent:
        """Once more, one that did not arrive, or may not have."""
        with self._store.transaction() as session:
            found = messages.send_again(session, at, actor, message_id)
            if not self._is_seen([found.recipient]):
                raise unknown("message", message_id, ())
            return Sent(found, recipient_names(session).get(found.recipient.key, found.recipient.to_id))

    def people(self) -> list[Person]:
        """Those who may be sent reports, by name."""
        with self._store.transaction(writes=False) as session:
            known = [u for u in users(session) if self._only is None or u.user_id == self._only.user_id]
            return [Person(u.user_id, u.name, u.email) for u in known if services.may_receive(u)]

    def channels(self) -> list[Channel]:
        """The channels that this person may send to, by name."""
        if self._only is not None:
            return []
        with self._store.transaction(writes=False) as session:
            return channels.channels(session)

    def add_channel(self, at: datetime, actor: Actor, new: NewChannel) -> Channel:
        """A new channel. Raises where its address is none, or leads where nothing may be sent."""
        check_address(self._place.settings, new.address)
        with self._store.transaction() as session:
            return channels.add_channel(session, at, actor, Sealer(self._place.folder), new)

    def delete_channel(self, at: datetime, actor: Actor, channel_id: str) -> Channel:
        """It gets nothing more."""
        with self._store.transaction() as session:
            return channels.delete_channel(session, at, actor, channels.channel_of(session, channel_id).channel_id)

    def restore_channel(self, at: datetime, actor: Actor, channel_id: str) -> Channel:
        """One that was deleted is there again."""
        with self._store.transaction() as session:
            return channels.restore_channel(session, at, actor, channel_id)

    def test_channel(self, at: datetime, actor: Actor, channel_id: str) -> str:
        """Put a message that says nothing in line; gives its id."""
        with self._store.transaction() as session:
            found = channels.channel_of(session, channel_id)
            return put_test_in_line(session, at, actor, Recipient(To.CHANNEL, found.channel_id, actor.user_id or ""), found.language)

    def test_mail(self, at: datetime, actor: Actor, user: str) -> str:
        """Put a mail that says nothing in line for a user; gives its id."""
        with self._store.transaction() as session:
            found = user_of(session, user)
            language = found.locale or self._place.settings.locale
            return put_test_in_line(session, at, actor, Recipient(To.USER, found.user_id, found.user_id), language)

    def _checked(self, new: NewSchedule) -> NewSchedule:
        if new.what is What.REVIEW:
            known = cards(catalogue(self._place.kpi_folder, []), self._place.folder / FOLDER, [])
            if new.card not in known:
                raise unknown("scorecard", new.card, known)
        if not self._is_seen(new.recipients):
            raise WrongUseError(
                "You see a part of the customers, and schedule for yourself only.", "Leave out the others and the channels."
            )
        return new

    def _seen(self, found: Schedule, named: str) -> Schedule:
        """It, where the person sees it; else it is as unknown as one that is not there."""
        if not self._is_seen(found.recipients):
            raise unknown("schedule", named, ())
        return found

    def _is_seen(self, recipients: Sequence[Recipient]) -> bool:
        own = self._only.user_id if self._only is not None else None
        return own is None or (bool(recipients) and all(r.to is To.USER and r.to_id == own for r in recipients))

    def _listed(self, found: Schedule, at: datetime, names: Mapping[str, str]) -> Listed:
        next_ = found.next_or_none(at, self._place.settings.timezone)
        return Listed(found, next_.at if next_ else None, tuple(names.get(r.key, r.to_id) for r in found.recipients))


class Console:
    """Schedules for whoever sits at the machine: each call opens the store of the workspace."""

    def __init__(self, place: Workspace, clock: Clock) -> None:
        self._place, self._clock = place, clock

    @contextmanager
    def desk(self) -> Iterator[tuple[Schedules, datetime, Actor]]:
        """The schedules, the present instant and who acts."""
        with store_of(self._place) as store:
            yield Schedules(self._place, store), self._clock.now(), Actor(None, person())


def schedule_json(found: Listed) -> dict[str, Any]:
    """A schedule in plain values; instants are ISO 8601."""
    s = found.schedule
    return {
        "schedule_id": s.schedule_id,
        "name": s.name,
        "what": str(s.what),
        "every": str(s.timing.every),
        "on_day": s.timing.on_day,
        "at": s.timing.at,
        "of": str(s.of),
        "card": s.card,
        "formats": list(s.formats),
        "recipients": [
            {"to": str(r.to), "id": r.to_id, "name": n, "sees_as": r.sees_as} for r, n in zip(s.recipients, found.names, strict=True)
        ],
        "is_on": s.is_on,
        "next_at": found.next_at.isoformat() if found.next_at else None,
        "last": occasion_json(s.last) if s.last else None,
    }


def occasion_json(found: Ran) -> dict[str, Any]:
    """An occasion in plain values."""
    return {
        "occasion_id": found.occasion_id,
        "day": found.day.isoformat(),
        "due_at": found.due_at.isoformat(),
        "state": str(found.state),
        "ended_at": found.ended_at.isoformat() if found.ended_at else None,
        "job_id": found.job_id,
        "error": found.error,
        "hint": found.hint,
    }


def message_json(found: Sent) -> dict[str, Any]:
    """A message in plain values; it holds nothing of what was sent."""
    m = found.message
    return {
        "message_id": m.message_id,
        "about": str(m.about),
        "subject_id": m.subject_id,
        "to": str(m.recipient.to),
        "name": found.to,
        "language": str(m.language),
        "state": str(m.state),
        "tries": m.tries,
        "fault": str(m.fault) if m.fault else None,
        "answer": m.answer,
        "made_at": m.made_at.isoformat(),
        "due_at": m.due_at.isoformat(),
        "ended_at": m.ended_at.isoformat() if m.ended_at else None,
        "may_be_sent_again": m.may_be_sent_again,
    }


def channel_json(found: Channel) -> dict[str, Any]:
    """A channel in plain values, without its address."""
    return {
        "channel_id": found.channel_id,
        "name": found.name,
        "service": found.service,
        "language": str(found.language),
        "is_on": found.is_on,
        "made_at": found.made_at.isoformat(),
    }
