"""The company that the tests of the web ask, made once a process."""

import pytest

from factories.served import Company
from factories.served import company as made


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return made(tmp_path_factory.mktemp("company"))
