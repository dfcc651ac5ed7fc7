"""What an event is that other systems can be told of, and which ones there are.

An event is found in what happened, never told by who made it happen: so an import by the command line, a page or the API is the same
event, and none is lost when a process dies. A finder looks for what is new; the worker asks it every few seconds. What happens in the
store needs none: ``announce`` it in the transaction of its cause, and let its line say so by an empty place.
"""

import importlib
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from keepwell.access.webhooks.deliveries import Event
from keepwell.surfaces.worker.sight import Sight

# kind -> who finds it
EVENTS: dict[str, str] = {
    "run.published": "keepwell.surfaces.worker.happenings:RunsPublished",
    "import.finished": "keepwell.surfaces.worker.happenings:ImportsFinished",
    "import.undone": "keepwell.surfaces.worker.happenings:ImportsUndone",
    "job.failed": "keepwell.surfaces.worker.happenings:JobsFailed",
}


class Finder(Protocol):
    """Finds events of one kind; made once for as long as the worker lives."""

    def __init__(self, sight: Sight) -> None: ...

    def found(self, since: datetime, until: datetime) -> Iterable[Event]:
        """The events of that time which it has not yet settled, each with the same id however often it is found."""
        ...

    def settle(self, until: datetime) -> None:
        """What it found and what happened before ``until`` is in line: it need not look at it again."""
        ...


def finders(sight: Sight, kinds: Iterable[str]) -> dict[str, Finder]:
    """Those of the kinds that somebody looks for."""
    made: dict[str, Finder] = {}
    for kind in kinds:
        module, _, name = EVENTS.get(kind, "").partition(":")
        if module:
            made[kind] = getattr(importlib.import_module(module), name)(sight)
    return made
