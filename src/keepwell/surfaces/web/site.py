"""What the web process holds for as long as it runs."""

from dataclasses import dataclass, field

from jinja2 import Environment

from keepwell.core.clock import Clock
from keepwell.core.workspace import Workspace
from keepwell.store.db import Database
from keepwell.surfaces.web.kept import Kept
from keepwell.surfaces.worker.jobs import Jobs


@dataclass(frozen=True)
class Site:
    """The workspace that is served, its store, the templates, the jobs, and the answers that are kept."""

    place: Workspace
    clock: Clock
    store: Database
    templates: Environment
    jobs: Jobs
    kept: Kept = field(default_factory=Kept)
