"""When an estimator does not estimate."""

from keepwell.core.errors import KeepwellError


class RefusedError(KeepwellError):
    """The data do not carry an estimate; the message says why, and the hint what would help."""
