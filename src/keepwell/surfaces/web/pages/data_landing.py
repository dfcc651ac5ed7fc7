"""What takes long: checking a draft, landing it, taking an import back. Each is started here and nowhere else."""

from keepwell.lake.undo import undo
from keepwell.sources import draft_checks, drafts, imports
from keepwell.sources.drafts import Draft
from keepwell.surfaces.web.visit import Visit


def start_check(visit: Visit, draft: Draft) -> str:
    """Check the draft; returns where to see what was found."""
    draft_checks.check(visit.site.place, visit.workspace.lake, draft, visit.site.clock)
    return f"/data/import/{draft.draft_id}/check"


def start_landing(visit: Visit, draft: Draft) -> str:
    """Land the draft's rows; returns where to see what came of it."""
    report = imports.run(visit.site.place, visit.workspace.lake, draft_checks.request_for(draft), visit.site.clock)
    visit.note("imported", "import", report.import_id, file=draft.name, rows=float(sum(e.read for e in report.entities)))
    drafts.forget(draft)
    return f"/data/imports/{report.import_id}?new=1"


def start_undo(visit: Visit, import_id: str) -> str:
    """Take an import back; returns where to see what that did."""
    record = undo(visit.workspace.lake, import_id, visit.site.clock, by=visit.who.user_id)
    visit.note("undone", "import", import_id, by_change=record.import_id)
    return f"/data/imports/{record.import_id}?new=1"
