"""Customers: who they are, found, filtered, sorted, taken along."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.errors import WrongUseError
from keepwell.customers.attention import ATTENTIONS
from keepwell.customers.book import book_columns
from keepwell.customers.people import OWNER_NAME, SHOWN, Filters, People
from keepwell.customers.people import Page as Part
from keepwell.models.choices import BANDS
from keepwell.models.estimators import lifecycle
from keepwell.performance.health.definition import LABELS
from keepwell.surfaces.audiences import Audiences
from keepwell.surfaces.health_told import points_words
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.refusals import NotFoundError
from keepwell.surfaces.web.saved_views import Menu, menu
from keepwell.surfaces.web.tables import KINDS, MOST_EXCEL_ROWS, XLSX, Column, Sheet, streamed
from keepwell.surfaces.web.visit import Here, Visit, whole_or

ROUTES = PageRoutes()
A_PAGE = 50
# name in the address -> the filter it fills; each may be told several times
LISTS = {
    "tier": "tiers",
    "stage": "stages",
    "churn": "churn_bands",
    "owner": "owners",
    "region": "regions",
    "attention": "attention",
    "health": "health_bands",
}
TEXTS = ("segment", "where")
NUMBERS = {"value_from": "value_from", "value_to": "value_to"}
DAYS = {"contact_from": "last_contact_from", "contact_to": "last_contact_to"}
PAGE = Page(
    "customers", "/customers", Capability.SEE_CUSTOMERS, ROUTES, group=1, filters=(*LISTS, *TEXTS, *NUMBERS, *DAYS, "sort", "column")
)  # fmt: skip
MONEY = {
    "clv",
    "net_amount",
    "net_amount_12m",
    "clv_low",
    "clv_high",
    "paid_monthly",
    "contract_value",
    "ltv_12m",
    "ltv_36m",
    "clv_12m",
    "clv_36m",
}
SHARES = {
    "churn_probability",
    "probability_active",
    "buys_within_7_days",
    "buys_within_30_days",
    "buys_within_90_days",
    "subscribed_at_horizon",
}
TONES = {"churn_band": {"high": "worse", "medium": "warn"}, "health_band": {"healthy": "better", "watch": "warn", "at_risk": "worse"}}
PERSONAL = ("name", "email", "phone")
EXTRA = (
    "rfm_group",
    "churn_probability",
    "probability_active",
    "orders",
    "net_amount",
    "next_order_on",
    "health",
    "health_band",
    "cluster",
    "email",
    "phone",
    "country",
    "city",
    "industry",
    "acquired_from",
    "became_customer_on",
    "clv_12m",
    "case_due_on",
    "contract_ends_on",
)


@dataclass(frozen=True)
class Chip:
    """A filter that is set, and the address without it."""

    label: str
    without: str


@dataclass(frozen=True)
class Choice:
    """A value that a filter can take."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True)
class Filter:
    """A filter with its values."""

    name: str
    label: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Cell:
    """A cell as people read it."""

    words: str
    is_number: bool
    tone: str = ""
    exact: Any = None


@dataclass(frozen=True)
class Row:
    """A customer in the list."""

    customer_id: str
    href: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Head:
    """A column's head: its words, the address that sorts by it, and whether the list is sorted so."""

    name: str
    label: str
    is_number: bool
    href: str
    sorted: str  # ascending | descending | ""


@dataclass(frozen=True)
class CustomersPage:
    """All that the list shows."""

    title: str
    people: People
    heads: tuple[Head, ...]
    rows: tuple[Row, ...]
    totals: tuple[tuple[str, str, str, Decimal], ...]  # of all pages: name, words, figure, and the same exactly
    filters: tuple[Filter, ...]
    chips: tuple[Chip, ...]
    columns: tuple[Choice, ...]
    first: int
    last: int
    before: str | None
    after: str | None
    hidden: tuple[tuple[str, str], ...]
    where: str
    query: str
    views: Menu
    sheets: tuple[Sheet, ...] = ()


@ROUTES.get("/customers", Capability.SEE_CUSTOMERS)
def customers(visit: Here) -> Response:
    page = _page(visit)
    return visit.html("customers.html", page=page, title=page.title)


@ROUTES.get("/customers/download/{table}.{kind}", (Capability.SEE_CUSTOMERS, Capability.EXPORT))
def take(visit: Here, table: str, kind: str) -> Response:
    """The whole list as filtered and sorted, masked as on the page."""
    if table != "customers" or kind not in KINDS:
        raise NotFoundError(visit.say("shell.no_table"))
    columns, filters, sort = _columns(visit), asked_filters(visit), visit.asked("sort", "clv") or None
    parts = visit.workspace.everybody(filters, Part(columns, sort))
    first = next(parts)
    if kind == XLSX and first.total > MOST_EXCEL_ROWS:
        raise WrongUseError(
            visit.say("customers.too_many", n=f"{first.total:,}", most=f"{MOST_EXCEL_ROWS:,}"), visit.say("customers.take_csv")
        )
    rows = ([r.get(c) for c in columns] for part in chain([first], parts) for r in part.rows)
    visit.note(
        "exported",
        "customers",
        None,
        rows=float(first.total),
        file=kind,
        columns=list(columns),
        segment=visit.asked("segment") or None,
        filters=sorted(visit.request.query_params.keys()),
    )
    heads = tuple(Column(c, _label(visit, c), _is_number(c)) for c in columns)
    return streamed(Sheet("customers", heads, ()), rows, kind, "keepwell-customers")


def asked_filters(visit: Visit) -> Filters:
    """The filters that the address tells."""
    told: dict[str, Any] = {field: tuple(v for v in visit.request.query_params.getlist(name) if v) for name, field in LISTS.items()}
    told |= {name: visit.asked(name) or None for name in TEXTS}
    told |= {field: _number(name, visit.asked(name)) for name, field in NUMBERS.items()}
    told |= {field: _day(name, visit.asked(name)) for name, field in DAYS.items()}
    return Audiences(visit.workspace).resolved(visit.site.store, Filters(**told))


def _number(name: str, text: str) -> Decimal | None:
    try:
        found = Decimal(text) if text else None
    except InvalidOperation:
        raise WrongUseError(f"{name} is {text!r}.", "Write a number, such as 1000.") from None
    if found is not None and not found.is_finite():
        raise WrongUseError(f"{name} is {text!r}.", "Write a number, such as 1000.")
    return found


def _day(name: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise WrongUseError(f"{name} is {text!r}.", "Write a day, such as 2026-10-31.") from None


def _page(visit: Visit) -> CustomersPage:
    filters, columns, sort = asked_filters(visit), _columns(visit), visit.asked("sort", "clv")
    offset = whole_or(visit.asked("from"), 0)
    found = visit.workspace.people(filters, Part(columns, sort or None, offset, A_PAGE))
    last = offset + len(found.rows)
    totals = ((n, _label(visit, n), visit.money(v), v) for n, v in (("net_amount", found.net_amount), ("clv", found.clv)) if v is not None)
    return CustomersPage(
        title=visit.say("customers.title"),
        people=found,
        heads=tuple(_head(visit, c, sort) for c in columns),
        rows=tuple(row_of(visit, columns, r) for r in found.rows),
        totals=tuple(totals),
        filters=_filters(visit),
        chips=_chips(visit),
        columns=tuple(Choice(c, _label(visit, c), c in columns) for c in dict.fromkeys([*SHOWN, *EXTRA]) if c != "customer_id"),
        first=offset + 1 if found.rows else 0,
        last=last,
        before=visit.address_with(**{"from": str(max(0, offset - A_PAGE)) if offset > A_PAGE else None}) if offset else None,
        after=visit.address_with(**{"from": str(last)}) if last < found.total else None,
        hidden=tuple((n, v) for n, v in visit.request.query_params.multi_items() if n in {"sort", "segment", "run"}),
        where=visit.asked("where"),
        query=urlencode([(n, v) for n, v in visit.request.query_params.multi_items() if n != "from"]),
        views=menu(visit, PAGE),
    )


def _columns(visit: Visit) -> tuple[str, ...]:
    known = {*book_columns(), *PERSONAL, OWNER_NAME}
    asked = [c for c in visit.request.query_params.getlist("column") if c in known]
    if asked:
        return ("customer_id", *(c for c in dict.fromkeys(asked) if c != "customer_id"))
    # why somebody is in the list stands in it
    why = [ATTENTIONS[a].column for a in visit.request.query_params.getlist("attention") if a in ATTENTIONS]
    return tuple(dict.fromkeys(c for c in (*SHOWN[:2], *why, *SHOWN[2:]) if c != "owner_id"))


def _label(visit: Visit, column: str) -> str:
    return visit.say("customers.owner") if column == OWNER_NAME else visit.customer_column(column)


def _is_number(column: str) -> bool:
    return column in MONEY or column in SHARES or column in {"orders", "health", "rfm_score", "expected_orders", "subscribed_months"}


def _head(visit: Visit, column: str, sort: str) -> Head:
    is_by = sort.removeprefix("-") == column
    is_rising = is_by and sort.startswith("-")
    # names are masked or not by who looks, so no order follows from them
    href = (
        ""
        if column in {*PERSONAL, OWNER_NAME}
        else visit.address_with(sort=column if is_rising or not is_by else f"-{column}", **{"from": None})
    )
    return Head(column, _label(visit, column), _is_number(column), href, ("ascending" if is_rising else "descending") if is_by else "")


def row_of(visit: Visit, columns: tuple[str, ...], row: Any) -> Row:
    """A customer as lists show one."""
    return Row(row["customer_id"], visit.customer_path(row["customer_id"]), tuple(cell(visit, c, row.get(c)) for c in columns))


def cell(visit: Visit, column: str, value: Any) -> Cell:
    """A value of a customer's column as people read it."""
    is_number = _is_number(column)
    if value is None:
        return Cell("", is_number)
    if column in MONEY:
        return Cell(visit.money(value), is_number=True, exact=value)
    if column in SHARES or column == "health":
        return Cell(f"{value:.0%}" if column in SHARES else points_words(Decimal(str(value))), is_number=True, exact=value)
    if column in TONES:
        return Cell(visit.label(column, value), is_number=False, tone=TONES[column].get(value, "none"))
    if isinstance(value, str):
        return Cell(visit.label(column, value), is_number=False)
    return Cell(visit.cell(value), is_number, exact=value)


def _filters(visit: Visit) -> tuple[Filter, ...]:
    asked = {n: set(visit.request.query_params.getlist(n)) for n in LISTS}

    def choices(name: str, values: Any) -> tuple[Choice, ...]:
        return tuple(Choice(v, words, v in asked[name]) for v, words in values)

    stages = [(s, visit.label("lifecycle_stage", s)) for s in lifecycle.LABELS]
    reasons = [(a, visit.say(f"customers.attention_{a}")) for a in ATTENTIONS]
    bands = [(b, visit.label("churn_band", b)) for b in reversed(BANDS)]
    return (
        Filter("tier", visit.customer_column("tier"), choices("tier", [(t, t) for t in "ABC"])),
        Filter("stage", visit.customer_column("lifecycle_stage"), choices("stage", stages)),
        Filter("churn", visit.customer_column("churn_band"), choices("churn", bands)),
        Filter("health", visit.customer_column("health_band"), choices("health", [(b, visit.label("health_band", b)) for b in LABELS])),
        Filter("attention", visit.say("customers.attention"), choices("attention", reasons)),
        Filter("region", visit.customer_column("region"), choices("region", [(r, r) for r in _regions(visit)])),
    )


def _regions(visit: Visit) -> tuple[str, ...]:
    return visit.kept(("regions", visit.workspace.book.moment), visit.workspace.regions)


def _chips(visit: Visit) -> tuple[Chip, ...]:
    """What is filtered, each with the way back."""
    columns = {
        "tier": "tier",
        "stage": "lifecycle_stage",
        "churn": "churn_band",
        "health": "health_band",
        "region": "region",
        "owner": "owner_id",
    }
    items = visit.request.query_params.multi_items()
    made = []
    for i, (name, value) in enumerate(items):
        if not value or name not in {*LISTS, *TEXTS, *NUMBERS, *DAYS}:
            continue
        label = (
            f"{_label(visit, columns[name])}: {visit.label(columns[name], value)}"
            if name in columns
            else f"{visit.say(f'customers.{name}')}: {visit.word_or(f'customers.attention_{value}', value) if name == 'attention' else value}"
        )
        rest = [item for j, item in enumerate(items) if j != i and item[0] != "from"]
        made.append(Chip(label, f"/customers?{urlencode(rest)}"))
    return tuple(made)
