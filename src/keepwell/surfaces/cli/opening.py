"""From a command's context to an open workspace."""

import shlex
from pathlib import Path

import typer

from keepwell.core.clock import SystemClock
from keepwell.core.workspace import open_workspace
from keepwell.surfaces.python import Workspace


def opened(context: typer.Context) -> Workspace:
    """The workspace that the command is about."""
    folder: Path = context.obj
    return Workspace(open_workspace(folder), SystemClock())


def command_of(context: typer.Context) -> str:
    """How a command about the same workspace begins, for hints that can be pasted."""
    folder: Path = context.obj
    return "keepwell" if folder == Path() else f"keepwell -w {shlex.quote(str(folder))}"
