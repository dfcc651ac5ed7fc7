"""How the command line speaks: answers on stdout in the format asked for, everything else on stderr."""

import csv
import io
import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from keepwell.core.errors import KeepwellError
from keepwell.surfaces.cli import stopping

WIDTH_WITHOUT_TERMINAL = 140
SECONDS_BETWEEN_LINES = 5.0


class Format(StrEnum):
    """How a reading command answers."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


FormatOption = Annotated[Format, typer.Option("--format", help="How to answer.")]
OutputOption = Annotated[Path | None, typer.Option("-o", "--output", help="Write the answer to a file instead of the screen.")]


def errors() -> Console:
    """Where everything goes that is not the answer."""
    return Console(stderr=True, soft_wrap=True, highlight=False)


def answer(
    rows: Sequence[dict[str, Any]], table: Callable[[], RenderableType], format_: Format, output: Path | None, *, as_json: object = None
) -> None:
    """Give the answer: the table to people, or the rows as JSON or CSV to programs.

    JSON is an array of the rows, unless the command is documented to answer with ``as_json``.
    """
    if format_ is Format.JSON:
        _write(json.dumps(as_json or list(rows), ensure_ascii=False, indent=2, default=str) + "\n", output)
    elif format_ is Format.CSV:
        _write(_csv(rows), output)
    elif output is None:
        _screen(sys.stdout).print(table())
    else:
        text = io.StringIO()
        Console(file=text, width=WIDTH_WITHOUT_TERMINAL, highlight=False).print(table())
        _write(text.getvalue(), output)


def _screen(stream: Any) -> Console:
    width = None if stream.isatty() else WIDTH_WITHOUT_TERMINAL
    return Console(file=stream, width=width, highlight=False)


def screen_width() -> int:
    """Letters in a line of the answer."""
    return _screen(sys.stdout).width


def say(renderable: RenderableType) -> None:
    """Print something for people on stdout."""
    _screen(sys.stdout).print(renderable)


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: _cell(v) for k, v in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list | tuple) else value


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    write_file(output, text.encode())


def write_file(output: Path, content: bytes) -> None:
    """Write an answer to a file; its folder is made where there is none."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(content)
    except OSError as error:
        raise KeepwellError(f"{output} can't be written: {error.strerror}", "Choose another file with -o.") from error


def show_error(error: KeepwellError) -> None:
    """Say on stderr what is wrong and what to do."""
    screen = errors()
    screen.print(f"Error: {error.message}", markup=False, style="bold red" if screen.is_terminal else None)
    if error.hint:
        screen.print(error.hint, markup=False)


def note(text: str) -> None:
    """Say something on stderr that is neither the answer nor an error."""
    errors().print(text, markup=False)


def watcher() -> "BarProgress | LineProgress":
    """A progress bar on a terminal, plain lines otherwise."""
    screen = errors()
    return BarProgress(screen) if screen.is_terminal else LineProgress(screen)


class OneShare(ABC):
    """Of the step that runs one share is shown: that of its parts once they are counted, else that of the query that runs."""

    _is_counted = False

    def advance(self, share: float) -> None:
        if not self._is_counted:
            self._show(share)

    def count(self, done: int, total: int) -> None:
        self._is_counted = True
        self._show(done / max(total, 1))

    def check(self) -> None:
        stopping.check()

    @abstractmethod
    def _show(self, share: float) -> None: ...


class BarProgress(OneShare):
    """Steps as bars that come and go; used as a context so that the screen is left tidy."""

    def __init__(self, screen: Console) -> None:
        self._bars = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(), TimeRemainingColumn(), console=screen, transient=True,
        )  # fmt: skip
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def start(self, step: str) -> None:
        stopping.check()
        self._task, self._is_counted = self._bars.add_task(step, total=1.0), False

    def _show(self, share: float) -> None:
        if self._task is not None:
            self._bars.update(self._task, completed=min(share, 1.0))

    def finish(self, note: str = "") -> None:
        if self._task is not None:
            description = f"{self._bars.tasks[self._task].description}: {note}" if note else None
            self._bars.update(self._task, completed=1.0, description=description)


@dataclass
class LineProgress(OneShare):
    """Steps as lines: when one ends, and every few seconds while a long one runs."""

    screen: Console
    _step: str = ""
    _began: float = 0.0
    _told: float = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def start(self, step: str) -> None:
        stopping.check()
        self._step, self._began = step, time.monotonic()
        self._told, self._is_counted = self._began, False

    def _show(self, share: float) -> None:
        now = time.monotonic()
        if now - self._told >= SECONDS_BETWEEN_LINES:
            self._told = now
            self.screen.print(f"{self._step}: {share:.0%}", markup=False)

    def finish(self, note: str = "") -> None:
        took = time.monotonic() - self._began
        if took >= SECONDS_BETWEEN_LINES:
            self.screen.print(f"{self._step}: done in {took:.0f} s{', ' + note if note else ''}", markup=False)
