"""Scorecards that are changed: what a change would make of a period before it is saved, the saved version, and the way back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from keepwell.access.audit import Actor, noted
from keepwell.performance.scorecards import own_files
from keepwell.performance.scorecards.card import Card
from keepwell.performance.scorecards.own_files import ChangedMeanwhileError, Definition, Earlier
from keepwell.performance.scorecards.scored import Scored
from keepwell.store.db import Database
from keepwell.surfaces.scorecards import Scorecards, rows_of

# of a row of a scored card, what a change of the definition can move
MOVED = ("share", "target", "points", "adds", "grade")


@dataclass(frozen=True)
class Preview:
    """A period by the card as it is, and as it would be."""

    before: Scored
    after: Scored


@dataclass(frozen=True)
class CardEdits:
    """Changes of the workspace's cards. Who sees a part of the customers may look at what a change would make of the own numbers, and saves none."""

    desk: Scorecards

    def definition(self, name: str) -> Definition:
        """The file by which the card is defined now."""
        self.desk.card(name)
        return own_files.definition(self.desk.folder, name, self.desk.workspace.kpis)

    def earlier(self, name: str) -> list[Earlier]:
        """The versions that were replaced, the latest first."""
        return own_files.earlier(self.desk.folder, name)

    def preview(self, name: str, values: Any, period: str = "last-month", judged: Mapping[str, Decimal] | None = None) -> Preview:
        """A period by the present card, and by a definition that is not saved; what is wrong with it is an error."""
        after = own_files.given(values, self.desk.workspace.kpis)
        marks = {item: mark for item, mark in (judged or {}).items() if any(i.name == item for _, i in after.items)}
        return Preview(self.desk.scored(name, period, judged=judged), self.desk.score(after, period, judged=marks))

    def save(self, at: datetime, actor: Actor, values: Mapping[str, Any], seen: Definition | None) -> Card:
        """Keep a definition as the workspace's own card, one version higher; refused where ``seen`` is no longer the present one."""
        self.desk.check_whole()
        with self._store.transaction() as session:
            card = own_files.save(self.desk.folder, values, self.desk.workspace.kpis, seen)
            noted(session, at, actor, "changed", "scorecard", card.name, version=float(card.version))
        return card

    def put(self, at: datetime, actor: Actor, name: str, values: Any) -> Card:
        """The same for who was told a definition with its version and sends it back changed; a new card begins with version 1."""
        card = own_files.given(values, self.desk.workspace.kpis)
        seen = own_files.definition_or_none(self.desk.folder, name, self.desk.workspace.kpis)
        if card.name != name:
            raise own_files.other_name(name, card.name)
        if seen is not None and seen.version != card.version:
            raise ChangedMeanwhileError(
                f"The scorecard is at version {seen.version}, and the change is of version {card.version}.",
                "Nothing was saved. Read it again and repeat your change.",
            )
        return self.save(at, actor, values, seen)

    def revert(self, at: datetime, actor: Actor, name: str) -> None:
        """The shipped card counts again; the own one is kept among the earlier ones."""
        self.desk.check_whole()
        with self._store.transaction() as session:
            taken = own_files.revert(self.desk.folder, name, self.desk.workspace.kpis)
            noted(session, at, actor, "reverted", "scorecard", name, version=float(taken.version))

    def bring_back(self, at: datetime, actor: Actor, name: str, key: str) -> Card:
        """An earlier version counts again, as a new one."""
        self.desk.check_whole()
        with self._store.transaction() as session:
            card = own_files.bring_back(self.desk.folder, name, key, self.desk.workspace.kpis)
            noted(session, at, actor, "brought_back", "scorecard", name, version=float(card.version), of=key)
        return card

    @property
    def _store(self) -> Database:
        if self.desk.store is None:
            raise ValueError("a change of a card needs the store")
        return self.desk.store


def preview_rows(found: Preview) -> list[dict[str, Any]]:
    """A row an item, in the order of the changed card and with those that it lacks after them, and a last one, ``total``."""
    before, after = ({r["item"]: r for r in rows_of(s)} for s in (found.before, found.after))
    total = after.pop("total")
    order = [*after, *(item for item in before if item not in after and item != "total"), "total"]
    after["total"] = total
    made = []
    for item in order:
        old, new = before.get(item, {}), after.get(item, {})
        one = new or old
        row = {"perspective": one["perspective"], "item": item, "value": one["value"]}
        for name in (*MOVED, "points_low", "points_high"):
            row |= {f"{name}_before": old.get(name), name: new.get(name)}
        made.append(row)
    return made
