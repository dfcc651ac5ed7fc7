"""What is asked of a fact's rows, and what is to be computed from them: a cut and a plan, before any SQL is written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement

from keepwell.engine.aggregates import is_whole, paths_of
from keepwell.metrics.dimensions import LookUps
from keepwell.metrics.fact import facts
from keepwell.metrics.measure import Measure, Part, Shape, Source

TOTAL = "total"  # the member of a reading that is not broken down
NO_MEMBER = "(none)"  # rows without a value in the dimension
AGE = "age"
ANONYMOUS = "chr(31)"  # begins the name of a row without a customer


@dataclass(frozen=True)
class Cut:
    """Which rows, by what. ``where`` and ``dimension`` name columns with their paths flat."""

    dimension: str | None = None
    where: str | None = None
    look_ups: Mapping[Source, LookUps] = field(default_factory=dict)
    has_comparisons: bool = True
    has_cubes: bool = False
    rows: Mapping[tuple[str, str], str] = field(default_factory=dict)  # (fact, time) -> the query of its rows
    without_anonymous: tuple[str, ...] = ()  # facts whose every row has a customer: the rows' own keys need not be read
    scheduled_teams: tuple[str, ...] = ()

    @property
    def dimensions(self) -> list[str]:
        """The columns whose combinations are the members."""
        return self.dimension.split("+") if self.dimension else []

    @property
    def keys(self) -> list[str]:
        """The columns that name a reading."""
        return ["period_start", "member"] if self.dimension else ["period_start"]


@dataclass(frozen=True)
class Plan:
    """What the query computes, each thing once however many KPIs need it."""

    parts: tuple[Part, ...]
    counted: tuple[Part, ...]
    pairs: tuple[tuple[int, int], ...]
    cubes: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, measures: Sequence[Measure]) -> "Plan":
        parts = tuple(dict.fromkeys(p for m in measures for p in m.parts))
        counted = tuple(dict.fromkeys(m.parts[m.counted] for m in measures))
        pairs: dict[tuple[int, int], None] = {}
        cubes: dict[tuple[int, int, int], None] = {}
        for m in measures:
            own = sorted({parts.index(p) for p in m.parts})
            pairs.update(dict.fromkeys(combinations_with_replacement(own, 2)))
            if needs_cubes(m):
                cubes.update(dict.fromkeys(combinations_with_replacement(own, 3)))
        return cls(parts, counted, tuple(pairs), tuple(cubes))

    @property
    def sources(self) -> list[Source]:
        return list(dict.fromkeys(p.source for p in self.parts))

    def is_certain(self, j: int) -> bool:
        return facts()[self.parts[j].source.fact].is_certain

    def is_whole(self, j: int) -> bool:
        return is_whole(self.parts[j].sql) and not self.parts[j].per_customer

    def weight(self, j: int) -> str:
        """The column that carries the chance in a part: its own, or the linearised one of a part that ranks customers."""
        return f"w{j}" if self.parts[j].top else f"x{j}"


@dataclass(frozen=True)
class Roles:
    """Which column of the cells plays which role (``x0``, ``n0``, …), as SQL with {} before each column; by default the one of its name.

    What two roles have in common is kept once: of millions of cells every column counts.
    """

    columns: Mapping[str, str] = field(default_factory=dict)

    def sql(self, role: str, of: str = "") -> str:
        """The role's value in the cells known as ``of`` (``"a."``)."""
        return self.columns.get(role, "{}" + role).replace("{}", of)


def needs_cubes(measure: Measure) -> bool:
    """Whether the interval corrects for skewness: sums and means of what may be very uneven."""
    return measure.shape in {Shape.FLOW, Shape.RATIO} and len(measure.parts) <= 2


def columns_needed(measures: Sequence[Measure], where: str | None, dimension: str | None) -> dict[Source, list[str]]:
    """Of each source the columns that its query reads, by their names in the SQL."""
    found: dict[Source, list[str]] = {}
    asked = [*(paths_of(where) if where else []), *(dimension.split("+") if dimension and dimension != AGE else [])]
    for measure in measures:
        for part in measure.parts:
            sqls = [part.sql] if not part.per_customer else [sql for _, sql in part.per_customer]
            _note(found, part.source, [*sqls, part.where, part.counts, part.source.where], asked)
        d = measure.distribution
        if d:
            _note(found, d.source, [d.where, d.value, d.is_over, d.source.where], asked)
    return found


def _note(found: dict[Source, list[str]], source: Source, sqls: Iterable[str | None], asked: Sequence[str]) -> None:
    names = found.setdefault(source, list(asked))
    for sql in sqls:
        if sql:
            names += [n for n in paths_of(sql) if n not in names]
