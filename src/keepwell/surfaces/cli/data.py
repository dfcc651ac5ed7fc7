"""Commands about data: import, map, imports, undo."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from keepwell.core.errors import WrongUseError
from keepwell.core.ids import MAIN_SOURCE
from keepwell.lake.entity import entity
from keepwell.lake.records import ChangeRecord, EntityCounts
from keepwell.lake.undo import undo as take_back
from keepwell.sources import imports as importing
from keepwell.sources.imports import MOST_REJECTED, ImportReport, ImportRequest
from keepwell.sources.sampling import sample
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer, note, say, watcher
from keepwell.surfaces.cli.opening import command_of, opened
from keepwell.surfaces.words import words_of

LINES_SHOWN = 5
CANDIDATES = 3


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("import")(import_files)
    app.command("map")(map_file)
    app.command("imports")(list_imports)
    app.command("undo")(undo)


def import_files(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="CSV, Excel, Parquet or JSON lines.", show_default=False)],
    as_: Annotated[str | None, typer.Option("--as", help="The entity whose column names the files use.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="A mapping file (see `keepwell map`).")] = None,
    source: Annotated[str, typer.Option(help="Where the files come from; ids are unique within a source.")] = MAIN_SOURCE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count, write nothing.")] = False,
    errors: Annotated[Path | None, typer.Option(help="Write rejected rows with their reason to this CSV file.")] = None,
    max_rejected: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of rejected rows above which nothing is imported; 0 wants every row to be right.")
    ] = MOST_REJECTED,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Land files in the lake; importing the same file again changes nothing."""
    workspace = opened(context)
    request = ImportRequest(tuple(files), as_, mapping, source, dry_run, errors, max_rejected)
    with watcher() as progress:
        report = importing.run(workspace.place, workspace.lake, request, workspace.clock, progress)
    say_word = words_of(workspace.place.settings.locale)
    found = report_json(report)
    answer(found["entities"], lambda: _counts_table(report.entities, say_word), format_, output, as_json=found)
    _tell(report, command_of(context), is_quiet=format_ is not Format.TABLE)


def report_json(report: ImportReport) -> dict[str, Any]:
    """What became of an import, as documented."""
    return {
        "import_id": report.import_id,
        "source": report.source,
        "entities": [_counts_json(e) for e in report.entities],
    }


def _counts_json(counts: EntityCounts) -> dict[str, Any]:
    return {
        "entity": counts.entity, "read": counts.read, "inserted": counts.inserted, "updated": counts.updated,
        "unchanged": counts.unchanged, "rejected": counts.rejected, "removed": counts.removed, "warnings": list(counts.warnings),
    }  # fmt: skip


def _counts_table(entities: tuple[EntityCounts, ...], word: Any) -> Table:
    shown = Table(box=None, pad_edge=False)
    shown.add_column(word("entity"))
    for name in ("read", "inserted", "updated", "unchanged", "removed", "rejected"):
        shown.add_column(word(name), justify="right")
    for e in entities:
        rejected = Text(f"{e.rejected:,}", style="red" if e.rejected else "")
        shown.add_row(e.entity, f"{e.read:,}", f"{e.inserted:,}", f"{e.updated:,}", f"{e.unchanged:,}", f"{e.removed:,}", rejected)
    return shown


def _tell(report: ImportReport, command: str, *, is_quiet: bool) -> None:
    """Say what was understood, warned of and rejected, and how to take the import back."""
    for file in report.files if not is_quiet else ():
        understood = ", ".join(f"{k} {v}" for k, v in file.understood.items())
        note(f"{file.name}: {file.rows:,} records; {understood}")
    for e in report.entities:
        for warning in e.warnings:
            note(f"Warning: {e.entity}: {warning}")
    if report.rejected_rows:
        were = "row was rejected and is" if report.rejected_rows == 1 else "rows were rejected and are"
        note(f"{report.rejected_rows:,} {were} not in the lake:")
        for r in report.rejected[:LINES_SHOWN]:
            where = f"{r.file}, line {r.line:,}" if r.line else r.entity
            note(f"  {where}: {r.reason}")
        left = report.rejected_rows - LINES_SHOWN
        if left > 0:
            note(f"  … and {left:,} more")
        note(
            f"They are in {report.rejected_file}: correct and import that file."
            if report.rejected_file
            else "--errors FILE writes them to a file that can be corrected and imported."
        )
    if report.import_id is None:
        note("Dry run: nothing was written.")
    elif not is_quiet:
        note(f"Import {report.import_id}. To take it back: {command} undo {report.import_id}")


def map_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file to look at.", show_default=False)],
    as_: Annotated[str | None, typer.Option("--as", help="The entity it holds; without it the likeliest ones are named.")] = None,
    output: OutputOption = None,
) -> None:
    """Print a suggested mapping to edit."""
    # what it needs of SciPy takes longer to load than most commands take to run
    from keepwell.sources.suggest import suggest, suggest_entity, to_yaml  # noqa: PLC0415 - see above

    settings = opened(context).place.settings
    columns = sample(file)
    if as_ is None:
        ranked = suggest_entity(columns, currency=settings.currency)[:CANDIDATES]
        likely = ", ".join(r.entity for r in ranked)
        raise WrongUseError(
            f"Say what {file.name} holds; it looks like {likely}.", f"{command_of(context)} map {file} --as {ranked[0].entity}"
        )
    text = to_yaml(suggest(columns, entity(as_), currency=settings.currency, timezone=settings.timezone))
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        note(f"Mapping written to {output}. Check it, then: {command_of(context)} import {file} --mapping {output} --dry-run")


def list_imports(context: typer.Context, format_: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """List imports, undone ones and undoings too."""
    workspace = opened(context)
    changes = workspace.lake.changes()
    word = words_of(workspace.place.settings.locale)
    if not changes and format_ is Format.TABLE:
        say(Text(f"{word('nothing_imported')}\n{word('nothing_imported_advice')}"))
        return
    answer([_change_json(c) for c in changes], lambda: _changes_table(changes, word), format_, output)


def _change_json(change: ChangeRecord) -> dict[str, Any]:
    return {
        "import_id": change.import_id, "kind": str(change.kind), "source": change.source, "started_at": change.started_at.isoformat(),
        "files": [f.name for f in change.files], "mapping": change.mapping, "entities": [_counts_json(e) for e in change.entities],
        "undoes": change.undoes, "undone_by": change.undone_by,
    }  # fmt: skip


def _changes_table(changes: list[ChangeRecord], word: Any) -> Table:
    shown = Table(word("import"), word("when"), word("kind"), word("files"), word("rows"), word("undone"), box=None, pad_edge=False)
    for c in changes:
        rows = "; ".join(f"{e.entity} {_what_changed(e)}" for e in c.entities)
        shown.add_row(
            c.import_id,
            f"{c.started_at:%Y-%m-%d %H:%M}",
            str(c.kind),
            ", ".join(f.name for f in c.files) or (c.undoes or ""),
            rows,
            c.undone_by or "",
        )
    return shown


def _what_changed(e: EntityCounts) -> str:
    parts = [f"+{e.inserted:,}" if e.inserted else "", f"~{e.updated:,}" if e.updated else "", f"−{e.removed:,}" if e.removed else ""]
    return " ".join(p for p in parts if p) or "±0"


def undo(
    context: typer.Context,
    import_id: Annotated[str, typer.Argument(help="The import to take back (see `keepwell imports`).", show_default=False)],
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Restore what was there before an import, updated values too."""
    workspace = opened(context)
    with watcher() as progress:
        record = take_back(workspace.lake, import_id, workspace.clock, progress)
    word = words_of(workspace.place.settings.locale)
    answer([_change_json(record)], lambda: _counts_table(record.entities, word), format_, output)
    for e in record.entities:
        for warning in e.warnings:
            note(f"Warning: {e.entity}: {warning}")
    if format_ is Format.TABLE:
        note(f"{import_id} is undone by {record.import_id}. To bring it back: {command_of(context)} undo {record.import_id}")
