"""The same people in a second system: other numbers, other spelling, and the truth about who is who."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from keepwell.demo import words as w
from keepwell.demo.columns import Ints, numbered, words
from keepwell.demo.company import REGIONS
from keepwell.demo.people import CITY_NAMES, People
from keepwell.demo.profiles import Profiles
from keepwell.demo.sampling import between, chance, picks
from keepwell.demo.scene import Scene

CRM = "crm"  # a source of its own
_KNOWN_SHARE, _STRANGERS_SHARE = 0.12, 0.03
_REGIONS_ZH = {"East": "华东", "North": "华北", "South": "华南", "West": "西部", "Europe": "欧洲", "America": "美洲"}
REGION_WORDS = {chinese: region for region, chinese in _REGIONS_ZH.items()}
KIND_WORDS = {"个人": "person", "企业": "company"}
# Characters that sound alike, as they are mistaken on the phone.
_SOUND_ALIKE = {
    "伟": "玮",
    "芳": "方",
    "静": "婧",
    "丽": "莉",
    "杰": "洁",
    "明": "鸣",
    "英": "瑛",
    "华": "桦",
    "欣": "心",
    "佳": "嘉",
    "浩": "皓",
}
_Record = tuple[str, str | None, str | None]  # name, e-mail, phone


@dataclass(frozen=True)
class Doubles:
    """Records of the second system; ``customer`` is who it is in the first, none for strangers."""

    customer: Ints
    records: pa.Table


def draw_doubles(rng: np.random.Generator, scene: Scene, profiles: Profiles) -> Doubles:
    """Every eighth customer once more, and some whom the first system does not know; in no telling order."""
    people = scene.people
    fit = np.flatnonzero(people.second_of < 0)
    known = fit[chance(rng, _KNOWN_SHARE, len(fit))]
    has_trace = np.array(profiles.email.take(pa.array(known)).is_valid()) | np.array(profiles.phone.take(pa.array(known)).is_valid())
    known = known[has_trace]
    strangers = max(2, round(len(people) * _STRANGERS_SHARE))
    order = rng.permutation(len(known) + strangers)
    customer = np.concatenate([known, np.full(strangers, -1)])[order]
    written = _written_again(rng, profiles, known) + _strangers(rng, strangers)
    name, email, phone = zip(*(written[place] for place in order), strict=True)
    size = len(customer)
    alike = np.where(customer >= 0, customer, between(rng, 0, len(people), size))
    records = pa.table(
        {
            "customer_id": numbered("K", np.arange(size), 6),
            "name": pa.array(name, pa.string()),
            "email": pa.array(email, pa.string()),
            "phone": pa.array(phone, pa.string()),
            "kind": words(tuple(KIND_WORDS), people.is_company[alike].astype(np.int64)),
            "city": words(CITY_NAMES, people.city[alike]),
            "region": words([_REGIONS_ZH[region] for region in REGIONS], people.region[alike]),
            "created_at": scene.timeline.local_times(people.created_s[alike]),
        }
    )
    return Doubles(customer, records)


def _written_again(rng: np.random.Generator, profiles: Profiles, known: Ints) -> list[_Record]:
    columns = (column.take(pa.array(known)).to_pylist() for column in (profiles.name, profiles.email, profiles.phone))
    found: list[_Record] = []
    for name, email, phone, draw in zip(*columns, rng.random((len(known), 3)), strict=True):
        written = _email(email, draw[1], phone)
        found.append((_name(name, draw[0]), written, _phone(phone, draw[2], written)))
    return found


def _name(name: str, draw: float) -> str:
    """A third of the names with a slip: letters that changed places, a character that sounds alike, a space too many."""
    if draw > 0.33:
        return name
    if draw < 0.05:
        return f" {name}"
    if name.isascii():
        place = 1 + int(draw * 100) % (len(name) - 2)
        return name[:place] + name[place + 1] + name[place] + name[place + 2 :]
    return next((name.replace(right, wrong) for right, wrong in _SOUND_ALIKE.items() if right in name), name)


def _email(email: str | None, draw: float, phone: str | None) -> str | None:
    if email is None or (draw < 0.15 and phone):
        return None
    if draw < 0.4:
        return email.upper()
    if draw < 0.6:
        return email[:1].upper() + email[1:]
    return f" {email} " if draw < 0.75 else email


def _phone(phone: str | None, draw: float, email: str | None) -> str | None:
    if phone is None or (draw < 0.15 and email and " at " not in email):
        return None
    if phone.startswith("+"):
        return phone.replace(" ", "-") if draw < 0.5 else phone
    return f"+86 {phone[:3]}-{phone[3:7]}-{phone[7:]}" if draw < 0.6 else phone


def _strangers(rng: np.random.Generator, size: int) -> list[_Record]:
    first, last = picks(rng, (1,) * len(w.GIVEN_NAMES), size), picks(rng, (1,) * len(w.SURNAMES), size)
    return [
        (w.SURNAMES[s][0] + w.GIVEN_NAMES[g][0], f"{w.SURNAMES[s][1]}{w.GIVEN_NAMES[g][1]}.x{i}@example.net", f"129{i:08}")
        for i, (g, s) in enumerate(zip(first, last, strict=True))
    ]


def pairs(people: People, doubles: Doubles) -> tuple[tuple[str, str], ...]:
    """The true pairs: records of the second system, and second registrations within the first."""
    known = np.flatnonzero(doubles.customer >= 0)
    across = zip(
        numbered("C", doubles.customer[known]).to_pylist(), (f"{CRM}:{k}" for k in numbered("K", known, 6).to_pylist()), strict=True
    )
    seconds = np.flatnonzero(people.second_of >= 0)
    within = zip(numbered("C", people.second_of[seconds]).to_pylist(), numbered("C", seconds).to_pylist(), strict=True)
    return (*across, *within)


def crm_calls_table(rng: np.random.Generator, scene: Scene, doubles: Doubles) -> pa.Table:
    """Interactions that only the second system holds, under its own numbers."""
    known = np.flatnonzero(doubles.customer >= 0)
    chosen = np.repeat(known, rng.poisson(0.8, len(known)))
    size, timeline = len(chosen), scene.timeline
    since = scene.people.created_s[doubles.customer[chosen]]
    at_s = since + (rng.random(size) * (timeline.end_s - since)).astype(np.int64)
    return pa.table(
        {
            "interaction_id": numbered("XC", np.arange(size), 6),
            "customer_id": numbered("K", chosen, 6),
            "occurred_at": timeline.instants(at_s),
            "channel": words(("call", "email"), picks(rng, (3, 1), size)),
            "direction": words(("inbound", "outbound"), picks(rng, (1, 2), size)),
        }
    )
