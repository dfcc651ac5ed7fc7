"""Commands about customers: lists, and one customer's card."""

import itertools
from typing import Annotated, Any

import typer
from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

from keepwell.customers.card import CustomerCard
from keepwell.surfaces.cli.console import Format, FormatOption, OutputOption, answer, note, screen_width
from keepwell.surfaces.cli.opening import opened
from keepwell.surfaces.words import words_of

WIDEST = 40  # of a value: offers with their names are several lines, and leave room for the reasons
LARGE = 100  # amounts from here on are shown with two decimals, smaller numbers and shares with four digits


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("customers")(list_customers)
    app.command("customer")(show_customer)


def list_customers(
    context: typer.Context,
    where: Annotated[str | None, typer.Option(help="Only customers for whom this SQL over their columns and scores holds.")] = None,
    segment: Annotated[
        str | None, typer.Option(help="Only this RFM group, lifecycle stage, tier, cluster, churn band or saved segment.")
    ] = None,
    attention: Annotated[
        list[str] | None,
        typer.Option(
            help="Only those who call for attention: value_leaving, silent, overdue or contract_ending; may be given several times."
        ),
    ] = None,
    sort: Annotated[str | None, typer.Option(help="Order by this column, highest first; -COLUMN lowest first.")] = None,
    column: Annotated[list[str] | None, typer.Option(help="Show this column; may be given several times.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """List customers, without their personal data."""
    workspace = opened(context)
    columns = list(dict.fromkeys(["customer_id", *column])) if column else None
    found = workspace.customers(where=where, columns=columns, sort=sort, segment=segment, attention=attention or (), limit=limit)
    rows = found.to_json()
    word = words_of(workspace.place.settings.locale)

    def table() -> Table:
        filled = [c for c in found.table.column_names if any(row[c] is not None for row in rows)] or ["customer_id"]
        first = [c for c in ("customer_id", (sort or "").lstrip("-")) if c in filled]
        filled = list(dict.fromkeys([*first, *filled]))
        told = filled if column else _fitting(filled, rows)
        shown = Table(*told, box=None, pad_edge=False)
        for row in rows:
            shown.add_row(*(Text(_cell(row[c])) for c in told))
        if len(told) < len(filled):
            note(word("more_columns").format(count=len(filled) - len(told), names=", ".join(filled[len(told) :])))
        return shown

    answer(rows, table, format_, output)


def _fitting(columns: list[str], rows: list[dict[str, Any]]) -> list[str]:
    """The first columns that fit on the screen without being cut; two at least."""
    room = screen_width()
    widths = [max(cell_len(c), *(cell_len(_cell(row[c])) for row in rows), 0) for c in columns]
    reached = list(itertools.accumulate(w + 2 for w in widths))
    return columns[: max(2, sum(r - 2 <= room for r in reached))]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) >= LARGE else f"{value:.4g}"
    return str(value)


def show_customer(
    context: typer.Context,
    customer_id: Annotated[str, typer.Argument(help="The customer's id.", show_default=False)],
    format_: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """A customer's card: what is known and expected, and why."""
    workspace = opened(context)
    found = workspace.customer(customer_id)
    word = words_of(workspace.place.settings.locale)

    def card() -> Group:
        return _card(found, word("customer_as_of").format(day=found.as_of, run=found.run_id), word("no_scores"))

    answer([found.to_json()], card, format_, output, as_json=found.to_json())


def _card(found: CustomerCard, as_of: str, nothing: str) -> Group:
    profile = " · ".join(f"{k} {v}" for k, v in found.profile.items() if v is not None and v != [])
    shown = Table(box=None, pad_edge=False, show_header=False)
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column(max_width=WIDEST)
    shown.add_column()
    for r in found.reasons:
        shown.add_row(r.label, r.value, r.why)
    return Group(Text(found.customer_id, style="bold"), Text(profile), Text(as_of), Text(), shown if found.reasons else Text(nothing))
