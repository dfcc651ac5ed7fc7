"""Targets in the store: set, changed, ended; each with a line in the audit, and every version kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.core.errors import WrongUseError, unknown
from keepwell.core.ids import new_id
from keepwell.core.periods import Grain
from keepwell.core.text import clean
from keepwell.performance.slices import ScopeKind, Slice
from keepwell.performance.targets.target import Aim, Step, Target, Version
from keepwell.store.tables.accounts import UserRow
from keepwell.store.tables.targets import ObjectiveRow, TargetRow, TargetVersionRow

MOST_WORDS, MOST_TITLE = 500, 200


@dataclass(frozen=True)
class Objective:
    """What somebody wants to achieve; its key results are the targets that name it."""

    objective_id: str
    title: str
    owner_id: str | None


@dataclass(frozen=True)
class Computed:
    """What is worked out when a target is set, and kept with it."""

    baseline: Decimal | None
    baseline_period: str | None
    path: tuple[Step, ...]


def targets(session: Session, *, with_ended: bool = False) -> list[Target]:
    """Every target by deadline, then by KPI."""
    query = select(TargetRow).order_by(TargetRow.deadline, TargetRow.kpi, TargetRow.slice_key, TargetRow.target_id)
    rows = list(session.scalars(query if with_ended else query.where(TargetRow.ended_at.is_(None))))
    versions: dict[str, list[TargetVersionRow]] = {}
    wanted = [r.target_id for r in rows]
    for v in session.scalars(select(TargetVersionRow).where(TargetVersionRow.target_id.in_(wanted)).order_by(TargetVersionRow.version)):
        versions.setdefault(v.target_id, []).append(v)
    return [_target(r, versions[r.target_id]) for r in rows]


def target(session: Session, target_id: str) -> Target:
    """That target, ended or not."""
    row = session.get(TargetRow, target_id)
    if row is None:
        raise unknown("target", target_id, ())
    found = session.scalars(select(TargetVersionRow).where(TargetVersionRow.target_id == target_id).order_by(TargetVersionRow.version))
    return _target(row, list(found))


def set_target(session: Session, at: datetime, actor: Actor, aim: Aim, computed: Computed, change: str | None = None) -> Target:
    """Set it; where that KPI has one for the slice and period, that is its next version, and ``change`` says why. The same again changes nothing."""
    aim = replace(aim, reason=_words(aim.reason, "reason"))
    _check_refers(session, aim)
    row = session.scalars(
        select(TargetRow)
        .where(TargetRow.kpi == aim.kpi, TargetRow.slice_key == aim.slice.key, TargetRow.period == aim.period, TargetRow.ended_at.is_(None))
        .with_for_update()
    ).first()
    if row is None:
        row = TargetRow(
            target_id=new_id("tgt", at), kpi=aim.kpi, slice_key=aim.slice.key, scope=str(aim.slice.kind), dimension=aim.slice.dimension,
            member=aim.slice.member, grain=str(aim.grain), period=aim.period, deadline=aim.deadline, made_at=at,
        )  # fmt: skip
        session.add(row)
        session.flush()
        number = 1
    else:
        now = target(session, row.target_id).now
        if now.aim == aim:
            return target(session, row.target_id)
        number = now.version + 1
    session.add(_version_row(row.target_id, number, at, actor, aim, computed, _words(change, "change")))
    session.flush()
    noted(
        session, at, actor, "added" if number == 1 else "changed", "target", row.target_id,
        kpi=aim.kpi, slice=aim.slice.key, period=aim.period, value=f"{aim.value.normalize():f}", version=number,
    )  # fmt: skip
    return target(session, row.target_id)


def end_target(session: Session, at: datetime, actor: Actor, target_id: str, because: str) -> Target:
    """It counts no more from now on; cards and reviews of before keep it."""
    row = session.get(TargetRow, target_id, with_for_update=True)
    if row is None or row.ended_at is not None:
        raise unknown("target", target_id, ())
    reason = _words(because, "reason")
    if reason is None:
        raise WrongUseError("A target ends for a reason.", "Say in a few words why.")
    row.ended_at, row.ended_because = at, reason
    session.flush()
    noted(session, at, actor, "ended", "target", target_id, kpi=row.kpi, slice=row.slice_key, period=row.period, reason=reason)
    return target(session, target_id)


def resume_target(session: Session, at: datetime, actor: Actor, target_id: str) -> Target:
    """One that was ended counts again. Raises where another took its place."""
    row = session.get(TargetRow, target_id, with_for_update=True)
    if row is None or row.ended_at is None:
        raise unknown("target", target_id, ())
    other = session.scalars(
        select(TargetRow.target_id).where(
            TargetRow.kpi == row.kpi, TargetRow.slice_key == row.slice_key, TargetRow.period == row.period, TargetRow.ended_at.is_(None)
        )
    ).first()
    if other is not None:
        raise WrongUseError("Another target took its place.", f"End {other} first.")
    row.ended_at, row.ended_because = None, None
    session.flush()
    noted(session, at, actor, "resumed", "target", target_id, kpi=row.kpi, slice=row.slice_key, period=row.period)
    return target(session, target_id)


def objectives(session: Session) -> list[Objective]:
    """Those that are there, by title."""
    rows = session.scalars(select(ObjectiveRow).where(ObjectiveRow.deleted_at.is_(None)))
    return sorted((_objective(r) for r in rows), key=lambda o: (o.title.casefold(), o.objective_id))


def add_objective(session: Session, at: datetime, actor: Actor, title: str, owner_id: str | None = None) -> Objective:
    """Raises ``WrongUseError`` for a title that is none, and for an owner who is nobody."""
    words = clean(title)
    if not words or len(words) > MOST_TITLE:
        raise WrongUseError(f"{words[:40]!r} can't name an objective.", f"Give it 1 to {MOST_TITLE} characters.")
    _check_user(session, owner_id)
    row = ObjectiveRow(objective_id=new_id("obj", at), title=words, owner_id=owner_id, made_at=at)
    session.add(row)
    session.flush()
    noted(session, at, actor, "added", "objective", row.objective_id, title=words)
    return _objective(row)


def delete_objective(session: Session, at: datetime, actor: Actor, objective_id: str) -> None:
    """It is listed no more; its targets stay."""
    row = session.get(ObjectiveRow, objective_id)
    if row is None or row.deleted_at is not None:
        raise unknown("objective", objective_id, ())
    row.deleted_at = at
    noted(session, at, actor, "deleted", "objective", objective_id, title=row.title)


def restore_objective(session: Session, at: datetime, actor: Actor, objective_id: str) -> Objective:
    """One that was deleted is listed again."""
    row = session.get(ObjectiveRow, objective_id)
    if row is None or row.deleted_at is None:
        raise unknown("deleted objective", objective_id, ())
    row.deleted_at = None
    noted(session, at, actor, "restored", "objective", objective_id, title=row.title)
    return _objective(row)


def _check_refers(session: Session, aim: Aim) -> None:
    _check_user(session, aim.owner_id)
    if aim.objective_id is not None:
        found = session.get(ObjectiveRow, aim.objective_id)
        if found is None or found.deleted_at is not None:
            raise unknown("objective", aim.objective_id, ())


def _check_user(session: Session, user_id: str | None) -> None:
    if user_id is not None and session.get(UserRow, user_id) is None:
        raise unknown("user", user_id, ())


def _words(text: str | None, what: str) -> str | None:
    words = clean(text or "")
    if len(words) > MOST_WORDS:
        raise WrongUseError(f"The {what} is too long.", f"At most {MOST_WORDS} characters.")
    return words or None


def _version_row(
    target_id: str, number: int, at: datetime, actor: Actor, aim: Aim, computed: Computed, change: str | None
) -> TargetVersionRow:
    path = [{"period": s.period, "start": s.start.isoformat(), "value": f"{s.value:f}"} for s in computed.path]
    return TargetVersionRow(
        target_id=target_id, version=number, set_at=at, set_by=actor.user_id, value=aim.value, owner_id=aim.owner_id,
        objective_id=aim.objective_id, reason=aim.reason, change=change, baseline=computed.baseline,
        baseline_period=computed.baseline_period, path=path,
    )  # fmt: skip


def _objective(row: ObjectiveRow) -> Objective:
    return Objective(row.objective_id, row.title, row.owner_id)


def _target(row: TargetRow, versions: Sequence[TargetVersionRow]) -> Target:
    return Target(row.target_id, tuple(_version(row, v) for v in versions), row.ended_at, row.ended_because)


def _version(row: TargetRow, v: TargetVersionRow) -> Version:
    aim = Aim(
        row.kpi, Grain(row.grain), row.period, row.deadline, v.value, Slice(ScopeKind(row.scope), row.dimension, row.member),
        v.owner_id, v.reason, v.objective_id,
    )  # fmt: skip
    path = tuple(Step(s["period"], date.fromisoformat(s["start"]), Decimal(s["value"])) for s in v.path)
    return Version(v.version, v.set_at, v.set_by, aim, v.baseline, v.baseline_period, path, v.change)
