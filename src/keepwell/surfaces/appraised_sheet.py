"""A round of appraisals as a sheet for the staff department."""

from keepwell.core.settings import Locale
from keepwell.surfaces.appraisal_sight import ShownRound
from keepwell.surfaces.appraised import export_rows
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.words import words_of

NUMBERS = frozenset({"total", "low", "high", "known", "rank", "among"})
POINTS = "points_"


def export_sheet(found: ShownRound, locale: Locale) -> Sheet:
    """A row a person or team, each once, with words over the columns."""
    word = words_of(locale)
    titles = {f"{POINTS}{i.name}": i.title[str(locale)] for i in found.round.plan.items}
    rows = export_rows(found)
    columns = tuple(
        Column(name, titles.get(name) or word(f"appraisal_{name}"), name in NUMBERS or name in titles) for name in (rows[0] if rows else ())
    )
    shown = [
        [word(f"grade_{v}") if n == "grade" and v else word(f"appraisal_is_{v}") if n == "state" else v for n, v in row.items()]
        for row in rows
    ]
    return Sheet("appraisals", columns, shown)
