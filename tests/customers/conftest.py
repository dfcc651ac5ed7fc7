"""The company of the tests with everything told of it and two runs, as everybody sees it."""

from datetime import date

import pytest

from factories.company import company, opened
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.worker.refresh import refresh


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    shop = company(tmp_path_factory.mktemp("company"))
    for day in (date(2026, 3, 31), None):
        refresh(shop.workspace, shop.lake, shop.clock, as_of=day)
    return opened(shop)
