"""How topics of comments and drivers of satisfaction look on the command line: a table a score."""

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from rich.table import Table
from rich.text import Text

Say = Callable[[str], str]
Found = Sequence[dict[str, Any]]
MOST_ROWS = 12  # of the topics beside one score; all of them are in JSON


def _topics(found: Found, word: Say) -> list[Text | Table]:
    """A table a score, the topics that move it most first; below it what is typically said of those that surely do."""
    parts: list[Text | Table] = []
    for metric, rows in groupby(found, key=itemgetter("metric")):
        shown = Table(box=None, pad_edge=False, title=word(f"topics_{metric}"), title_justify="left", title_style="bold")
        shown.add_column(word("topic"), no_wrap=True)
        shown.add_column(word("topic_language"), no_wrap=True)
        for name in ("comments", "mean_score", "mean_without", "effect", "interval", "sentiment"):
            shown.add_column(word(name), justify="right", no_wrap=True)
        shown.add_column(word("quote"), overflow="fold", ratio=1)
        for r in list(rows)[:MOST_ROWS]:
            interval = f"{r['effect_low']:+.1f} – {r['effect_high']:+.1f}" if r["effect_low"] is not None else ""
            is_sure = r["effect_low"] is not None and r["effect_low"] * r["effect_high"] > 0
            style = ("green" if r["effect"] > 0 else "red") if is_sure else ""
            shown.add_row(
                Text(r["label"]), r["language"], f"{r['comments']:,} ({r['share']:.0%})", _signed(r["mean_score"], ".0f"),
                _signed(r["mean_without"], ".0f"), Text(_signed(r["effect"], "+.1f"), style=style), interval, _signed(r["sentiment"], "+.2f"),
                Text(f"“{r['quotes'][0]}”" if r["quotes"] else r["phrases"], style="italic" if r["quotes"] else ""),
            )  # fmt: skip
        parts += [shown, Text()]
    return parts[:-1]


def _drivers(found: Found, word: Say) -> list[Text | Table]:
    parts: list[Text | Table] = []
    for metric, rows in groupby(found, key=itemgetter("metric")):
        shown = Table(box=None, pad_edge=False, title=word(f"drivers_{metric}"), title_justify="left", title_style="bold")
        shown.add_column(word("driver"), no_wrap=True)
        for name in ("importance", "interval", "correlation", "performance", "answers"):
            shown.add_column(word(name), justify="right", no_wrap=True)
        for r in rows:
            style = "green" if r["importance_low"] > r["noise"] else ""
            interval = f"{r['importance_low']:.1%} – {r['importance_high']:.1%}"
            shown.add_row(
                Text(r["label"]), Text(f"{r['importance']:.1%}", style=style), interval, _signed(r["correlation"], "+.2f"),
                _signed(r["performance"], ".0f"), f"{r['answers']:,}",
            )  # fmt: skip
        parts += [shown, Text()]
    return parts[:-1]


def _signed(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


# model -> its rows as tables
VOICES = {"topics": _topics, "drivers": _drivers}
