"""Importing: read, map, check, land. Either all that passed the checks becomes part of the lake, or nothing does."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from keepwell.core.clock import Clock
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.core.ids import MAIN_SOURCE, check_source
from keepwell.core.progress import Progress, Silent, step
from keepwell.core.workspace import Workspace
from keepwell.engine.duckdb import STAGE, DuckDBEngine
from keepwell.engine.sql import SqlError, Steps, names, quoted
from keepwell.lake.entity import entity
from keepwell.lake.lake import Lake
from keepwell.lake.landing import Change
from keepwell.lake.records import ChangeKind, ChangeRecord, EntityCounts, SourceFile, folder_of
from keepwell.lake.spread import StagedEntity, parent_or_none
from keepwell.sources import checks, findings, mapping, rejects
from keepwell.sources.checks import CheckedEntity
from keepwell.sources.findings import Finding
from keepwell.sources.mapping import LINE_COLUMN, ROWS, EntityMapping, Mapping
from keepwell.sources.reader import RawFile, Reading, ReadOptions, reader_for
from keepwell.sources.rejects import FILE_STEP, OWN_COLUMNS, Rejected, RejectedLine
from keepwell.sources.typing_plan import Terms, TypedPlan, plan

# above this share a file is taken for the wrong file or the wrong mapping
MOST_REJECTED = 0.5
MAPPING_SECONDS = 3600.0
SHOWN_LINES = 5_000  # all rows of a push through the API
CAUSES_SHOWN = 5
COLUMNS_SHOWN = 12
REJECTED_FILE = "rejected.csv"


@dataclass(frozen=True)
class ImportRequest:
    """What to import, and how. Exactly one of ``entity`` and ``mapping`` is given."""

    files: tuple[Path, ...]
    entity: str | None = None
    mapping: Path | None = None
    source: str = MAIN_SOURCE
    is_dry_run: bool = False
    errors: Path | None = None
    most_rejected: float = MOST_REJECTED
    known_as: tuple[str, ...] = ()  # what people call the files, where those lie under other names
    by: str | None = None  # the user who asked for it
    is_check: bool = False  # a dry run that groups what is wrong by cause, and tells what would be refused instead of refusing it


@dataclass(frozen=True)
class ImportReport:
    """What became of the rows. ``import_id`` is None for a dry run; findings and ``refused`` are those of a check."""

    import_id: str | None
    source: str
    entities: tuple[EntityCounts, ...]
    files: tuple[SourceFile, ...]
    rejected: tuple[RejectedLine, ...] = ()  # the first ones
    rejected_file: Path | None = None
    findings: tuple[Finding, ...] = ()
    refused: tuple[str, ...] = ()  # the entities of which too many rows are rejected, so that nothing would land

    @property
    def rejected_rows(self) -> int:
        return sum(e.rejected for e in self.entities)


class ImportRefusedError(KeepwellError):
    """An import of which too many rows were rejected; nothing of it landed. ``rejected`` are the first of them."""

    def __init__(self, message: str, hint: str | None = None, rejected: Sequence[RejectedLine] = ()) -> None:
        super().__init__(message, hint)
        self.rejected = tuple(rejected)


@dataclass
class _Import:
    """One import on its way."""

    workspace: Workspace
    lake: Lake
    request: ImportRequest
    change: Change
    progress: Progress
    files: list[RawFile] = field(default_factory=list)
    understood: dict[str, str] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    refused: tuple[str, ...] = ()

    def engine(self) -> DuckDBEngine:
        """An engine that reads anywhere, with this import's stage attached."""
        return self.lake.engine(self.change.staging / ".spill", self.progress, attach=self.change.stage)

    @property
    def terms(self) -> Terms:
        zone = self.workspace.settings.timezone
        return Terms(self.request.source, zone, zone, self.change.at)


def run(
    workspace: Workspace,
    lake: Lake,
    request: ImportRequest,
    clock: Clock,
    progress: Progress | None = None,
    *,
    import_id: str | None = None,
) -> ImportReport:
    """Import files. Rejected rows are told, and written to ``request.errors``; a file that is mostly wrong is refused whole.

    Under an ``import_id`` of the caller's it is done once: called again after its process died, it tells what became of it.
    """
    if import_id is not None and (known := lake.finished_or_none(import_id)) is not None:
        return _told_again(lake, known, request)
    _check_request(request)
    description = mapping.read(request.mapping) if request.mapping else None
    with lake.begin(request.source, clock.now(), zone=workspace.settings.timezone, import_id=import_id) as change:
        job = _Import(workspace, lake, request, change, progress or Silent())
        options = description.options if description else ReadOptions()
        _check_all_are_read(request.files, description)
        # one engine after the other: each has the stage to itself, and the one in the middle is locked in
        with job.engine() as engine:
            job.files = [_read(job, engine, number, path, options) for number, path in enumerate(request.files)]
        checked = _typed_entities(job, description or _plain_mapping(job))
        with job.engine() as engine:
            _check(job, engine, checked)
            counted = _count(job, checked)
            written = _hand_back(job, engine)
            job.refused = _mostly_wrong(job, counted)
        return _land(job, checked, counted, written)


def _told_again(lake: Lake, known: ChangeRecord, request: ImportRequest) -> ImportReport:
    """What became of an import that was finished, but not told; its rejected rows lie in their file."""
    has_rejected = (folder_of(lake.folder, known.import_id) / REJECTED_FILE).exists()
    return ImportReport(known.import_id, known.source, known.entities, known.files, rejected_file=request.errors if has_rejected else None)


def _check_request(request: ImportRequest) -> None:
    check_source(request.source)
    if not request.files:
        raise WrongUseError("No file is named.", "keepwell import FILE… --as ENTITY")
    if (request.entity is None) == (request.mapping is None):
        raise WrongUseError("Say what the file holds.", "Give either --as ENTITY or --mapping FILE.yaml.")
    if request.entity is not None and entity(request.entity).is_derived:
        raise WrongUseError(f"{request.entity} is written by a refresh, never imported.")
    for path in request.files:
        if not path.is_file():
            raise WrongUseError(f"There is no file {path}." if not path.exists() else f"{path} is a folder.", "Name the files to import.")


def _check_all_are_read(files: Sequence[Path], description: Mapping | None) -> None:
    """A file that no entity reads would be lost without a word."""
    read = {f for part in description.entities for f in description.files_for(part, list(files))} if description else set(files)
    left = [f.name for f in files if f not in read]
    if left:
        raise WrongUseError(f"No entity of the mapping reads {', '.join(left)}.", "Check `files:` in the mapping.")


def _read(job: _Import, engine: DuckDBEngine, number: int, path: Path, options: ReadOptions) -> RawFile:
    folder = job.change.staging / f"file{number}"
    folder.mkdir()
    found = reader_for(path)(path, Reading(folder, engine, job.progress, options, folder.name))
    known_as = job.request.known_as
    return replace(found, source=Path(known_as[number])) if known_as else found


def _plain_mapping(job: _Import) -> Mapping:
    """The mapping of files that name their columns as the model does."""
    wanted = entity(job.request.entity or "")
    columns = list(dict.fromkeys(c for f in job.files for c, _ in f.columns))
    found, ignored = mapping.for_entity(wanted, columns)
    if not found.columns:
        raise WrongUseError(
            f"None of the columns {', '.join(columns[:12])} is one of {wanted.name}.",
            f"`keepwell map {job.files[0].source.name} --as {wanted.name}` suggests a mapping.",
        )
    if ignored:
        shown = ", ".join(ignored[:COLUMNS_SHOWN])
        job.understood["passed over"] = f"{shown} and {len(ignored) - COLUMNS_SHOWN} more" if len(ignored) > COLUMNS_SHOWN else shown
    return Mapping((found,))


def _rows_view(job: _Import, engine: DuckDBEngine, description: Mapping, part: EntityMapping) -> list[str]:
    """Define ``rows`` for one entity; returns its columns."""
    paths = [f.source for f in job.files]
    mine = description.files_for(part, paths)
    if not mine:
        raise WrongUseError(f"No file is for {part.entity.name}: {', '.join(p.name for p in paths)}.", "Check `files:` in the mapping.")
    selects, columns = [], []
    for number, file in enumerate(job.files):
        if file.source not in mine:
            continue
        kept = _columns_to_read(file)
        columns += kept
        selects.append(f"select {_cells(file, kept)}, {number * FILE_STEP} + _record as {LINE_COLUMN} from {file.raw}")
    # last of all, so that rows compare by what they hold before where they stand
    together = f"select * exclude ({LINE_COLUMN}), {LINE_COLUMN} from ({' union all by name '.join(selects)})"
    engine.define(ROWS, Steps().then(ROWS, together))
    return list(dict.fromkeys(columns))


def _cells(file: RawFile, columns: list[str]) -> str:
    """The columns as they came; of a file of rejected rows without the apostrophe that keeps a cell from being a formula."""
    kinds = dict(file.columns)
    if not set(OWN_COLUMNS) <= set(kinds):
        return names(columns)

    def cell(column: str) -> str:
        shielded = f"regexp_matches({quoted(column)}, '^''[=+@\\t\\r\\n-]')"
        return f"case when {shielded} then substr({quoted(column)}, 2) else {quoted(column)} end as {quoted(column)}"

    return ", ".join(cell(c) if kinds[c] == "VARCHAR" else quoted(c) for c in columns)


def _columns_to_read(file: RawFile) -> list[str]:
    """The file's columns; of a file of rejected rows without those that Keepwell wrote into it."""
    names_there = [c for c, _ in file.columns]
    if set(OWN_COLUMNS) <= set(names_there):
        return [c for c in names_there if c not in OWN_COLUMNS]
    if LINE_COLUMN in names_there:
        raise WrongUseError(
            f"{file.source.name} has a column {LINE_COLUMN!r}, a name that Keepwell uses itself.", "Give the column another name."
        )
    return names_there


def _typed_entities(job: _Import, description: Mapping) -> list[CheckedEntity]:
    """Map and type every entity, in an engine that can read and write nothing but this import's scratch folder."""
    resources = job.lake.resources(job.change.staging / ".spill")
    terms = replace(job.terms, zone=description.timezone or job.workspace.settings.timezone)
    found = []
    engine = DuckDBEngine(resources, attach=job.change.stage, locked_to=job.change.staging, progress=job.progress)
    with engine as locked, locked.time_limit(MAPPING_SECONDS):
        for part in description.entities:
            with step(job.progress, f"map and check {part.entity.name}"):
                columns = _rows_view(job, locked, description, part)
                try:
                    found.append(_typed(job, locked, plan(locked, part, columns, terms)))
                except SqlError as error:
                    where = description.name or "the mapping"
                    raise ImportRefusedError(
                        f"{where}, {part.entity.name}: this can't be done with {', '.join(f.source.name for f in job.files)}: {error.reason.splitlines()[0]}",
                        f"The file's columns are: {', '.join(columns[:20])}. try_cast gives NULL for what does not fit, and the row is told.",
                    ) from error
    return found


def _typed(job: _Import, engine: DuckDBEngine, planned: TypedPlan) -> CheckedEntity:
    name = planned.mapping.entity.name
    typed = f"{STAGE}.{quoted(name)}"
    rows = engine.create_table(typed, planned.typed.render())
    if not rows and not any(f.bad for f in job.files):
        raise ImportRefusedError(f"{name}: the mapping gives no row.", "Check its `where:` or its SELECT against the file.")
    bad = int(engine.value(f"select count(*) filter (where _bad) from {typed}"))
    job.understood.update({f"{name}.{k}": v for k, v in planned.understood.items()})
    if bad:
        for line, reason, *_ in engine.rows(planned.reasons.render()):
            job.rejected.append(Rejected(name, line, reason))
        if job.request.is_check:
            job.findings += findings.of_faults(engine, name, planned.faults, planned.findings)
    checked = CheckedEntity(planned.mapping.entity, typed, job.change.staging, planned.provided, rows, bad)
    checks.warn_of_rules(engine, checked, planned.warnings, planned.landing)
    if planned.mapping.replace_by:
        checked.replace_by = planned.mapping.replace_by
    return checked


def _check(job: _Import, engine: DuckDBEngine, checked: Sequence[CheckedEntity]) -> None:
    snapshot = job.lake.snapshot()
    staged = {c.entity.name: c for c in checked}
    for part in checked:
        with step(job.progress, f"check keys of {part.entity.name}"):
            checks.check_keys(engine, part)
    for part in sorted(checked, key=lambda c: parent_or_none(c.entity) is not None):
        with step(job.progress, f"check references of {part.entity.name}"):
            checks.check_parents(engine, part, staged, snapshot)
        job.rejected += [Rejected(part.entity.name, r.record, r.reason) for r in part.rejected]
        if job.request.is_check:
            job.findings += _findings(part)


def _findings(part: CheckedEntity) -> list[Finding]:
    """What the checks of many rows found."""
    kinds = dict.fromkeys((r.cause, r.column, r.detail) for r in part.rejected)
    found = [
        findings.of_rows(part.entity.name, *kind, ((r.record, r.value) for r in part.rejected if (r.cause, r.column, r.detail) == kind))
        for kind in kinds
    ]
    return [*found, *part.findings]


def _count(job: _Import, checked: Sequence[CheckedEntity]) -> list[EntityCounts]:
    broken = sum(len(f.bad) for f in job.files)
    counted = []
    for number, part in enumerate(checked):
        # a record without columns is counted with the entity that stands first in the mapping
        extra = broken if number == 0 else 0
        rejected = part.bad + len(part.rejected) + extra
        counted.append(EntityCounts(part.entity.name, read=part.rows + extra, rejected=rejected, warnings=tuple(part.warnings)))
    return counted


def _hand_back(job: _Import, engine: DuckDBEngine) -> Path | None:
    """Write the rejected rows where they were asked for, and beside the import's record."""
    if not job.rejected and not any(f.bad for f in job.files):
        return None
    kept = job.change.staging / REJECTED_FILE
    rejects.write_file(engine, job.rejected, job.files, kept, job.change.staging)
    if job.request.errors:
        job.request.errors.parent.mkdir(parents=True, exist_ok=True)
        job.request.errors.write_bytes(kept.read_bytes())
    return kept


def _mostly_wrong(job: _Import, counted: Sequence[EntityCounts]) -> tuple[str, ...]:
    """The entities of which too many rows are rejected: told by a check, an error of an import."""
    limit = job.request.most_rejected
    found = [p for p in counted if p.rejected and (p.rejected >= p.read or p.rejected > limit * p.read)]
    if found and not job.request.is_check:
        part = found[0]
        where = f"All of them are in {job.request.errors}." if job.request.errors else "--errors FILE writes them all, with their lines."
        raise ImportRefusedError(
            f"{part.entity}: {part.rejected:,} of {part.read:,} rows were rejected, so nothing was imported.\n{_causes(job)}",
            where,
            rejects.lines(job.rejected[:SHOWN_LINES], job.files),
        )
    return tuple(p.entity for p in found)


def _causes(job: _Import) -> str:
    """The commonest reasons, each with its count and first line."""
    found = rejects.lines(job.rejected[:200_000], job.files)
    by_cause: Counter[str] = Counter(cause(r.reason) for r in found)
    first = {cause(r.reason): r for r in reversed(found)}
    lines = []
    for reason, count in by_cause.most_common(CAUSES_SHOWN):
        example = first[reason]
        place = f"{example.file}, line {example.line:,}" if example.line else example.entity
        lines.append(f"  {count:,} × {place}: {example.reason}")
    return "\n".join(lines)


def cause(reason: str) -> str:
    """A reason without the value that it quotes."""
    before, _, rest = reason.partition('"')
    return before.rstrip() + rest.rpartition('"')[2] if rest else reason


def _land(job: _Import, checked: Sequence[CheckedEntity], counted: Sequence[EntityCounts], rejected_file: Path | None) -> ImportReport:
    request, change = job.request, job.change
    files = tuple(SourceFile(f.source.name, f.sha256, f.size, f.records, f.understood | job.understood) for f in job.files)
    name = request.mapping.name if request.mapping else f"as {request.entity}"
    record = ChangeRecord(
        change.import_id, ChangeKind.IMPORT, request.source, change.at, files=files, mapping=name, entities=tuple(counted), by=request.by
    )
    staged = [
        StagedEntity(c.entity, c.good, c.provided, c.rows - c.bad - len(c.rejected) - c.merged, c.replace_by, c.spared_or_none)
        for c in checked
    ]
    found = rejects.lines(job.rejected[:SHOWN_LINES], job.files)
    is_dry_run = request.is_dry_run or request.is_check
    if rejected_file and not is_dry_run:
        kept = folder_of(job.lake.folder, change.import_id) / REJECTED_FILE
        kept.parent.mkdir(parents=True, exist_ok=True)
        rejected_file.replace(kept)
    record = job.lake.land(change, staged, record, dry_run=is_dry_run, progress=job.progress)
    entities = tuple(_with_merged(e, checked) for e in record.entities)
    return ImportReport(
        None if is_dry_run else record.import_id,
        request.source,
        entities,
        files,
        tuple(found[:SHOWN_LINES]),
        request.errors if rejected_file else None,
        _told(job, checked),
        job.refused,
    )


def _told(job: _Import, checked: Sequence[CheckedEntity]) -> tuple[Finding, ...]:
    if not job.request.is_check:
        return ()
    return findings.with_lines([*job.findings, *findings.of_broken(job.files, checked[0].entity.name)], job.files)


def _with_merged(counts: EntityCounts, checked: Sequence[CheckedEntity]) -> EntityCounts:
    """Rows that repeat another count as unchanged, so that read = inserted + updated + unchanged + rejected."""
    merged = sum(c.merged for c in checked if c.entity.name == counts.entity)
    return replace(counts, unchanged=counts.unchanged + merged) if merged else counts
