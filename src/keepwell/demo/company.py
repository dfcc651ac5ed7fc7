"""The company itself: regions, teams, employees, opening hours, currencies and quotas."""

import functools
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from keepwell.demo import words as w
from keepwell.demo.columns import NONE, Ints, joined, numbered, same, words
from keepwell.demo.sampling import between, chance, picks
from keepwell.demo.timeline import TIME_ZONE, Timeline

REGIONS = ("East", "North", "South", "West", "Europe", "America")
REGION_SHARES = (0.34, 0.19, 0.19, 0.13, 0.09, 0.06)
_REGION_ROWS = (
    *(("World", "全球", None), ("China", "中国", "World"), ("Overseas", "海外", "World")),
    *(("East", "华东", "China"), ("North", "华北", "China"), ("South", "华南", "China"), ("West", "西部", "China")),
    *(("Europe", "欧洲", "Overseas"), ("America", "美洲", "Overseas")),
)
_TEAM_ROWS = (
    *(("company", "林鹤家居 Linden & Crane", None), ("sales", "销售部 Sales", "company"), ("care", "客服中心 Customer care", "company")),
    *(("marketing", "市场部 Marketing", "company"), ("key-accounts", "大客户部 Key accounts", "sales")),
    *(("sales-china", "国内销售 Sales China", "sales"), ("sales-overseas", "海外销售 Sales overseas", "sales")),
    *(("care-online", "在线客服 Online care", "care"), ("care-phone", "电话客服 Phone care", "care")),
)
TEAMS = tuple(code for code, _, _ in _TEAM_ROWS)
_TEAM_SHARES = (0.0, 0.0, 0.0, 0.10, 0.18, 0.18, 0.09, 0.25, 0.20)
_ROLES = ("director", "head of sales", "head of care", "marketer", "account manager", "sales", "sales", "care agent", "care agent")
CARE_HOURS = (9, 21)
OFFICE_HOURS = (9, 18)
CURRENCIES = ("CNY", "USD", "EUR", "GBP")
_RATES = (1.0, 7.2, 7.8, 9.1)


@dataclass(frozen=True)
class Company:
    """Who works here, and what foreign money was worth."""

    team: Ints  # of each employee, a place in TEAMS
    region: Ints
    manager: Ints
    hired_on: Ints  # days before the first day, as negative numbers
    leaves_on: Ints
    rates: dict[str, Ints]  # currency -> ten-thousandths of a yuan on each day

    @functools.cached_property
    def care(self) -> Ints:
        """The employees who answer customers."""
        return self._staying("care-online", "care-phone")

    @functools.cached_property
    def account_managers(self) -> Ints:
        """The employees who answer for customers."""
        return self._staying("key-accounts")

    @functools.cached_property
    def sellers(self) -> Ints:
        """The employees who sell."""
        return self._staying("sales-china", "sales-overseas")

    def _staying(self, *teams: str) -> Ints:
        # Nobody serves a customer after leaving.
        return np.flatnonzero(np.isin(self.team, [TEAMS.index(team) for team in teams]) & (self.leaves_on < 0))


def draw_company(rng: np.random.Generator, timeline: Timeline, customers: int) -> Company:
    """A company whose staff grows with its customers."""
    size = max(30, customers // 120)
    heads = np.arange(len(TEAMS))  # the first employee of each team leads it
    team = np.concatenate([heads, picks(rng, _TEAM_SHARES, size - len(heads))])
    parents = np.array([NONE if parent is None else TEAMS.index(parent) for _, _, parent in _TEAM_ROWS])
    is_head = np.arange(size) < len(heads)
    leaves = between(rng, timeline.days // 3, timeline.days, size)
    return Company(
        team=team,
        region=picks(rng, REGION_SHARES, size),
        manager=np.where(is_head, parents[team], team),
        hired_on=-between(rng, 10, 2500, size),
        leaves_on=np.where(~is_head & chance(rng, 0.06, size), leaves, NONE),
        rates={code: _walk(rng, timeline, rate) for code, rate in zip(CURRENCIES, _RATES, strict=True)},
    )


def _walk(rng: np.random.Generator, timeline: Timeline, start: float) -> Ints:
    steps = rng.normal(0, 0.002 if start > 1 else 0, timeline.days)
    return np.round(start * np.exp(np.cumsum(steps)) * 10_000).astype(np.int64)


def regions_table() -> pa.Table:
    """The canonical ``regions``."""
    region, name, parent = zip(*_REGION_ROWS, strict=True)
    return pa.table({"region": region, "name": name, "parent": parent})


def teams_table() -> pa.Table:
    """The canonical ``teams``."""
    team, name, parent = zip(*_TEAM_ROWS, strict=True)
    return pa.table({"team": team, "name": name, "parent": parent})


def employees_table(rng: np.random.Generator, timeline: Timeline, company: Company) -> pa.Table:
    """The canonical ``employees``."""
    size = len(company.team)
    surname, given = picks(rng, (1,) * len(w.SURNAMES), size), picks(rng, (1,) * len(w.GIVEN_NAMES), size)
    numbers = np.arange(size)
    handle = joined(words([p for _, p in w.GIVEN_NAMES], given), ".", words([p for _, p in w.SURNAMES], surname))
    return pa.table(
        {
            "employee_id": numbered("E", numbers, 4),
            "name": joined(words([c for c, _ in w.SURNAMES], surname), words([c for c, _ in w.GIVEN_NAMES], given)),
            "email": joined(handle, numbered("", numbers, 1), "@lindencrane.example"),
            "team": words(TEAMS, company.team),
            "role": words(_ROLES, company.team),
            "region": words(REGIONS, company.region),
            "manager_id": numbered("E", company.manager, 4),
            "active_from": timeline.dates(company.hired_on, company.hired_on < 0),
            "active_to": timeline.dates(company.leaves_on, company.leaves_on >= 0),
        }
    )


def business_hours_table() -> pa.Table:
    """The canonical ``business_hours``: Monday to Friday, the care teams into the evening."""
    rows = [
        (team, weekday, *(CARE_HOURS if team.startswith("care") else OFFICE_HOURS))
        for team in ("care-online", "care-phone", "key-accounts", "sales-china", "sales-overseas")
        for weekday in range(1, 6)
    ]
    team, weekday, opens, closes = zip(*rows, strict=True)
    return pa.table(
        {
            "team": team,
            "weekday": weekday,
            "opens_at": [f"{hour:02}:00" for hour in opens],
            "closes_at": [f"{hour:02}:00" for hour in closes],
            "time_zone": same(TIME_ZONE, len(rows)),
            "country": same("CN", len(rows)),
        }
    )


def fx_rates_table(timeline: Timeline, company: Company) -> pa.Table:
    """The canonical ``fx_rates``: every foreign currency on every day."""
    foreign = [code for code in CURRENCIES if code != "CNY"]
    days = np.tile(np.arange(timeline.days), len(foreign))
    return pa.table(
        {
            "currency": words(foreign, np.repeat(np.arange(len(foreign)), timeline.days)),
            "on": timeline.dates(days, days >= 0),
            "rate": np.concatenate([company.rates[code] for code in foreign]) / 10_000,
        }
    )


def quotas_table(timeline: Timeline, company: Company) -> pa.Table:
    """The canonical ``quotas``: revenue a quarter for sellers and account managers, satisfaction for the care teams."""
    quarters = [_quarter(date.fromisoformat(f"{month}-01")) for month in timeline.months[::3]]
    people = np.concatenate([company.sellers, company.account_managers])
    staff = [f"E{number:04}" for number in people]
    rows: list[tuple[str, str, str, date, date, float, str | None]] = [
        ("employee", member, "revenue", *quarter, 150_000 + 1_000 * (i % 7), "CNY")
        for quarter in quarters
        for i, member in enumerate(staff)
    ]
    rows += [("team", team, "csat", *quarter, 0.85, None) for quarter in quarters for team in ("care-online", "care-phone")]
    scope, member, kpi, start, end, amount, currency = zip(*rows, strict=True)
    return pa.table(
        {
            "scope": scope,
            "member_id": member,
            "kpi": kpi,
            "period_start": start,
            "period_end": end,
            "amount": np.array(amount),
            "currency": currency,
        }
    )


def _quarter(day: date) -> tuple[date, date]:
    first = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    following = date(first.year + first.month // 12, first.month % 12 + 3, 1) if first.month < 10 else date(first.year + 1, 1, 1)
    return first, following - timedelta(days=1)
