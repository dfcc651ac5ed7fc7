"""Alerts as all surfaces tell of them, and what the worker looks for after each run: of the rows that each person sees."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from keepwell.access.audit import Actor
from keepwell.access.console import person
from keepwell.access.roles import Capability
from keepwell.access.scope import scope_of
from keepwell.access.users import User, user_of, users
from keepwell.core.clock import Clock
from keepwell.core.errors import KeepwellError, WrongUseError, did_you_mean
from keepwell.core.periods import Grain
from keepwell.core.settings import Settings, changed
from keepwell.core.workspace import Workspace as Place
from keepwell.lake import runs
from keepwell.lake.runs import Run
from keepwell.metrics.kpi import kpi
from keepwell.metrics.reading import Reading
from keepwell.performance.alerts import service
from keepwell.performance.alerts.condition import Finding, When, alarming_or_none, anomaly_or_none, changed_or_none
from keepwell.performance.alerts.quiet import Quiet
from keepwell.performance.alerts.service import Alert, NewAlert, Notice
from keepwell.performance.schedules import channels, messages
from keepwell.performance.schedules.messages import About, NewMessage
from keepwell.performance.schedules.schedule import Recipient, To
from keepwell.store.db import Database, store_of
from keepwell.surfaces.notices import notice_text, notice_title
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.stored import readings_of_run
from keepwell.surfaces.targets import Targets

MONTHS_BACK = 36


@dataclass(frozen=True)
class Told:
    """A notice with its words."""

    notice: Notice
    title: str
    text: str


@dataclass(frozen=True)
class Alerts:
    """The alerts and the inbox of a person, in a workspace as that person sees it. Channels are seen by whom may schedule."""

    workspace: Workspace
    store: Database
    user: User

    def all(self) -> list[Alert]:
        """What the person wants to be told of."""
        with self.store.transaction(writes=False) as session:
            return service.alerts(session, self.user.user_id)

    def add(self, at: datetime, actor: Actor, new: NewAlert) -> Alert:
        """From the next run on. An unknown KPI, or a channel that there is not, is an error."""
        kpi(new.kpi, self.workspace.kpis)
        if new.channel_id is not None and not self.user.may(Capability.SCHEDULE):
            raise WrongUseError("You may not send to channels.", "Ask for a role that may schedule, or be told by mail.")
        with self.store.transaction() as session:
            if new.channel_id is not None:
                channels.channel_of(session, new.channel_id)
            return service.add_alert(session, at, actor, self.user, new)

    def delete(self, at: datetime, actor: Actor, alert_id: str) -> Alert:
        """Told no more; :meth:`restore` takes that back."""
        with self.store.transaction() as session:
            return service.delete_alert(session, at, actor, alert_id, self.user.user_id)

    def restore(self, at: datetime, actor: Actor, alert_id: str) -> Alert:
        """One that was deleted is there again."""
        with self.store.transaction() as session:
            return service.restore_alert(session, at, actor, alert_id, self.user.user_id)

    def inbox(self, settings: Settings) -> list[Told]:
        """What the person was told, the newest first, in the language of the settings."""
        with self.store.transaction(writes=False) as session:
            found = service.notices(session, self.user.user_id)
        return [told(n, self.workspace, settings) for n in found]

    def unread(self) -> int:
        """How many are not read."""
        with self.store.transaction(writes=False) as session:
            return service.unread(session, self.user.user_id)

    def mark(self, at: datetime, notice_ids: Sequence[str] | None, *, is_read: bool) -> None:
        """These, or all, are read; or not after all."""
        with self.store.transaction() as session:
            service.mark_read(session, at, self.user.user_id, notice_ids, is_read=is_read)


def told(found: Notice, workspace: Workspace, settings: Settings) -> Told:
    """A notice with its words in the language of the settings."""
    known = workspace.kpis.get(found.kpi)
    return Told(found, notice_title(found, known, settings), notice_text(found, known, settings))


def look(place: Place, clock: Clock, store: Database, run_id: str) -> int:
    """Look for what people want to be told of a run; gives how many notices there are anew. What was told is not told again.

    Who may see no KPIs any more is told nothing. What can't be computed for somebody (a KPI that is gone) keeps nobody else from theirs.
    """
    with store.transaction(writes=False) as session:
        wanted, known = service.alerts(session), {u.user_id: u for u in users(session)}
    run = runs.run(Workspace(place, clock).lake, run_id)
    # what is wanted counts from the next run on
    wanted = [a for a in wanted if a.made_at <= run.finished_at]
    made = 0
    for user_id in dict.fromkeys(a.user_id for a in wanted):
        user = known[user_id]
        if user.may(Capability.SEE_KPIS):
            eye = _Eye(Workspace(place, clock).seen_by(scope_of(user)).at(run), store, run)
            made += _tell(place, clock, store, user, {a: eye.findings(a) for a in wanted if a.user_id == user_id}, run)
    return made


def _tell(place: Place, clock: Clock, store: Database, user: User, found: dict[Alert, list[Finding]], run: Run) -> int:
    made, at = 0, clock.now()
    with store.transaction() as session:
        there = {c.channel_id: c for c in channels.channels(session)}
        for alert, findings in found.items():
            for finding in findings:
                notice = service.tell(session, at, alert, run.run_id, finding)
                made += notice is not None
                if notice is None or notice.sent_at is None:
                    continue
                due = alert.wanted.quiet.after(at, place.settings.timezone)
                key, language = scope_of(user).key, user.locale or place.settings.locale
                if alert.wanted.by_mail:
                    to = Recipient(To.USER, user.user_id, user.user_id)
                    messages.put_in_line(session, at, NewMessage(About.NOTICE, notice.notice_id, to, key, language, due))
                if alert.wanted.channel_id in there and user.may(Capability.SCHEDULE):
                    channel = there[alert.wanted.channel_id]
                    to = Recipient(To.CHANNEL, channel.channel_id, user.user_id)
                    messages.put_in_line(session, at, NewMessage(About.NOTICE, notice.notice_id, to, key, channel.language, due))
    return made


class _Eye:
    """What one person sees of a run, read once for all that the person wants to be told of."""

    def __init__(self, workspace: Workspace, store: Database, run: Run) -> None:
        self._workspace, self._store, self._run = workspace, store, run
        self._known: dict[str, Sequence[Reading]] = {}

    def findings(self, alert: Alert) -> list[Finding]:
        """What is to be told of that alert."""
        name, when = alert.wanted.kpi, alert.wanted.when
        known = self._workspace.kpis.get(name)
        if known is None:
            return []
        try:
            if when is When.TARGET:
                stands = Targets(self._workspace, self._store).all(of_kpi=name)
                return [f for c in stands if (f := alarming_or_none(c.target.target_id, c.standing))]
            readings = self._over(name)
            if not readings:
                return []
            if when is When.ANOMALY:
                found = anomaly_or_none(known, readings, self._workspace.place.calendar)
            else:
                found = changed_or_none(known, readings[-1], is_worse_only=when is When.WORSE)
        except KeepwellError:
            # the KPI is defined otherwise since, or needs data that this person does not see
            return []
        return [found] if found else []

    def _over(self, name: str) -> Sequence[Reading]:
        """The months that are over by the run's day, oldest first; the last one is the month before that day, or ends on it."""
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def _read(self, name: str) -> Sequence[Reading]:
        calendar, day = self._workspace.place.calendar, self._run.as_of
        last = calendar.containing(Grain.MONTH, day)
        if last.end > day:
            last = calendar.previous_or_none(last) or last
        if self._workspace.scope.is_whole:
            found: Sequence[Reading] = readings_of_run(self._workspace.lake, self._run, Grain.MONTH, None, calendar, name)
        else:
            first = last
            for _ in range(MONTHS_BACK):
                first = calendar.previous_or_none(first) or first
            found = self._workspace.kpi(name, period=f"{first.start}..{last.end}", grain=Grain.MONTH, run=self._run.run_id)
        over = [r for r in found if r.period_start <= last.start]
        return over if over and over[-1].period_start == last.start else ()


class Console:
    """Alerts for whoever sits at the machine: each call opens the store of the workspace."""

    def __init__(self, place: Place, clock: Clock) -> None:
        self._place, self._clock = place, clock

    @contextmanager
    def desk(self, whose: str) -> Iterator[tuple[Alerts, datetime, Actor, Settings]]:
        """The alerts of a user, the present instant, who acts, and the settings in the user's language."""
        with store_of(self._place) as store:
            with store.transaction(writes=False) as session:
                user = user_of(session, whose)
            settings = changed(self._place.settings, locale=user.locale or self._place.settings.locale)
            workspace = Workspace(self._place, self._clock).seen_by(scope_of(user))
            yield Alerts(workspace, store, user), self._clock.now(), Actor(None, person()), settings


def alert_json(found: Alert) -> dict[str, Any]:
    """An alert in plain values."""
    w = found.wanted
    return {
        "alert_id": found.alert_id,
        "kpi": w.kpi,
        "when": str(w.when),
        "by_mail": w.by_mail,
        "channel_id": w.channel_id,
        "every_days": w.every_days,
        "quiet_start": w.quiet.start,
        "quiet_end": w.quiet.end,
        "made_at": found.made_at.isoformat(),
    }


def notice_json(found: Told) -> dict[str, Any]:
    """A notice in plain values, with its words and the numbers behind them."""
    n = found.notice
    return {
        "notice_id": n.notice_id,
        "alert_id": n.alert_id,
        "kpi": n.kpi,
        "when": str(n.when),
        "period": n.period,
        "run_id": n.run_id,
        "title": found.title,
        "text": found.text,
        "data": n.data,
        "made_at": n.made_at.isoformat(),
        "sent_at": n.sent_at.isoformat() if n.sent_at else None,
        "read_at": n.read_at.isoformat() if n.read_at else None,
    }


def new_alert(name: str, when: str, *, by_mail: bool, channel: str | None, every_days: int, quiet: str, store: Database) -> NewAlert:
    """What somebody wrote: a channel by name or id, quiet hours as 22:00-07:00. Raises for what is malformed or unknown."""
    if when not in set(When):
        raise WrongUseError(f"{when!r} is nothing to be told of.", did_you_mean(when, list(When)))
    start, dash, end = quiet.strip().partition("-")
    if quiet.strip() and not dash:
        raise WrongUseError(f"{quiet!r} are no hours.", "Write them like 22:00-07:00.")
    hours = Quiet(start.strip(), end.strip()) if dash else Quiet()
    channel_id = None
    if channel:
        with store.transaction(writes=False) as session:
            channel_id = channels.channel_of(session, channel).channel_id
    return NewAlert(name.strip(), When(when), by_mail, channel_id, every_days, hours)
