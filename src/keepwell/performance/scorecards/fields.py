"""Fields that the files of scorecards and appraisals share: names, weights, numbers, curves, grades; each fault names file, line and field."""

from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from keepwell.core.errors import did_you_mean
from keepwell.metrics.entry import Entry
from keepwell.metrics.kpi import Better
from keepwell.performance.scorecards.card import Grades, weights_fault
from keepwell.performance.scorecards.curve import Curve, CurveError, Versus, bent, straight

MOST_NAME = 60
MOST_PLACES = 30  # before and behind the point
OF_CURVE = ("versus", "floor", "target", "most", "points")


class Judged(Protocol):
    """What a curve gives points to: a KPI, or a part of a customer's health."""

    @property
    def name(self) -> str: ...

    @property
    def better(self) -> Better: ...


def curve_of(entry: Entry, judged: Judged) -> Curve:
    """The curve of what an entry names; one that is missing, says nothing or turns against what is better is an error with its line."""
    given = entry.get("curve")
    if not isinstance(given, dict):
        raise entry.error(
            "curve", f"of {judged.name} is missing", "Write {floor: 0, target: 100}, or {versus: last_year, floor: 0.8, target: 1.05}."
        )
    own = Entry(entry.file, (*entry.at, "curve"), given, "", is_users=True)
    only(own, OF_CURVE)
    versus = own.choice("versus", Versus, Versus.ABSOLUTE)
    try:
        if given.get("points") is not None:
            return bent(_knots(own), judged.better, versus)
        floor, target = number_of(own, "floor"), number_of(own, "target")
        return straight(floor, target, judged.better, most=number_of(own, "most", "100"), versus=versus)
    except CurveError as error:
        raise entry.file.error((*entry.at, "curve"), f"of {judged.name}: {error.message}", error.hint, error.message) from error


def _knots(entry: Entry) -> list[tuple[Decimal, Decimal]]:
    given = entry.get("points")
    if not isinstance(given, list) or not all(isinstance(k, list) and len(k) == 2 for k in given):
        raise entry.error("points", "are no pairs", "Write [[reading, points], [reading, points], …].")
    return [(_decimal(entry, "points", x), _decimal(entry, "points", y)) for x, y in given]


def grades_of(top: Entry) -> Grades:
    """From which total on a grade is reached; 90, 70 and 60 where the entry says nothing."""
    given = top.get("grades")
    if given is None:
        return Grades()
    if not isinstance(given, dict) or set(given) != {"excellent", "good", "fair"}:
        raise top.error("grades", "are excellent, good and fair", "Write {excellent: 90, good: 70, fair: 60}.")
    excellent, good, fair = (_decimal(top, "grades", given[n]) for n in ("excellent", "good", "fair"))
    if not 100 >= excellent > good > fair >= 0:
        raise top.error("grades", "must fall from excellent to fair, from 100 to 0", "Write {excellent: 90, good: 70, fair: 60}.")
    return Grades(excellent, good, fair)


def entries_of(entry: Entry, field: str) -> list[Entry]:
    """The entries of a list at a field; anything else there is an error."""
    given = entry.get(field)
    if not isinstance(given, list) or not given or not all(isinstance(v, dict) for v in given):
        raise entry.error(field, "is no list of entries", "Begin each with `-`.")
    return [Entry(entry.file, (*entry.at, field, place), v, "", is_users=True) for place, v in enumerate(given)]


def only(entry: Entry, fields: tuple[str, ...]) -> None:
    """Raise for a field that is none of these, with the nearest."""
    for field in entry.values:
        if field not in fields:
            raise entry.error(str(field), "is no field here", did_you_mean(str(field), fields))


def name_of(entry: Entry, field: str) -> str:
    """A name of lowercase letters, digits, _ and -."""
    value = str(entry.get(field) or "")
    if not value or not all(c.islower() or c.isdigit() or c in "_-" for c in value):
        raise entry.error(field, f"is {value!r}", "Give a name of lowercase letters, digits, _ and -.")
    if len(value) > MOST_NAME:
        raise entry.error(field, "is too long", f"Give at most {MOST_NAME} characters.")
    return value


def version_of(entry: Entry) -> int:
    """A whole number from 1 on."""
    value = entry.get("version")
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise entry.error("version", f"is {value!r}", "Give a whole number from 1 on; raise it with each change.")
    return value


def weight_of(entry: Entry) -> Decimal:
    """The weight of an entry, 0 to 100 percent."""
    return number_of(entry, "weight", least=0, most=100)


def number_of(entry: Entry, field: str, default: str | None = None, *, least: int | None = None, most: int | None = None) -> Decimal:
    """A number at a field, within its bounds; ``default`` where nothing stands there."""
    value = entry.get(field)
    if value is None and default is None:
        raise entry.error(field, "is missing", "Give a number.")
    found = _decimal(entry, field, default if value is None else value)
    if (least is not None and found < least) or (most is not None and found > most):
        raise entry.error(field, f"is {found}", f"Give {least} to {most}.")
    return found


def is_manageable(number: Decimal) -> bool:
    """Whether it is a number that fractions can be made of: 1e999999999 would take all the memory there is."""
    return number.is_finite() and abs(number.adjusted()) <= MOST_PLACES and len(number.as_tuple().digits) <= 2 * MOST_PLACES


def _decimal(entry: Entry, field: str, value: Any) -> Decimal:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("nan")
    if isinstance(value, bool) or not is_manageable(found):
        raise entry.error(field, f"is {value!r}", "Give a number.")
    return found


def check_weights(entry: Entry, field: str, weights: list[Decimal]) -> None:
    """Raise for weights that do not come to 100 percent."""
    fault = weights_fault(weights)
    if fault:
        raise entry.error(field, fault, f"They are {', '.join(f'{w:f}' for w in weights)}; change them so that they come to 100.")
