"""The operational database: opened from a workspace's setting, brought up to date, one transaction a request or job."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Self

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session

from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.core.workspace import Workspace

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 10  # how long SQLite waits for another writer
WRITES = "keepwell_writes"
MIGRATING = 4_815_162  # the number of PostgreSQL's lock, the same in every process


class Database:
    """SQLite or PostgreSQL behind one address. What is read and written in one ``transaction`` happens wholly or not at all."""

    def __init__(self, address: str, folder: Path) -> None:
        url = _url(address, folder)
        self.is_sqlite = url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {"connect_args": {"timeout": BUSY_SECONDS}} if self.is_sqlite else {"pool_pre_ping": True}
        self._engine: Engine = create_engine(url, **options)
        if self.is_sqlite:
            event.listen(self._engine, "connect", _prepare_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def transaction(self, *, writes: bool = True) -> Iterator[Session]:
        """A session whose work is kept when the block ends well, and forgotten when it does not.

        One that only reads waits for nobody; of those that write, SQLite lets one in at a time.
        """
        with self._reached(), Session(self._engine, expire_on_commit=False) as session:
            session.connection(execution_options={WRITES: writes})
            yield session
            if writes:
                session.commit()

    def migrate(self) -> None:
        """Bring the tables up to date; nothing where they are. Those of a newer Keepwell are refused."""
        with self._reached(), self._engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
            config = _config()
            config.attributes["connection"] = connection
            if not self.is_sqlite:
                # one process at a time, as SQLite has it anyway
                connection.exec_driver_sql(f"select pg_advisory_xact_lock({MIGRATING})")
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise KeepwellError("The store was written by a newer version of Keepwell.", "Use that version.") from error

    @property
    def is_made(self) -> bool:
        """Whether there is anything: SQLite makes its file when it is first used."""
        return not self.is_sqlite or Path(str(self._engine.url.database)).exists()

    @property
    def is_current(self) -> bool:
        """Whether the tables are those that this version of Keepwell expects."""
        with self._reached(), self._engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision() == newest_revision()

    def _reached(self) -> AbstractContextManager[None]:
        return reached(f"The store {self._engine.url.render_as_string(hide_password=True)}")


@contextmanager
def reached(what: str) -> Iterator[None]:
    """Work on a database in the block; one that is out of reach is told as such, ``what`` being its name."""
    try:
        yield
    except DBAPIError as error:
        if not error.connection_invalidated and not _is_out_of_reach(error):
            raise
        raise KeepwellError(
            f"{what} can't be used: {str(error.orig).strip().splitlines()[0]}",
            "Check `store` in keepwell.toml, whether its database is running, and whether its file is whole.",
        ) from error


def store_of(workspace: Workspace) -> Database:
    """The store of a workspace, with its tables up to date."""
    found = Database(workspace.settings.store, workspace.folder)
    found.migrate()
    return found


def newest_revision() -> str:
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise ValueError(f"no migrations in {MIGRATIONS}")
    return head


def _config() -> Config:
    config = Config()
    # alembic would take a percent sign in a folder's name for a placeholder
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _url(address: str, folder: Path) -> URL:
    try:
        url = make_url(address)
        backend = url.get_backend_name()
    except ArgumentError as error:
        raise WrongUseError(f"store is {address!r}, which is no address of a database.", "Write sqlite:///keepwell.db.") from error
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise WrongUseError(f"store is of the kind {backend}.", "Use sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE.")
    if url.database in {None, "", ":memory:"}:
        raise WrongUseError("store names no file.", "Write sqlite:///keepwell.db: a name, from the workspace's folder.")
    return url.set(database=str(folder / str(url.database)))


def _is_out_of_reach(error: DBAPIError) -> bool:
    # of a file that is no database SQLite says no more than that it is an error
    return type(error.orig).__name__ in {"OperationalError", "DatabaseError"}


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # transactions begin where we say so, not where the driver guesses
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "foreign_keys = ON", "synchronous = NORMAL", f"busy_timeout = {BUSY_SECONDS * 1000}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # who will write asks for the right at once: asking later fails when another has written meanwhile
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(WRITES, True) else "BEGIN")
