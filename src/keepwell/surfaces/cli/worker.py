"""The command that does jobs."""

from typing import Annotated

import typer

from keepwell.surfaces.cli.console import note
from keepwell.surfaces.cli.opening import opened


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("worker")(worker)


def worker(
    context: typer.Context,
    with_input: Annotated[bool, typer.Option("--with-input", help="End when the input ends: when whoever started it is gone.")] = False,
) -> None:
    """Do the refreshes and imports that pages and programs ask for, until it is stopped (`keepwell serve` starts one itself)."""
    workspace = opened(context)
    # only this command needs it, and it takes a second to load
    from keepwell.surfaces.worker.process import work  # noqa: PLC0415 - see above

    if not with_input:
        note(f"The worker of {workspace.place.folder} waits for jobs (Ctrl+C ends it)")
    work(workspace.place, workspace.clock, ends_with_input=with_input)
