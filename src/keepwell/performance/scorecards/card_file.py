"""Files of scorecards, read and checked: every fault is an error that names file, line and field."""

import importlib.resources
from collections.abc import Mapping
from pathlib import Path

from keepwell.core import yaml_file
from keepwell.core.errors import did_you_mean
from keepwell.core.yaml_file import YamlError
from keepwell.metrics.entry import Entry
from keepwell.metrics.kpi import Kpi
from keepwell.performance.scorecards.card import Card, Item, Manual, Missing, Perspective
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

FOLDER = "scorecards"  # of a workspace's own
OF_CARD = ("name", "title", "meaning", "version", "missing", "least_known", "grades", "perspectives")
OF_PERSPECTIVE = ("name", "title", "weight", "items")
OF_KPI = ("kpi", "weight", "curve")
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


def _shipped(known: Mapping[str, Kpi]) -> dict[str, Card]:
    with importlib.resources.as_file(importlib.resources.files("keepwell.performance.scorecards") / "templates") as folder:
        found = [read_card(path, known) for path in sorted(folder.glob("*.yaml"))]
    return {card.name: card for card in found}


def read_card(path: Path, known: Mapping[str, Kpi]) -> Card:
    """The card of a file; weights that do not add up, curves that are not monotone and unknown KPIs are errors with their line."""
    file = yaml_file.read(path)
    if not isinstance(file.values, dict):
        raise file.error((), "holds no scorecard", "Begin with `name:`.")
    top = Entry(file, (), file.values, "", is_users=True)
    only(top, OF_CARD)
    perspectives = tuple(_perspective(p, known) for p in entries_of(top, "perspectives"))
    check_weights(top, "perspectives", [p.weight for p in perspectives])
    _check_once(top, [i.name for p in perspectives for i in p.items])
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
    return Item(name, weight_of(entry), curve_of(entry, known[name]))


def _check_once(entry: Entry, names: list[str]) -> None:
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice:
        raise entry.error("perspectives", f"hold {twice} twice", "Each item counts once.")
