"""Pins: which readings stand on top of the Overview, for a person, or for all who chose none."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.core.errors import WrongUseError
from keepwell.store.tables.pins import PinsRow

EVERYBODY = "everybody"
MOST_PINS = 6


def pins_or_none(session: Session, whose: str) -> tuple[str, ...] | None:
    """Names of KPIs in the order of that person, or of ``EVERYBODY``; None where nothing was chosen. A name may be gone from the catalogue."""
    row = session.get(PinsRow, whose)
    return tuple(row.kpis) if row else None


def set_pins(session: Session, at: datetime, actor: Actor, whose: str, kpis: Sequence[str]) -> None:
    """Pin these, 1 to 6. What a person chooses concerns nobody else; what is chosen for everybody stands in the audit."""
    wanted = list(dict.fromkeys(kpis))
    if not 1 <= len(wanted) <= MOST_PINS:
        raise WrongUseError(f"{len(wanted)} readings can't stand on top of the Overview.", f"Choose 1 to {MOST_PINS}.")
    session.merge(PinsRow(whose=whose, kpis=wanted))
    if whose == EVERYBODY:
        noted(session, at, actor, "changed", "pins", EVERYBODY, kpis=wanted)


def reset_pins(session: Session, at: datetime, actor: Actor, whose: str) -> None:
    """Back to what counts for everybody, and for everybody to what Keepwell shows; nothing where nothing was chosen."""
    row = session.get(PinsRow, whose)
    if row is not None:
        session.delete(row)
        session.flush()
        if whose == EVERYBODY:
            noted(session, at, actor, "reset", "pins", EVERYBODY)
