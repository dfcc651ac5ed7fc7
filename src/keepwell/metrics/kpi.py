"""What a KPI is: one entry of ``kpis/<theme>.yaml``, or of a file of the same shape in a workspace's ``kpis/``.

The evaluator knows kinds; an entry fills one in. Everything that says what the number means stands in the entry.
"""

import functools
import hashlib
import importlib.resources
import json
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from keepwell.core import yaml_file
from keepwell.core.errors import did_you_mean, unknown
from keepwell.core.yaml_file import Address, YamlFile
from keepwell.engine.aggregates import check_additive, columns_of
from keepwell.engine.walls import RefusedSqlError, check_expression
from keepwell.metrics.fact import facts


class Kind(StrEnum):
    """How a KPI is computed."""

    SIMPLE = "simple"  # a count or a sum of one fact, or the number of its customers
    RATIO = "ratio"  # sum ÷ sum, never a mean of ratios


class Unit(StrEnum):
    """What a value is measured in. Shares are fractions, durations seconds."""

    COUNT = "count"
    MONEY = "money"
    SHARE = "share"
    POINTS = "points"
    SECONDS = "seconds"
    DAYS = "days"
    SCORE = "score"


class Better(StrEnum):
    """Which direction is good."""

    UP = "up"
    DOWN = "down"
    TARGET = "target"


class Additivity(StrEnum):
    """Whether parts add up to the whole."""

    ADDITIVE = "additive"
    SEMI = "semi"
    NON = "non"


class WhenEmpty(StrEnum):
    """What a period without rows, but within the data, reads."""

    NULL = "null"
    ZERO = "zero"


Choice = TypeVar("Choice", bound=StrEnum)

DEFAULT_MIN_N = 30
MATERIAL_RELATIVE = 0.02
MATERIAL_SHARE = 0.01
MATERIAL_POINTS = 1.0
LANGUAGES = ("en", "zh")
REQUIRED = ("name", "title", "meaning", "formula", "kind", "fact", "time", "unit", "better", "additivity", "version", "example")
OPTIONAL = ("where", "expression", "numerator", "denominator", "when_empty", "min_n", "material", "dimensions", "benchmark", "owner")


@dataclass(frozen=True)
class Example:
    """Rows in, value out: what the definition means, executed on every engine."""

    rows: dict[str, list[dict[str, Any]]]
    period: str
    value: float | None
    n: int


@dataclass(frozen=True)
class Kpi:
    """One definition."""

    name: str
    theme: str
    title: dict[str, str]
    meaning: dict[str, str]
    formula: dict[str, str]
    kind: Kind
    fact: str
    time: str
    unit: Unit
    better: Better
    additivity: Additivity
    version: int
    example: Example
    where: str | None = None
    expression: str | None = None
    numerator: str | None = None
    denominator: str | None = None
    when_empty: WhenEmpty = WhenEmpty.NULL
    min_n: int = 0
    material: float | None = None
    dimensions: tuple[str, ...] = ()
    benchmark: dict[str, Any] = field(default_factory=dict)
    owner: str | None = None
    is_users: bool = False

    @property
    def definition_hash(self) -> str:
        """A fingerprint of all that decides the value; words may change without changing it."""
        decides = [
            self.kind,
            self.fact,
            facts()[self.fact].definition,
            self.time,
            self.where,
            self.expression,
            self.numerator,
            self.denominator,
            self.when_empty,
        ]
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]

    def smallest_change(self, before: float) -> float:
        """The smallest change worth saying, in the KPI's unit, seen from the value before."""
        if self.material is not None:
            return self.material
        if self.unit is Unit.SHARE:
            return MATERIAL_SHARE
        if self.unit in {Unit.POINTS, Unit.SCORE}:
            return MATERIAL_POINTS
        return abs(before) * MATERIAL_RELATIVE


@functools.cache
def built_in() -> dict[str, Kpi]:
    """The catalogue that is shipped."""
    found: dict[str, Kpi] = {}
    with importlib.resources.as_file(importlib.resources.files("keepwell.metrics") / "kpis") as folder:
        for path in sorted(folder.glob("*.yaml")):
            _add(found, path, is_users=False)
    return found


def catalogue(users_folder: Path | None = None) -> dict[str, Kpi]:
    """Every KPI by name: those shipped, and those in the workspace's folder, which may not take a shipped name."""
    found = dict(built_in())
    if users_folder is not None and users_folder.is_dir():
        for path in sorted([*users_folder.glob("*.yaml"), *users_folder.glob("*.yml")]):
            _add(found, path, is_users=True)
    return found


def kpi(name: str, known: dict[str, Kpi]) -> Kpi:
    """The KPI of that name; an unknown name answers with the nearest known one."""
    try:
        return known[name]
    except KeyError:
        raise unknown("KPI", name, known) from None


def _add(found: dict[str, Kpi], path: Path, *, is_users: bool) -> None:
    file = yaml_file.read(path)
    entries = file.values if isinstance(file.values, list) else [file.values]
    for place, entry in enumerate(entries):
        at: Address = (place,) if isinstance(file.values, list) else ()
        read = _kpi(file, at, entry, path.stem, is_users=is_users)
        if read.name in found:
            raise file.error((*at, "name"), f"there is a KPI {read.name!r} already", "Give yours another name.")
        found[read.name] = read


def _kpi(file: YamlFile, at: Address, entry: Any, theme: str, *, is_users: bool) -> Kpi:
    if not isinstance(entry, dict):
        raise file.error(at, "is no KPI", "An entry has `name:`, `title:`, `kind:` and so on.")
    for name in entry:
        if name not in REQUIRED and name not in OPTIONAL:
            raise file.error((*at, name), "is no field of a KPI", did_you_mean(str(name), (*REQUIRED, *OPTIONAL)))
    missing = [name for name in REQUIRED if entry.get(name) is None]
    if missing:
        raise file.error(at, f"lacks {', '.join(missing)}")
    kind = _member(file, (*at, "kind"), Kind, entry["kind"])
    unit = _member(file, (*at, "unit"), Unit, entry["unit"])
    _check_fact(file, at, entry)
    _check_sql(file, at, entry, kind)
    default_min_n = DEFAULT_MIN_N if kind is Kind.RATIO else 0
    return Kpi(
        name=str(entry["name"]),
        theme=theme,
        title=_words(file, (*at, "title"), entry["title"]),
        meaning=_words(file, (*at, "meaning"), entry["meaning"]),
        formula=_words(file, (*at, "formula"), entry["formula"]),
        kind=kind,
        fact=entry["fact"],
        time=entry["time"],
        unit=unit,
        better=_member(file, (*at, "better"), Better, entry["better"]),
        additivity=_member(file, (*at, "additivity"), Additivity, entry["additivity"]),
        when_empty=_member(file, (*at, "when_empty"), WhenEmpty, entry.get("when_empty") or "null"),
        version=int(entry["version"]),
        example=_example(file, (*at, "example"), entry["example"]),
        min_n=int(entry.get("min_n", default_min_n)),
        dimensions=tuple(entry.get("dimensions") or ()),
        is_users=is_users,
        **{
            name: entry[name]
            for name in ("where", "expression", "numerator", "denominator", "material", "benchmark", "owner")
            if entry.get(name) is not None
        },
    )


def _member(file: YamlFile, at: Address, kind: type[Choice], value: Any) -> Choice:
    try:
        return kind(str(value))
    except ValueError:
        raise file.error(at, f"is {value!r}", did_you_mean(str(value), [str(m) for m in kind])) from None


def _words(file: YamlFile, at: Address, value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or set(value) != set(LANGUAGES) or not all(value.values()):
        raise file.error(at, "needs words in both languages", 'Write {en: "…", zh: "…"}, in quotes where a comma stands in them.')
    return {language: str(value[language]) for language in LANGUAGES}


def _check_fact(file: YamlFile, at: Address, entry: dict[str, Any]) -> None:
    if entry["fact"] not in facts():
        raise file.error((*at, "fact"), f"there is no fact {entry['fact']!r}", did_you_mean(str(entry["fact"]), facts()))
    times = facts()[entry["fact"]].times
    if entry["time"] not in times:
        raise file.error((*at, "time"), f"{entry['fact']} has no date {entry['time']!r}", did_you_mean(str(entry["time"]), times))


def _check_sql(file: YamlFile, at: Address, entry: dict[str, Any], kind: Kind) -> None:
    needed, others = (
        (("expression",), ("numerator", "denominator")) if kind is Kind.SIMPLE else (("numerator", "denominator"), ("expression",))
    )
    for name in needed:
        if entry.get(name) is None:
            raise file.error(at, f"a {kind} KPI needs {name}")
    for name in others:
        if entry.get(name) is not None:
            raise file.error((*at, name), f"is not for a {kind} KPI")
    for name in (*needed, "where"):
        if entry.get(name) is None:
            continue
        try:
            check = check_expression if name == "where" else check_additive
            check(str(entry[name]))
        except RefusedSqlError as error:
            raise file.error((*at, name), error.message, error.hint) from error
        columns = facts()[entry["fact"]].columns
        for column in columns_of(str(entry[name])):
            if column not in columns:
                raise file.error((*at, name), f"{entry['fact']} has no column {column!r}", did_you_mean(column, columns))


def _example(file: YamlFile, at: Address, value: Any) -> Example:
    if not isinstance(value, dict) or not {"rows", "period", "value", "n"} <= set(value):
        raise file.error(at, "needs rows, period, value and n")
    return Example(dict(value["rows"]), str(value["period"]), value["value"], int(value["n"]))
