"""The next purchase of a customer who buys at a Gamma(r, α) rate and does not leave before it: BG/NBD, MBG/NBD and NBD alike."""

import numpy as np

from keepwell.models.btyd.summary import Floats


def chance_within(shape: Floats, rate: Floats, weeks: float) -> Floats:
    """The chance of a purchase in the next ``weeks``; ``shape`` is r + x, ``rate`` is α + T."""
    found: Floats = -np.expm1(shape * np.log(rate / (rate + weeks)))
    return found


def weeks_to(shape: Floats, rate: Floats, chance: Floats) -> Floats:
    """After how many weeks there has been one with that chance."""
    found: Floats = rate * np.expm1(-np.log1p(-chance) / shape)
    return found
