"""Customers: lists, one with everything, what happened."""

from dataclasses import asdict, fields
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.errors import WrongUseError
from keepwell.core.ids import id_of_part
from keepwell.customers.people import SHOWN, Filters, Page
from keepwell.engagement.segments.audience import Size
from keepwell.engagement.segments.queries import segments
from keepwell.surfaces.api.call import AsKnown
from keepwell.surfaces.api.cursor import MOST, PageSize, page, paged, start_of
from keepwell.surfaces.api.door import ApiRoutes
from keepwell.surfaces.audiences import Audiences

ROUTES = ApiRoutes("Customers")
Some = Annotated[list[str] | None, Query(max_length=50)]
SEE = Capability.SEE_CUSTOMERS


@ROUTES.get("/customers", "customers:read", SEE)
def list_customers(  # noqa: PLR0913, PLR0917 - the filters, each a parameter
    call: AsKnown,
    segment: Annotated[str | None, Query(description="A saved segment, or a group, stage, tier, cluster or band.", max_length=100)] = None,
    tier: Some = None,
    stage: Some = None,
    churn: Some = None,
    owner: Some = None,
    region: Some = None,
    health: Some = None,
    value_from: Decimal | None = None,
    value_to: Decimal | None = None,
    attention: Annotated[
        list[str] | None, Query(description="Who calls for attention: value_leaving, silent, overdue or contract_ending.", max_length=4)
    ] = None,
    where: Annotated[str | None, Query(description="SQL over columns and scores.", max_length=2_000)] = None,
    column: Annotated[
        list[str] | None, Query(description="Columns of a row; names are masked unless the token may read them.", max_length=80)
    ] = None,
    sort: Annotated[str | None, Query(description="The highest first; `-` before it: the lowest.", max_length=100)] = "clv",
    cursor: str | None = None,
    limit: PageSize = 100,
) -> Response:
    """Customers with their scores."""
    for value in (value_from, value_to):
        if value is not None and not value.is_finite():
            raise WrongUseError("value_from and value_to are numbers.")
    filters = Filters(
        segment,
        tier or (),
        stage or (),
        churn or (),
        owner or (),
        region or (),
        value_from,
        value_to,
        health_bands=health or (),
        attention=attention or (),
        where=where,
    )
    start = start_of(call, cursor)
    filters = Audiences(call.workspace).resolved(call.site.store, filters)
    found = call.workspace.people(filters, Page(tuple(column or SHOWN), sort or None, start, limit))
    return page(call, [dict(r) for r in found.rows], start, found.total)


@ROUTES.get("/segments", "customers:read", SEE)
def list_segments(call: AsKnown, cursor: str | None = None, limit: PageSize = MOST) -> Response:
    """Saved segments: the rule of each, and how many customers belong of those whom the token shows; none, with the ``fault``, where a rule means nothing any more."""
    with call.site.store.transaction(writes=False) as session:
        known = segments(session)
    sizes = Audiences(call.workspace).sizes_of(known)
    told = [
        {
            "segment_id": s.segment_id,
            "name": s.name,
            "note": s.note,
            "version": s.version,
            "rule": s.told,
            "fault": s.fault.message if s.fault else None,
            **_size(sizes.get(s.segment_id)),
        }
        for s in known
    ]
    return paged(call, told, cursor, limit)


def _size(found: Size | None) -> dict[str, Any]:
    return {f.name: getattr(found, f.name) if found else None for f in fields(Size)}


@ROUTES.get("/customers/{customer_id}", "customers:read", SEE)
def show_customer(call: AsKnown, customer_id: str) -> Response:
    """Everything about one customer: own columns, scores, value, contacts, consents, what to do now.

    A slash in an id is written `%252F` in the address, a percent sign beside it `%2525`.
    """
    return call.answer(asdict(call.workspace.customer_360(id_of_part(customer_id))))


@ROUTES.get("/customers/{customer_id}/events", "customers:read", SEE)
def events(
    call: AsKnown,
    customer_id: str,
    kind: Some = None,
    before: Annotated[str | None, Query(description="`next_before` of the page before.", max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Response:
    """What happened, the newest first."""
    found = call.workspace.timeline(id_of_part(customer_id), kind or (), before, limit)
    data: list[dict[str, Any]] = [
        {"kind": e.kind, "at": e.at, "key": e.key, **{f"told_{k}" if k in {"kind", "at", "key"} else k: v for k, v in e.told.items()}}
        for e in found.events
    ]
    return call.answer({"data": data, "counts": dict(found.counts), "next_before": found.before})


@ROUTES.get("/search", "customers:read", SEE)
def search(
    call: AsKnown, q: Annotated[str, Query(min_length=1, max_length=100)], limit: Annotated[int, Query(ge=1, le=50)] = 10
) -> Response:
    """Customers by name (Chinese ones by their sound too), phone, e-mail or id."""
    return call.answer({"data": [asdict(h) for h in call.workspace.search(q, limit)]})
