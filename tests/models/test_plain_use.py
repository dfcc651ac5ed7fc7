"""Estimators on their own from Python: every name works again and again, and odd plain tables are refused with a hint."""

import pkgutil
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

import keepwell as kw
from keepwell import models


@pytest.mark.parametrize(("package", "names"), [(models, models.__all__), (kw, [n for n in kw.__all__ if n != "models"])])
def test_no_lazily_loaded_name_is_that_of_a_submodule(package: ModuleType, names: list[str]) -> None:
    """Loading a submodule puts it in the package under its own name, in the place of what was lazily loaded."""
    assert not set(names) & {m.name for m in pkgutil.iter_modules(package.__path__)}


def test_every_name_is_the_same_again() -> None:
    code = "import keepwell as kw; assert all(getattr(kw.models, n) is getattr(kw.models, n) for n in dir(kw.models)); kw.models.importance.__call__"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importance_can_be_asked_for_twice() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=300)
    first, again = (kw.models.importance(x + rng.normal(size=300), {"x": x}) for _ in range(2))
    assert first.drivers == again.drivers == ("x",)
