"""Reports by the calendar: a real worker, a real mail server in another process, and each recipient has one mail, whatever dies meanwhile."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner

from factories.postbox import PASSWORD, USER, Postbox, postbox
from factories.receiver import certificate_for, receiver
from factories.served import AS_OF, Company
from factories.surfaces import Surfaces
from factories.working import Working, wait_until, working_copy
from keepwell.access.audit import Actor
from keepwell.access.roles import Rows
from keepwell.access.scope import Scope
from keepwell.access.users import set_look
from keepwell.core.settings import FILE_NAME, Locale, MailSecurity, Settings
from keepwell.lake import runs
from keepwell.performance.schedules import services
from keepwell.performance.schedules.schedule import NewSchedule, Recipient, To, What
from keepwell.performance.schedules.timing import Every, Timing
from keepwell.store.db import store_of
from keepwell.surfaces.cli.app import app
from keepwell.surfaces.delivery.smtp import send_mail

pytestmark = pytest.mark.slow
PEOPLE = ("operations", "own", "executive", "analyst")
FIRST = "2026-07-01"  # the day of the review: June is over, and the last month of the data
OVER = {"delivered", "unconfirmed", "refused", "given_up", "stopped"}


class Office:
    """A workspace whose mails go to a mail server on this machine, and what is asked of it on the command line."""

    def __init__(self, work: Working, mails: Postbox) -> None:
        self.work, self.mails = work, mails
        self.surfaces = Surfaces(work.folder)
        self.set(**mails.settings)

    def set(self, **values: Any) -> None:
        """Change settings of the workspace."""
        file = self.work.folder / FILE_NAME
        text = file.read_text(encoding="utf-8")
        for name, value in values.items():
            told = value if isinstance(value, int) else f'"{value}"'
            text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {told}", text)
        file.write_text(text, encoding="utf-8")

    def do(self, *command: str) -> str:
        """A command that answers in words."""
        done = CliRunner().invoke(app, ["-w", str(self.work.folder), *command], catch_exceptions=False)
        assert done.exit_code == 0, done.stderr
        return done.stdout.strip()

    def schedule(self, *people: str, files: tuple[str, ...] = ("xlsx",), more: tuple[str, ...] = ()) -> None:
        """A review every month for these people, and an occasion of it now."""
        to = [w for p in people for w in ("--to", f"{p}@example.com")]
        self.surfaces.ask("schedule", "review", "monthly", *to, *(w for f in files for w in ("--file", f)), *more)
        self.do("schedule", "run", "monthly", "--on-day", FIRST)

    def sent(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.surfaces.ask("schedule", "sent")
        return found

    def states(self) -> dict[str, str]:
        """Where the message to each is."""
        return {m["name"]: m["state"] for m in self.sent()}

    def all_over(self, number: int) -> dict[str, str]:
        """The states, once there are so many messages and all are over."""
        wait_until(lambda: len(s := self.sent()) >= number and all(m["state"] in OVER for m in s))
        return self.states()

    def mail_to(self, who: str) -> EmailMessage:
        (found,) = (m for m in self.mails.mails() if m["To"].addresses[0].addr_spec == f"{who}@example.com")
        return found


@pytest.fixture
def office(company: Company, tmp_path: Path) -> Iterator[Office]:
    with ExitStack() as stack:
        work = stack.enter_context(working_copy(company.surfaces.folder, tmp_path / "workspace"))
        yield Office(work, stack.enter_context(postbox(tmp_path / "mails")))


def addresses(*people: str) -> dict[str, int]:
    return {f"{p}@example.com": 1 for p in people}


def test_each_gets_the_review_of_the_own_rows_in_the_own_language(office: Office) -> None:
    with store_of(office.work.place) as store, store.transaction() as session:
        set_look(session, "executive@example.com", Locale.CHINESE)
    office.schedule("operations", "own", "executive", files=("pdf", "pptx", "xlsx"))
    with office.work.worker():
        assert set(office.all_over(3).values()) == {"delivered"}
    assert office.mails.count() == addresses("operations", "own", "executive")
    whole, part, chinese = (office.mail_to(p) for p in ("operations", "own", "executive"))
    assert [a.get_filename() for a in whole.iter_attachments()] == [f"review-2026-06-en.{k}" for k in ("pdf", "pptx", "xlsx")]
    assert [a.get_filename() for a in chinese.iter_attachments()] == [f"review-2026-06-zh.{k}" for k in ("pdf", "pptx", "xlsx")]
    body = chinese.get_body(("html",))
    assert body is not None
    assert 'lang="zh"' in body.get_content()
    # each number is that of the person's rows, asked for in another way
    seen = {"operations": Scope(Rows.ALL), "own": Scope(Rows.OWN, "E1")}
    expected = {who: _revenue(office, scope) for who, scope in seen.items()}
    assert expected["own"] < expected["operations"]
    assert {"operations": _told_revenue(whole), "own": _told_revenue(part)} == pytest.approx(expected)
    # and what stands in the mail itself is the same
    for mail, amount in ((whole, expected["operations"]), (part, expected["own"])):
        text = mail.get_body(("plain",))
        assert text is not None
        assert f"{amount:,.0f}"[:4] in text.get_content()


def _revenue(office: Office, scope: Scope) -> float:
    workspace = office.surfaces.python
    published = runs.published_or_none(workspace.lake)
    assert published is not None
    known = workspace.at(published).seen_by(scope)
    (reading,) = known.kpi("revenue", period="2026-06")
    assert reading.value is not None
    return float(reading.value)


def _told_revenue(mail: EmailMessage) -> float:
    """The revenue of the period in the workbook of a mail."""
    (file,) = (a.get_content() for a in mail.iter_attachments() if str(a.get_filename()).endswith(".xlsx"))
    book = openpyxl.load_workbook(BytesIO(file))
    found = [row for sheet in book for row in sheet.iter_rows(values_only=True) if row and row[0] == "Revenue"]
    return next(float(v) for row in found for v in row if isinstance(v, int | float) and not isinstance(v, bool))


def _is_written(office: Office) -> bool:
    return any((office.work.folder / "outgoing").glob("*/.*"))


def _is_handed_over(office: Office) -> bool:
    return "handed_over" in office.states().values()


def _has_come(office: Office) -> bool:
    return bool(office.mails.mails())


def _is_between(office: Office) -> bool:
    return "delivered" in office.states().values()


@pytest.mark.parametrize("moment", [_is_written, _is_handed_over, _has_come, _is_between])
def test_a_worker_that_is_killed_meanwhile_leaves_each_recipient_with_one_mail(office: Office, moment: Callable[[Office], bool]) -> None:
    if moment in {_is_handed_over, _has_come}:
        # the server keeps the mail and takes its time to say so
        office.mails.answer(seconds=4.0)
    office.schedule(*PEOPLE)
    office.work.killed_when(lambda: moment(office))
    office.mails.answer()
    with office.work.worker():
        states = office.all_over(len(PEOPLE))
    assert office.mails.count() == addresses(*PEOPLE)
    # of one whose answer nobody heard nothing is claimed
    unheard = [name for name, state in states.items() if state == "unconfirmed"]
    assert set(states.values()) <= {"delivered", "unconfirmed"}
    assert bool(unheard) == (moment in {_is_handed_over, _has_come})
    assert len({m["Message-ID"] for m in office.mails.mails()}) == len(PEOPLE)
    # another worker finds nothing to do
    with office.work.worker():
        office.do("schedule", "test-mail", "operations@example.com")
        wait_until(lambda: sum(office.mails.count().values()) == len(PEOPLE) + 1)
    assert office.mails.count() == addresses(*PEOPLE) | {"operations@example.com": 2}


def test_what_was_not_confirmed_is_sent_again_only_when_a_person_asks(office: Office) -> None:
    office.mails.answer(hangs_up=True)
    office.schedule("operations")
    with office.work.worker():
        assert office.all_over(1) == {"Operations": "unconfirmed"}
        assert office.mails.count() == addresses("operations")
        office.mails.answer()
        (message,) = office.sent()
        assert message["may_be_sent_again"]
        (again,) = office.surfaces.ask("schedule", "again", message["message_id"])
        assert again["state"] == "waiting"
        assert office.all_over(1) == {"Operations": "delivered"}
    first, second = office.mails.mails()
    # a mail program can tell that it is the same one
    assert first["Message-ID"] == second["Message-ID"]


def test_a_server_that_refuses_for_now_is_asked_again_and_one_that_refuses_for_good_is_not(office: Office) -> None:
    office.mails.answer(to="operations@example.com", data="451 greylisted, come again")
    office.mails.answer(to="own@example.com", rcpt="550 no such person")
    office.schedule("operations", "own", "executive")
    with office.work.worker():
        wait_until(lambda: {m["name"]: (m["state"], m["tries"]) for m in office.sent()} == {
            "Operations": ("waiting", 1), "Bo Own": ("refused", 1), "Executive": ("delivered", 1),
        })  # fmt: skip
        told = {m["name"]: m["answer"] for m in office.sent()}
        assert told == {"Operations": "451 greylisted, come again", "Bo Own": "550 no such person", "Executive": "250 OK, kept"}
        assert office.mails.count() == addresses("executive")
        office.mails.answer(to="operations@example.com")
        # a minute later
        wait_until(lambda: office.states()["Operations"] == "delivered")
    assert office.mails.count() == addresses("executive", "operations")


def test_who_may_not_have_it_any_more_does_not_get_it(office: Office) -> None:
    office.surfaces.ask("schedule", "review", "monthly", "--to", "own@example.com", "--to", "operations@example.com")
    office.do("user", "disable", "own@example.com")
    office.do("schedule", "run", "monthly", "--on-day", FIRST)
    with office.work.worker():
        assert office.all_over(1) == {"Operations": "delivered"}
    assert office.mails.count() == addresses("operations")


def test_rights_that_change_between_making_and_sending_stop_the_mail(office: Office) -> None:
    office.mails.answer(data="451 later")
    office.schedule("team")
    with office.work.worker():
        wait_until(lambda: bool(office.sent()) and office.sent()[0]["tries"] == 1)
    office.mails.answer()
    office.do("user", "roles", "team@example.com", "--role", "account_manager", "--rows", "own")
    with office.work.worker():
        assert office.all_over(1) == {"Cai Team": "stopped"}
    assert not office.mails.count()


def test_what_was_due_while_nobody_was_at_work_is_made_up_once(office: Office) -> None:
    now = datetime.now(UTC)
    user = next(u for u in office.surfaces.ask("user", "list") if u["email"] == "operations@example.com")
    with store_of(office.work.place) as store, store.transaction() as session:
        to = (Recipient(To.USER, user["user_id"], user["user_id"]),)
        daily = NewSchedule("daily", What.REVIEW, Timing(Every.DAY, at="00:00"), to)
        # set ten days ago: ten occasions were missed
        services.add_schedule(session, now - timedelta(days=10), Actor(None, "Olga"), daily)
        services.add_schedule(
            session, now - timedelta(days=10), Actor(None, "Olga"), NewSchedule("nightly", What.REFRESH, Timing(Every.DAY))
        )
    with office.work.worker():
        wait_until(lambda: all(len(office.surfaces.ask("schedule", "show", n)) == 1 for n in ("daily", "nightly")))
        wait_until(lambda: office.surfaces.ask("schedule", "show", "daily")[0]["state"] != "waiting")
        (occasion,) = office.surfaces.ask("schedule", "show", "nightly")
        wait_until(lambda: office.surfaces.ask("schedule", "show", "nightly")[0]["job_id"] is not None)
        job = office.work.over(office.surfaces.ask("schedule", "show", "nightly")[0]["job_id"])
    assert (str(job.state), job.asked_by) == ("done", "schedule")
    assert occasion["day"] in {str(now.date()), str(now.date() + timedelta(days=1)), str(now.date() - timedelta(days=1))}
    # of last month there are no readings: it is told, and nothing is sent
    (told,) = office.surfaces.ask("schedule", "show", "daily")
    assert told["state"] == "failed"
    assert "There are no readings of" in told["error"]
    assert office.sent() == []
    assert date.fromisoformat(told["day"]) > AS_OF


def test_a_channel_gets_what_the_named_user_sees_and_its_key_stays_sealed(office: Office, tmp_path: Path) -> None:
    with receiver(tmp_path / "chat") as chat:
        office.set(webhook_hosts="127.0.0.1")
        address = f"json://127.0.0.1:{chat.port}/secret-of-the-channel?redirect=yes&retry=3"
        (added,) = office.surfaces.ask("channel", "add", "Service chat", "--address", address, "--language", "zh")
        assert "secret-of" not in str(added) + str(office.surfaces.ask("channel", "list"))
        assert b"secret-of" not in (office.work.folder / "keepwell.db").read_bytes()
        office.surfaces.ask("schedule", "review", "monthly", "--channel", "Service chat", "--as", "own@example.com")
        office.do("schedule", "run", "monthly", "--on-day", FIRST)
        with office.work.worker():
            assert office.all_over(1) == {"Service chat": "delivered"}
            (came,) = chat.came
            assert "回顾" in came["body"].encode().decode("unicode_escape", errors="ignore") or "\\u56de" in came["body"]
            # a refusal is tried again later; where nobody answered, nobody knows
            chat.answer(503)
            office.do("channel", "test", "Service chat")
            wait_until(lambda: {m["about"]: (m["state"], m["fault"]) for m in office.sent()}["test"] == ("waiting", "refused"))
            assert len(chat.came) == 2
    assert office.mails.count() == {}


@pytest.mark.parametrize("way", ["starttls", "tls"])
def test_the_way_to_the_server_is_protected_and_signed_in(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = certificate_for("localhost", tmp_path)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "keepwell@example.com", "张伟 <zhang@example.com>", "十月回顾"
    mail.set_content("报告\n.\n..two\n")
    with postbox(tmp_path / "mails", certificate, way) as mails:
        settings = Settings(**mails.settings | {"mail_security": MailSecurity(way), "mail_user": USER})
        known = {"KEEPWELL_MAIL_PASSWORD": PASSWORD}
        # a certificate that nobody vouches for is not taken
        refused = send_mail(settings, mail, lambda: True, known)
        assert refused is not None
        assert (str(refused.fault), mails.count()) == ("unreachable", {})
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        wrong = send_mail(settings, mail, lambda: True, {"KEEPWELL_MAIL_PASSWORD": "wrong"})
        assert wrong is not None
        assert (str(wrong.fault), mails.count()) == ("refused", {})
        sent = send_mail(settings, mail, lambda: True, known)
        assert sent is not None
        assert (sent.fault, sent.text) == (None, "250 OK, kept")
        # without the word, the server keeps nothing
        assert send_mail(settings, mail, lambda: False, known) is None
        (found,) = mails.mails()
    body = found.get_body(("plain",))
    assert body is not None
    assert (found["Subject"], body.get_content().replace("\r\n", "\n")) == ("十月回顾", "报告\n.\n..two\n")
