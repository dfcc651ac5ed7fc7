"""The store: opened, migrated and shared, on SQLite and on PostgreSQL."""

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.core.settings import Settings
from keepwell.core.workspace import create_workspace
from keepwell.store.db import Database, store_of
from keepwell.store.tables import Table
from keepwell.store.tables.accounts import UserRoleRow, UserRow
from keepwell.store.tables.sign_in import SessionRow

AT = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)


def user(name: str, at: datetime = AT) -> UserRow:
    return UserRow(user_id=f"usr_{name}", email=f"{name}@example.com", name=name, rows="all", is_active=True, created_at=at)


def test_migrations_make_exactly_the_tables_that_are_declared(empty_store: Database) -> None:
    assert not empty_store.is_current
    empty_store.migrate()
    assert empty_store.is_current
    with empty_store.transaction(writes=False) as session:
        differences = compare_metadata(MigrationContext.configure(session.connection(), opts={"compare_type": True}), Table.metadata)
    assert differences == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    with database.transaction() as session:
        session.add(user("ana"))
    database.migrate()
    with database.transaction(writes=False) as session:
        assert session.scalars(select(UserRow.name)).all() == ["ana"]


def keep(database: Database, *rows: Table) -> None:
    with database.transaction() as session:
        session.add_all(rows)


def test_a_store_of_a_newer_version_is_told_and_left_alone(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("update alembic_version set version_num = 'of_tomorrow'"))
    with pytest.raises(KeepwellError, match="newer version"):
        database.migrate()
    assert not database.is_current


def test_a_block_that_fails_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.transaction() as session:
            session.add(user("ana"))
            session.flush()
            raise LookupError("in the middle")

    with pytest.raises(LookupError, match="in the middle"):
        fail()
    with database.transaction(writes=False) as session:
        assert session.scalars(select(UserRow)).all() == []


def test_instants_come_back_aware_and_in_utc(database: Database) -> None:
    shanghai = timezone(timedelta(hours=8))
    with database.transaction() as session:
        session.add(user("ana", datetime(2026, 11, 1, 20, 30, tzinfo=shanghai)))
    with database.transaction(writes=False) as session:
        found = session.scalars(select(UserRow.created_at)).one()
    assert found == AT
    assert found.utcoffset() == timedelta(0)


def test_an_instant_without_a_time_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="carries no time zone"):
        keep(database, user("ana", datetime(2026, 11, 1)))


def test_what_belongs_to_a_user_goes_with_the_user(database: Database) -> None:
    with database.transaction() as session:
        ana = user("ana")
        ana.roles = [UserRoleRow(role="marketing"), UserRoleRow(role="analyst")]
        session.add(ana)
        session.flush()
        session.add(SessionRow(key_hash="k", user_id=ana.user_id, created_at=AT, seen_at=AT, expires_at=AT))
    with database.transaction() as session:
        ana = session.scalars(select(UserRow)).one()
        assert [r.role for r in ana.roles] == ["analyst", "marketing"]
        session.delete(ana)
    with database.transaction(writes=False) as session:
        assert session.scalars(select(UserRoleRow)).all() == []
        assert session.scalars(select(SessionRow)).all() == []


def test_a_session_of_nobody_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError):
        keep(database, SessionRow(key_hash="k", user_id="usr_nobody", created_at=AT, seen_at=AT, expires_at=AT))


def test_many_writers_at_once_lose_nothing(database: Database) -> None:
    failed: list[BaseException] = []

    def write(worker: int) -> None:
        try:
            for i in range(20):
                with database.transaction() as session:
                    # reads first, as a request does: a lock that is asked for late would fail here
                    session.scalars(select(UserRow)).all()
                    session.add(user(f"u{worker}-{i}"))
        except KeepwellError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(w,)) for w in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with database.transaction(writes=False) as session:
        assert len(session.scalars(select(UserRow)).all()) == 80


def test_a_reader_does_not_wait_for_a_writer(database: Database) -> None:
    with database.transaction() as writer:
        writer.add(user("ana"))
        writer.flush()
        with database.transaction(writes=False) as reader:
            assert reader.scalars(select(UserRow)).all() == []


def test_the_file_lies_in_the_workspace_whatever_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "客户 100% [一]"
    folder.mkdir()
    with Database("sqlite:///keepwell.db", folder) as found:
        found.migrate()
    assert (folder / "keepwell.db").is_file()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nonsense", "no address of a database"),
        ("mysql://u@h/d", "of the kind mysql"),
        ("sqlite://", "names no file"),
        ("oracle9://x", "of the kind oracle9"),
    ],
)
def test_an_address_that_is_none_is_told(tmp_path: Path, address: str, message: str) -> None:
    with pytest.raises(WrongUseError, match=message):
        Database(address, tmp_path)


def test_a_server_that_is_not_there_is_told_without_its_password(tmp_path: Path) -> None:
    with (
        Database("postgresql://keepwell:s3cret@127.0.0.1:1/keepwell", tmp_path) as found,
        pytest.raises(KeepwellError, match="can't be used") as told,
    ):
        found.migrate()
    assert "s3cret" not in str(told.value)


def test_several_processes_that_migrate_at_once_make_the_tables_once(empty_store: Database) -> None:
    failed: list[BaseException] = []

    def migrate() -> None:
        try:
            empty_store.migrate()
        except (KeepwellError, DBAPIError) as error:
            failed.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert empty_store.is_current


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "keepwell.db").write_bytes(b"not a database at all, but long enough to be read as one" * 100)
    with Database("sqlite:///keepwell.db", tmp_path) as found, pytest.raises(KeepwellError, match="can't be used: file is not a database"):
        found.migrate()


def test_the_store_of_a_new_workspace_has_its_tables(tmp_path: Path) -> None:
    with store_of(create_workspace(tmp_path / "店", Settings())) as found:
        assert found.is_current
    assert (tmp_path / "店" / "keepwell.db").is_file()
