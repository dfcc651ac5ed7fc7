"""The stages of a refresh and what each found: in memory, or in a folder from which a refresh goes on after its process died."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from keepwell.core.errors import WrongUseError
from keepwell.core.files import read_json_or_none, write_json_atomically
from keepwell.core.settings import EngineName

KPIS, MODELS, KPIS_OF_MODELS, HEALTH, REASONS = "KPIs", "models", "KPIs of models", "health", "reasons"
WRITE, PUBLISH, TIDY_UP = "write", "publish", "tidy up"
STAGES = (KPIS, MODELS, KPIS_OF_MODELS, HEALTH, REASONS, WRITE, PUBLISH, TIDY_UP)

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)


def check_day(as_of: date | None) -> None:
    """Raise for a day from which nothing can be seen: periods before and after it would lie outside the calendar."""
    if as_of is not None and not FIRST_DAY <= as_of <= LAST_DAY:
        raise WrongUseError(f"{as_of} is no day to look from.", f"Give one from {FIRST_DAY} to {LAST_DAY}.")


@dataclass(frozen=True)
class Plan:
    """What a refresh settles when it begins, and keeps however often its process dies."""

    run_id: str
    started_at: datetime
    today: date
    as_of: date | None  # the day that was asked for
    engine: EngineName | None
    versions: Mapping[str, int]
    mark: str  # of the definitions that it computes

    @property
    def day(self) -> date:
        """The day from which the run looks."""
        return self.as_of or self.today

    def to_json(self) -> dict[str, Any]:
        return {k: v.isoformat() if isinstance(v, date) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        given = dict(found)
        given["started_at"] = datetime.fromisoformat(given["started_at"])
        given["today"] = date.fromisoformat(given["today"])
        given["as_of"] = date.fromisoformat(given["as_of"]) if given["as_of"] else None
        given["engine"] = EngineName(given["engine"]) if given["engine"] else None
        return cls(**given)


@dataclass(frozen=True)
class Outcome:
    """What a stage found: rows by derived table, the workspace's own KPIs that could not be computed, versions that hold results."""

    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    results: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0


class Found:
    """Outcomes in memory."""

    def __init__(self) -> None:
        self._outcomes: dict[str, Outcome] = {}

    def outcome(self, stage: str) -> Outcome:
        """What a stage that was done found."""
        found = self.outcome_or_none(stage)
        if found is None:
            raise ValueError(f"the stage {stage} was not done")
        return found

    def outcome_or_none(self, stage: str) -> Outcome | None:
        return self._outcomes.get(stage)

    def keep(self, stage: str, outcome: Outcome) -> None:
        self._outcomes[stage] = outcome


class FoundInFolder(Found):
    """Outcomes in memory and in a folder: a stage counts as done when its last file, which names the others, is there."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def outcome_or_none(self, stage: str) -> Outcome | None:
        if stage not in self._outcomes:
            told = read_json_or_none(self._file(stage, "json"))
            if told is None:
                return None
            tables = {name: pq.read_table(self._file(stage, f"{name}.parquet"), partitioning=None) for name in told["tables"]}
            self._outcomes[stage] = Outcome(tables, told["problems"], told["results"], told["seconds"])
        return self._outcomes[stage]

    def keep(self, stage: str, outcome: Outcome) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, rows in outcome.tables.items():
            pq.write_table(rows, self._file(stage, f"{name}.parquet"))
        told = {
            "tables": list(outcome.tables),
            "problems": dict(outcome.problems),
            "results": dict(outcome.results),
            "seconds": outcome.seconds,
        }
        write_json_atomically(self._file(stage, "json"), told)
        super().keep(stage, outcome)

    def _file(self, stage: str, ending: str) -> Path:
        return self._folder / f"{stage.replace(' ', '_')}.{ending}"
