"""Alerts from a refresh to the inbox and the mail: told once, of the own rows, in the own language, when it is wanted."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from factories.postbox import Postbox, postbox
from factories.served import Company, with_people
from factories.surfaces import Surfaces
from factories.working import wait_until, working
from keepwell.access.users import set_look
from keepwell.core.settings import Locale
from keepwell.surfaces.cli.app import app

MONTHS = [f"{2025 + m // 12}-{m % 12 + 1:02d}" for m in range(5, 17)]  # 2025-06 to 2026-05
LAST, BEFORE = "2026-05-31", "2026-04-30"


class Firm:
    """A company whose revenue of the customers of E2 falls to a third in the last month; mails go to a server on this machine."""

    def __init__(self, company: Company, mails: Postbox) -> None:
        self.company, self.surfaces, self.mails = company, company.surfaces, mails

    def do(self, *command: str) -> str:
        done = CliRunner().invoke(app, ["-w", str(self.surfaces.folder), *command], catch_exceptions=False)
        assert done.exit_code == 0, done.stderr
        return done.stdout

    def add(self, who: str, *command: str) -> dict[str, Any]:
        (found,) = self.surfaces.ask("alert", "add", f"{who}@example.com", *command)
        return dict(found)

    def inbox(self, who: str) -> list[dict[str, Any]]:
        return list(self.surfaces.ask("alert", "inbox", f"{who}@example.com"))

    def look(self, mails: int) -> None:
        """A worker looks at the published run and sends so many mails; a test mail after them shows that there are no more."""
        with working(self.surfaces.folder) as work, work.worker():
            work.jobs.count()  # makes their database, or waits for it
            wait_until(lambda: self._is_looked_at(work.runs()[-1].run_id))
            wait_until(lambda: len(self.mails.mails()) >= mails)
            self.do("schedule", "test-mail", "administrator@example.com")
            wait_until(lambda: len(self.mails.mails()) >= mails + 1)
        assert len(self.mails.mails()) == mails + 1
        for file in self.mails.folder.glob("*.eml"):
            file.unlink()

    def _is_looked_at(self, run_id: str) -> bool:
        with closing(sqlite3.connect(self.surfaces.folder / "jobs.db")) as jobs:
            found = jobs.execute("select status from workflow_status where workflow_uuid = ?", (f"alerts-{run_id}",)).fetchone()
        return found is not None and found[0] == "SUCCESS"


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[Firm]:
    with postbox(tmp_path / "mails") as mails:
        surfaces = Surfaces.made(tmp_path, **mails.settings, pages_url="https://keepwell.example.com")
        pick = random.Random(7)  # seeded examples
        customers = [{"customer_id": f"C{i}", "kind": "person", "owner_id": "E1" if i < 20 else "E2"} for i in range(120)]
        surfaces.bring("employees", [{"employee_id": e, "name": e, "manager_id": None} for e in ("E1", "E2")])
        surfaces.bring("customers", customers)
        surfaces.bring(
            "orders",
            [
                {
                    "order_id": f"{month}-{c['customer_id']}", "customer_id": c["customer_id"], "ordered_at": f"{month}-{pick.randint(1, 28):02d} 12:00:00",
                    "status": "completed", "amount": round(pick.uniform(80, 120) * (0.3 if month == MONTHS[-1] and c["owner_id"] == "E2" else 1), 2),
                    "currency": "CNY",
                }
                for month in MONTHS for c in customers
            ],
        )  # fmt: skip
        company = with_people(surfaces)
        with company.app.state.site.store.transaction() as session:
            set_look(session, "executive@example.com", Locale.CHINESE)
        yield Firm(company, mails)


@pytest.mark.slow
def test_each_is_told_once_of_the_own_rows_and_in_the_own_language(firm: Firm) -> None:
    for who in ("operations", "executive", "own"):
        firm.add(who, "revenue", "--when", "worse")
    firm.add("operations", "revenue", "--when", "anomaly", "--no-mail")
    firm.add("operations", "orders", "--when", "change")
    firm.surfaces.ask("refresh", "--as-of", LAST)
    firm.look(mails=2)
    # the customers of E1 buy as before, and the number of orders is the same
    assert firm.inbox("own") == []
    told = {n["when"]: n for n in firm.inbox("operations")}
    assert set(told) == {"worse", "anomaly"}
    (now,) = firm.surfaces.readings("revenue", period="2026-05")
    (before,) = firm.surfaces.readings("revenue", period="2026-04")
    data = told["worse"]["data"]
    assert (data["value"], data["before"]) == pytest.approx((now["value"], before["value"]))
    assert told["worse"]["title"] == "Revenue got worse in 2026-05"
    assert f"{now['value']:,.2f}" in told["worse"]["text"]
    assert told["anomaly"]["title"] == "Revenue is unusually low in 2026-05"
    assert told["anomaly"]["data"]["low"] > now["value"]
    assert told["anomaly"]["sent_at"] is None
    assert firm.inbox("executive")[0]["title"] == "营业收入在 2026-05 转差"
    # the same run, or another of the same data, tells nothing again
    firm.look(mails=0)
    firm.surfaces.ask("refresh", "--as-of", LAST)
    firm.look(mails=0)
    assert len(firm.inbox("operations")) == 2


@pytest.mark.slow
def test_a_mail_says_what_the_inbox_says_and_leads_to_the_kpi(firm: Firm) -> None:
    firm.add("executive", "revenue")
    firm.surfaces.ask("refresh", "--as-of", LAST)
    with working(firm.surfaces.folder) as work, work.worker():
        wait_until(lambda: len(firm.mails.mails()) == 1)
    (mail,) = firm.mails.mails()
    (notice,) = firm.inbox("executive")
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert mail["Subject"] == notice["title"]
    assert notice["text"] in text
    assert "https://keepwell.example.com/kpi/revenue" in text


@pytest.mark.slow
def test_quiet_hours_and_the_delay_hold_the_mail_back_and_not_the_inbox(firm: Firm) -> None:
    local = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai"))
    quiet = f"{local - timedelta(hours=1):%H:%M}-{local + timedelta(hours=2):%H:%M}"
    firm.add("operations", "revenue", "--quiet", quiet)
    firm.add("executive", "revenue", "--when", "change", "--every-days", "30")
    firm.surfaces.ask("refresh", "--as-of", LAST)
    firm.look(mails=1)
    (waiting,) = [m for m in firm.surfaces.ask("schedule", "sent") if m["name"] == "Operations"]
    assert waiting["state"] == "waiting"
    due = datetime.fromisoformat(waiting["due_at"]).astimezone(ZoneInfo("Asia/Shanghai"))
    assert f"{due:%H:%M}" == quiet.partition("-")[2]
    assert len(firm.inbox("operations")) == 1
    # it recovers in June, which is a change too: within the delay it lies in the inbox alone
    firm.surfaces.bring(
        "orders",
        [
            {"order_id": f"june-{i}", "customer_id": f"C{i}", "ordered_at": f"2026-06-{i % 28 + 1:02d} 12:00:00", "status": "completed", "amount": 100 + i % 7,
             "currency": "CNY"}
            for i in range(120)
        ],
    )  # fmt: skip
    firm.surfaces.ask("refresh", "--as-of", "2026-06-30")
    firm.look(mails=0)
    newest, first = firm.inbox("executive")
    assert [(n["period"], n["sent_at"] is not None) for n in (newest, first)] == [("2026-06", False), ("2026-05", True)]


@pytest.mark.slow
def test_a_target_at_risk_is_told_and_again_when_it_gets_worse(firm: Firm) -> None:
    firm.surfaces.ask("refresh", "--as-of", BEFORE)
    firm.surfaces.ask("target", "set", "revenue", "12500", "--by", "2026-05")
    firm.add("operations", "revenue", "--when", "target")
    firm.surfaces.ask("refresh", "--as-of", LAST)
    firm.look(mails=1)
    (notice,) = firm.inbox("operations")
    assert (notice["data"]["state"], notice["data"]["aim"], notice["title"]) == ("missed", 12500.0, "A target for Revenue was missed")


def test_the_inbox_is_the_same_everywhere_and_read_where_it_is_read(firm: Firm) -> None:
    made = firm.add("operations", "revenue", "--when", "target", "--quiet", "22:00-07:00", "--every-days", "7")
    with firm.company.browser("operations") as browser:
        token = browser.token("/inbox")
        page = browser.get("/inbox").text
        assert "Nothing to tell yet" in page
        assert all(words in page for words in ("at risk, off track or missed", "quiet 22:00–07:00", "at most every 7 days"))
        told = browser.post("/inbox/alerts", kpi="nps", when="anomaly", mail="yes", every_days="0", form_token=token)
        assert told.status_code == 303
        for form, words in (
            ({"kpi": "nps", "when": "anomaly"}, "is told of that already"),
            ({"kpi": "no_kpi", "when": "worse"}, "There is no KPI"),
            ({"kpi": "nps", "when": "sometimes"}, "nothing to be told of"),
            ({"kpi": "nps", "when": "worse", "every_days": "often"}, "no number of days"),
            ({"kpi": "nps", "when": "worse", "every_days": "400"}, "be waited for"),
        ):
            answer = browser.post("/inbox/alerts", form_token=token, **form)
            assert answer.status_code in {400, 404}, form
            assert words in answer.text.replace("&#39;", "'"), form
        gone = browser.post(f"/inbox/alerts/{made['alert_id']}/delete", form_token=token)
        assert "Bring it back" in browser.get(gone.headers["location"]).text
        assert [a["kpi"] for a in firm.surfaces.ask("alert", "list", "operations@example.com")] == ["nps"]
        browser.post(f"/inbox/alerts/{made['alert_id']}/restore", form_token=token)
        assert "/inbox?kpi=revenue#add" in browser.get("/kpi/revenue").text
    with firm.company.program(firm.company.token("operations")) as program:
        found = program.get("/api/v1/alerts").json()["data"]
        assert found == firm.surfaces.ask("alert", "list", "operations@example.com")
        assert {a["kpi"] for a in found} == {"nps", "revenue"}
    # another person knows nothing of them
    with firm.company.program(firm.company.token("analyst")) as program:
        assert program.get("/api/v1/alerts").json()["data"] == []
        assert program.post(f"/api/v1/alerts/{made['alert_id']}/delete").status_code == 404
        assert program.post("/api/v1/alerts", json={"kpi": "nps", "channel_id": "chn_none"}).status_code == 400
        assert program.post("/api/v1/alerts", json={"kpi": "nps", "when": "anomaly"}).status_code == 201
        assert program.get("/api/v1/notices").json() == {"data": [], "total": 0, "next_cursor": None}


@pytest.mark.slow
def test_notices_are_marked_as_read_and_not(firm: Firm) -> None:
    firm.add("operations", "revenue", "--no-mail")
    firm.add("operations", "revenue", "--no-mail", "--when", "anomaly")
    firm.surfaces.ask("refresh", "--as-of", LAST)
    firm.look(mails=0)
    with firm.company.browser("operations") as browser, firm.company.program(firm.company.token("operations")) as program:
        token, one = browser.token("/inbox"), program.get("/api/v1/notices").json()["data"][0]["notice_id"]
        assert '2<span class="visually-hidden"> not read' in browser.get("/").text
        browser.post("/inbox/read", notice=one, is_read="yes", form_token=token)
        assert [n["read_at"] is not None for n in firm.inbox("operations")] == [True, False]
        assert program.post("/api/v1/notices/read", json={}).json() == {"unread": 0}
        browser.post("/inbox/read", notice=one, is_read="no", form_token=token)
        assert program.post("/api/v1/notices/read", json={"notice_ids": []}).json() == {"unread": 1}
        page = browser.get("/inbox").text
        assert page.index("Revenue is unusually low") != page.index("Revenue got worse")
    # nobody reads another's
    with firm.company.program(firm.company.token("analyst")) as program:
        program.post("/api/v1/notices/read", json={"notice_ids": [one]})
    assert firm.inbox("operations")[0]["read_at"] is None
