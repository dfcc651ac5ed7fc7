"""What people read when something is broken: words, no trace of where it lies, and no second fault."""

import sqlite3
from pathlib import Path

import pytest

from factories.served import served_empty

ENDED = b"this is no database any more" * 400


@pytest.mark.parametrize(("path", "status"), [("/", 503), ("/account", 503), ("/no-such-page", 404), ("/api/v1/kpis", 503)])
def test_a_store_that_breaks_while_served_is_told_plainly(tmp_path: Path, path: str, status: int, caplog: pytest.LogCaptureFixture) -> None:
    company = served_empty(tmp_path / "w")
    token = company.token("analyst")
    with company.browser("analyst") as browser:
        file = next(tmp_path.rglob("keepwell.db"))
        with sqlite3.connect(file) as database:
            database.execute("pragma wal_checkpoint(truncate)")
        database.close()
        company.app.state.site.store.close()
        for beside in tmp_path.rglob("keepwell.db-*"):
            beside.unlink()
        file.write_bytes(ENDED)
        answer = browser.get(path, Authorization=f"Bearer {token}")
    assert answer.status_code == status, answer.text
    assert str(tmp_path) not in answer.text
    assert "Traceback" not in answer.text
    assert (str(file) in caplog.text) == (status == 503)
