"""Checking a draft before anything is written, and mending its mapping by what the check found."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from keepwell.core.clock import Clock
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.core.files import read_json_or_none, write_atomically, write_json_atomically
from keepwell.core.progress import Progress, StoppedError
from keepwell.core.workspace import Workspace
from keepwell.lake.lake import Lake
from keepwell.lake.records import EntityCounts
from keepwell.sources import imports
from keepwell.sources.draft_mapping import EMPTY, Plain, named_as_uploaded, plain_or_none, targets, write_plain
from keepwell.sources.drafts import CHECK, Draft
from keepwell.sources.findings import Cause, Finding
from keepwell.sources.imports import ImportRequest
from keepwell.sources.typing_plan import AmbiguousFormatError, MissingColumnsError

REJECTED = "rejected.csv"
LANDING = "checked-mapping.yaml"


@dataclass(frozen=True)
class Obstacle:
    """Why a check could not be made at all, and what would let it: a format between ``options``, columns that must be given."""

    message: str
    hint: str | None
    setting: str | None = None
    options: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """What would become of a draft's rows, by the mapping that it was made with."""

    at: datetime
    mapping: str
    entities: tuple[EntityCounts, ...] = ()
    findings: tuple[Finding, ...] = ()
    refused: tuple[str, ...] = ()
    understood: Mapping[str, str] | None = None
    obstacle: Obstacle | None = None

    @property
    def may_land(self) -> bool:
        return self.obstacle is None and not self.refused

    def finding_or_none(self, key: str) -> Finding | None:
        return next((f for f in self.findings if f.key == key), None)


def request_for(draft: Draft, *, is_check: bool = False) -> ImportRequest:
    """The import of a draft."""
    return ImportRequest(
        (draft.file,), mapping=draft.mapping, source=draft.source, is_check=is_check, known_as=(draft.name,), by=draft.by,
        errors=draft.folder / REJECTED if is_check else None,
    )  # fmt: skip


def landing_request(draft: Draft) -> ImportRequest:
    """The import of a draft by its mapping as it is now, whatever is changed while it waits for its turn."""
    kept = draft.folder / LANDING
    write_atomically(kept, draft.mapping.read_text(encoding="utf-8"))
    return replace(request_for(draft), mapping=kept)


def check(workspace: Workspace, lake: Lake, draft: Draft, clock: Clock, progress: Progress | None = None) -> Check:
    """Import the draft without writing anything, and keep what was found."""
    at, mapping = clock.now(), _fingerprint(draft)
    (draft.folder / REJECTED).unlink(missing_ok=True)
    try:
        with named_as_uploaded(draft):
            report = imports.run(workspace, lake, request_for(draft, is_check=True), clock, progress)
    except AmbiguousFormatError as error:
        found = Check(at, mapping, obstacle=Obstacle(error.message, error.hint, error.setting, error.options))
    except MissingColumnsError as error:
        found = Check(at, mapping, obstacle=Obstacle(error.message, None, columns=error.columns))
    except StoppedError:
        raise
    except KeepwellError as error:
        found = Check(at, mapping, obstacle=Obstacle(error.message, error.hint))
    else:
        found = Check(at, mapping, report.entities, report.findings, report.refused, report.files[0].understood)
    write_json_atomically(draft.folder / CHECK, asdict(found))
    return found


def last_check_or_none(draft: Draft) -> Check | None:
    """The check that was made by the mapping as it stands; None where the mapping has changed since, or there was none."""
    told: dict[str, Any] | None = read_json_or_none(draft.folder / CHECK)
    if told is None or told["mapping"] != _fingerprint(draft):
        return None
    obstacle = told["obstacle"]
    return Check(
        datetime.fromisoformat(told["at"]), told["mapping"], tuple(EntityCounts(**{**e, "warnings": tuple(e["warnings"])}) for e in told["entities"]),
        tuple(Finding.from_json(f) for f in told["findings"]), tuple(told["refused"]), told["understood"],
        Obstacle(**{**obstacle, "options": tuple(obstacle["options"]), "columns": tuple(obstacle["columns"])}) if obstacle else None,
    )  # fmt: skip


def _fingerprint(draft: Draft) -> str:
    said = draft.mapping.read_bytes() if draft.mapping.exists() else b""
    return hashlib.sha256(said + b"\0" + draft.source.encode()).hexdigest()


def _plain(draft: Draft) -> Plain:
    found = plain_or_none(draft)
    if found is None:
        raise WrongUseError("This mapping can be changed as text only.", "Change the text of the mapping.")
    return found


def map_values(draft: Draft, column: str, values: Mapping[str, str | None]) -> None:
    """Say what values of a column mean: another value, or nothing (None). What was said before of others stays."""
    plain = _plain(draft)
    known = {t.column.name for t in targets(plain.entity)}
    if column not in known:
        raise WrongUseError(f"{plain.entity.name} has no column {column!r}.")
    # a value that was said before and did not help is said anew for the cell that it stands for
    before = {cell: values.get(said, said) if said is not None else None for cell, said in plain.values.get(column, {}).items()}
    write_plain(draft, replace(plain, values={**plain.values, column: {**before, **values}}))


def set_default(draft: Draft, column: str, value: str) -> None:
    """Say what a column holds where the file says nothing: an empty cell, or every row where no file column feeds it."""
    plain = _plain(draft)
    if column in plain.columns or column in plain.expressions:
        map_values(draft, column, {EMPTY: value})
    else:
        write_plain(draft, replace(plain, constants={**plain.constants, column: value}))


def drop_column(draft: Draft, column: str) -> None:
    """Leave a column out: its rows land without it."""
    plain = _plain(draft)
    if any(t.is_needed and t.column.name == column for t in targets(plain.entity)):
        raise WrongUseError(f"{plain.entity.name} can't do without {column}.", "Set what stands in for it, or choose another column.")

    def without(held: Mapping[str, Any]) -> dict[str, Any]:
        return {c: v for c, v in held.items() if c != column}

    write_plain(
        draft, replace(plain, columns=without(plain.columns), expressions=without(plain.expressions), constants=without(plain.constants))
    )


def feed_from(draft: Draft, column: str, file_column: str) -> None:
    """Take a column from another one of the file."""
    plain = _plain(draft)
    expressions = {c: sql for c, sql in plain.expressions.items() if c != column}
    values = {c: v for c, v in plain.values.items() if c != column}
    write_plain(draft, replace(plain, columns={**plain.columns, column: file_column}, expressions=expressions, values=values))


def set_format(draft: Draft, setting: str, value: str) -> None:
    """Say how the file writes its dates or its numbers; '' lets each column tell."""
    plain = _plain(draft)
    changed = {
        "dates": replace(plain, dates=value or None),
        "decimal": replace(plain, decimal=value or None),
        "timezone": replace(plain, timezone=value or None),
    }
    if setting not in changed:
        raise WrongUseError(f"There is no format {setting!r}.")
    write_plain(draft, changed[setting])


def droppable(finding: Finding, plain: Plain) -> list[str]:
    """The columns without which the rows of a finding could land: its own, or those that the broken rule reads."""
    needed = {t.column.name for t in targets(plain.entity) if t.is_needed}
    given = {*plain.columns, *plain.expressions, *plain.constants} - needed
    if finding.cause is Cause.RULE:
        rule = next((r for r in plain.entity.rules if r.name == finding.detail), None)
        return sorted(c for c in given if rule is not None and c in rule.holds)
    return [finding.column] if finding.column in given else []
