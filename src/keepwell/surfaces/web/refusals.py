"""Why a request is not answered as asked; each becomes a page, a fragment or a problem document in one place."""

from keepwell.core.errors import KeepwellError


class NotSignedInError(KeepwellError):
    """Nobody is signed in, or the session has ended."""


class MayNotError(KeepwellError):
    """Signed in, but not allowed to."""


class ForgedError(KeepwellError):
    """A form that did not come from a page of ours, or from one of a session that has ended."""


class NotFoundError(KeepwellError):
    """There is no such thing, or none that this person may see: the two answer alike."""
