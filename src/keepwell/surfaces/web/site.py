"""What the web process holds for as long as it runs."""

from dataclasses import dataclass, field

from jinja2 import Environment

from keepwell.access.oidc_provider import Provider
from keepwell.core.clock import Clock
from keepwell.core.workspace import Workspace
from keepwell.store.db import Database
from keepwell.surfaces.web.kept import Kept
from keepwell.surfaces.worker.jobs import Jobs


@dataclass(frozen=True)
class Site:
    """The workspace that is served, its store, the templates, the jobs, who signs people in beside us, and the answers that are kept."""

    place: Workspace
    clock: Clock
    store: Database
    templates: Environment
    jobs: Jobs
    provider: Provider | None = None
    kept: Kept = field(default_factory=Kept)
