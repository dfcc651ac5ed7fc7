"""A workspace asked at every surface: the command line, Python and the API at once, and the page after a refresh."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from starlette.testclient import TestClient

from factories.markup import Element, read, rows_of
from factories.served import PASSWORD, Company
from factories.shown import says
from factories.surfaces import Surfaces
from factories.told import alike, same
from keepwell.access.audit import Actor
from keepwell.access.roles import Rows
from keepwell.access.users import NewUser, add_user
from keepwell.core.clock import SystemClock
from keepwell.core.errors import KeepwellError
from keepwell.core.workspace import open_workspace
from keepwell.store.db import store_of
from keepwell.surfaces.web.app import create_app

WHO, LIVE = "operations", "live"
API = "/api/v1"
TERMINAL, PAGE = "terminal and API", "page and API of a run"
LANGUAGES = {"en": ("no data", "too few"), "zh": ("暂无数据", "样本不足")}
OF_A_RUN = {"run_id", "coverage", "fresh_until"}


@dataclass
class Everywhere(Surfaces):
    """The same workspace; every reading is asked of each surface, and one answer comes back. With ``pages``, of a published run too."""

    pages: bool = False
    read_on_pages: int = field(default=0, init=False)
    _published: tuple[str, int] | None = field(default=None, init=False)

    @cached_property
    def company(self) -> Company:
        """The workspace served, with somebody who may do all that data need."""
        place = open_workspace(self.folder)
        with store_of(place) as store, store.transaction() as session:
            add_user(
                session,
                datetime(2026, 6, 1, tzinfo=UTC),
                Actor(None, "test"),
                NewUser(f"{WHO}@example.com", "Ops", [WHO], PASSWORD, Rows.ALL),
            )
        return Company(self, create_app(place, SystemClock()))

    @cached_property
    def token(self) -> str:
        return self.company.token(WHO)

    @contextmanager
    def api(self) -> Iterator[TestClient]:
        """A program that calls the API."""
        with self.company.program(self.token) as program:
            yield program

    def readings(self, *names: str, **question: Any) -> list[dict[str, Any]]:
        told = super().readings(*names, **question)
        if "as_of" not in question:
            self._same_in_the_api(told, names, {"run": LIVE} | question)
        if self.pages and set(question) <= {"period", "by", "as_of"} and self._has_pages(names, question.get("by")):
            self._same_on_the_page(told, question)
        return told

    def refused(self, *names: str, **question: Any) -> KeepwellError:
        error = super().refused(*names, **question)
        with self.api() as program:
            answer = program.get(f"{API}/readings", params={"kpi": list(names), "run": LIVE} | question)
        assert answer.status_code in {400, 404, 409}, answer.text
        assert (answer.json()["detail"], answer.json()["hint"]) == (error.message, error.hint)
        return error

    def pushed(self, entity: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """What the API answers to rows that are pushed."""
        with self.api() as program:
            answer = program.post(f"{API}/entities/{entity}", json=rows)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def published(self, as_of: str | None = None) -> None:
        """A run of what is there now, as of that day; none where there is one already."""
        known = (as_of or "", len(self.python.lake.changes()))
        if self._published != known:
            self.ask("refresh", *(["--as-of", as_of] if as_of else []))
            self._published = known

    def page(self, address: str, locale: str = "en") -> Element:
        """What stands on a page, in that language."""
        with self.company.browser(WHO) as browser:
            browser.post("/look", locale=locale, next="/", form_token=browser.token())
            answer = browser.get(address)
        assert answer.status_code == 200, (address, answer.text[:2_000])
        return read(answer.text).one("main")

    def behind(self, name: str, period: str) -> dict[str, list[dict[str, str]]]:
        """Part -> the rows behind a reading, as the page shows them; the API has as many."""
        page = self.page(f"/kpi/{name}/rows?period={period}")
        self.read_on_pages += 1
        found = {t["data-table"].removeprefix("rows-"): rows_of(t) for t in page.all("table")}
        with self.api() as program:
            told = {p["part"]: p["rows"] for p in program.get(f"{API}/rows/{name}", params={"period": period}).json() if p["total"]}
        assert {p: len(r) for p, r in found.items()} == {p: len(r) for p, r in told.items()}
        return found

    def _same_in_the_api(self, told: list[dict[str, Any]], names: tuple[str, ...], question: dict[str, Any]) -> None:
        found: list[dict[str, Any]] = []
        with self.api() as program:
            cursor: str | None = None
            while cursor is not None or not found:
                answer = program.get(f"{API}/readings", params={"kpi": list(names), **question, **({"cursor": cursor} if cursor else {})})
                assert answer.status_code == 200, answer.text
                found += answer.json()["data"]
                cursor = answer.json()["next_cursor"]
                if cursor is None:
                    break
        same(found, told)

    def _has_pages(self, names: tuple[str, ...], by: str | None) -> bool:
        """Whether the page breaks these down so: by dimensions that their definitions name."""
        known = self.python.kpis
        return by is None or all(by in known[n].dimensions for n in names)

    def _same_on_the_page(self, told: list[dict[str, Any]], question: dict[str, Any]) -> None:
        """Each reading of a month as the page shows it in both languages, and as the API tells it of the run."""
        self.published(question.get("as_of"))
        by = question.get("by")
        with self.api() as program:
            for name, period in dict.fromkeys((r["kpi"], r["period"]) for r in told if r["grain"] == "month"):
                asked = {"kpi": name, "period": period, **({"by": by} if by else {})}
                found = program.get(f"{API}/readings", params=asked).json()["data"]
                mine = [r for r in told if (r["kpi"], r["period"]) == (name, period)]
                for one, other in zip(found, mine, strict=True):
                    same({n: v for n, v in one.items() if n not in OF_A_RUN}, {n: v for n, v in other.items() if n not in OF_A_RUN})
                for locale in LANGUAGES:
                    _broken_down(self.page(f"/kpi/{name}/by/{by}?period={period}", locale), by, mine) if by else _whole(
                        self.page(f"/kpi/{name}?period={period}", locale), mine[0], locale
                    )
                self.read_on_pages += 1


def _whole(page: Element, told: dict[str, Any], locale: str) -> None:
    """The head of a KPI's page: its value in words, never 0 where there is none."""
    nothing, too_few = LANGUAGES[locale]
    text = page.one(attribute="data-shown").text
    if told["value"] is None:
        assert text.startswith(nothing), text
        assert not any(c.isdigit() for c in text), text
    else:
        assert says(text, told["value"]), (text, told["value"])
        assert (too_few in text) is (told["status"] == "too_few"), (text, told["status"])
    heads = page.all("section", "data-kpi")
    assert heads or told["value"] is None
    for head in heads:
        for name in ("value", "n", "missing", "status"):
            assert alike(head[f"data-{name}"], told[name]), (name, head.attributes, told)


def _broken_down(page: Element, by: str, told: list[dict[str, Any]]) -> None:
    """The table of a break-down: an empty cell where there is no value."""
    shown = {r[by]: r for r in rows_of(page.one("table", "data-table"))}
    assert set(shown) == {r["member"] for r in told}
    for one in told:
        for name in ("value", "n", "status"):
            assert alike(shown[one["member"]][name], one[name]), (name, shown[one["member"]], one)
