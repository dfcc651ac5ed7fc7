"""Saved segments: made, changed, deleted and brought back, each with a line in the audit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.core.ids import new_id
from keepwell.core.text import clean
from keepwell.engagement.segments.queries import Segment, name_key, row_of, segment_of
from keepwell.engagement.segments.rule import Rule, told_of
from keepwell.models.choices import BANDS
from keepwell.models.estimators import lifecycle, rfm, tiers
from keepwell.store.tables.segments import SegmentRow

MOST_NAME, MOST_NOTE = 100, 500
# what the models call their groups
TAKEN = frozenset(name_key(n) for n in (*rfm.LABELS, *lifecycle.LABELS, *tiers.NAMES, *BANDS))


@dataclass(frozen=True)
class NewSegment:
    """What a segment is to be."""

    name: str
    rule: Rule
    note: str | None = None


def add_segment(session: Session, at: datetime, actor: Actor, new: NewSegment) -> Segment:
    """Raises ``WrongUseError`` for a name that is none or is taken, and for a rule that asks nothing."""
    name = _checked(session, new)
    row = SegmentRow(
        segment_id=new_id("seg", at), name=name, name_key=name_key(name), note=_note(new), rule=told_of(new.rule), version=1,
        made_by=actor.user_id, made_at=at, changed_at=at,
    )  # fmt: skip
    session.add(row)
    session.flush()
    noted(session, at, actor, "added", "segment", row.segment_id, name=name, **_words(row.rule))
    return segment_of(row)


def change_segment(session: Session, at: datetime, actor: Actor, segment_id: str, new: NewSegment, known_version: int) -> Segment:
    """Another name, note or rule. Raises where somebody else changed it since ``known_version``: nobody's work is lost unseen."""
    row = row_of(session, segment_id, will_change=True)
    if row.version != known_version:
        raise KeepwellError(
            f"{row.name} was changed by somebody else meanwhile.", "Open it again, look at what it is now, and repeat your change."
        )
    name, before = _checked(session, new, segment_id), row.rule
    row.name, row.name_key, row.note, row.rule = name, name_key(name), _note(new), told_of(new.rule)
    row.version, row.changed_at = row.version + 1, at
    session.flush()
    noted(session, at, actor, "changed", "segment", segment_id, name=name, **_words(row.rule), before=str(before))
    return segment_of(row)


def delete_segment(session: Session, at: datetime, actor: Actor, segment_id: str) -> Segment:
    """It is listed no more; :func:`restore_segment` brings it back."""
    row = row_of(session, segment_id, will_change=True)
    row.deleted_at = at
    noted(session, at, actor, "deleted", "segment", segment_id, name=row.name)
    return segment_of(row)


def restore_segment(session: Session, at: datetime, actor: Actor, segment_id: str) -> Segment:
    """Raises where its name is another one's by now."""
    row = row_of(session, segment_id, is_deleted=True, will_change=True)
    _check_free(session, row.name, segment_id)
    row.deleted_at = None
    noted(session, at, actor, "restored", "segment", segment_id, name=row.name)
    return segment_of(row)


def _checked(session: Session, new: NewSegment, own_id: str | None = None) -> str:
    name = clean(new.name)
    if not name or len(name) > MOST_NAME:
        raise WrongUseError(f"{name!r} can't name a segment.", f"Give it 1 to {MOST_NAME} characters.")
    if new.note and len(new.note) > MOST_NOTE:
        raise WrongUseError("The note is too long.", f"At most {MOST_NOTE} characters.")
    if name_key(name) in TAKEN:
        raise WrongUseError(f"{name} is the name of a group of the models.", "Give the segment another one.")
    if not new.rule.conditions:
        raise WrongUseError("The rule asks nothing: everybody would belong.", "Add a condition.")
    _check_free(session, name, own_id)
    return name


def _check_free(session: Session, name: str, own_id: str | None) -> None:
    query = select(SegmentRow).where(SegmentRow.name_key == name_key(name), SegmentRow.deleted_at.is_(None))
    other = session.scalars(query).first()
    if other is not None and other.segment_id != own_id:
        raise WrongUseError(f"There is a segment named {other.name} already.", "Give this one another name, or change that one.")


def _note(new: NewSegment) -> str | None:
    return clean(new.note or "") or None


def _words(rule: Mapping[str, Any]) -> dict[str, str]:
    return {"rule": str(dict(rule))}
