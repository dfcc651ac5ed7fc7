"""The one family of errors a person may see: what went wrong, and what to do about it."""

import difflib
from collections.abc import Iterable


class KeepwellError(Exception):
    """Something a person can understand and mend.

    ``message`` says what is wrong, with the names and values concerned; ``hint`` says what to do. Surfaces turn the
    error into an exit status, a problem document or a page; nothing else catches it.
    """

    exit_status = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class WrongUseError(KeepwellError):
    """The request itself is wrong (an unknown name, a malformed period): exit status 2."""

    exit_status = 2


class UnknownError(WrongUseError):
    """A name that nobody knows, or that this person may not know of: the two are told alike."""


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint with the nearest known names, or a list of what is known when nothing is near."""
    names = sorted({str(k) for k in known})
    close = difflib.get_close_matches(name.lower(), [n.lower() for n in names], n=max(1, len(names)), cutoff=0.6)
    # of names that are equally close, those with the same letters first: GPB is GBP before it is PAB
    near = sorted(close, key=lambda n: sorted(n) != sorted(name.lower()))[:3]
    originals = [next(n for n in names if n.lower() == match) for match in near]
    if originals:
        return f"Did you mean {' or '.join(originals)}?"
    if not names:
        return None
    shown = ", ".join(names[:12])
    return f"Known: {shown}{' …' if len(names) > 12 else ''}."


def unknown(what: str, name: str, known: Iterable[str]) -> UnknownError:
    """The error for a name that nobody knows, with the nearest known one as its hint."""
    return UnknownError(f"There is no {what} named {name!r}.", did_you_mean(name, known))
