"""Teams and people compared fairly by a KPI: what each would have had with everybody's customers, drawn together where little is known."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from keepwell.core.errors import KeepwellError, WrongUseError, did_you_mean
from keepwell.engine.sql import literal
from keepwell.metrics.cut import NO_MEMBER
from keepwell.metrics.kpi import Better, Kpi, kpi
from keepwell.metrics.measure import Shape
from keepwell.metrics.reading import Reading
from keepwell.performance.appraisals.fair import LEAST_N, Cell, Compared, Comparison, compare
from keepwell.surfaces.python import Workspace

MOST_KINDS = 8  # of customers; the rarer ones count as one


@dataclass(frozen=True)
class Appraisals:
    """Fair comparisons over a workspace."""

    workspace: Workspace

    def compared(self, name: str, by: str, mix: str, period: str = "last-month", least_n: int = LEAST_N) -> Comparison:
        """Members of the dimension ``by`` compared by a KPI, allowing for their mix of the dimension ``mix``.

        The KPI is a share of rows. Raises for others, for dimensions that it does not have, and where fewer than two members have results.
        """
        known = kpi(name, self.workspace.kpis)
        _check(known, by, mix)
        found = self.between_or_none(name, by, mix, period, least_n)
        if found is None:
            raise KeepwellError(f"{name} has results of fewer than two by {by} in {period}.", "Choose a longer period.")
        return found

    def between_or_none(self, name: str, by: str, mix: str, period: str, least_n: int = LEAST_N) -> Comparison | None:
        """The same by any column that the KPI's rows lead to; None where fewer than two members have results."""
        found = kpi(name, self.workspace.kpis)
        results: dict[str, dict[str, Cell]] = defaultdict(dict)
        for kind, where in self._kinds(found, mix, period).items():
            for r in self.workspace.kpi(name, period=period, by=by, where=where):
                if r.member is not None and r.member != NO_MEMBER and r.denominator:
                    _check_counts(r)
                    hits = float(r.numerator or 0)
                    results[r.member][kind] = Cell(int(r.denominator), hits, hits)
        if sum(any(c.n for c in cells.values()) for cells in results.values()) < 2:
            return None
        return compare(results, more_is_better=found.better is not Better.DOWN, least_n=least_n)

    def _kinds(self, found: Kpi, mix: str, period: str) -> dict[str, str]:
        """Each kind of customers with the condition that picks its rows, those of most rows first."""
        readings = self.workspace.kpi(found.name, period=period, by=mix)
        if len({r.period for r in readings}) > 1:
            raise WrongUseError(f"{period} is several periods.", "Give one: 2026-10, 2026-Q3, 2026.")
        members = [r.member or NO_MEMBER for r in sorted(readings, key=lambda r: -(r.denominator or 0)) if r.denominator]
        named = members if len(members) <= MOST_KINDS else members[: MOST_KINDS - 1]
        # a filter by a region would hold those below it too: a column that is written otherwise stands for itself
        own = f"({mix} || '')"
        kinds = {m: f"{mix} is null" if m == NO_MEMBER else f"{own} = {literal(m)}" for m in named}
        if len(named) < len(members):
            others = [literal(m) for m in members[len(named) :] if m != NO_MEMBER]
            kinds["…"] = f"{own} in ({', '.join(others)})" + (f" or {mix} is null" if NO_MEMBER in members[len(named) :] else "")
        return kinds


def _check(found: Kpi, by: str, mix: str) -> None:
    if found.measure.shape is not Shape.SHARE:
        raise _no_share(found.name)
    for dimension in (by, mix):
        if dimension not in found.dimensions:
            raise WrongUseError(f"{found.name} has no dimension {dimension!r}.", did_you_mean(dimension, found.dimensions))
    if by == mix:
        raise WrongUseError(f"{by} can't be compared by its own mix.", "Choose another dimension for the mix, such as one of customers.")


def _check_counts(reading: Reading) -> None:
    # a share of amounts has a spread that its readings do not tell
    if reading.denominator != reading.n:
        raise _no_share(reading.kpi)


def _no_share(name: str) -> WrongUseError:
    return WrongUseError(f"{name} is no share of rows, and others can't be compared fairly yet.", "Choose one such as csat.")


def rows_of(found: Comparison) -> list[dict[str, Any]]:
    """A row a team, the highest reading first, those with too few results last and without figures."""
    ordered = sorted(found.teams, key=lambda t: (t.is_masked, -t.standing, t.name))
    return [_row(t) for t in ordered]


def _row(team: Compared) -> dict[str, Any]:
    figures = ("observed", "expected", "difference", "standing", "fair", "low", "high", "weight")
    return {
        "member": team.name,
        "n": None if team.is_masked else team.n,
        **{f: None if team.is_masked else getattr(team, f) for f in figures},
        "rank": team.rank,
        "is_masked": team.is_masked,
    }
