"""Users and tokens on the command line: who is let in, what is told and asked, and what is never shown again."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from keepwell.access.audit import entries
from keepwell.access.console import Accounts
from keepwell.access.roles import ROLES, Capability, Rows
from keepwell.access.sign_in import SignInError, sign_in
from keepwell.access.tokens import SCOPES, bearer_or_none
from keepwell.access.users import NewUser
from keepwell.core.clock import SystemClock
from keepwell.core.settings import Settings
from keepwell.core.workspace import Workspace, create_workspace, open_workspace
from keepwell.store.db import store_of
from keepwell.surfaces.cli.app import main
from keepwell.surfaces.words import dictionary

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "four words in a row"
OTHER = "another few plain words"
HERE = "192.0.2.7"


@dataclass
class Said:
    """What a command answered."""

    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


Run = Callable[..., Said]


@pytest.fixture
def keepwell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs commands as a shell would, in this process, in a new workspace."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, status: int = 0, typed: str | bytes = "") -> Said:
        monkeypatch.setattr(sys, "argv", ["keepwell", *arguments])
        raw = typed if isinstance(typed, bytes) else typed.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8"))
        with pytest.raises(SystemExit) as end:
            main()
        said = Said(*capsys.readouterr())
        assert end.value.code == status, said
        return said

    run("init", ".", "--timezone", "Asia/Shanghai")
    return run


@pytest.fixture(scope="module")
def with_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with an administrator, Ana, who also analyses, and an account manager, Max."""
    folder = tmp_path_factory.mktemp("staffed")
    found = Accounts(create_workspace(folder, Settings(timezone="Asia/Shanghai")), SystemClock())
    found.add(NewUser("ana@example.com", "Ana", ["administrator", "analyst"], PASSWORD))
    found.add(NewUser("max@example.com", "Max", ["account_manager"], PASSWORD, employee_id="e7"))
    return folder


@pytest.fixture
def staffed(keepwell: Run, with_two: Path, tmp_path: Path) -> Run:
    """A copy of that workspace, as it was left when its store was closed."""
    shutil.copytree(with_two, tmp_path, dirs_exist_ok=True)
    return keepwell


def added(keepwell: Run, name: str, *options: str, status: int = 0, typed: str = PASSWORD + "\n") -> Said:
    command = ("user", "add", f"{name}@example.com", "--name", name.title(), "--password-stdin", "--format", "json", *options)
    return keepwell(*command, status=status, typed=typed)


def listed(keepwell: Run) -> dict[str, dict[str, Any]]:
    return {u["email"].partition("@")[0]: u for u in keepwell("user", "list", "--format", "json").json}


def place() -> Workspace:
    return open_workspace(Path())


def is_let_in(name: str, password: str) -> bool:
    with store_of(place()) as store:
        try:
            sign_in(store, SystemClock().now(), f"{name}@example.com", password, address=HERE)
        except SignInError:
            return False
    return True


def test_a_user_who_is_added_can_sign_in_and_is_listed(staffed: Run) -> None:
    assert is_let_in("ana", PASSWORD)
    assert not is_let_in("ana", OTHER)
    max_ = listed(staffed)["max"]
    assert {k: v for k, v in max_.items() if k not in {"user_id", "created_at"}} == {
        "email": "max@example.com", "name": "Max", "roles": ["account_manager"], "rows": "own", "employee_id": "e7", "is_active": True,
    }  # fmt: skip


def test_the_list_is_a_table_of_titles_json_or_csv_and_goes_to_a_file(staffed: Run, tmp_path: Path) -> None:
    shown = staffed("user", "list").stdout
    assert "Administrator, Analyst" in shown
    assert "the own customers" in shown
    assert staffed("user", "list", "--format", "csv", "-o", "out/users.csv").stdout == ""
    rows = list(csv.DictReader((tmp_path / "out" / "users.csv").read_text(encoding="utf-8").splitlines()))
    assert [(r["name"], json.loads(r["roles"]), r["is_active"]) for r in rows] == [
        ("Ana", ["administrator", "analyst"], "true"),
        ("Max", ["account_manager"], "true"),
    ]


def test_an_empty_list_says_how_the_first_user_comes(keepwell: Run) -> None:
    assert "keepwell user add EMAIL" in keepwell("user", "list").stdout
    assert keepwell("user", "list", "--format", "json").json == []
    assert keepwell("token", "list").stdout == "There are no tokens.\n"


def test_the_first_user_must_be_able_to_administer(keepwell: Run) -> None:
    refused = added(keepwell, "max", "--role", "analyst", status=2)
    assert "first user" in refused.stderr
    assert "--role administrator" in refused.stderr
    keepwell("user", "add", "max@example.com", "--name", "Max", "--role", "administrator", "--no-password", status=2)
    assert listed(keepwell) == {}
    added(keepwell, "ana", "--role", "administrator")
    added(keepwell, "max", "--role", "analyst")
    sso = keepwell("user", "add", "olga@example.com", "--name", "Olga", "--role", "service", "--no-password", "--format", "json").json
    assert sso[0]["roles"] == ["service"]


@pytest.mark.parametrize(
    ("arguments", "typed", "says", "hint"),
    [
        (("add", "zoe", "--name", "Zoe", "--role", "analyst", "--password-stdin"), PASSWORD, "'zoe' is no e-mail", "ana@example.com"),
        (("add", "a@b.c", "--name", "Zoe", "--role", "analist", "--password-stdin"), PASSWORD, "no role named", "analyst"),
        (("add", "a@b.c", "--name", "Zoe", "--password-stdin"), PASSWORD, "no role", "at least one"),
        (("add", "a@b.c", "--name", "Zoe", "--role", "analyst", "--password-stdin"), "short\n", "5 characters", "a few words"),
        (("add", "a@b.c", "--name", "Zoe", "--role", "analyst", "--password-stdin"), b"\xff\xfe\n", "not UTF-8", "UTF-8"),
        (("add", "a@b.c", "--name", "Zoe", "--role", "analyst"), "", "no terminal", "--password-stdin"),
        (("add", "a@b.c", "--name", "Zoe", "--role", "analyst", "--no-password", "--password-stdin"), "", "exclude", "one of them"),
        (("add", "a@b.c", "--name", "Zoe", "--role", "analyst", "--rows", "team", "--password-stdin"), PASSWORD, "an employee", "id"),
        (("add", "ANA@example.com", "--name", "Zoe", "--role", "analyst", "--password-stdin"), PASSWORD, "an account already", ""),
        (("password", "anna@example.com", "--password-stdin"), PASSWORD, "no user named", "ana@example.com"),
        (("roles", "max@example.com"), "", "Nothing is to be changed", "--role"),
        (("roles", "--role", "analyst"), "", "whose roles", "user roles EMAIL"),
        (("roles", "ana@example.com", "--rows", "own"), "", "must be an employee", "id"),
        (("disable", "nobody"), "", "no user named", ""),
        (("add", "a@b.c", "--name", "Zoe", "--rows", "mine"), "", "mine", "own"),
    ],
)
def test_wrong_use_is_told_with_what_to_do_and_changes_nothing(
    staffed: Run, arguments: tuple[str, ...], typed: str | bytes, says: str, hint: str
) -> None:
    before = listed(staffed)
    said = staffed("user", *arguments, status=2, typed=typed)
    assert (said.stdout, says in said.stderr, hint in said.stderr) == ("", True, True), said.stderr
    assert listed(staffed) == before


def test_a_new_password_takes_the_place_of_the_old_one(staffed: Run) -> None:
    said = staffed("user", "password", "max@example.com", "--password-stdin", typed=OTHER + "\r\n")
    assert "Max has a new password" in said.stderr
    assert OTHER not in said.stdout + said.stderr
    assert (is_let_in("max", PASSWORD), is_let_in("max", OTHER)) == (False, True)


def test_a_password_is_taken_to_the_end_of_its_line_with_its_blanks(staffed: Run) -> None:
    staffed("user", "password", "max@example.com", "--password-stdin", typed="\ufeff 四个 词 一行 密码 \nand more")
    assert is_let_in("max", " 四个 词 一行 密码 ")


def test_who_is_disabled_is_kept_out_until_enabled(staffed: Run) -> None:
    assert staffed("user", "disable", "max@example.com", "--format", "json").json[0]["is_active"] is False
    assert not is_let_in("max", PASSWORD)
    assert "disabled" in staffed("user", "list").stdout
    staffed("user", "enable", "max@example.com")
    assert is_let_in("max", PASSWORD)


def test_the_last_administrator_stays_one(staffed: Run) -> None:
    for change in (("disable", "ana@example.com"), ("roles", "ana@example.com", "--role", "analyst")):
        said = staffed("user", *change, status=1)
        assert "last one who manages users" in said.stderr
    assert listed(staffed)["ana"]["roles"] == ["administrator", "analyst"]


def test_roles_rows_and_employee_are_changed_each_without_the_others(staffed: Run) -> None:
    staffed("user", "roles", "max@example.com", "--role", "service", "--role", "marketing")
    assert (listed(staffed)["max"]["roles"], listed(staffed)["max"]["rows"]) == (["marketing", "service"], "own")
    staffed("user", "roles", "max@example.com", "--rows", "all")
    staffed("user", "roles", "ana@example.com", "--rows", "team", "--employee", "e1")
    found = listed(staffed)
    assert (found["max"]["roles"], found["max"]["rows"], found["max"]["employee_id"]) == (["marketing", "service"], "all", "e7")
    assert (found["ana"]["roles"], found["ana"]["rows"], found["ana"]["employee_id"]) == (["administrator", "analyst"], "team", "e1")


def test_the_roles_are_listed_with_what_they_may_do(keepwell: Run) -> None:
    roles = {r["role"]: r for r in keepwell("user", "roles", "--format", "json").json}
    assert set(roles) == set(ROLES)
    assert "manage_users" in roles["administrator"]["may"]
    assert "see_customers" not in roles["administrator"]["may"]
    assert "manage users" in keepwell("user", "roles").stdout


def test_every_capability_and_kind_of_rows_has_its_words() -> None:
    assert {*(f"may_{c}" for c in Capability), *(f"rows_{r}" for r in Rows)} <= set(dictionary())


def test_the_audit_tells_what_the_command_line_did_and_no_password(staffed: Run) -> None:
    staffed("user", "password", "max@example.com", "--password-stdin", typed=OTHER)
    with store_of(place()) as store, store.transaction(writes=False) as session:
        found = entries(session)
    assert [(e.action, e.kind) for e in found] == [("password set", "user"), ("added", "user"), ("added", "user")]
    assert all(e.user_id is None and e.user_name.startswith("command line") for e in found)
    assert not any(word in str(found) for word in (PASSWORD, OTHER))


def test_a_token_is_shown_once_alone_on_its_line_with_a_sentence_beside_it(staffed: Run) -> None:
    said = staffed("token", "create", "ana@example.com", "--name", "bi", "--scope", "kpis:read")
    written = said.stdout.strip()
    assert said.stdout == written + "\n"
    assert "only time that the token is shown" in said.stderr
    with store_of(place()) as store, store.transaction(writes=False) as session:
        bearer = bearer_or_none(session, SystemClock().now(), written)
    assert bearer is not None
    assert (bearer.user.name, bearer.may("kpis:read"), bearer.may("data:write")) == ("Ana", True, False)
    secret = written.rpartition(".")[2]
    for command in (("token", "list"), ("token", "list", "--format", "json"), ("token", "revoke", written)):
        assert secret not in staffed(*command).stdout


def test_a_token_as_json_says_that_it_is_shown_once(staffed: Run) -> None:
    told = staffed("token", "create", "ana@example.com", "--name", "bi", "--scope", "kpis:read", "--no-end", "--format", "json").json
    assert told["token"].startswith(f"kw.{told['token_id']}.")
    assert "only time" in told["note"]
    assert (told["state"], told["expires_at"], told["scopes"]) == ("active", None, ["kpis:read"])
    assert "no end" in staffed("token", "list").stdout


def test_tokens_are_listed_by_user_and_end_when_revoked_by_id_or_by_themselves(staffed: Run) -> None:
    made = [
        staffed("token", "create", "ana@example.com", "--name", name, "--scope", "kpis:read", "--format", "json").json
        for name in ("bi", "mail", "old")
    ]
    staffed("token", "revoke", made[0]["token_id"])
    staffed("token", "revoke", made[1]["token"])
    found = {t["name"]: t for t in staffed("token", "list", "--user", "ana@example.com", "--format", "json").json}
    assert {name: t["state"] for name, t in found.items()} == {"bi": "revoked", "mail": "revoked", "old": "active"}
    assert staffed("token", "list", "--user", "max@example.com", "--format", "json").json == []
    staffed("user", "roles", "max@example.com", "--role", "administrator", "--rows", "all")
    staffed("user", "disable", "ana@example.com")
    assert {t["state"] for t in staffed("token", "list", "--format", "json").json} == {"revoked"}


@pytest.mark.parametrize(
    ("arguments", "says", "hint"),
    [
        (("create", "ana@example.com", "--name", "bi"), "at least one scope", "kpis:read"),
        (("create", "ana@example.com", "--name", "bi", "--scope", "kpi:read"), "no scope named", "kpis:read"),
        (("create", "max@example.com", "--name", "bi", "--scope", "kpis:read"), "may not use the API", "operations"),
        (("create", "ana@example.com", "--name", "bi", "--scope", "personal:read"), "may not do", "role"),
        (("create", "ana@example.com", "--name", "bi", "--scope", "kpis:read", "--days", "0"), "--days", ""),
        (("revoke", "tok_nix"), "no token named", ""),
        (("revoke", "kw.tok_nix.secret-of-it"), "'tok_nix'", ""),
        (("list", "--user", "anna@example.com"), "no user named", "ana@example.com"),
    ],
)
def test_wrong_use_of_tokens_is_told(staffed: Run, arguments: tuple[str, ...], says: str, hint: str) -> None:
    said = staffed("token", *arguments, status=2)
    assert (said.stdout, says in said.stderr, hint in said.stderr) == ("", True, True), said.stderr
    assert "secret-of-it" not in said.stderr


def test_a_chinese_workspace_speaks_chinese_of_users_and_tokens(keepwell: Run) -> None:
    keepwell("init", "客户 一", "--locale", "zh")
    here = ("-w", "客户 一")
    assert "还没有任何用户" in keepwell(*here, "user", "list").stdout
    keepwell(*here, "user", "add", "wang@example.cn", "--name", "王伟", "--role", "administrator", "--password-stdin", typed=PASSWORD)
    shown = keepwell(*here, "user", "list").stdout
    assert all(word in shown for word in ("王伟", "系统管理员", "全部客户", "可登录"))
    assert "管理用户" in keepwell(*here, "user", "roles").stdout
    assert "仅显示这一次" in keepwell(*here, "token", "create", "wang@example.cn", "--name", "报表", "--scope", "kpis:read").stderr


def test_doctor_looks_at_the_store_and_who_manages_users(keepwell: Run, tmp_path: Path) -> None:
    def store() -> dict[str, tuple[str, str, str]]:
        found = keepwell("doctor", "--format", "json", status=0).json
        return {f["check"]: (f["state"], f["found"], f["advice"]) for f in found if f["check"] in {"store", "users"}}

    assert store()["store"][:2] == ("ok", "SQLite, not made yet")
    assert "keepwell user add" in store()["store"][2]
    assert not (tmp_path / "keepwell.db").exists()
    added(keepwell, "ana", "--role", "administrator")
    assert store() == {"store": ("ok", "SQLite", ""), "users": ("ok", "1, 1 of them may manage users", "")}
    with store_of(place()) as database, database.transaction() as session:
        session.connection().exec_driver_sql("update users set is_active = 0")
    assert store()["users"][:2] == ("warning", "1, 0 of them may manage users")
    assert "user enable" in store()["users"][2]
    with store_of(place()) as database, database.transaction() as session:
        session.connection().exec_driver_sql("update alembic_version set version_num = 'of_tomorrow'")
    assert store()["store"][0] == "warning"
    assert "newer version" in keepwell("user", "list", status=1).stderr


def test_doctor_tells_of_a_store_that_is_none(keepwell: Run, tmp_path: Path) -> None:
    (tmp_path / "keepwell.db").write_text("by hand", encoding="utf-8")
    said = keepwell("doctor", status=1)
    assert "1 of" in said.stderr
    assert "store" in said.stderr


def test_other_commands_do_not_wait_for_the_store_s_libraries() -> None:
    asked = "import sys, keepwell.surfaces.cli.app; print(sorted({'sqlalchemy', 'alembic', 'argon2', 'psycopg', 'fastapi', 'dbos'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_how_to_names_every_role_and_scope() -> None:
    text = (ROOT / "docs" / "how-to" / "users-and-tokens.md").read_text(encoding="utf-8")
    assert [name for name in (*ROLES, *SCOPES) if f"`{name}`" not in text] == []


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are of Unix")
def test_on_a_terminal_the_password_is_asked_for_twice_and_not_shown(keepwell: Run, tmp_path: Path) -> None:
    del keepwell  # its workspace is what is wanted
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "keepwell.surfaces.cli", "user", "add", "ana@example.com", "--name", "Ana", "--role", "administrator"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as running:
        os.close(theirs)
        said = ""
        for asked in ("Password: ", "The same password again: "):
            while not said.endswith(asked):
                assert running.poll() is None, said
                said += os.read(ours, 1000).decode()
            # what is typed before the echo is off would be seen
            time.sleep(0.2)
            os.write(ours, f"{PASSWORD}\n".encode())
        try:
            while more := os.read(ours, 1000).decode():
                said += more
        except OSError:
            pass  # how Linux tells that the other side has closed
    os.close(ours)
    assert running.returncode == 0, said
    assert PASSWORD not in said
    assert "ana@example.com" in said
    assert is_let_in("ana", PASSWORD)
