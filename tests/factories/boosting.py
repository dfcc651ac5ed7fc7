"""Tests that let LightGBM learn, where the system lets it be loaded."""

import pytest

from keepwell.models.boosting import lightgbm
from keepwell.models.refusal import RefusedError


def _can_load() -> bool:
    try:
        lightgbm()
    except RefusedError:
        return False
    return True


boosted = pytest.mark.skipif(not _can_load(), reason="LightGBM needs the system's libgomp: install libgomp1")
