"""Why a KPI of a model has no value, in words of either language."""

from collections.abc import Iterable

from keepwell.core.settings import Locale
from keepwell.metrics.reading import Reading
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.words import words_of

TOLD_PERIODS = 6  # of periods, and of days from which runs look


def why_empty(found: Iterable[Reading], workspace: Workspace) -> list[str]:
    """Of KPIs of models without a value the reason, in the workspace's language: one sentence a KPI and reason."""
    settings = workspace.place.settings
    word, known = words_of(settings.locale), workspace.kpis
    periods: dict[tuple[str, str], list[str]] = {}
    for r in found:
        if r.reason:
            periods.setdefault((r.kpi, r.reason), []).append(r.period)
    if not periods:
        return []
    days = sorted({r.as_of.isoformat() for r in workspace.runs() if "customer_scores" in r.results})
    told = "、" if settings.locale is Locale.CHINESE else ", "
    return [
        word(f"empty_{reason}" if days else "empty_no_runs").format(
            title=known[name].title[settings.locale],
            periods=told.join(listed[-TOLD_PERIODS:]) + (" …" if len(listed) > TOLD_PERIODS else ""),
            models=told.join(known[name].measure.models),
            days=told.join(days[-TOLD_PERIODS:]),
        )
        for (name, reason), listed in periods.items()
    ]
