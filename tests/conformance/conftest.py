"""Every row is tried on the command line, in Python and in the API at once; those marked ``on_pages`` once more on the page of a refreshed workspace."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from factories.everywhere import PAGE, TERMINAL, Everywhere


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A refresh takes seconds, so a test goes to the page where it says so."""
    if "surface" in metafunc.fixturenames:
        pages = [pytest.param(PAGE, marks=pytest.mark.slow)] if metafunc.definition.get_closest_marker("on_pages") else []
        metafunc.parametrize("surface", [TERMINAL, *pages])


@pytest.fixture
def everywhere(surface: str, tmp_path: Path) -> Iterator[Everywhere]:
    """A workspace whose readings are asked of every surface."""
    made = Everywhere.made(tmp_path)
    made.pages = surface == PAGE
    yield made
    assert not made.pages or made.read_on_pages, "this test reads nothing that a page shows"
