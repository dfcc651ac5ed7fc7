"""Reports as files."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.settings import Locale
from keepwell.surfaces.api.call import AsKnown
from keepwell.surfaces.api.door import ApiRoutes
from keepwell.surfaces.api.kpis import PeriodParameter
from keepwell.surfaces.reports.formats import MEDIA_TYPES, Kind, file_name, written
from keepwell.surfaces.reports.review import review_document
from keepwell.surfaces.reviews import CARD, Reviews

ROUTES = ApiRoutes("Reports")


@ROUTES.get("/reports/review", "kpis:read", (Capability.SEE_KPIS, Capability.SEE_CUSTOMERS, Capability.EXPORT))
def review_report(
    call: AsKnown,
    period: PeriodParameter = "last-month",
    format_: Annotated[Kind, Query(alias="format")] = Kind.PDF,
    language: Annotated[Locale | None, Query(description="By default the user's.")] = None,
    card: Annotated[str, Query(description="The scorecard in it.", max_length=100)] = CARD,
) -> Response:
    """The review of a week, month, quarter or year as a file, of the customers whom the token's user sees."""
    place = call.workspace.place
    found = Reviews(call.workspace, call.site.store).review(period, card)
    told = language or place.settings.locale
    content = written(format_, review_document(found, place.settings, place.folder.resolve().name, told))
    name = file_name("review", found.period.label, told, format_)
    call.note("exported", "report", name)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Response(content, media_type=MEDIA_TYPES[format_], headers=headers)
