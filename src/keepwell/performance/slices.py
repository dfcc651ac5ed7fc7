"""Whose reading is judged: the company's, or that of a member of one of the KPI's dimensions, by the words that people use."""

from dataclasses import dataclass
from enum import StrEnum

from keepwell.core.errors import WrongUseError, did_you_mean
from keepwell.metrics.kpi import Kpi


class ScopeKind(StrEnum):
    """Of whom the KPI is read."""

    COMPANY = "company"
    REGION = "region"
    SEGMENT = "segment"
    TEAM = "team"
    PERSON = "person"


# what people call a slice, and the dimensions that say it, the first that a KPI has
DIMENSIONS = {
    ScopeKind.REGION: ("region", "employee_id.region"),
    ScopeKind.TEAM: ("team", "employee_id.team", "owner_id.team", "ticket_id.team"),
    ScopeKind.PERSON: ("owner_id", "employee_id"),
}


@dataclass(frozen=True)
class Slice:
    """Whose reading it is: the company's, or that of a ``member`` of a ``dimension`` of the KPI; a segment has no dimension, but a name."""

    kind: ScopeKind = ScopeKind.COMPANY
    dimension: str | None = None
    member: str | None = None

    @property
    def key(self) -> str:
        """The same for the same slice."""
        return "company" if self.kind is ScopeKind.COMPANY else f"{self.dimension or self.kind}={self.member}"


WHOLE = Slice()


def slice_of(kpi: Kpi, text: str | None) -> Slice:
    """The slice that ``region=East`` or ``channel=shop`` names; the company where nothing is named. Raises where the KPI can't be read by it."""
    if not text or text.strip() == "company":
        return WHOLE
    name, equals, member = (part.strip() for part in text.partition("="))
    if not equals or not name or not member:
        raise WrongUseError(f"{text!r} names no slice.", "Write region=East, team=Service, person=e-12, or a dimension of the KPI.")
    kind, dimension = dimension_of(kpi, name)
    return Slice(kind, dimension, member)


def dimension_of(kpi: Kpi, name: str) -> tuple[ScopeKind, str]:
    """The dimension of a KPI that is meant by ``team``, ``region``, ``person`` or by its own name, and what it divides by."""
    kind = next((k for k in DIMENSIONS if name == str(k)), None)
    if kind is not None:
        dimension = next((d for d in DIMENSIONS[kind] if d in kpi.dimensions), None)
        if dimension is None:
            raise WrongUseError(f"{kpi.name} can't be read by {name}.", f"Its dimensions are {', '.join(kpi.dimensions) or 'none'}.")
        return kind, dimension
    if name not in kpi.dimensions:
        raise WrongUseError(f"{kpi.name} has no dimension {name!r}.", did_you_mean(name, [*kpi.dimensions, *map(str, DIMENSIONS)]))
    return next((k for k, dimensions in DIMENSIONS.items() if name in dimensions), ScopeKind.SEGMENT), name
