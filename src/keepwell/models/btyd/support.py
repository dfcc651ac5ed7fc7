"""When there is too little to learn from."""

from keepwell.models.btyd.summary import Groups
from keepwell.models.refusal import RefusedError

LEAST_REPEATERS = 50


class RefusedFitError(RefusedError):
    """A model that the data do not carry; the message says why."""


def check_enough(groups: Groups) -> None:
    """Refuse where too few customers came back."""
    if groups.repeaters < LEAST_REPEATERS:
        raise RefusedFitError(
            f"{int(groups.repeaters)} of {int(groups.size)} customers bought on a second day; the model needs {LEAST_REPEATERS}.",
            "Wait for more purchases, or import an older history.",
        )
    if not groups.age.max() > 0:
        raise RefusedFitError("All purchases are of one day.", "Import a longer history.")
