"""How long work tells where it is; a surface decides how that looks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Told of each step as it starts, moves and ends. Called from one thread at a time."""

    def start(self, step: str) -> None:
        """A step begins."""

    def advance(self, share: float) -> None:
        """The step that runs has done this share (0 to 1) of its work."""

    def finish(self, note: str = "") -> None:
        """The step is done."""


class Silent:
    """Progress that nobody watches."""

    def start(self, step: str) -> None: ...

    def advance(self, share: float) -> None: ...

    def finish(self, note: str = "") -> None: ...


@contextmanager
def step(progress: Progress, name: str) -> Iterator[Progress]:
    """Run a block as one step of ``progress``; a step that fails is not reported as finished."""
    progress.start(name)
    yield progress
    progress.finish()
