"""What takes long: checking a draft, landing it, taking an import back. The worker does it, and the person may leave and come back."""

from keepwell.core.files import read_json_or_none, write_json_atomically
from keepwell.sources import draft_checks
from keepwell.sources.drafts import MB, Draft
from keepwell.surfaces.web.visit import Visit

AT_ONCE = 8 * MB  # a smaller file is checked before a worker would have begun
JOB = "job.json"


def start_check(visit: Visit, draft: Draft) -> str:
    """Check the draft; returns where to see what is found."""
    if draft.size <= AT_ONCE:
        draft_checks.check(visit.site.place, visit.workspace.lake, draft, visit.site.clock)
        return f"/data/import/{draft.draft_id}/check"
    return _begun(draft, job_or_none(visit, draft) or visit.site.jobs.start_check(draft, asked_by=visit.who.name))


def start_landing(visit: Visit, draft: Draft) -> str:
    """Land the draft's rows; returns where to see how it goes. One that is landing already is not landed twice."""
    job_id = job_or_none(visit, draft)
    if job_id is None:
        job_id = visit.site.jobs.start_import(draft_checks.landing_request(draft), asked_by=visit.who.name)
        visit.note("started", "import", job_id, file=draft.name)
    return _begun(draft, job_id)


def start_undo(visit: Visit, import_id: str) -> str:
    """Take an import back; returns where to see how it goes."""
    job_id = visit.site.jobs.start_undo(import_id, asked_by=visit.who.name, by=visit.who.user_id)
    visit.note("started", "undo", job_id, of=import_id)
    return f"/data/jobs/{job_id}"


def job_or_none(visit: Visit, draft: Draft) -> str | None:
    """The job that is at work on the draft, or waits to be."""
    told = read_json_or_none(draft.folder / JOB)
    job = visit.site.jobs.job_or_none(told["job_id"]) if told else None
    return job.job_id if job is not None and not job.is_over else None


def _begun(draft: Draft, job_id: str) -> str:
    write_json_atomically(draft.folder / JOB, {"job_id": job_id})
    return f"/data/jobs/{job_id}"
