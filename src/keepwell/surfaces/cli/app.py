"""``keepwell``: the commands, and the one place where an error becomes an exit status."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import keepwell
from keepwell.core.errors import KeepwellError
from keepwell.surfaces.cli import (
    alerts,
    appraise,
    channels,
    customers,
    data,
    definitions,
    demo,
    health,
    measures,
    models,
    place,
    reasons,
    reports,
    reviews,
    schedules,
    scorecards,
    serve,
    targets,
    tokens,
    users,
    webhooks,
    worker,
)
from keepwell.surfaces.cli.console import show_error

WORKSPACE_VARIABLE = "KEEPWELL_WORKSPACE"

app = typer.Typer(
    name="keepwell",
    help="Keepwell: measure customer relationships, predict, act, and prove whether it worked.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"keepwell {keepwell.__version__}\n")
        raise typer.Exit


@app.callback()
def workspace_option(
    context: typer.Context,
    workspace: Annotated[
        Path | None,
        typer.Option("-w", "--workspace", envvar=WORKSPACE_VARIABLE, help="The workspace's folder; the current one by default."),
    ] = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Measure customer relationships, predict, act, and prove whether it worked."""
    del version
    context.obj = workspace or Path()


for module in (
    place,
    data,
    definitions,
    measures,
    reasons,
    scorecards,
    targets,
    appraise,
    reports,
    reviews,
    schedules,
    channels,
    alerts,
    customers,
    health,
    models,
    demo,
    users,
    tokens,
    webhooks,
    serve,
    worker,
):
    module.add_to(app)


def main() -> None:
    """Run a command: exit status 0 done, 1 something failed, 2 wrong use."""
    try:
        app()
    except KeepwellError as error:
        show_error(error)
        sys.exit(error.exit_status)
    except BrokenPipeError:
        # the reader of a pipe has gone (`keepwell kpis | head`): nothing is wrong, and nothing more can be said
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
