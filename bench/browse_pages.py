"""Let 20 people browse the pages of a workspace with a million customers, and time each page, the search and the server's memory.

    make bench-pages                      # 1 M customers, about 4 M orders
    python bench/browse_pages.py 100000   # another number of customers

`keepwell serve` is a process of its own, the people are another, on the loopback. Each signs in, then clicks from page to page with one to three
seconds between clicks, and loads the parts that a page asks for as a browser does. Each page is visited once before, and that first visit is
told apart. Aims: 95 of 100 answers under 300 ms for every page, under 150 ms for the search, the server under 1 GB.
"""

import asyncio
import json
import random
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import date
from threading import Event, Thread
from urllib.parse import urlencode

import httpx
import psutil

from keepwell.access.audit import Actor
from keepwell.access.users import NewUser, add_user, users
from keepwell.core.clock import SystemClock
from keepwell.core.workspace import Workspace, open_workspace
from keepwell.lake import runs
from keepwell.lake.lake import Lake
from keepwell.store.db import store_of
from keepwell.surfaces.worker.refresh import refresh
from read_kpis import workspace_of

CUSTOMERS, PEOPLE, SECONDS = 1_000_000, 20, 120
AS_OF, PERIOD = date(2026, 10, 31), "2026-10"
PASSWORD = "correct horse battery"  # noqa: S105 - of made-up people on this machine
MOST_OF_PAGE, MOST_OF_SEARCH, MOST_MEMORY_GB = 0.3, 0.15, 1.0
SEARCH = "search as one types"
PART = re.compile(r'hx-get="([^"]+)" hx-trigger="load')
ROLES = ("operations", "analyst")
MODELS = ("clv", "rfm", "clusters", "churn")
KPIS = ("revenue", "orders", "active_customers", "average_order_value", "repeat_purchase_rate")


def served_workspace(customers: int) -> Workspace:
    """The workspace of the orders, computed once, with somebody for each role that browses."""
    place = open_workspace(workspace_of(customers))
    if runs.published_or_none(Lake(place.lake_folder)) is None:
        print("computing everything once …", flush=True)
        refresh(place, Lake(place.lake_folder), SystemClock(), as_of=AS_OF)
    with store_of(place) as store, store.transaction() as session:
        if not users(session):
            for role in ("administrator", *ROLES):
                add_user(session, SystemClock().now(), Actor(None, "bench"), NewUser(f"{role}@example.com", role, [role], PASSWORD))
    return place


@contextmanager
def serving(place: Workspace, port: int) -> Iterator[psutil.Process]:
    """The web server alone: work that is long is not its own."""
    command = [sys.executable, "-m", "keepwell.surfaces.cli", "-w", str(place.folder), "serve", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                httpx.get(f"http://127.0.0.1:{port}/sign-in", timeout=5)
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(30)


class Peak(Thread):
    """The most memory that a process held while this ran."""

    def __init__(self, process: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.gb, self._process, self._ended = 0.0, process, Event()

    def run(self) -> None:
        while not self._ended.wait(0.1):
            self.gb = max(self.gb, self._process.memory_info().rss / 1e9)

    def end(self) -> float:
        self._ended.set()
        self.join()
        return self.gb


class Person:
    """Somebody who browses; each answer is noted by the kind of page."""

    def __init__(self, client: httpx.AsyncClient, seed: int, ids: list[str], took: dict[str, list[float]]) -> None:
        self._client, self._pick, self._ids, self._took = client, random.Random(seed), ids, took  # noqa: S311 - seeded

    async def sign_in(self, email: str) -> None:
        """Once a role: many who sign in at one moment from one place would be taken for somebody who guesses."""
        page = await self._client.get("/sign-in")
        token = re.search(r'name="form_token" value="(\w+)"', page.text)
        form = {"email": email, "password": PASSWORD, "form_token": token.group(1) if token else ""}
        answer = await self._client.post("/sign-in", data=form)
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise SystemExit(f"{email} can't sign in: {answer.status_code}")

    @property
    def cookies(self) -> httpx.Cookies:
        return self._client.cookies

    def clicks(self) -> dict[str, str]:
        """Every kind of page with an address of it."""
        pick, kpi, customer = self._pick, self._pick.choice(KPIS), self._pick.choice(self._ids)
        filters = {"tier": pick.choice("ABC"), "sort": pick.choice(("clv", "-net_amount", "churn_probability", "last_order_on"))}
        rule = {
            "match": "all",
            "g0": "all",
            "c0.group": "0",
            "c0.field": "clv",
            "c0.ask": "at_least",
            "c0.value": str(pick.randint(10, 900)),
        }
        return {
            "overview": "/",
            "scorecard": f"/scorecard?period={PERIOD}",
            "kpi": f"/kpi/{kpi}?period={PERIOD}",
            "customers": "/customers",
            "customers, filtered": f"/customers?{urlencode(filters)}",
            "customer": f"/customers/{customer}",
            "segments": "/segments",
            "segment builder": f"/segments/build?{urlencode(rule)}",
            "retention": "/retention",
            "predictions": "/predictions",
            "model": f"/predictions/{pick.choice(MODELS)}",
            SEARCH: f"/search/suggestions?q={customer[: pick.randint(2, 7)]}",
        }

    async def click(self, kind: str, address: str) -> None:
        """Load a page, and what it asks for itself."""
        text = await self._timed(kind, address)
        for part in PART.findall(text):
            await self._timed(f"{kind}: {_kind(part)}", part.replace("&amp;", "&"), {"HX-Request": "true"})

    async def browse(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await asyncio.sleep(self._pick.uniform(1, 3))
            kind, address = self._pick.choice(list(self.clicks().items()))
            await self.click(kind, address)

    async def _timed(self, kind: str, address: str, headers: dict[str, str] | None = None) -> str:
        began = time.perf_counter()
        answer = await self._client.get(address, headers=headers)
        self._took[kind].append(time.perf_counter() - began)
        if answer.status_code >= httpx.codes.BAD_REQUEST:
            raise SystemExit(f"{address}: {answer.status_code}")
        return answer.text


def _kind(path: str) -> str:
    return path.partition("?")[0].strip("/").split("/")[-1]


@asynccontextmanager
async def people(port: int, ids: list[str], took: dict[str, list[float]]) -> AsyncIterator[list[Person]]:
    """Twenty browsers; the sessions are those of two."""
    async with AsyncExitStack() as opened:
        found: list[Person] = []
        for seed in range(PEOPLE):
            client = await opened.enter_async_context(httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120))
            somebody = Person(client, seed, ids, took)
            if seed < len(ROLES):
                await somebody.sign_in(f"{ROLES[seed]}@example.com")
            else:
                client.cookies = found[seed % len(ROLES)].cookies
            found.append(somebody)
        yield found


async def browsed(port: int, ids: list[str], seconds: float) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """What the first visits took, and those of all people at once."""
    first: dict[str, list[float]] = defaultdict(list)
    took: dict[str, list[float]] = defaultdict(list)
    async with people(port, ids, first) as (one, *_):
        for kind, address in one.clicks().items():
            await one.click(kind, address)
        for kpi in KPIS:
            await one.click("kpi", f"/kpi/{kpi}?period={PERIOD}")
        for model in MODELS:
            await one.click("model", f"/predictions/{model}")
    async with people(port, ids, took) as everybody:
        await asyncio.gather(*(somebody.browse(seconds) for somebody in everybody))
    return first, took


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def report(first: dict[str, list[float]], took: dict[str, list[float]], gb: float) -> bool:
    """Print what was seen; whether each aim is met."""
    print(f"{'':34} {'visits':>6} {'median':>8} {'p95':>8} {'first':>8}")
    is_met = gb < MOST_MEMORY_GB
    for kind in sorted(took):
        values, most = took[kind], MOST_OF_SEARCH if kind == SEARCH else MOST_OF_PAGE
        p95 = quantile(values, 0.95)
        is_met &= p95 < most
        told = f"{quantile(values, 0.5):8.3f} {p95:8.3f} {max(first.get(kind, [0.0])):8.3f}"
        print(f"{kind:34} {len(values):6} {told}{'' if p95 < most else f'  above {most}'}")
    print(f"peak memory of the server {gb:.2f} GB (aim under {MOST_MEMORY_GB})")
    return is_met


def main(customers: int, seconds: float) -> int:
    place = served_workspace(customers)
    lake = Lake(place.lake_folder)
    with lake.engine(lake.folder / ".spill") as engine:
        lake.snapshot().register(engine, "orders")
        ids = [
            str(r[0])
            for r in engine.rows(
                "select customer_id from orders where customer_id is not null group by 1 order by hash(customer_id) limit 500"
            )
        ]
    port = 8391
    with serving(place, port) as server:
        peak = Peak(server)
        peak.start()
        first, took = asyncio.run(browsed(port, ids, seconds))
        is_met = report(first, took, peak.end())
    print(json.dumps({k: {"n": len(v), "p50": round(quantile(v, 0.5), 4), "p95": round(quantile(v, 0.95), 4)} for k, v in took.items()}))
    return 0 if is_met else 1


if __name__ == "__main__":
    asked = [int(a) for a in sys.argv[1:]]
    sys.exit(main(*(asked or [CUSTOMERS]), *([] if len(asked) > 1 else [SECONDS])))
