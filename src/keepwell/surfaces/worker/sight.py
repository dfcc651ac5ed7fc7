"""What finders of events look at: the workspace and its jobs."""

from dataclasses import dataclass

from keepwell.core.workspace import Workspace
from keepwell.lake.lake import Lake
from keepwell.surfaces.worker.jobs import Jobs


@dataclass(frozen=True)
class Sight:
    """The workspace whose events are looked for."""

    place: Workspace
    jobs: Jobs

    @property
    def lake(self) -> Lake:
        return Lake(self.place.lake_folder)
