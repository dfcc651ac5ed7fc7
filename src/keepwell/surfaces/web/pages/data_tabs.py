"""The parts of Data, and what they share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date

from keepwell.access import users
from keepwell.access.roles import Capability
from keepwell.lake.entity import entities
from keepwell.surfaces import figures
from keepwell.surfaces.web.visit import Visit

PARTS = (
    ("/data", "sources", Capability.SEE_DATA),
    ("/data/imports", "imports", Capability.SEE_DATA),
    ("/data/import", "wizard", Capability.IMPORT),
    ("/data/quality", "quality", Capability.SEE_DATA),
    ("/data/runs", "runs", Capability.SEE_DATA),
    ("/data/lineage", "lineage", Capability.SEE_DATA),
)


@dataclass(frozen=True)
class Tab:
    """A part of Data that this person may open."""

    path: str
    title: str
    is_here: bool


def tabs(visit: Visit) -> tuple[Tab, ...]:
    """The parts, each for those who may open it."""
    path = visit.request.url.path
    return tuple(
        Tab(address, visit.say(f"data.tab_{name}"), path == address or (address != "/data" and path.startswith(f"{address}/")))
        for address, name, needs in PARTS
        if visit.may(needs)
    )


def entity_words(visit: Visit, name: str) -> str:
    """An entity in words; one that is no more, by its name."""
    found = entities().get(name)
    return found.label[visit.locale] if found else name


def day_words(visit: Visit, at: datetime) -> str:
    """The day of an instant, in the workspace's time zone."""
    return format_date(at.astimezone(ZoneInfo(visit.settings.timezone)), "medium", locale=figures.BABEL_LOCALES[visit.locale])


def understood_words(visit: Visit, understood: Mapping[str, str]) -> str:
    """What was understood of a file, in words: encoding, delimiter, formats of columns."""

    def word(text: str) -> str:
        return visit.word_or(f"data.known_{text}", text)

    # "orders.ordered_at" → "dates %d.%m.%Y": the column, then what was found of it
    told = (f"{word(k)} {' '.join(word(part) for part in v.split(' ', 1))}" for k, v in understood.items())
    return visit.say("data.comma").join(told)


def names_of_users(visit: Visit) -> dict[str, str]:
    """Who users are, by id."""
    with visit.site.store.transaction(writes=False) as session:
        return {u.user_id: u.name for u in users.users(session)}
