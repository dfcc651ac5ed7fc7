"""Files of scorecards, read and checked: every fault is an error that names file, line and field."""

import importlib.resources
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from keepwell.core import yaml_file
from keepwell.core.errors import did_you_mean
from keepwell.core.yaml_file import YamlError
from keepwell.metrics.entry import Entry
from keepwell.metrics.kpi import Kpi
from keepwell.performance.scorecards.card import Card, Grades, Item, Manual, Missing, Perspective, weights_fault
from keepwell.performance.scorecards.curve import Curve, CurveError, Versus, bent, straight

FOLDER = "scorecards"  # of a workspace's own
OF_CARD = ("name", "title", "meaning", "version", "missing", "least_known", "grades", "perspectives")
OF_PERSPECTIVE = ("name", "title", "weight", "items")
OF_KPI = ("kpi", "weight", "curve")
OF_MANUAL = ("manual", "title", "weight", "most", "guidance")
OF_CURVE = ("versus", "floor", "target", "most", "points")


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
    _only(top, OF_CARD)
    perspectives = tuple(_perspective(p, known) for p in _entries(top, "perspectives"))
    _check_weights(top, "perspectives", [p.weight for p in perspectives])
    _check_once(top, [i.name for p in perspectives for i in p.items])
    return Card(
        name=_name(top, "name"),
        title=top.words("title"),
        meaning=top.words("meaning"),
        version=_version(top),
        perspectives=perspectives,
        missing=top.choice("missing", Missing, Missing.SPREAD),
        least_known=_number(top, "least_known", "50", least=0, most=100),
        grades=_grades(top),
    )


def _perspective(entry: Entry, known: Mapping[str, Kpi]) -> Perspective:
    _only(entry, OF_PERSPECTIVE)
    items = tuple(_item(i, known) for i in _entries(entry, "items"))
    _check_weights(entry, "items", [i.weight for i in items])
    return Perspective(_name(entry, "name"), entry.words("title"), _weight(entry), items)


def _item(entry: Entry, known: Mapping[str, Kpi]) -> Item:
    if entry.get("manual") is not None:
        _only(entry, OF_MANUAL)
        manual = Manual(entry.words("title"), _number(entry, "most", "10", least=1, most=1000), entry.words("guidance"))
        return Item(_name(entry, "manual"), _weight(entry), None, manual)
    _only(entry, OF_KPI)
    name = str(entry.get("kpi"))
    if name not in known:
        raise entry.error("kpi", f"is {name!r}, which no KPI is called", did_you_mean(name, known))
    return Item(name, _weight(entry), _curve(entry, known[name]))


def _curve(entry: Entry, kpi: Kpi) -> Curve:
    given = entry.get("curve")
    if not isinstance(given, dict):
        raise entry.error(
            "curve", f"of {kpi.name} is missing", "Write {floor: 0, target: 100}, or {versus: last_year, floor: 0.8, target: 1.05}."
        )
    own = Entry(entry.file, (*entry.at, "curve"), given, "", is_users=True)
    _only(own, OF_CURVE)
    versus = own.choice("versus", Versus, Versus.ABSOLUTE)
    try:
        if given.get("points") is not None:
            return bent(_knots(own), kpi.better, versus)
        floor, target = _number(own, "floor"), _number(own, "target")
        return straight(floor, target, kpi.better, most=_number(own, "most", "100"), versus=versus)
    except CurveError as error:
        raise entry.error("curve", f"of {kpi.name}: {error.message}", error.hint) from error


def _knots(entry: Entry) -> list[tuple[Decimal, Decimal]]:
    given = entry.get("points")
    if not isinstance(given, list) or not all(isinstance(k, list) and len(k) == 2 for k in given):
        raise entry.error("points", "are no pairs", "Write [[reading, points], [reading, points], …].")
    return [(_decimal(entry, "points", x), _decimal(entry, "points", y)) for x, y in given]


def _grades(top: Entry) -> Grades:
    given = top.get("grades")
    if given is None:
        return Grades()
    if not isinstance(given, dict) or set(given) != {"excellent", "good", "fair"}:
        raise top.error("grades", "are excellent, good and fair", "Write {excellent: 90, good: 70, fair: 60}.")
    excellent, good, fair = (_decimal(top, "grades", given[n]) for n in ("excellent", "good", "fair"))
    if not 100 >= excellent > good > fair >= 0:
        raise top.error("grades", "must fall from excellent to fair, from 100 to 0", "Write {excellent: 90, good: 70, fair: 60}.")
    return Grades(excellent, good, fair)


def _entries(entry: Entry, field: str) -> list[Entry]:
    given = entry.get(field)
    if not isinstance(given, list) or not given or not all(isinstance(v, dict) for v in given):
        raise entry.error(field, "is no list of entries", "Begin each with `-`.")
    return [Entry(entry.file, (*entry.at, field, place), v, "", is_users=True) for place, v in enumerate(given)]


def _only(entry: Entry, fields: tuple[str, ...]) -> None:
    for field in entry.values:
        if field not in fields:
            raise entry.error(str(field), "is no field here", did_you_mean(str(field), fields))


def _name(entry: Entry, field: str) -> str:
    value = str(entry.get(field) or "")
    if not value or not all(c.islower() or c.isdigit() or c in "_-" for c in value):
        raise entry.error(field, f"is {value!r}", "Give a name of lowercase letters, digits, _ and -.")
    return value


def _version(entry: Entry) -> int:
    value = entry.get("version")
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise entry.error("version", f"is {value!r}", "Give a whole number from 1 on; raise it with each change.")
    return value


def _weight(entry: Entry) -> Decimal:
    return _number(entry, "weight", least=0, most=100)


def _number(entry: Entry, field: str, default: str | None = None, *, least: int | None = None, most: int | None = None) -> Decimal:
    value = entry.get(field)
    if value is None and default is None:
        raise entry.error(field, "is missing", "Give a number.")
    found = _decimal(entry, field, default if value is None else value)
    if (least is not None and found < least) or (most is not None and found > most):
        raise entry.error(field, f"is {found}", f"Give {least} to {most}.")
    return found


def _decimal(entry: Entry, field: str, value: Any) -> Decimal:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("nan")
    if isinstance(value, bool) or not found.is_finite():
        raise entry.error(field, f"is {value!r}", "Give a number.")
    return found


def _check_weights(entry: Entry, field: str, weights: list[Decimal]) -> None:
    fault = weights_fault(weights)
    if fault:
        raise entry.error(field, fault, f"They are {', '.join(f'{w:f}' for w in weights)}; change them so that they come to 100.")


def _check_once(entry: Entry, names: list[str]) -> None:
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice:
        raise entry.error("perspectives", f"hold {twice} twice", "Each item counts once.")
