"""The parts of the settings."""

from dataclasses import dataclass

from keepwell.access.roles import Capability
from keepwell.surfaces.web.visit import Visit

PARTS = (
    ("/settings", "workspace", Capability.SEE_DATA),
    ("/settings/users", "users", Capability.MANAGE_USERS),
    ("/settings/tokens", "tokens", Capability.MANAGE_USERS),
    ("/settings/webhooks", "webhooks", Capability.MANAGE_SETTINGS),
    ("/settings/audit", "audit", Capability.SEE_AUDIT),
)


@dataclass(frozen=True)
class Tab:
    """A part of the settings that this person may open."""

    path: str
    title: str
    is_here: bool


def tabs(visit: Visit) -> tuple[Tab, ...]:
    """The parts, each for those who may open it."""
    here = visit.request.url.path
    return tuple(
        Tab(path, visit.say(f"settings.{name}"), here == path or (path != "/settings" and here.startswith(f"{path}/")))
        for path, name, needs in PARTS
        if visit.may(needs)
    )
