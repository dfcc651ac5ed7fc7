"""Which readings stand on top of the Overview for whoever looks."""

from dataclasses import dataclass

from keepwell.access.pins import EVERYBODY, MOST_PINS, pins_or_none
from keepwell.surfaces.web.visit import Visit

PINNED = ("active_customers", "retention_rate", "nps", "clv_12m", "first_response_time", "revenue")
# stand in for pinned ones of which a business has no data
INSTEAD = ("orders", "repeat_purchase_rate", "csat", "mrr", "gross_margin", "complaints", "customers", "interactions")


@dataclass(frozen=True)
class Pins:
    """The names in their order, those that fill the places of what has no reading behind them, and how many places there are."""

    names: tuple[str, ...]
    places: int
    is_chosen: bool

    @property
    def in_turn(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.names, *PINNED, *INSTEAD)))


def pins(visit: Visit, *, for_all: bool = False) -> Pins:
    """The person's own, else those for everybody, else Keepwell's; with ``for_all`` not the person's."""
    with visit.site.store.transaction(writes=False) as session:
        own = None if for_all else pins_or_none(session, visit.who.user_id)
        found = own or pins_or_none(session, EVERYBODY)
    is_chosen = found is not None if for_all else own is not None
    return Pins(found, len(found), is_chosen) if found else Pins(PINNED, MOST_PINS, is_chosen)
