"""Ctrl-C: asked for once, and not lost when it falls into a moment where an exception can't be raised."""

import signal
from types import FrameType

_asked = [False]


def listen() -> None:
    """Answer Ctrl-C by KeyboardInterrupt, and remember that it was asked for."""
    signal.signal(signal.SIGINT, _on_interrupt)


def _on_interrupt(number: int, frame: FrameType | None) -> None:
    _asked[0] = True
    signal.default_int_handler(number, frame)


def check() -> None:
    """Stop now if that was asked for and something swallowed it: a callback, a destructor, a library's own handler."""
    if _asked[0]:
        raise KeyboardInterrupt


def ignore() -> None:
    """From here on the command is ending anyway."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
