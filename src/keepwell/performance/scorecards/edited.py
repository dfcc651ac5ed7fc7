"""A card's definition as the fields of a form, and the definition that changed fields make. Nothing is checked here: the card's reader does that."""

import copy
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from keepwell.performance.scorecards.card import Card, Grade
from keepwell.performance.scorecards.curve import Versus
from keepwell.performance.scorecards.fields import is_manageable

GRADES = (Grade.EXCELLENT, Grade.GOOD, Grade.FAIR)
CURVE = ("floor", "target", "most")
# of an item that is added to a perspective: `add_kpi.0` is that of the first one; `of` is whose reading, `team` or `team=Service`
ADDED = ("add_kpi", "add_of", "add_weight", "add_versus", "add_floor", "add_target")
LEFT_OUT = "leave_out"  # `leave_out.0.2` leaves out the third item of the first perspective


def fields_of(values: Mapping[str, Any], card: Card) -> dict[str, str]:
    """Every field with its text: ``weight.0`` is of the first perspective, ``floor.0.2`` of its third item; ``card`` tells what is left out."""
    made = {"missing": str(card.missing), "least_known": plain(card.least_known)}
    made |= {f"grades.{g}": plain(getattr(card.grades, g)) for g in GRADES}
    for place, perspective in enumerate(values["perspectives"]):
        made[f"weight.{place}"] = plain(perspective["weight"])
        for number, item in enumerate(perspective["items"]):
            made |= {f"{name}.{place}.{number}": text for name, text in _of_item(item)}
    return made


def _of_item(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "weight", plain(item["weight"])
    curve = item.get("curve")
    if curve is None:
        return
    if curve.get("points") is not None:
        yield "points", "; ".join(f"{plain(x)} = {plain(y)}" for x, y in curve["points"])
        return
    for name in CURVE:
        yield name, plain(curve.get(name))


def edited(values: Mapping[str, Any], shown: Mapping[str, str], given: Mapping[str, str]) -> dict[str, Any]:
    """The values with what differs from the fields that were ``shown``, items that are added, and without those that are left out.

    All else stays, with keys that no field is for. An item is added where ``add_kpi`` is given.
    """
    made = copy.deepcopy(dict(values))
    changed = {name: text.strip() for name, text in given.items() if name in shown and text.strip() != shown[name]}
    for name, text in changed.items():
        what, *places = name.split(".")
        if what == "grades":
            before = made.get("grades") or {str(g): number_or_text(shown[f"grades.{g}"]) for g in GRADES}
            made["grades"] = {**before, places[0]: number_or_text(text)}
        elif not places:
            _set(made, what, text if what == "missing" else number_or_text(text))
        else:
            _set_at(made["perspectives"][int(places[0])], what, [int(p) for p in places[1:]], text)
    for place, perspective in enumerate(made["perspectives"]):
        kept = [item for number, item in enumerate(perspective["items"]) if not given.get(f"{LEFT_OUT}.{place}.{number}")]
        perspective["items"] = [*kept, *_added({name: given.get(f"{name}.{place}", "").strip() for name in ADDED})]
    # what has no item left is left out with them
    made["perspectives"] = [p for p in made["perspectives"] if p["items"]]
    return made


def _added(texts: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The item that the fields for a new one make; none where no KPI is chosen."""
    if not texts["add_kpi"]:
        return
    by, _, member = (part.strip() for part in texts["add_of"].partition("="))
    curve: dict[str, Any] = {"versus": texts["add_versus"]} if texts["add_versus"] not in {"", Versus.ABSOLUTE} else {}
    for name in ("floor", "target"):
        _set(curve, name, number_or_text(texts[f"add_{name}"], is_share=True))
    item: dict[str, Any] = {"kpi": texts["add_kpi"]}
    _set(item, "by", by or None)
    _set(item, "member", member or None)
    yield item | {"weight": number_or_text(texts["add_weight"]), "curve": curve}


def _set_at(perspective: dict[str, Any], what: str, item: list[int], text: str) -> None:
    at = perspective["items"][item[0]] if item else perspective
    if what == "weight":
        at["weight"] = number_or_text(text)
    elif what == "points":
        at["curve"]["points"] = _knots(text)
    else:
        _set(at["curve"], what, number_or_text(text, is_share=True))


def _set(at: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        at.pop(name, None)
    else:
        at[name] = value


def _knots(text: str) -> list[list[Any]]:
    """Pairs such as ``0 = 100; 5 = 60``, whatever the width of their signs; what is no pair stays for the reader to refuse."""
    parts = [p for p in re.split(r"[;；\n]", text) if p.strip()]
    return [[number_or_text(x, is_share=True) for x in re.split(r"[=＝]", p)] for p in parts]


def number_or_text(text: str, *, is_share: bool = False) -> int | float | str | None:
    """A number as a file holds it, None for nothing; text that is no number stays text, for the reader to refuse.

    A per cent sign makes hundredths of a reading (``is_share``); weights are percent with it and without.
    """
    bare = text.strip().rstrip("%％").strip()
    if not bare:
        return None
    try:
        number = Decimal(bare)
    except InvalidOperation:
        return text.strip()
    if not is_manageable(number):
        return text.strip()
    if is_share and bare != text.strip():
        number /= 100
    return int(number) if number == number.to_integral_value() else float(number)


def plain(value: Any) -> str:
    """A number as people write it, without needless zeros; nothing for None."""
    if value is None:
        return ""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    return f"{number.normalize():f}" if is_manageable(number) else str(value)
