"""``models.yaml`` of a workspace: thresholds, weights and groups of RFM, cut-offs of tiers, bands of churn, margin of subscriptions.

Every fault is an error that names file, line and field; what is not written has its default.
"""

import math
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from keepwell.core import yaml_file
from keepwell.core.errors import did_you_mean
from keepwell.core.yaml_file import Address, YamlFile
from keepwell.models.choices import DIMENSIONS, Choices, Group, RfmChoices

FILE_NAME = "models.yaml"
FIELDS = {
    "rfm": ("levels", "weights", "thresholds", "groups"),
    "tiers": ("first", "second"),
    "churn": ("bands",),
    "contracts": ("margin",),
}
LEVELS = (3, 5)
LANGUAGES = ("en", "zh")


def chosen(folder: Path, defaults: Choices) -> Choices:
    """The choices with what the workspace's file says; the defaults where there is no file."""
    path = folder / FILE_NAME
    if not path.exists():
        return defaults
    file = yaml_file.read(path)
    if file.values is None:
        return defaults
    given = _mapping(file, (), file.values, FIELDS, "models")
    sections = {name: _mapping(file, (name,), given.get(name) or {}, fields, name) for name, fields in FIELDS.items()}
    found = replace(defaults, rfm=_rfm(file, sections["rfm"]))
    if sections["tiers"]:
        first, second = (_share(file, ("tiers", n), sections["tiers"].get(n, d)) for n, d in zip(FIELDS["tiers"], found.tiers, strict=True))
        if not 0 < first <= second:
            raise file.error(("tiers",), f"tiers end at {first:g} and {second:g}", "Give shares above 0 in ascending order: 0.8 and 0.95.")
        found = replace(found, tiers=(first, second))
    if "bands" in sections["churn"]:
        medium, high = _numbers(file, ("churn", "bands"), sections["churn"]["bands"], 2)
        if not 0 < medium < high < 1:
            raise file.error(("churn", "bands"), f"are {medium:g} and {high:g}", "Give two probabilities in ascending order: [0.33, 0.66].")
        found = replace(found, churn_bands=(medium, high))
    if "margin" in sections["contracts"]:
        found = replace(found, subscription_margin=_share(file, ("contracts", "margin"), sections["contracts"]["margin"]))
    return found


def _rfm(file: YamlFile, given: dict[str, Any]) -> RfmChoices | None:
    if not given:
        return None
    levels = given.get("levels", 5)
    if levels not in LEVELS or isinstance(levels, bool):
        raise file.error(("rfm", "levels"), f"is {levels!r}", "Choose 3 or 5.")
    weights = _mapping(file, ("rfm", "weights"), given.get("weights") or {}, DIMENSIONS, "weights")
    recency, frequency, money = (_number(file, ("rfm", "weights", d), weights.get(d, 1)) for d in DIMENSIONS)
    heavy = recency, frequency, money
    if min(heavy) < 0 or not sum(heavy) > 0:
        raise file.error(("rfm", "weights"), f"are {', '.join(f'{w:g}' for w in heavy)}", "None may be negative, and not all 0.")
    thresholds = None
    if given.get("thresholds") is not None:
        ends = _mapping(file, ("rfm", "thresholds"), given["thresholds"], DIMENSIONS, "thresholds")
        missing = [d for d in DIMENSIONS if d not in ends]
        if missing:
            raise file.error(("rfm", "thresholds"), f"lack {', '.join(missing)}", "Fix all three, or none: then they are quantiles.")
        first, second, third = (tuple(_ascending(file, ("rfm", "thresholds", d), ends[d], levels - 1)) for d in DIMENSIONS)
        thresholds = first, second, third
    groups = _groups(file, given["groups"], levels) if given.get("groups") is not None else None
    return RfmChoices(levels, heavy, thresholds, groups)


def _groups(file: YamlFile, given: Any, levels: int) -> tuple[Group, ...]:
    at: Address = ("rfm", "groups")
    if not isinstance(given, list) or not given:
        raise file.error(at, "is no list of groups", "Write - {name: vip, title: {en: VIP, zh: 贵宾}, recency: 4-5}.")
    found = [_group(file, (*at, i), g, levels) for i, g in enumerate(given)]
    for scores in product(range(1, levels + 1), repeat=3):
        if not any(all(low <= s <= high for s, (low, high) in zip(scores, (g.recency, g.frequency, g.money), strict=True)) for g in found):
            told = ", ".join(f"{d} {s}" for d, s in zip(DIMENSIONS, scores, strict=True))
            raise file.error(at, f"{told} lead to no group", "Add a last group without scores: it takes all others.")
    return tuple(found)


def _group(file: YamlFile, at: Address, given: Any, levels: int) -> Group:
    values = _mapping(file, at, given, ("name", "title", *DIMENSIONS), "a group")
    name, title = values.get("name"), values.get("title")
    if not isinstance(name, str) or not name:
        raise file.error(at, "a group lacks its name")
    if not isinstance(title, dict) or set(title) != set(LANGUAGES) or not all(isinstance(w, str) and w for w in title.values()):
        raise file.error((*at, "title"), f"{name} needs words in both languages", "Write title: {en: VIP, zh: 贵宾}.")
    ranges = (_range(file, (*at, d), values.get(d), levels) for d in DIMENSIONS)
    return Group(name, (title["en"], title["zh"]), *ranges)


def _range(file: YamlFile, at: Address, given: Any, levels: int) -> tuple[int, int]:
    """4-5, 4, or nothing for any score."""
    if given is None:
        return 1, levels
    ends = str(given).split("-")
    if not all(e.strip().isdigit() for e in ends) or len(ends) > 2:
        raise file.error(at, f"is {given!r}", f"Write a score or two: 4-{levels}.")
    low, high = int(ends[0]), int(ends[-1])
    if not 1 <= low <= high <= levels:
        raise file.error(at, f"is {given!r}", f"Scores go from 1 to {levels}, the lower one first.")
    return low, high


def _mapping(file: YamlFile, at: Address, given: Any, known: Any, what: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise file.error(at, f"{what} is {given!r}", f"It has fields: {', '.join(known)}.")
    for name in given:
        if name not in known:
            raise file.error((*at, str(name)), f"there is no such field of {what}", did_you_mean(str(name), known))
    return given


def _number(file: YamlFile, at: Address, given: Any) -> float:
    if not isinstance(given, int | float) or isinstance(given, bool) or not math.isfinite(given):
        raise file.error(at, f"is {given!r}", "It is a number.")
    return float(given)


def _share(file: YamlFile, at: Address, given: Any) -> float:
    found = _number(file, at, given)
    if not 0 <= found <= 1:
        raise file.error(at, f"is {found:g}", "It is a share from 0 to 1, such as 0.8 for 80 %.")
    return found


def _numbers(file: YamlFile, at: Address, given: Any, size: int) -> list[float]:
    if not isinstance(given, list) or len(given) != size:
        raise file.error(at, f"is {given!r}", f"Give a list of {size} numbers.")
    return [_number(file, at, v) for v in given]


def _ascending(file: YamlFile, at: Address, given: Any, size: int) -> list[float]:
    found = _numbers(file, at, given, size)
    if found != sorted(set(found)):
        raise file.error(at, f"are {', '.join(f'{v:g}' for v in found)}", "Give them in ascending order, each once.")
    return found
