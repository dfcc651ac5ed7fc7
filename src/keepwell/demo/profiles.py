"""What customers are called and how they are reached, and the canonical ``customers``."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from keepwell.demo import words as w
from keepwell.demo.columns import Flags, Ints, either, joined, numbered, only, where, words
from keepwell.demo.company import REGIONS
from keepwell.demo.marketing import campaign_at
from keepwell.demo.people import CHANNELS, CITY_NAMES, COUNTRIES, People
from keepwell.demo.sampling import between, chance, left_empty, picks
from keepwell.demo.timeline import Timeline

_MAIL_HOSTS = ("example.com", "example.cn", "mail.example", "example.org")
# Numbers that no network has given out: nobody is called by a demo.
_DIAL = {"CN": "12", "US": "+1 555 ", "DE": "+49 1999 ", "GB": "+44 1999 "}


@dataclass(frozen=True)
class Profiles:
    """Personal data, one element a customer."""

    name: pa.Array
    email: pa.Array
    phone: pa.Array
    address: pa.Array
    birth_date: pa.Array
    gender: pa.Array


def draw_profiles(rng: np.random.Generator, timeline: Timeline, people: People) -> Profiles:
    """Names in the customer's language; some have no e-mail or phone, and a few addresses are malformed."""
    size = len(people)
    # Whoever registers twice gives the same number again: a pair can be told.
    has_phone = chance(rng, 0.82, size) | np.isin(np.arange(size), people.second_of)
    has_email, is_malformed = chance(rng, 0.88, size), chance(rng, 0.02, size)
    name, handle = _names(rng, people)
    separator = words(("@", " at "), is_malformed.astype(np.int64))
    email = joined(handle, numbered("", np.arange(size), 1), separator, words(_MAIL_HOSTS, picks(rng, (5, 3, 1, 1), size)))
    number = rng.permutation(size).astype(np.int64) * 37
    at_home, abroad = numbered("", number % 10**9, 9), numbered("", number % 10**7, 7)
    phone = joined(words([_DIAL[c] for c in COUNTRIES], people.country), either(people.country == 0, at_home, abroad))
    birth, gender = _births(rng, timeline, people.is_company)
    plain = Profiles(
        name=name,
        email=only(email, has_email),
        phone=only(phone, has_phone),
        address=_addresses(rng, people),
        birth_date=birth,
        gender=gender,
    )
    return _second_registrations(rng, people, plain)


def _names(rng: np.random.Generator, people: People) -> tuple[pa.Array, pa.Array]:
    """The names, and the Latin words of which their e-mail addresses are made."""
    size, zh = len(people), people.is_chinese
    surname, given = picks(rng, (1,) * len(w.SURNAMES), size), picks(rng, (1,) * len(w.GIVEN_NAMES), size)
    first, last = picks(rng, (1,) * len(w.FIRST_NAMES), size), picks(rng, (1,) * len(w.LAST_NAMES), size)
    brand, trade = picks(rng, (1,) * len(w.BRANDS), size), _trades(size)
    chinese = joined(words([c for c, _ in w.SURNAMES], surname), words([c for c, _ in w.GIVEN_NAMES], given))
    english = joined(words(w.FIRST_NAMES, first), " ", words(w.LAST_NAMES, last))
    city = words(CITY_NAMES, people.city)
    chinese_firm = joined(city, words([c for c, _ in w.BRANDS], brand), words([c for c, _, _ in w.TRADES], trade), "有限公司")
    english_firm = joined(words([e for _, e in w.BRANDS], brand), " ", words([e for _, e, _ in w.TRADES], trade), " ", city, " Ltd")
    name = either(people.is_company, either(zh, chinese_firm, english_firm), either(zh, chinese, english))
    pinyin = joined(words([p for _, p in w.SURNAMES], surname), ".", words([p for _, p in w.GIVEN_NAMES], given))
    latin = pc.utf8_lower(pc.replace_substring(english, " ", "."))
    return name, either(people.is_company, pa.repeat(pa.scalar("office"), size), either(zh, pinyin, latin))


def _trades(size: int) -> Ints:
    return np.arange(size, dtype=np.int64) * 7 % len(w.TRADES)


def _addresses(rng: np.random.Generator, people: People) -> pa.Array:
    home = np.where(people.household >= 0, people.household, np.arange(len(people)))
    road, number = home % len(w.ROADS), home * 31 % 480 + 1
    chinese = joined(words(CITY_NAMES, people.city), words([c for c, _ in w.ROADS], road), numbered("", number, 1), "号")
    english = joined(numbered("", number, 1), " ", words([e for _, e in w.ROADS], road), ", ", words(CITY_NAMES, people.city))
    return only(either(people.is_chinese, chinese, english), chance(rng, 0.75, len(people)))


def _births(rng: np.random.Generator, timeline: Timeline, is_company: Flags) -> tuple[pa.Array, pa.Array]:
    size = len(is_company)
    ages = 18 + rng.gamma(4.0, 5.5, size)
    days = -np.minimum(ages * 365.25, 95 * 365.25).astype(np.int64)
    birth = timeline.dates(days, ~is_company & chance(rng, 0.7, size))
    gender = only(words(("female", "male"), picks(rng, (0.56, 0.44), size)), ~is_company & chance(rng, 0.8, size))
    return birth, gender


def _second_registrations(rng: np.random.Generator, people: People, profiles: Profiles) -> Profiles:
    """Whoever registers twice keeps name and phone, and writes the address in capitals or takes another one."""
    is_second = people.second_of >= 0
    original = pa.array(np.where(is_second, people.second_of, np.arange(len(people))))
    shouted = either(is_second & chance(rng, 0.6, len(people)), pc.utf8_upper(profiles.email.take(original)), profiles.email)
    return Profiles(
        name=profiles.name.take(original),
        email=shouted,
        phone=either(is_second, profiles.phone.take(original), profiles.phone),
        address=profiles.address.take(original),
        birth_date=profiles.birth_date.take(original),
        gender=profiles.gender.take(original),
    )


def customers_table(rng: np.random.Generator, timeline: Timeline, people: People, profiles: Profiles) -> pa.Table:
    """The canonical ``customers``, as the shop exports them."""
    size, firm = len(people), people.is_company
    came_by = where(chance(rng, 0.6, size), campaign_at(timeline, people.channel, people.created_s))
    return pa.table(
        {
            "customer_id": numbered("C", np.arange(size)),
            "kind": words(("person", "company"), firm.astype(np.int64)),
            "name": profiles.name,
            "email": profiles.email,
            "phone": profiles.phone,
            "address": profiles.address,
            "birth_date": profiles.birth_date,
            "gender": profiles.gender,
            "language": words(("en", "zh"), people.is_chinese.astype(np.int64)),
            "country": words(COUNTRIES, people.country),
            "region": words(REGIONS, people.region),
            "city": words(CITY_NAMES, people.city),
            "occupation": only(left_empty(rng, words(w.OCCUPATIONS, between(rng, 0, len(w.OCCUPATIONS), size)), 0.5), ~firm),
            "income_band": only(left_empty(rng, words(w.INCOME_BANDS, picks(rng, (3, 4, 2, 1), size)), 0.6), ~firm),
            "industry": only(words([i for _, _, i in w.TRADES], _trades(size)), firm),
            "company_size": only(words(w.COMPANY_SIZES, picks(rng, (4, 3, 2, 1), size)), firm),
            "household_id": numbered("H", people.household),
            "acquired_from": words(CHANNELS, people.channel),
            "acquired_by_campaign": numbered("CAM", came_by, 3),
            "referred_by": numbered("C", people.referrer),
            "parent_id": numbered("C", people.parent),
            "owner_id": numbered("E", people.owner, 4),
            "became_customer_at": timeline.instants(people.joined_s),
            "created_at": timeline.instants(people.created_s),
        }
    )
