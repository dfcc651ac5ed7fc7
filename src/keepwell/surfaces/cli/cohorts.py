"""How cohorts look on the command line: a triangle of shares by age."""

from collections.abc import Callable, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

Say = Callable[[str], str]
MOST_AGES = 12  # months that a line shows; all of them are in JSON


def triangle(rows: Sequence[dict[str, Any]], word: Say) -> list[Text | Table]:
    """A line a cohort; at 0 months all are there, so the columns begin at 1."""
    ages = max(len(r["shares"]) for r in rows)
    shown = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, title=word("triangle"), title_justify="left", title_style="bold")
    shown.add_column(word("cohort"), no_wrap=True)
    shown.add_column(word("customers"), justify="right", no_wrap=True)
    for age in range(1, min(ages, MOST_AGES + 1)):
        shown.add_column(str(age), justify="right", no_wrap=True)
    for r in rows:
        shares = ("" if s is None else f"{s:.0%}" for s in r["shares"][1 : MOST_AGES + 1])
        shown.add_row(r["cohort"], f"{r['customers']:,}", *shares)
    more = [Text(word("more_ages").format(count=ages - 1 - MOST_AGES), style="dim")] if ages - 1 > MOST_AGES else []
    return [shown, *more]
