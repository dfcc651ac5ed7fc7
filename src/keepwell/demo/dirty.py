"""A file as cash desks write it: mostly right, and the list of what is wrong in it."""

import csv
import io
from dataclasses import dataclass

import numpy as np

from keepwell.demo.season import Season

_ROWS_FOR_EACH_KIND = 24  # eight wrong rows in seven times as many: less than 5 %
_HEADER = ("order_id", "ordered_at", "status", "amount", "currency", "store")
_STORE = "POPUP"


@dataclass(frozen=True)
class DirtyRow:
    """One wrong line: its number in the file (the header is line 1), what is wrong, where, and the value."""

    line: int
    kind: str
    column: str
    value: str


# What is wrong -> the column and the value that is put there. A duplicate key is that of the line before, with other values:
# nobody can say which of the two is right, so both are wrong.
_FAULTS = {
    "impossible date": ("ordered_at", "2026-02-30 10:00:00+08:00"),
    "unknown currency": ("currency", "QQQ"),
    "missing required value": ("amount", ""),
    "bad number": ("amount", "12.3.4"),
    "duplicate key": ("order_id", ""),
    "future date": ("ordered_at", "2099-01-01 10:00:00+08:00"),
    "unknown status": ("status", "on the way"),
}


def pop_up_orders(rng: np.random.Generator, season: Season, customers: int) -> tuple[str, tuple[DirtyRow, ...]]:
    """The orders of a pop-up store as CSV text, and its wrong lines; more rows for more customers."""
    rounds = max(1, customers // 2_000)
    size = rounds * len(_FAULTS) * _ROWS_FOR_EACH_KIND
    rows = _good_rows(rng, season, size)
    wrong: list[DirtyRow] = []
    for i, kind in enumerate(list(_FAULTS) * rounds):
        place = i * _ROWS_FOR_EACH_KIND + 1 + int(rng.integers(0, _ROWS_FOR_EACH_KIND - 1))
        column, value = _FAULTS[kind]
        if kind == "duplicate key":
            value = rows[place - 1]["order_id"]
            wrong.append(DirtyRow(place + 1, kind, column, value))
        rows[place][column] = value
        wrong.append(DirtyRow(place + 2, kind, column, value))
    text = io.StringIO()
    writer = csv.DictWriter(text, _HEADER, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue(), tuple(wrong)


def _good_rows(rng: np.random.Generator, season: Season, size: int) -> list[dict[str, str]]:
    timeline = season.timeline
    moments = np.sort(rng.integers(0, timeline.end_s, size))
    cents = rng.integers(2_000, 60_000, size)
    times = timeline.local_times(moments).to_pylist()
    return [
        {
            "order_id": f"POP{i:06}",
            "ordered_at": f"{times[i]}+08:00",
            "status": "completed",
            "amount": f"{cents[i] / 100:.2f}",
            "currency": "CNY",
            "store": _STORE,
        }
        for i in range(size)
    ]
