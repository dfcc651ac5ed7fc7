"""Entries of KPI files, read and checked: every fault is an error that names file, line and field."""

import functools
import importlib.resources
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from keepwell.core.errors import did_you_mean
from keepwell.core.yaml_file import YamlError
from keepwell.lake.table import table, tables
from keepwell.metrics.dimensions import UnsliceableError, path_of, shared_name
from keepwell.metrics.entry import Entry, entries
from keepwell.metrics.fact import facts
from keepwell.metrics.kpi import (
    DEFAULT_MIN_N,
    Additivity,
    Benchmark,
    Better,
    Example,
    Kind,
    Kpi,
    Unit,
    WhenEmpty,
)
from keepwell.metrics.kpi_measure import MeasureBuilder
from keepwell.metrics.measure import Measure, Placement, Shape

COMMON = ("name", "title", "meaning", "formula", "kind", "unit", "better", "additivity", "version", "example")
OPTIONAL = (
    "where", "counts", "when_empty", "min_n", "material", "dimensions", "benchmark", "owner", "pitfalls", "parameters", "cap",
    "per_customer", "settles_after_days", "never_settles",
)  # fmt: skip
# kind -> what it needs beside the common fields, and what it may have
NEEDS: dict[Kind, tuple[str, ...]] = {
    Kind.SIMPLE: ("fact", "time", "expression"),
    Kind.RATIO: ("fact", "time", "numerator", "denominator"),
    Kind.SURVEY: ("measure",),
    Kind.RETENTION: ("clock",),
    Kind.DURATION: ("fact", "time", "starts", "ends", "quantile"),
    Kind.DERIVED: ("expression",),
    Kind.CUMULATIVE: ("fact", "time", "window"),
    Kind.MODEL: ("model", "expression"),
}
MAY: dict[Kind, tuple[str, ...]] = {
    Kind.SIMPLE: (),
    Kind.RATIO: ("top", "is_subset"),
    Kind.SURVEY: ("fact", "time"),
    Kind.RETENTION: ("fact", "time", "returned", "returned_on", "age"),
    Kind.DURATION: ("clock", "is_over"),
    Kind.DERIVED: ("n",),
    Kind.CUMULATIVE: ("expression", "numerator", "denominator", "is_subset"),
    Kind.MODEL: ("bounds",),
}
TEXTS = (
    "name", "kind", "unit", "better", "additivity", "when_empty", "owner", "where", "counts", "fact", "time", "expression", "numerator",
    "denominator", "measure", "clock", "starts", "ends", "is_over", "returned", "returned_on", "window", "n", "model",
)  # fmt: skip
KIND_FIELDS = tuple(dict.fromkeys(f for k in Kind for f in (*NEEDS[k], *MAY[k])))
DECIDING = (*KIND_FIELDS, "where", "counts", "cap", "per_customer", "parameters")


@functools.cache
def built_in() -> dict[str, Kpi]:
    """The catalogue that is shipped."""
    return _resolved(_shipped(is_users=False), {})


def check_built_in() -> None:
    """Check what is shipped as strictly as what users bring."""
    _resolved(_shipped(is_users=True), {})


def _shipped(*, is_users: bool) -> list["Entry"]:
    with importlib.resources.as_file(importlib.resources.files("keepwell.metrics") / "kpis") as folder:
        return [e for path in sorted(folder.glob("*.yaml")) for e in entries(path, is_users=is_users)]


def catalogue(users_folder: Path | None = None, problems: list[YamlError] | None = None) -> dict[str, Kpi]:
    """Every KPI by name: those shipped, and those in the workspace's folder, which may not take a shipped name.

    A fault in a user's file is an error; with ``problems`` it is noted there, and the other KPIs are given.
    """
    if users_folder is None or not users_folder.is_dir():
        return dict(built_in())
    paths = sorted([*users_folder.glob("*.yaml"), *users_folder.glob("*.yml")])
    read: list[Entry] = []
    for path in paths:
        try:
            read += entries(path, is_users=True)
        except YamlError as error:
            if problems is None:
                raise
            problems.append(error)
    return _resolved(read, built_in(), problems)


def _resolved(given: list[Entry], shipped: Mapping[str, Kpi], problems: list[YamlError] | None = None) -> dict[str, Kpi]:
    """All entries as KPIs; a derived one after those that it needs."""
    found = dict(shipped)
    by_name: dict[str, Entry] = {}

    def note(error: YamlError) -> None:
        if problems is None:
            raise error
        problems.append(error)

    for entry in given:
        name = str(entry.get("name"))
        if name in by_name or name in found:
            note(entry.error("name", f"there is a KPI {name!r} already", "Give yours another name."))
        else:
            by_name[name] = entry
    known = {*found, *by_name}

    def resolve(name: str, under: tuple[str, ...]) -> Kpi:
        if name in found:
            return found[name]
        entry = by_name[name]
        if name in under:
            raise entry.error("expression", f"refers to itself: {' → '.join((*under, name))}")
        found[name] = _kpi(entry, known, lambda other: resolve(other, (*under, name)))
        return found[name]

    for name in by_name:
        try:
            resolve(name, ())
        except YamlError as error:
            note(error)
    order = [*shipped, *by_name]
    return {name: found[name] for name in order if name in found}


def _kpi(entry: Entry, known: set[str], other: Callable[[str], Kpi]) -> Kpi:
    values = entry.values
    kind = entry.choice("kind", Kind)
    allowed = (*COMMON, *OPTIONAL, *NEEDS[kind], *MAY[kind])
    for name in values:
        if name not in allowed:
            if name in KIND_FIELDS:
                raise entry.error(name, f"is not for a {kind} KPI")
            raise entry.error(str(name), "is no field of a KPI", did_you_mean(str(name), allowed))
    missing = [name for name in (*COMMON, *NEEDS[kind]) if values.get(name) is None]
    if missing:
        raise entry.error("", f"lacks {', '.join(missing)}", f"A {kind} KPI needs {', '.join(NEEDS[kind])}.")
    for name in TEXTS:
        if isinstance(values.get(name), list | dict):
            raise entry.error(name, "is no text", "Write one value, in quotes where a colon or a comma stands in it.")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", str(values["name"])):
        raise entry.error("name", f"{values['name']!r} is no name", "Use small letters, digits and _.")
    unit = entry.choice("unit", Unit)
    parameters = entry.parameters()
    measure = MeasureBuilder(entry, kind, unit, parameters).measure(known, other)
    is_rate = measure.shape in {Shape.SHARE, Shape.RATIO, Shape.NPS, Shape.DISTRIBUTION}
    return Kpi(
        name=values["name"],
        theme=entry.theme,
        title=entry.words("title"),
        meaning=entry.words("meaning", parameters),
        formula=entry.words("formula", parameters),
        pitfalls=entry.words("pitfalls", parameters) if values.get("pitfalls") is not None else {},
        kind=kind,
        measure=measure,
        unit=unit,
        better=entry.choice("better", Better),
        additivity=entry.choice("additivity", Additivity),
        when_empty=entry.choice("when_empty", WhenEmpty, "null"),
        version=entry.whole("version", 1),
        example=_example(entry),
        min_n=entry.whole("min_n", DEFAULT_MIN_N if is_rate else 0),
        material=entry.positive_or_none("material"),
        dimensions=_dimensions(entry, measure),
        benchmark=_benchmark_or_none(entry),
        owner=values.get("owner"),
        parameters=parameters,
        settles_after_days=entry.whole("settles_after_days", 0, parameters),
        never_settles=entry.get("never_settles") is True,
        definition={k: values[k] for k in DECIDING if values.get(k) is not None},
        is_users=entry.is_users,
    )


def _benchmark_or_none(entry: Entry) -> Benchmark | None:
    value = entry.get("benchmark")
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"value", "source"} or not _is_finite(value["value"]):
        raise entry.error("benchmark", "needs value and source", "Write {value: 0.3, source: …}.")
    return Benchmark(float(value["value"]), str(value["source"]))


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _example(entry: Entry) -> Example:
    value = entry.get("example")
    fields = {"rows", "period", "value", "n"}
    if not isinstance(value, dict) or not fields <= set(value) or not set(value) <= {*fields, "as_of", "by", "member"}:
        raise entry.error("example", "needs rows, period, value and n", "It may also have as_of, by and member.")
    if not isinstance(value["n"], int) or isinstance(value["n"], bool):
        raise entry.error("example", f"n is {value['n']!r}", "It is a whole number.")
    if value["value"] is not None and not _is_finite(value["value"]):
        raise entry.error("example", f"value is {value['value']!r}", "It is a number, or null where there is nothing to measure.")
    for name in ("period", "as_of", "by", "member"):
        if isinstance(value.get(name), list | dict):
            raise entry.error("example", f"{name} is no text")
    member = value.get("member")
    return Example(
        _example_rows(entry, value["rows"]),
        str(value["period"]),
        value["value"],
        value["n"],
        value.get("as_of"),
        value.get("by"),
        str(member) if member is not None else None,
    )


def _example_rows(entry: Entry, rows: object) -> dict[str, list[dict[str, object]]]:
    how = "Write rows: {orders: [{order_id: a, …}]}."
    if not isinstance(rows, dict) or not all(isinstance(listed, list) for listed in rows.values()):
        raise entry.error("example", "rows are lists by entity", how)
    for name, listed in rows.items():
        if entry.is_users and name not in tables():
            raise entry.error("example", f"there is no entity {name!r}", did_you_mean(str(name), tables()))
        if not all(isinstance(row, dict) for row in listed):
            raise entry.error("example", f"a row of {name} is no mapping of columns to values", how)
        known = [c for c, _ in table(name).all_columns] if entry.is_users else []
        for column in dict.fromkeys(c for row in listed for c in row) if entry.is_users else ():
            if column not in known:
                raise entry.error("example", f"{name} has no column {column!r}", did_you_mean(str(column), known))
    return dict(rows)


def _dimensions(entry: Entry, measure: Measure) -> tuple[str, ...]:
    listed = entry.get("dimensions") or []
    if not isinstance(listed, list) or not all(isinstance(d, str) for d in listed):
        raise entry.error("dimensions", "are a list of names", "Write [country, channel].")
    found = tuple(listed)
    places = [(facts()[s.fact], s.time) for s in measure.sources]
    for name in found if entry.is_users else ():
        if name == "age" and all(s.placement is Placement.COHORT for s in measure.sources):
            continue
        for fact, time in places:
            try:
                path_of(fact, time, shared_name(places, name))
            except UnsliceableError as error:
                raise entry.error("dimensions", f"{fact.name} can't be broken down by {name!r}", did_you_mean(name, error.known)) from error
    return found
