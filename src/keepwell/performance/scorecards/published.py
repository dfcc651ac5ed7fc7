"""Published cards in the store: written once, never changed, compared with what the same card comes to today."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.core.errors import WrongUseError, unknown
from keepwell.core.ids import new_id
from keepwell.core.text import clean
from keepwell.store.tables.published_cards import PublishedCardRow

MOST_NOTE = 500
COMPARED = ("value", "target", "points", "share", "adds", "grade")


@dataclass(frozen=True)
class NewCard:
    """What is published: the definition in plain values, marks of manual items as text, and a row an item with the total last."""

    name: str
    version: int
    period: str
    period_start: date
    run_id: str
    definition: Mapping[str, Any]
    marks: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]
    note: str | None = None


@dataclass(frozen=True)
class PublishedCard:
    """A card as people were told it."""

    card_id: str
    published_at: datetime
    published_by: str | None
    card: NewCard


@dataclass(frozen=True)
class Restated:
    """An item that comes to something else today; ``before`` or ``now`` is None where the card had, or has, no such item."""

    item: str
    before: Mapping[str, Any] | None
    now: Mapping[str, Any] | None
    differs: tuple[str, ...]


def publish(session: Session, at: datetime, actor: Actor, new: NewCard) -> PublishedCard:
    """Keep it for good. Raises where that card of the period was published already."""
    note = clean(new.note or "") or None
    if note and len(note) > MOST_NOTE:
        raise WrongUseError("The note is too long.", f"At most {MOST_NOTE} characters.")
    other = _row_or_none(session, new.name, new.period)
    if other is not None:
        raise WrongUseError(
            f"{new.name} of {new.period} was published already and stays as it is.", "Look at what differs today: --restated."
        )
    row = PublishedCardRow(
        card_id=new_id("crd", at), name=new.name, period=new.period, period_start=new.period_start, version=new.version, run_id=new.run_id,
        published_at=at, published_by=actor.user_id, note=note, definition=dict(new.definition), marks=dict(new.marks),
        rows=[dict(r) for r in new.rows],
    )  # fmt: skip
    session.add(row)
    session.flush()
    noted(session, at, actor, "published", "scorecard", row.card_id, name=new.name, period=new.period, version=new.version)
    return _published(row)


def published(session: Session, name: str | None = None) -> list[PublishedCard]:
    """Every card that was published, or those of that name; the latest period first."""
    query = select(PublishedCardRow).order_by(PublishedCardRow.period_start.desc(), PublishedCardRow.name, PublishedCardRow.period)
    return [_published(r) for r in session.scalars(query if name is None else query.where(PublishedCardRow.name == name))]


def published_card(session: Session, name: str, period: str) -> PublishedCard:
    """That card of the period as it was published."""
    row = _row_or_none(session, name, period)
    if row is None:
        raise unknown("published scorecard", f"{name} {period}", (f"{c.card.name} {c.card.period}" for c in published(session)))
    return _published(row)


def restated(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[Restated]:
    """The items that differ in value, target, points, weight or grade, in the order of the published card, new ones last."""
    old, new = {str(r["item"]): r for r in before}, {str(r["item"]): r for r in now}
    made = []
    for item in dict.fromkeys([*old, *new]):
        a, b = old.get(item), new.get(item)
        differs = tuple(c for c in COMPARED if (a or {}).get(c) != (b or {}).get(c))
        if differs:
            made.append(Restated(item, a, b, differs))
    return made


def _row_or_none(session: Session, name: str, period: str) -> PublishedCardRow | None:
    query = select(PublishedCardRow).where(PublishedCardRow.name == name, PublishedCardRow.period == period)
    return session.scalars(query).first()


def _published(row: PublishedCardRow) -> PublishedCard:
    card = NewCard(row.name, row.version, row.period, row.period_start, row.run_id, row.definition, row.marks, row.rows, row.note)
    return PublishedCard(row.card_id, row.published_at, row.published_by, card)
