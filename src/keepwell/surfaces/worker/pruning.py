"""Jobs that were over long ago are forgotten; the runs and imports that came of them stay."""

import shutil
from datetime import timedelta

from dbos import DBOSClient

from keepwell.core.clock import Clock
from keepwell.core.workspace import Workspace
from keepwell.sources import drafts
from keepwell.surfaces.worker.progress import folder_of

KEPT = timedelta(days=90)


def prune(place: Workspace, clock: Clock, client: DBOSClient) -> int:
    """Forget the jobs that ended longer ago than ``KEPT``, with their folders; gives how many. Uploads that waited for too long go too.

    The worker does so once a day.
    """
    drafts.remove_old(place, clock.now())
    until = (clock.now() - KEPT).isoformat()
    found = client.list_workflows(completed_before=until, load_input=False, load_output=False)
    if found:
        client.delete_workflows([status.workflow_id for status in found])
        for status in found:
            shutil.rmtree(folder_of(place, status.workflow_id), ignore_errors=True)
    return len(found)
