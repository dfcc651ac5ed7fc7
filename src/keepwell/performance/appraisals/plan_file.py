"""Files of appraisal plans, read and checked: every fault is an error that names file, line and field."""

import importlib.resources
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from keepwell.core import yaml_file
from keepwell.core.errors import did_you_mean
from keepwell.core.yaml_file import YamlError
from keepwell.metrics.entry import Entry
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.measure import Shape
from keepwell.performance.appraisals.fair import LEAST_N as LEAST_FAIR
from keepwell.performance.appraisals.plan import LEAST_N, Kind, Of, Plan, PlanItem, RaterKind
from keepwell.performance.scorecards.card import Missing
from keepwell.performance.scorecards.curve import Versus
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

FOLDER = "appraisals"  # of a workspace's own
OF_PLAN = ("name", "title", "meaning", "version", "of", "missing", "least_known", "grades", "items")
FIELDS = {
    Kind.KPI: ("kpi", "by", "weight", "least", "mix", "curve"),
    Kind.MANUAL: ("manual", "title", "weight", "most", "guidance"),
    Kind.RATER: ("rater", "title", "weight", "most", "guidance", "kinds"),
    Kind.MBO: ("mbo", "title", "weight", "guidance"),
}


def plans(known: Mapping[str, Kpi], folder: Path | None = None, problems: list[YamlError] | None = None) -> dict[str, Plan]:
    """The plans that are shipped, and those of the workspace's folder, by name. An own one may take the place of a shipped one.

    A faulty own file is an error, or left out and noted where ``problems`` are given.
    """
    with importlib.resources.as_file(importlib.resources.files("keepwell.performance.appraisals") / "templates") as shipped:
        found = {plan.name: plan for plan in (read_plan(path, known) for path in sorted(shipped.glob("*.yaml")))}
    for path in sorted(folder.glob("*.yaml")) if folder is not None and folder.is_dir() else ():
        try:
            plan = read_plan(path, known)
        except YamlError as error:
            if problems is None:
                raise
            problems.append(error)
        else:
            found[plan.name] = plan
    return found


def read_plan(path: Path, known: Mapping[str, Kpi]) -> Plan:
    """The plan of a file; weights that do not add up, unknown KPIs and items that say two things are errors with their line."""
    file = yaml_file.read(path)
    if not isinstance(file.values, dict):
        raise file.error((), "holds no appraisal plan", "Begin with `name:`.")
    top = Entry(file, (), file.values, "", is_users=True)
    only(top, OF_PLAN)
    items = tuple(_item(i, known) for i in entries_of(top, "items"))
    check_weights(top, "items", [i.weight for i in items])
    names = [i.name for i in items]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice:
        raise top.error("items", f"hold {twice} twice", "Each item counts once.")
    return Plan(
        name=name_of(top, "name"),
        title=top.words("title"),
        meaning=top.words("meaning"),
        version=version_of(top),
        of=top.choice("of", Of),
        items=items,
        missing=top.choice("missing", Missing, Missing.SPREAD),
        least_known=number_of(top, "least_known", "50", least=0, most=100),
        grades=grades_of(top),
    )


def _item(entry: Entry, known: Mapping[str, Kpi]) -> PlanItem:
    kinds = [k for k in Kind if entry.get(k) is not None]
    if len(kinds) != 1:
        raise entry.error("", "an item is one of kpi, manual, rater and mbo", "Begin it with `kpi:` and a KPI's name, or `manual:`.")
    kind = kinds[0]
    only(entry, FIELDS[kind])
    if kind is Kind.KPI:
        return _kpi_item(entry, known)
    most = number_of(entry, "most", "10" if kind is not Kind.MBO else "100", least=1, most=1000)
    guidance = entry.words("guidance") if kind is not Kind.MBO or entry.get("guidance") is not None else {}
    raters = _raters(entry) if kind is Kind.RATER else {}
    return PlanItem(name_of(entry, kind), kind, weight_of(entry), entry.words("title"), guidance, most=most, raters=raters)


def _kpi_item(entry: Entry, known: Mapping[str, Kpi]) -> PlanItem:
    name = str(entry.get("kpi"))
    if name not in known:
        raise entry.error("kpi", f"is {name!r}, which no KPI is called", did_you_mean(name, known))
    by = str(entry.get("by") or "")
    if not by:
        raise entry.error("by", f"of {name} is missing", "Name the dimension by which the person or team is read, such as owner_id.")
    mix = str(entry.get("mix")) if entry.get("mix") is not None else None
    curve = curve_of(entry, known[name])
    if mix is not None:
        _check_mix(entry, known[name], mix, by)
        if curve.versus is not Versus.ABSOLUTE:
            raise entry.error("curve", f"of {name} can't have a mix and a baseline", "Take `versus` or `mix` away.")
    least = entry.whole("least", LEAST_N if mix is None else LEAST_FAIR)
    return PlanItem(name, Kind.KPI, weight_of(entry), known[name].title, by=by, least=max(least, 1), mix=mix, curve=curve)


def _check_mix(entry: Entry, kpi: Kpi, mix: str, by: str) -> None:
    if kpi.measure.shape is not Shape.SHARE:
        raise entry.error("mix", f"can't be allowed for: {kpi.name} is no share of rows", "Take `mix` away.")
    if mix not in kpi.dimensions:
        raise entry.error("mix", f"is {mix!r}, by which {kpi.name} is not read", did_you_mean(mix, kpi.dimensions))
    if mix == by:
        raise entry.error("mix", "is whom the item reads", "Choose a dimension of customers.")


def _raters(entry: Entry) -> dict[RaterKind, Decimal]:
    given = entry.get("kinds")
    known = [str(k) for k in RaterKind]
    if not isinstance(given, dict) or not given or not set(given) <= set(known):
        raise entry.error("kinds", "weigh peers, subordinates and customers", "Write {peer: 50, subordinate: 30, customer: 20}.")
    own = Entry(entry.file, (*entry.at, "kinds"), given, "", is_users=True)
    made = {RaterKind(k): number_of(own, k, least=0, most=100) for k in given}
    check_weights(entry, "kinds", list(made.values()))
    return made
