"""Customers: who they are, when they came, who looks after them."""

import functools
from dataclasses import dataclass, replace

import numpy as np

from keepwell.demo.columns import Flags, Floats, Ints, nothing, where
from keepwell.demo.company import REGION_SHARES, REGIONS, Company
from keepwell.demo.sampling import between, chance, picks
from keepwell.demo.season import Season
from keepwell.demo.timeline import DAY_S
from keepwell.demo.words import CITIES, COUNTRY_OF_CITY

CHANNELS = ("search ads", "social ads", "marketplace", "wechat", "referral", "organic", "store", "email")
PAID_CHANNELS = ("search ads", "social ads", "marketplace")
_CHANNEL_SHARES = (0.20, 0.16, 0.12, 0.14, 0.10, 0.16, 0.10, 0.02)
CITY_NAMES = tuple(city for cities in CITIES.values() for city in cities)
_FIRST_CITY = dict(zip(CITIES, np.cumsum([0, *(len(c) for c in CITIES.values())]), strict=False))
_CURRENCY_OF_COUNTRY = {"CN": 0, "US": 1, "DE": 2, "GB": 3}
COUNTRIES = tuple(_CURRENCY_OF_COUNTRY)
_COUNTRY_OF_CITY = np.array(
    [COUNTRIES.index(COUNTRY_OF_CITY.get(c, "US" if c in CITIES["America"] else "CN")) for c in CITY_NAMES], dtype=np.int64
)
_COMPANY_SHARE = 0.08
_BROWSERS_SHARE = 0.05  # registered, never bought
_SECOND_REGISTRATIONS_SHARE = 0.01


@dataclass(frozen=True)
class People:
    """One element a customer, in the order of registration; the running number is the place."""

    is_company: Flags
    city: Ints
    region: Ints
    is_chinese: Flags  # speaks Chinese
    created_s: Ints
    joined_s: Ints  # the first purchase
    leaves_s: Ints  # buys no more after it
    daily_orders: Floats  # while buying, in an even season
    channel: Ints
    household: Ints
    parent: Ints
    referrer: Ints
    owner: Ints
    second_of: Ints  # the customer whose second registration this is
    leaning: Floats  # standard normal: how kindly the customer judges

    def __len__(self) -> int:
        return len(self.city)

    @property
    def is_buyer(self) -> Flags:
        return self.joined_s >= 0

    @property
    def country(self) -> Ints:
        """A place in COUNTRIES."""
        country: Ints = _COUNTRY_OF_CITY[self.city]
        return country

    @property
    def currency(self) -> Ints:
        """The currency in which the customer pays, a place in the company's currencies."""
        return self.country  # COUNTRIES stand in the order of their currencies

    @functools.cached_property
    def companies(self) -> Ints:
        return np.flatnonzero(self.is_company)

    @functools.cached_property
    def owned(self) -> Ints:
        return np.flatnonzero(self.owner >= 0)


def draw_people(rng: np.random.Generator, season: Season, company: Company, size: int) -> People:
    """Customers who came over the months, a few more each month than before."""
    timeline = season.timeline
    created, joined = _arrivals(rng, season, size)
    is_company = chance(rng, _COMPANY_SHARE, size)
    is_company[np.linspace(0, size - 1, 3).astype(int)] = True  # a business of any size has some
    region = picks(rng, REGION_SHARES, size)
    region[1 : 1 + len(REGIONS)] = np.arange(len(REGIONS))  # and somebody in every region
    city = _cities(rng, region)
    channel = picks(rng, _CHANNEL_SHARES, size)
    channel[0] = CHANNELS.index("organic")
    is_overseas = region >= REGIONS.index("Europe")
    life_s = rng.exponential(rng.gamma(2.5, 170.0, size)) * DAY_S
    people = People(
        is_company=is_company,
        city=city,
        region=region,
        is_chinese=np.where(is_overseas, chance(rng, 0.06, size), chance(rng, 0.96, size)),
        created_s=created,
        joined_s=joined,
        leaves_s=np.minimum(joined + life_s.astype(np.int64) + 3600, timeline.end_s),
        daily_orders=rng.gamma(1.2, 0.016, size) * np.where(is_company, 1.6, 1.0),
        channel=channel,
        household=nothing(size),
        parent=_parents(rng, is_company),
        referrer=where(channel == CHANNELS.index("referral"), (rng.random(size) * np.arange(size)).astype(np.int64)),
        owner=_owners(rng, company, is_company),
        second_of=nothing(size),
        leaning=rng.standard_normal(size),
    )
    return _with_second_registrations(rng, _with_households(rng, people))


def _arrivals(rng: np.random.Generator, season: Season, size: int) -> tuple[Ints, Ints]:
    end = season.timeline.end_s
    starts, ends = np.zeros(size, dtype=np.int64), np.full(size, end - DAY_S, dtype=np.int64)
    # The later of two draws for every fourth customer makes the numbers grow; a tenth comes in the opening weeks.
    joined = season.moments(rng, starts, ends)
    later = np.maximum(joined, season.moments(rng, starts, ends))
    joined = np.where(chance(rng, 0.25, size), later, joined)
    opening = np.minimum(rng.exponential(12 * DAY_S, size).astype(np.int64), end - DAY_S)
    joined = np.where(chance(rng, 0.10, size), opening, joined)
    hesitated = np.where(chance(rng, 0.55, size), 600, rng.exponential(9 * DAY_S, size)).astype(np.int64)
    created = np.where(joined > hesitated, joined - hesitated, (rng.random(size) * joined).astype(np.int64))
    order = np.argsort(created, kind="stable")
    buys = ~chance(rng, _BROWSERS_SHARE, size)
    buys[:10] = True
    return created[order], where(buys, joined[order])


def _cities(rng: np.random.Generator, region: Ints) -> Ints:
    firsts = np.array([_FIRST_CITY[name] for name in REGIONS], dtype=np.int64)
    sizes = np.array([len(CITIES[name]) for name in REGIONS], dtype=np.int64)
    # The smaller of two draws: the first city of a region is the largest.
    drawn = np.minimum(rng.random(len(region)), rng.random(len(region)))
    places: Ints = firsts[region] + (drawn * sizes[region]).astype(np.int64)
    return places


def _parents(rng: np.random.Generator, is_company: Flags) -> Ints:
    parents = nothing(len(is_company))
    companies = np.flatnonzero(is_company)
    earlier = companies[(rng.random(len(companies)) * np.arange(len(companies))).astype(np.int64)]
    has_parent = chance(rng, 0.15, len(companies)) & (earlier < companies)
    parents[companies[has_parent]] = earlier[has_parent]
    return parents


def _owners(rng: np.random.Generator, company: Company, is_company: Flags) -> Ints:
    managers = company.account_managers
    drawn = managers[between(rng, 0, len(managers), len(is_company))]
    return where(is_company | chance(rng, 0.02, len(is_company)), drawn)


def _with_households(rng: np.random.Generator, people: People) -> People:
    """Every seventh person shares a household with another: one city, one address."""
    persons = np.flatnonzero(~people.is_company & chance(rng, 0.14, len(people)))
    pairs = persons[: len(persons) // 2 * 2].reshape(-1, 2)
    household, city, region = people.household.copy(), people.city.copy(), people.region.copy()
    household[pairs] = pairs[:, :1]
    city[pairs[:, 1]], region[pairs[:, 1]] = city[pairs[:, 0]], region[pairs[:, 0]]
    return replace(people, household=household, city=city, region=region)


def _with_second_registrations(rng: np.random.Generator, people: People) -> People:
    """Some of those who never bought are customers who registered once more."""
    size = len(people)
    idle = np.flatnonzero(~people.is_buyer & ~people.is_company)
    seconds = idle[: max(1, round(size * _SECOND_REGISTRATIONS_SHARE))]
    originals = (rng.random(len(seconds)) * seconds).astype(np.int64)
    # Each person is doubled once at most: a pair is then a pair.
    is_first_use = np.isin(np.arange(len(seconds)), np.unique(originals, return_index=True)[1])
    fits = is_first_use & people.is_buyer[originals] & ~people.is_company[originals]
    seconds, originals = seconds[fits], originals[fits]
    shared = {name: getattr(people, name).copy() for name in ("city", "region", "is_chinese", "household")}
    for values in shared.values():
        values[seconds] = values[originals]
    second_of = people.second_of.copy()
    second_of[seconds] = originals
    return replace(people, second_of=second_of, **shared)


def buying(people: People, at_s: int, memory_days: int = 120) -> Ints:
    """The customers who had bought by that moment and still did at most so many days before it."""
    return np.flatnonzero(people.is_buyer & (people.joined_s <= at_s) & (people.leaves_s > at_s - memory_days * DAY_S))
