"""The file of the health score, read and checked: every fault is an error that names file, line and field."""

import importlib.resources
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keepwell.core import yaml_file
from keepwell.core.errors import did_you_mean
from keepwell.core.yaml_file import YamlFile
from keepwell.metrics.entry import Entry
from keepwell.performance.health.definition import Bands, Health, Part
from keepwell.performance.health.measure import MEASURES
from keepwell.performance.scorecards.card import Missing
from keepwell.performance.scorecards.curve import Versus
from keepwell.performance.scorecards.fields import check_weights, curve_of, entries_of, number_of, only, version_of, weight_of

FILE_NAME = "health.yaml"
FIELDS = ("title", "meaning", "version", "missing", "least_known", "bands", "parts")
OF_PART = ("part", "weight", "curve")


def health_of(folder: Path) -> Health:
    """The workspace's definition where it has a file of its own, else the shipped one."""
    own = folder / FILE_NAME
    if own.exists():
        return read_health(own, is_own=True)
    with importlib.resources.as_file(importlib.resources.files("keepwell.performance.health") / FILE_NAME) as shipped:
        return read_health(shipped)


def read_health(path: Path, *, is_own: bool = False) -> Health:
    """The definition of a file; weights that do not add up, curves that are not monotone and unknown parts are errors with their line."""
    return _health(yaml_file.read(path), is_own=is_own)


def health_again(plain: Mapping[str, Any], *, is_own: bool) -> Health:
    """The definition that a run kept."""
    return _health(YamlFile(Path(FILE_NAME), dict(plain), {}), is_own=is_own)


def _health(file: YamlFile, *, is_own: bool) -> Health:
    if not isinstance(file.values, dict):
        raise file.error((), "holds no health score", "Begin with `title:`.")
    top = Entry(file, (), file.values, "", is_users=True)
    only(top, FIELDS)
    parts = tuple(_part(p) for p in entries_of(top, "parts"))
    check_weights(top, "parts", [p.weight for p in parts])
    names = [p.name for p in parts]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice:
        raise top.error("parts", f"hold {twice} twice", "Each part counts once.")
    return Health(
        title=top.words("title"),
        meaning=top.words("meaning"),
        version=version_of(top),
        parts=parts,
        missing=top.choice("missing", Missing, Missing.SPREAD),
        least_known=number_of(top, "least_known", "50", least=0, most=100),
        bands=_bands(top),
        plain=file.values,
        is_own=is_own,
    )


def _part(entry: Entry) -> Part:
    only(entry, OF_PART)
    name = str(entry.get("part"))
    if name not in MEASURES:
        raise entry.error("part", f"is {name!r}, which no part is called", did_you_mean(name, MEASURES))
    curve = curve_of(entry, MEASURES[name])
    if curve.versus is not Versus.ABSOLUTE:
        raise entry.error("curve", f"of {name} is versus {curve.versus}", "A part of health has no baseline; leave versus out.")
    return Part(MEASURES[name], weight_of(entry), curve)


def _bands(top: Entry) -> Bands:
    given = top.get("bands")
    if not isinstance(given, dict) or set(given) != {"healthy", "watch"}:
        raise top.error("bands", "are healthy and watch", "Write {healthy: 70, watch: 40}.")
    own = Entry(top.file, (*top.at, "bands"), given, "", is_users=True)
    healthy, watch = (number_of(own, n, least=0, most=100) for n in ("healthy", "watch"))
    if not healthy > watch > 0:
        raise top.error("bands", f"begin at {healthy} and {watch}", "healthy must begin above watch, and watch above 0.")
    return Bands(healthy, watch)
