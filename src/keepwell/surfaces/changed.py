"""What changed and is real, most telling first: KPIs as a whole, and members of their dimensions where the whole did not move."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import erfc, sqrt

from keepwell.metrics.kpi import Better, Kpi
from keepwell.metrics.reading import Reading, Status
from keepwell.surfaces.explained import telling

CHANCE = 0.05  # the share of changes that a 95 % interval calls real where nothing changed
NORMAL = 1.959964  # half the width of a 95 % interval, in standard errors
YEAR = "year"  # compared with the same period last year; else with the period before


@dataclass(frozen=True)
class Moved:
    """A real change of a reading: by how much, its 95 % interval, and how much it tells beside others."""

    kpi: Kpi
    reading: Reading
    change: Decimal
    low: float | None
    high: float | None
    before: Decimal
    weight: float

    @property
    def is_better(self) -> bool | None:
        """Whether it is for the better; None where no direction is."""
        return None if self.kpi.better is Better.TARGET else (self.change > 0) is (self.kpi.better is Better.UP)


@dataclass(frozen=True)
class Movements:
    """The changes, how many KPIs moved as a whole, how many were compared, and how many of these would differ by chance; and how many parts were looked at."""

    found: tuple[Moved, ...]
    real: int
    compared: int
    parts: int

    @property
    def by_chance(self) -> float:
        return self.compared * CHANCE


def is_solid(reading: Reading) -> bool:
    """Whether the reading rests on enough to be spoken of."""
    return reading.status is Status.OK and reading.value is not None


def movements(known: Mapping[str, Kpi], whole: Iterable[Reading], members: Iterable[Reading], compare: str = "previous") -> Movements:
    """Each KPI of ``known`` at most once: as a whole where that changed, else by its most telling member. Readings are of one period.

    Where hundreds of members are looked at, dozens move by chance. So they are told where they stand out among all of them: of those told at most 5 in
    100 are expected to be chance (Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57).
    """
    compared = [r for r in whole if r.kpi in known and is_solid(r) and _change(r, compare)[3] is not None]
    told = {r.kpi: m for r in compared if (m := _moved_or_none(known[r.kpi], r, compare)) is not None}
    as_a_whole = set(told)
    parts = [r for r in members if r.kpi in known and is_solid(r) and r.kpi not in as_a_whole and _change(r, compare)[3] is not None]
    likely = [_likelihood(r, compare) for r in parts]
    limit = _limit(likely)
    for r, likelihood in zip(parts, likely, strict=True):
        found = _moved_or_none(known[r.kpi], r, compare) if likelihood <= limit else None
        if found is not None and (r.kpi not in told or told[r.kpi].weight < found.weight):
            told[r.kpi] = found
    ranked = sorted(told.values(), key=lambda m: (m.is_better is None, -m.weight))
    return Movements(tuple(ranked), len(as_a_whole), len(compared), len(parts))


def _likelihood(r: Reading, compare: str) -> float:
    """How likely a change as large as this one is where nothing changed: from its 95 % interval, taken for that of a normal distribution."""
    change, low, high, _ = _change(r, compare)
    if change is None or low is None or high is None or high <= low:
        return 1.0
    return erfc(abs(float(change)) / ((high - low) / 2) * NORMAL / sqrt(2))


def _limit(likelihoods: list[float]) -> float:
    """The largest likelihood that is below its share of ``CHANCE`` by rank; below 0 where none is."""
    ranked = enumerate(sorted(likelihoods), 1)
    return max((p for rank, p in ranked if p <= CHANCE * rank / len(likelihoods)), default=-1.0)


def _change(r: Reading, compare: str) -> tuple[Decimal | None, float | None, float | None, bool | None]:
    if compare == YEAR:
        return r.change_last_year, r.change_last_year_ci_low, r.change_last_year_ci_high, r.change_last_year_is_real
    return r.change_previous, r.change_previous_ci_low, r.change_previous_ci_high, r.change_previous_is_real


def _moved_or_none(kpi: Kpi, r: Reading, compare: str) -> Moved | None:
    change, low, high, is_real = _change(r, compare)
    if change is None or r.value is None or not is_real or not change or r.is_open:
        return None
    before = r.value - change
    weight = telling(kpi, change, low, high, before, is_of_a_part=r.dimension is not None)
    return Moved(kpi, r, change, low, high, before, weight)
