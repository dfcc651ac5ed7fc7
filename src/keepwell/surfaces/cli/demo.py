"""The demo business: a workspace to look at before one has data of one's own."""

import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from keepwell.core.clock import SystemClock
from keepwell.core.errors import KeepwellError
from keepwell.core.progress import Progress, step
from keepwell.core.settings import FILE_NAME, Locale, Settings
from keepwell.core.workspace import create_workspace
from keepwell.lake import runs
from keepwell.lake.records import EntityCounts
from keepwell.sources import imports as importing
from keepwell.sources.imports import ImportRequest
from keepwell.surfaces.cli.console import note, say, watcher
from keepwell.surfaces.cli.measures import readings_table
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.words import words_of
from keepwell.surfaces.worker.refresh import refresh

if TYPE_CHECKING:
    from keepwell.demo.business import Business
    from keepwell.surfaces.cli.demo_people import LogIn

# the last month of the demo business; its data end with it
PERIOD = "2026-10"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("demo")(demo)


def demo(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="The workspace to make: by default that of -w, or demo-workspace.", show_default=False)
    ] = None,
    customers: Annotated[int, typer.Option(min=50, help="Size of the business.")] = 2_000,
    seed: Annotated[int, typer.Option(help="Another seed, another business.")] = 7,
    locale: Annotated[Locale, typer.Option(help="Language of labels.")] = Locale.ENGLISH,
    late_service_churn: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Share of subscribers leaving a month after late service; 0.02 is as without.", show_default="0.45"
        ),
    ] = None,
) -> None:
    """Make a workspace of a made-up bilingual business, import it, compute it and print its scorecard."""
    given: Path = context.obj
    folder = folder or (given if given != Path() else Path("demo-workspace"))
    if (folder / FILE_NAME).exists():
        raise KeepwellError(
            f"{folder} is a workspace already.", f"Look at it with `keepwell -w {folder} kpi revenue`, or name another folder."
        )
    settings = Settings(currency="CNY", timezone="Asia/Shanghai", locale=locale)
    workspace = Workspace(create_workspace(folder, settings), SystemClock())
    with watcher() as progress, tempfile.TemporaryDirectory(prefix="keepwell-demo-") as scratch:
        with step(progress, "make up a business"):
            business = _made_up(Path(scratch), customers, seed, late_service_churn)
        counts = _import(workspace, business, progress)
        # as of the last day of its data: a month later everybody would seem to have gone quiet; and before it of the month before, so that
        # a review tells who has moved since
        last = date.fromisoformat(business.truths.last_day)
        for day in (last.replace(day=1) - timedelta(days=1), last):
            refresh(workspace.place, workspace.lake, workspace.clock, as_of=day, progress=progress)
    read = sum(c.read for c in counts)
    rejected = sum(c.rejected for c in counts)
    note(
        f"{read:,} rows of {len({c.entity for c in counts})} entities imported; {rejected:,} rejected, as they should be: the business has dirty rows."
    )
    print_scorecard(workspace)
    log_ins = _people(workspace)
    _plans(workspace)
    _print_log_ins(log_ins, locale)
    say(Text(f"\nLook further: keepwell -w {folder} kpi revenue --period 2026 --grain month", style="dim"))
    say(Text(f"In a browser:  keepwell -w {folder} serve", style="dim"))


def _people(workspace: Workspace) -> "list[LogIn]":
    # only this command needs the store
    from keepwell.surfaces.cli.demo_people import add_people  # noqa: PLC0415 - see above

    return add_people(workspace)


def _plans(workspace: Workspace) -> None:
    from keepwell.surfaces.cli.demo_plans import add_plans  # noqa: PLC0415 - the store's libraries load slowly

    add_plans(workspace)


def _print_log_ins(found: "list[LogIn]", locale: Locale) -> None:
    word = words_of(locale)
    say(Text(f"\n{word('log_ins')}\n", style="bold"))
    shown = Table(word("role"), word("email"), word("password"), box=None, pad_edge=False)
    for person in found:
        shown.add_row(person.role[1 if locale is Locale.CHINESE else 0], person.email, person.password)
    say(shown)


def _made_up(folder: Path, customers: int, seed: int, late_service_churn: float | None) -> "Business":
    # only this command needs it
    from keepwell.demo.business import generate  # noqa: PLC0415 - see above

    if late_service_churn is None:
        return generate(folder, seed=seed, customers=customers)
    return generate(folder, seed=seed, customers=customers, churn_after_late_service=late_service_churn)


def _import(workspace: Workspace, business: "Business", progress: Progress) -> list[EntityCounts]:
    counts: list[EntityCounts] = []
    for delivery in business.imports:
        request = ImportRequest(delivery.files, delivery.entity, delivery.mapping, delivery.source)
        counts += importing.run(workspace.place, workspace.lake, request, workspace.clock, progress).entities
    return counts


def print_scorecard(workspace: Workspace) -> None:
    """Every KPI that has data, for the demo's last month."""
    settings = workspace.place.settings
    # as the pages tell of it: of the published run, not of a day on which the business is long over
    run = runs.published_or_none(workspace.lake)
    found = workspace.kpi(period=PERIOD, run=run.run_id if run else None)
    say(Text(f"\n{words_of(settings.locale)('scorecard')} {PERIOD}\n", style="bold"))
    say(readings_table(found, workspace))
