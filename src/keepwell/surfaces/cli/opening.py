"""From a command's context to an open workspace."""

from pathlib import Path

import typer

from keepwell.core.clock import SystemClock
from keepwell.core.workspace import open_workspace
from keepwell.surfaces.python import Workspace


def opened(context: typer.Context) -> Workspace:
    """The workspace that the command is about."""
    folder: Path = context.obj
    return Workspace(open_workspace(folder), SystemClock())
