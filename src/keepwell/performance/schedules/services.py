"""Schedules in the store: made, changed, switched, deleted; their occasions, each of which there is once."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.access.roles import Capability
from keepwell.access.users import User, user_of, users
from keepwell.core.errors import WrongUseError, unknown
from keepwell.core.ids import new_id
from keepwell.core.text import clean
from keepwell.performance.schedules.channels import channels
from keepwell.performance.schedules.messages import KEPT
from keepwell.performance.schedules.schedule import NewSchedule, OccasionState, Of, Ran, Recipient, Schedule, To, What
from keepwell.performance.schedules.timing import Every, Occasion, Timing
from keepwell.store.tables.schedules import OccasionRow, ScheduleRow

NEEDED = (Capability.SEE_KPIS, Capability.SEE_CUSTOMERS, Capability.EXPORT)


def add_schedule(session: Session, at: datetime, actor: Actor, new: NewSchedule) -> Schedule:
    """Raises where a recipient is unknown, or may not have what is sent."""
    row = ScheduleRow(schedule_id=new_id("sched", at), is_on=True, made_at=at, made_by=actor.user_id, **_values(session, at, new))
    session.add(row)
    session.flush()
    noted(session, at, actor, "added", "schedule", row.schedule_id, **_told(new))
    return _schedule(session, row)


def change_schedule(session: Session, at: datetime, actor: Actor, schedule_id: str, new: NewSchedule) -> Schedule:
    """As it is from now on; occasions that were before are not made up."""
    row = _row(session, schedule_id)
    for name, value in _values(session, at, new).items():
        setattr(row, name, value)
    noted(session, at, actor, "changed", "schedule", schedule_id, **_told(new))
    session.flush()
    return _schedule(session, row)


def switch_schedule(session: Session, at: datetime, actor: Actor, schedule_id: str, *, on: bool) -> Schedule:
    """On or off. What was due while it was off is not made up."""
    row = _row(session, schedule_id)
    if on and not row.is_on:
        row.counts_from = at
    row.is_on = on
    noted(session, at, actor, "switched on" if on else "switched off", "schedule", schedule_id, name=row.name)
    return _schedule(session, row)


def delete_schedule(session: Session, at: datetime, actor: Actor, schedule_id: str) -> Schedule:
    """It is there no more; :func:`restore_schedule` brings it back, switched off."""
    row = _row(session, schedule_id)
    row.deleted_at, row.is_on = at, False
    noted(session, at, actor, "deleted", "schedule", schedule_id, name=row.name)
    return _schedule(session, row)


def restore_schedule(session: Session, at: datetime, actor: Actor, schedule_id: str) -> Schedule:
    """One that was deleted is there again, switched off."""
    row = session.get(ScheduleRow, schedule_id)
    if row is None or row.deleted_at is None:
        raise unknown("deleted schedule", schedule_id, ())
    row.deleted_at = None
    noted(session, at, actor, "restored", "schedule", schedule_id, name=row.name)
    return _schedule(session, row)


def schedules(session: Session) -> list[Schedule]:
    """Those that there are, by name, each with its last occasion."""
    there = select(ScheduleRow).where(ScheduleRow.deleted_at.is_(None))
    return [_schedule(session, r) for r in session.scalars(there.order_by(ScheduleRow.name, ScheduleRow.schedule_id))]


def schedule_of(session: Session, schedule_id: str) -> Schedule:
    """The one of that id, or of that name; an unknown one answers with the nearest."""
    return _schedule(session, _row(session, schedule_id))


def begin_occasion(session: Session, schedule: Schedule, due: Occasion) -> str:
    """Note that it is due; gives its id. Of a schedule and day there is one, however often it is begun."""
    return _begin(session, f"{schedule.schedule_id}-{due.day.isoformat()}", schedule.schedule_id, due)


def run_now(session: Session, at: datetime, actor: Actor, schedule_id: str, today: Occasion) -> str:
    """An occasion out of turn, because a person asks for it; gives its id."""
    row = _row(session, schedule_id)
    noted(session, at, actor, "run now", "schedule", row.schedule_id, name=row.name, day=today.day.isoformat())
    return _begin(session, f"{row.schedule_id}-{today.day}-{at:%Y%m%dT%H%M%S}", row.schedule_id, Occasion(today.day, at))


def waiting_occasions(session: Session) -> list[tuple[str, What, datetime]]:
    """Those that the worker has still to make, the longest due first: id, what, since when."""
    rows = select(OccasionRow.occasion_id, ScheduleRow.what, OccasionRow.due_at).join(
        ScheduleRow, ScheduleRow.schedule_id == OccasionRow.schedule_id
    )
    waiting = rows.where(OccasionRow.state == OccasionState.WAITING).order_by(OccasionRow.due_at)
    return [(own, What(what), since) for own, what, since in session.execute(waiting)]


def schedule_of_occasion_or_none(session: Session, occasion_id: str) -> tuple[Schedule, Ran] | None:
    """What is to be made, and for which day; None where there is no such occasion."""
    row = session.get(OccasionRow, occasion_id)
    if row is None:
        return None
    return _schedule(session, session.get_one(ScheduleRow, row.schedule_id)), _ran(row)


def end_occasion(
    session: Session, at: datetime, occasion_id: str, *, job_id: str | None = None, error: str | None = None, hint: str | None = None
) -> None:
    """It was made, or could not be."""
    row = session.get_one(OccasionRow, occasion_id)
    row.state = OccasionState.FAILED if error else OccasionState.DONE
    row.ended_at, row.job_id = at, job_id
    row.error, row.hint = error[:1000] if error else None, hint[:1000] if hint else None


def occasions(session: Session, schedule_id: str, limit: int = 20) -> list[Ran]:
    """The occasions of a schedule, the newest first."""
    rows = select(OccasionRow).where(OccasionRow.schedule_id == schedule_id).order_by(OccasionRow.due_at.desc()).limit(limit)
    return [_ran(r) for r in session.scalars(rows)]


def forget_old_occasions(session: Session, at: datetime) -> None:
    """Occasions are kept as long as messages; the last one of each schedule always, for it says what was made already."""
    last = select(func.max(OccasionRow.due_at)).group_by(OccasionRow.schedule_id)
    session.execute(delete(OccasionRow).where(OccasionRow.due_at <= at - KEPT, OccasionRow.due_at.not_in(last)))


def may_receive(user: User) -> bool:
    """Whether somebody may have a report of what they see."""
    return all(user.may(c) for c in NEEDED)


def _begin(session: Session, occasion_id: str, schedule_id: str, due: Occasion) -> str:
    if session.get(OccasionRow, occasion_id) is None:
        session.add(OccasionRow(occasion_id=occasion_id, schedule_id=schedule_id, day=due.day, due_at=due.at, state=OccasionState.WAITING))
        session.flush()
    return occasion_id


def _values(session: Session, at: datetime, new: NewSchedule) -> dict[str, Any]:
    recipients = _checked(session, new.recipients)
    return {
        "name": clean(new.name),
        "what": new.what,
        "every": new.timing.every,
        "on_day": new.timing.on_day,
        "at": new.timing.at.rjust(5, "0"),
        "of": new.of,
        "card": new.card,
        "formats": list(dict.fromkeys(new.formats)),
        "recipients": [{"to": str(r.to), "to_id": r.to_id, "sees_as": r.sees_as} for r in recipients],
        "counts_from": at,
    }


def _told(new: NewSchedule) -> dict[str, Any]:
    return {
        "name": clean(new.name),
        "what": str(new.what),
        "every": str(new.timing.every),
        "recipients": [r.key for r in new.recipients],
    }


def _checked(session: Session, wanted: Iterable[Recipient]) -> Sequence[Recipient]:
    """Recipients that there are, each once, by their ids; none who may not have it."""
    known, there = {u.user_id: u for u in users(session)}, {c.channel_id for c in channels(session)}
    found = list({r.key: r for r in wanted}.values())
    for r in found:
        if r.to is To.CHANNEL and r.to_id not in there:
            raise unknown("channel", r.to_id, there)
        user = known.get(r.sees_as) or user_of(session, r.sees_as)
        if not may_receive(user):
            raise WrongUseError(
                f"{user.name} may not have reports.",
                "It takes a role that sees KPIs and customers and may export, and an account that is on.",
            )
    return found


def _row(session: Session, schedule_id: str) -> ScheduleRow:
    there = list(session.scalars(select(ScheduleRow).where(ScheduleRow.deleted_at.is_(None))))
    for row in there:
        if schedule_id in {row.schedule_id, row.name}:
            return row
    raise unknown("schedule", schedule_id, [r.name for r in there])


def _schedule(session: Session, row: ScheduleRow) -> Schedule:
    last = session.scalars(
        select(OccasionRow).where(OccasionRow.schedule_id == row.schedule_id).order_by(OccasionRow.due_at.desc()).limit(1)
    ).first()
    return Schedule(
        row.schedule_id,
        row.name,
        What(row.what),
        Timing(Every(row.every), row.on_day, row.at),
        tuple(Recipient(To(r["to"]), r["to_id"], r["sees_as"]) for r in row.recipients),
        tuple(row.formats),
        Of(row.of),
        row.card,
        row.is_on,
        row.counts_from,
        row.made_by,
        _ran(last) if last else None,
    )


def _ran(row: OccasionRow) -> Ran:
    return Ran(row.occasion_id, row.day, row.due_at, OccasionState(row.state), row.ended_at, row.job_id, row.error, row.hint)
