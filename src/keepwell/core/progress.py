"""How long work tells where it is, and hears that it shall stop; a surface decides how that looks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class StoppedError(Exception):
    """The work was asked to stop, and stopped before anything of it counted. No error that anybody mends, so nothing on its way catches it."""


class Progress(Protocol):
    """Told of each step as it starts, moves and ends. Called from one thread at a time.

    Each of ``start``, ``advance``, ``count`` and ``check`` may raise :class:`StoppedError` where somebody asked the work to stop.
    """

    def start(self, step: str) -> None:
        """A step begins."""

    def advance(self, share: float) -> None:
        """The step that runs has done this share (0 to 1) of its work."""

    def count(self, done: int, total: int) -> None:
        """The step that runs has done so many of its parts; from then on shares of single queries tell nothing of it."""

    def check(self) -> None:
        """Nothing new; only whether to go on."""

    def finish(self, note: str = "") -> None:
        """The step is done."""


class Silent:
    """Progress that nobody watches."""

    def start(self, step: str) -> None: ...

    def advance(self, share: float) -> None: ...

    def count(self, done: int, total: int) -> None: ...

    def check(self) -> None: ...

    def finish(self, note: str = "") -> None: ...


@contextmanager
def step(progress: Progress, name: str) -> Iterator[Progress]:
    """Run a block as one step of ``progress``; a step that fails is not reported as finished."""
    progress.start(name)
    yield progress
    progress.finish()
