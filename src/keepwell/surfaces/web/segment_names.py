"""What clusters and employees are called, for rules in words."""

from collections.abc import Mapping

from keepwell.surfaces.web.visit import Visit


def names_of(visit: Visit) -> Mapping[str, str]:
    """Codes of clusters and of employees -> names; of employees all, for a colleague's name is none that is hidden."""
    book = visit.workspace.book
    return {**book.colleagues, **personas(visit)}


def personas(visit: Visit) -> Mapping[str, str]:
    """Cluster -> what it is called, of the run that is shown; empty where there are none."""
    run = visit.run_or_none
    if run is None or "model_reports" not in run.results:
        return {}

    def found() -> Mapping[str, str]:
        names = {c.name for c in visit.workspace.models(run.run_id)}
        rows = visit.workspace.model("clusters", run.run_id).rows if "clusters" in names else ()
        return {str(r["cluster"]): str(r["name"]) for r in rows}

    return visit.kept(("personas", run.run_id, visit.locale), found)
