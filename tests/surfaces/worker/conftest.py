"""The company whose jobs the tests ask for, made once a process; each test works on a copy."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from factories.served import Company
from factories.served import company as made
from factories.working import Working, working_copy


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return made(tmp_path_factory.mktemp("company"))


@pytest.fixture
def work(company: Company, tmp_path: Path) -> Iterator[Working]:
    with working_copy(company.surfaces.folder, tmp_path / "workspace") as found:
        yield found
