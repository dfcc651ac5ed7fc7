"""Schedules and channels as people set them up: on the page, by the API, on the command line, each telling the same."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from factories.served import Company, with_people
from factories.surfaces import Surfaces
from keepwell.access.audit import entries
from keepwell.core.errors import KeepwellError
from keepwell.surfaces.cli.app import app

PATH = "/schedules"
DINGTALK = "dingtalk://abcdefgh12345678"


@pytest.fixture
def firm(tmp_path: Path) -> Company:
    return with_people(Surfaces.made(tmp_path, webhook_hosts="127.0.0.1"))


def user_id(firm: Company, who: str) -> str:
    (found,) = (u["user_id"] for u in firm.surfaces.ask("user", "list") if u["email"] == f"{who}@example.com")
    return str(found)


def do(firm: Company, *command: str) -> str:
    done = CliRunner().invoke(app, ["-w", str(firm.surfaces.folder), *command], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return done.stdout.strip()


def test_a_schedule_is_made_on_the_page_and_all_surfaces_tell_of_it(firm: Company) -> None:
    own, team = user_id(firm, "own"), user_id(firm, "team")
    with firm.browser("operations") as browser:
        assert "Nothing is scheduled" in browser.get(PATH).text
        form = {
            "name": "<b>Monthly</b>",
            "on_day": "2",
            "time": "07:30",
            "user": [own, team],
            "formats": ["pdf", "xlsx"],
            "of": "last-quarter",
        }
        made = browser.client.post(f"{PATH}/new", data=form | {"form_token": browser.token(PATH)})
        assert made.status_code == 303, made.text
        page = browser.get(PATH).text
    assert "&lt;b&gt;Monthly&lt;/b&gt;" in page
    assert all(
        words in page for words in ("Review of last quarter", "every month, day 2, at 07:30", "Bo Own, Cai Team", "No mail server is set")
    )
    (told,) = firm.surfaces.ask("schedule", "list")
    assert (told["name"], told["every"], told["on_day"], told["at"], told["of"], told["formats"]) == (
        "<b>Monthly</b>", "month", 2, "07:30", "last-quarter", ["pdf", "xlsx"],
    )  # fmt: skip
    assert [(r["to"], r["name"], r["sees_as"]) for r in told["recipients"]] == [("user", "Bo Own", own), ("user", "Cai Team", team)]
    # the second of a month at 07:30 in Shanghai is the first at 23:30 in UTC
    assert re.fullmatch(r"\d{4}-\d{2}-01T23:30:00\+00:00", told["next_at"])
    assert datetime.now(UTC) < datetime.fromisoformat(told["next_at"]) <= datetime.now(UTC) + timedelta(days=32)
    with firm.program(firm.token("operations")) as program:
        assert program.get("/api/v1/schedules").json()["data"] == [told]
        shown = program.get(f"/api/v1/schedules/{told['schedule_id']}").json()
    assert shown == told | {"occasions": []}
    with firm.app.state.site.store.transaction(writes=False) as session:
        (line,) = [e for e in entries(session, limit=50) if e.kind == "schedule"]
    assert (line.action, line.user_name, line.details["recipients"]) == ("added", "Operations", [f"user:{own}", f"user:{team}"])


def test_one_is_run_switched_changed_deleted_and_brought_back_everywhere(firm: Company) -> None:
    made = firm.surfaces.ask("schedule", "refresh", "Nightly", "--at", "03:00")[0]
    own = made["schedule_id"]
    assert (made["what"], made["every"], made["recipients"]) == ("refresh", "day", [])
    with firm.browser("operations") as browser:
        token = browser.token(PATH)
        assert browser.post(f"{PATH}/{own}/switch", on="no", form_token=token).status_code == 303
        assert "switched off" in browser.get(PATH).text
        assert firm.surfaces.ask("schedule", "list")[0]["next_at"] is None
        assert firm.surfaces.ask("schedule", "on", "Nightly")[0]["is_on"]
        assert browser.post(f"{PATH}/{own}/run", form_token=token).status_code == 303
        (waiting,) = firm.surfaces.ask("schedule", "show", "Nightly")
        assert waiting["state"] == "waiting"
        assert browser.post(f"{PATH}/{own}/run", day="2999-01-01", form_token=token).status_code == 400
        gone = browser.post(f"{PATH}/{own}/delete", form_token=token)
        assert firm.surfaces.ask("schedule", "list") == []
        assert "Bring it back" in browser.get(gone.headers["location"]).text
        browser.post(f"{PATH}/{own}/restore", form_token=token)
    (back,) = firm.surfaces.ask("schedule", "list")
    assert (back["schedule_id"], back["is_on"]) == (own, False)
    with firm.program(firm.token("administrator")) as program:
        wanted = {"name": "Weekly", "what": "refresh", "every": "week", "on_day": 7}
        changed = program.post(f"/api/v1/schedules/{own}", json=wanted).json()
        assert (changed["name"], changed["every"], changed["on_day"], changed["schedule_id"]) == ("Weekly", "week", 7, own)
        assert program.post(f"/api/v1/schedules/{own}/switch", json={"on": True}).json()["is_on"]
        assert program.post(f"/api/v1/schedules/{own}/run", json={"day": "2026-01-05"}).status_code == 202
        assert next(o["day"] for o in program.get(f"/api/v1/schedules/{own}").json()["occasions"]) == "2026-01-05"
        assert program.post(f"/api/v1/schedules/{own}/delete").json() == {"schedule_id": own, "is_deleted": True}
        assert program.post(f"/api/v1/schedules/{own}/switch", json={"on": True}).status_code == 404
        assert program.post(f"/api/v1/schedules/{own}/restore").status_code == 200


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"users": []}, "Nobody would get the review"),
        ({"users": ["nobody@example.com"]}, "There is no user"),
        ({"users": ["administrator@example.com"]}, "may not have reports"),
        ({"users": ["own@example.com"], "every": "fortnight"}, "is not how often"),
        ({"users": ["own@example.com"], "every": "week", "on_day": 8}, "has no day 8"),
        ({"users": ["own@example.com"], "at": "25:00"}, "is no time of a day"),
        ({"users": ["own@example.com"], "formats": ["docx"]}, "can't be sent"),
        ({"users": ["own@example.com"], "of": "next-year"}, "can't be scheduled"),
        ({"channels": ["chat"]}, "There is no channel"),
        ({"what": "refresh", "users": ["own@example.com"]}, "sent to nobody"),
        ({"name": " ", "users": ["own@example.com"]}, "has no name"),
    ],
)
def test_what_can_t_be_scheduled_is_told_with_what_to_do(firm: Company, wanted: dict[str, object], words: str) -> None:
    with firm.program(firm.token("operations")) as program:
        answer = program.post("/api/v1/schedules", json={"name": "x"} | wanted)
        assert answer.status_code in {400, 404}, answer.text
        assert words in answer.json()["title"] + answer.json().get("detail", "")
        assert program.get("/api/v1/schedules").json()["data"] == []


def test_a_fault_of_the_form_is_told_on_the_page_in_chinese(firm: Company) -> None:
    with firm.browser("operations") as browser:
        token = browser.token(PATH)
        browser.client.cookies.set("keepwell_locale", "zh")
        told = browser.post(f"{PATH}/new", name="x", on_day="one", form_token=token)
        assert told.status_code == 400
        assert re.search(r'role="alert">[^<]*[\u4e00-\u9fff]', told.text)


def test_a_channel_s_address_is_sealed_and_never_told(firm: Company) -> None:
    with firm.browser("administrator") as browser:
        token = browser.token(PATH)
        assert browser.post(f"{PATH}/channels", name="Service", address=DINGTALK, language="zh", form_token=token).status_code == 303
        page = browser.get(PATH).text
        assert "DingTalk" in page
        for address, words in (
            ("https://example.com/abcdefgh12345678", "no address of a channel"),
            ("dingtalk://", "no address of a channel"),
            ("slack://abc", "incomplete"),
            ("json://10.0.0.1/abcdefgh12345678", "not among webhook_hosts"),
            ("workflows://127.0.0.2/a/abcdefgh12345678", "not on the open internet"),
            ("mailto://me:abcdefgh12345678@example.com", "no address of a channel"),
        ):
            told = browser.post(f"{PATH}/channels", name="x", address=address, form_token=token)
            assert told.status_code == 400, address
            assert words in told.text.replace("&#39;", "'"), address
            assert "abcdefgh" not in told.text
    (channel,) = firm.surfaces.ask("channel", "list")
    assert (channel["name"], channel["service"], channel["language"]) == ("Service", "dingtalk", "zh")
    with firm.program(firm.token("administrator")) as program:
        told = program.get("/api/v1/channels")
        assert told.json()["data"] == [channel]
        own = channel["channel_id"]
        assert program.post(f"/api/v1/channels/{own}/test").status_code == 202
        (message,) = program.get("/api/v1/messages").json()["data"]
        assert (message["about"], message["name"], message["state"]) == ("test", "Service", "waiting")
        assert program.post(f"/api/v1/messages/{message['message_id']}/again").status_code == 409
        assert program.post(f"/api/v1/channels/{own}/delete").json()["is_deleted"]
        assert program.get("/api/v1/channels").json()["data"] == []
        assert program.post(f"/api/v1/channels/{own}/restore").json() == channel
        assert program.post("/api/v1/channels", json={"name": "x", "address": DINGTALK}).status_code == 201
    texts = page + told.text + str(firm.surfaces.ask("schedule", "sent"))
    assert "abcdefgh" not in texts
    assert not any(b"abcdefgh" in f.read_bytes() for f in firm.surfaces.folder.glob("keepwell.db*"))
    with firm.app.state.site.store.transaction(writes=False) as session:
        assert not any("abcdefgh" in str(e) for e in entries(session, limit=100))


def test_who_may_not_keep_channels_may_not_add_one_and_a_chat_gets_what_its_maker_sees(firm: Company) -> None:
    firm.surfaces.ask("channel", "add", "Service", "--address", DINGTALK)
    with firm.browser("operations") as browser:
        assert "Add a channel" not in browser.get(PATH).text
        assert browser.post(f"{PATH}/channels", name="x", address=DINGTALK, form_token=browser.token(PATH)).status_code == 403
    with firm.program(firm.token("operations")) as program:
        assert program.post("/api/v1/channels", json={"name": "x", "address": DINGTALK}).status_code == 403
        made = program.post("/api/v1/schedules", json={"name": "chat", "channels": ["Service"], "sees_as": "executive@example.com"})
    assert made.json()["recipients"][0]["sees_as"] == user_id(firm, "operations")
    # an administrator sees no customers, so a chat gets nothing by one
    with firm.program(firm.token("administrator")) as program:
        assert "may not have reports" in program.post("/api/v1/schedules", json={"name": "chat", "channels": ["Service"]}).text
    with pytest.raises(KeepwellError, match="what some user sees"):
        firm.surfaces.ask("schedule", "review", "chat", "--channel", "Service")


def test_an_executive_schedules_reports_and_no_refresh(firm: Company) -> None:
    with firm.browser("executive") as browser:
        token = browser.token(PATH)
        told = browser.post(f"{PATH}/new", name="x", what="refresh", every="day", form_token=token)
        assert told.status_code == 400
        assert "may not refresh" in told.text
        assert browser.post(f"{PATH}/new", name="x", user=user_id(firm, "own"), formats="pdf", form_token=token).status_code == 303


def test_commands_answer_in_words_where_nothing_is_there(firm: Company) -> None:
    assert "Nothing is scheduled" in do(firm, "schedule", "list")
    assert "There are no channels" in do(firm, "channel", "list")
    assert "Nothing was sent" in do(firm, "schedule", "sent")
    do(firm, "schedule", "refresh", "Nightly")
    assert "every day, 03:00" in do(firm, "schedule", "list")
    assert "not been due" in do(firm, "schedule", "show", "Nightly")
    assert "keepwell schedule restore sched_" in do(firm, "schedule", "delete", "Nightly")


def test_without_a_mail_server_it_is_said_that_mails_wait(firm: Company) -> None:
    for command in (("schedule", "test-mail", "executive@example.com"), ("schedule", "review", "Board", "--to", "executive@example.com")):
        done = CliRunner().invoke(app, ["-w", str(firm.surfaces.folder), *command])
        assert (done.exit_code, "before `mail_host` is set" in done.stderr) == (0, True), command
    done = CliRunner().invoke(app, ["-w", str(firm.surfaces.folder), "schedule", "refresh", "Nightly"])
    assert "mail_host" not in done.stderr
