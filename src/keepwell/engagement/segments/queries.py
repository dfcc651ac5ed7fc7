"""Saved segments as they are read."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from keepwell.core.errors import KeepwellError, WrongUseError, unknown
from keepwell.engagement.segments.rule import Rule, rule_of
from keepwell.store.tables.segments import SegmentRow


@dataclass(frozen=True)
class Segment:
    """A named rule. Each change of it is a new version.

    A rule that was saved may mean nothing any more, where a field that it asks is gone: then ``fault`` says why, and nobody can be told to belong.
    """

    segment_id: str
    name: str
    note: str | None
    told: Mapping[str, Any]  # the rule as it was saved
    version: int
    made_by: str | None
    made_at: datetime
    changed_at: datetime
    rule_or_none: Rule | None
    fault: KeepwellError | None

    @property
    def rule(self) -> Rule:
        """The rule; raises ``WrongUseError`` where it means nothing any more."""
        if self.rule_or_none is None:
            reason = self.fault.message if self.fault else ""
            raise WrongUseError(f"The segment {self.name} is broken: {reason}", "Change its rule, or delete it.")
        return self.rule_or_none


def name_key(name: str) -> str:
    """A name as it is compared: without case, and however its characters are composed."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def segments(session: Session) -> list[Segment]:
    """All that are there, by name."""
    query = select(SegmentRow).where(SegmentRow.deleted_at.is_(None)).order_by(SegmentRow.name_key)
    return [segment_of(r) for r in session.scalars(query)]


def segment(session: Session, id_or_name: str) -> Segment:
    """The one with that id or name; an unknown one answers with the nearest."""
    return segment_of(row_of(session, id_or_name))


def segment_or_none(session: Session, name: str) -> Segment | None:
    """The one with that name, where there is one."""
    query = select(SegmentRow).where(SegmentRow.name_key == name_key(name), SegmentRow.deleted_at.is_(None))
    found = session.scalars(query).first()
    return segment_of(found) if found else None


def row_of(session: Session, id_or_name: str, *, is_deleted: bool = False, will_change: bool = False) -> SegmentRow:
    """The stored row; only for the functions of this folder. Of two who will change it the second waits, and sees what the first did."""
    there = SegmentRow.deleted_at.is_not(None) if is_deleted else SegmentRow.deleted_at.is_(None)
    query = select(SegmentRow).where(there, (SegmentRow.segment_id == id_or_name) | (SegmentRow.name_key == name_key(id_or_name)))
    query = query.order_by(SegmentRow.segment_id == id_or_name)
    found = session.scalars(query.with_for_update() if will_change else query).all()
    if not found:
        raise unknown("segment", id_or_name, session.scalars(select(SegmentRow.name).where(SegmentRow.deleted_at.is_(None))).all())
    return found[-1]


def segment_of(row: SegmentRow) -> Segment:
    """A stored row as people read it."""
    rule, fault = None, None
    try:
        rule = rule_of(row.rule)
    except KeepwellError as error:
        fault = error
    return Segment(row.segment_id, row.name, row.note, row.rule, row.version, row.made_by, row.made_at, row.changed_at, rule, fault)
