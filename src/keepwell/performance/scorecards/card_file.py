"""Files of scorecards, read and checked: every fault is an error that names file, line and field."""

import importlib.resources
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from keepwell.core import yaml_file
from keepwell.core.errors import WrongUseError, did_you_mean
from keepwell.core.yaml_file import YamlError, YamlFile
from keepwell.metrics.entry import Entry
from keepwell.metrics.kpi import Kpi
from keepwell.performance.scorecards.card import Card, Item, Manual, Missing, Perspective, item_name
from keepwell.performance.scorecards.fields import (
    check_weights,
    curve_of,
    entries_of,
    grades_of,
    name_of,
    number_of,
    only,
    version_of,
    weight_of,
)
from keepwell.performance.slices import dimension_of

FOLDER = "scorecards"  # of a workspace's own
OF_CARD = ("name", "title", "meaning", "version", "missing", "least_known", "grades", "perspectives")
OF_PERSPECTIVE = ("name", "title", "weight", "items")
OF_KPI = ("kpi", "by", "member", "weight", "curve")
OF_MANUAL = ("manual", "title", "weight", "most", "guidance")


def cards(known: Mapping[str, Kpi], folder: Path | None = None, problems: list[YamlError] | None = None) -> dict[str, Card]:
    """The cards that are shipped, and those of the workspace's folder, by name. An own one may take the place of a shipped one.

    A faulty own file is an error, or left out and noted where ``problems`` are given.
    """
    found = _shipped(known)
    for path in sorted(folder.glob("*.yaml")) if folder is not None and folder.is_dir() else ():
        try:
            card = read_card(path, known)
        except YamlError as error:
            if problems is None:
                raise
            problems.append(error)
        else:
            found[card.name] = card
    return found


def shipped_files() -> dict[str, dict[str, Any]]:
    """The values of the files that are shipped, by the card's name."""
    with _templates() as folder:
        found = [yaml_file.read(path).values for path in sorted(folder.glob("*.yaml"))]
    return {values["name"]: values for values in found}


def _shipped(known: Mapping[str, Kpi]) -> dict[str, Card]:
    with _templates() as folder:
        found = [read_card(path, known) for path in sorted(folder.glob("*.yaml"))]
    return {card.name: card for card in found}


def _templates() -> AbstractContextManager[Path]:
    return importlib.resources.as_file(importlib.resources.files("keepwell.performance.scorecards") / "templates")


def read_card(path: Path, known: Mapping[str, Kpi]) -> Card:
    """The card of a file; weights that do not add up, curves that are not monotone and unknown KPIs are errors with their line."""
    return card_of(yaml_file.read(path), known)


def card_of(file: YamlFile, known: Mapping[str, Kpi]) -> Card:
    """The card of a file's values, or of values that came by another way: the same checks."""
    if not isinstance(file.values, dict):
        raise file.error((), "holds no scorecard", "Begin with `name:`.")
    top = Entry(file, (), file.values, "", is_users=True)
    only(top, OF_CARD)
    perspectives = tuple(_perspective(p, known) for p in entries_of(top, "perspectives"))
    check_weights(top, "perspectives", [p.weight for p in perspectives])
    _check_once(top, [i for p in perspectives for i in p.items])
    return Card(
        name=name_of(top, "name"),
        title=top.words("title"),
        meaning=top.words("meaning"),
        version=version_of(top),
        perspectives=perspectives,
        missing=top.choice("missing", Missing, Missing.SPREAD),
        least_known=number_of(top, "least_known", "50", least=0, most=100),
        grades=grades_of(top),
    )


def _perspective(entry: Entry, known: Mapping[str, Kpi]) -> Perspective:
    only(entry, OF_PERSPECTIVE)
    items = tuple(_item(i, known) for i in entries_of(entry, "items"))
    check_weights(entry, "items", [i.weight for i in items])
    return Perspective(name_of(entry, "name"), entry.words("title"), weight_of(entry), items)


def _item(entry: Entry, known: Mapping[str, Kpi]) -> Item:
    if entry.get("manual") is not None:
        only(entry, OF_MANUAL)
        manual = Manual(entry.words("title"), number_of(entry, "most", "10", least=1, most=1000), entry.words("guidance"))
        return Item(name_of(entry, "manual"), weight_of(entry), None, manual)
    only(entry, OF_KPI)
    name = str(entry.get("kpi"))
    if name not in known:
        raise entry.error("kpi", f"is {name!r}, which no KPI is called", did_you_mean(name, known))
    by, member = _slice(entry, known[name])
    return Item(item_name(name, by, member), weight_of(entry), curve_of(entry, known[name]), None, name, by, member)


def _slice(entry: Entry, kpi: Kpi) -> tuple[str | None, str | None]:
    """The dimension that ``by`` names, and the member of it, where one is named."""
    by, member = entry.get("by"), entry.get("member")
    if by is None:
        if member is not None:
            raise entry.error(
                "member", "needs the dimension that it belongs to", "Name it with `by`: team, region, person, or a dimension of the KPI."
            )
        return None, None
    try:
        _, dimension = dimension_of(kpi, str(by))
    except WrongUseError as error:
        raise entry.error("by", f"is {by!r}: {error.message}", error.hint) from error
    return dimension, None if member is None else str(member)


def _check_once(entry: Entry, items: list[Item]) -> None:
    names = [i.name for i in items]
    each = {i.name for i in items if i.is_each}
    # a line for each member has one for every other that is named
    twice = next(
        (i.name for i in items if names.count(i.name) > 1 or (i.member is not None and item_name(i.kpi or "", i.by) in each)), None
    )
    if twice:
        raise entry.error("perspectives", f"hold {twice} twice", "Each item counts once.")
