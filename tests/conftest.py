"""Settings of the whole suite."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from factories.stores import KINDS, postgres, store
from keepwell.store.db import Database

# the same examples in every run, and as long as they take: a busy machine is no fault
settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server of this run."""
    with postgres(tmp_path_factory.mktemp("postgres")) as address:
        yield address


@pytest.fixture(params=KINDS)
def empty_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A store without tables, once of each kind."""
    address = request.getfixturevalue("server") if request.param == "postgresql" else None
    with store(request.param, tmp_path, address) as found:
        yield found


@pytest.fixture
def database(empty_store: Database) -> Database:
    """A store with its tables, once of each kind."""
    empty_store.migrate()
    return empty_store
