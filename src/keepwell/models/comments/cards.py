"""Rows of topics and drivers as a card shows them."""

from collections.abc import Sequence
from typing import Any

from keepwell.core.settings import Locale
from keepwell.models.comments.language import Language, language_of
from keepwell.models.comments.stored import METRICS
from keepwell.models.comments.titles import driver_title, topic_label

Rows = list[dict[str, Any]]
TOPIC_KEY = ("metric", "language", "topic")


def topic_rows(rows: Rows, places: Rows, sentences: Sequence[str | None], locale: Locale) -> Rows:
    """Topics with their label and ``quotes``: the sentences at their ``places``, where they still are.

    Those that move a score most come first; so do sentences in the reader's language.
    """
    quotes: dict[tuple[str, ...], list[str]] = {}
    for place, quote in zip(places, sentences, strict=True):
        if quote:
            quotes.setdefault(tuple(place[k] for k in TOPIC_KEY), []).append(quote)
    own = Language.CHINESE if locale is Locale.CHINESE else Language.ENGLISH
    for said in quotes.values():
        said.sort(key=lambda quote: language_of(quote) is not own)  # those that the reader reads first; else as they were
    told = [
        {
            **r,
            "label": topic_label(r["topic"], r["phrases"], is_chinese=locale is Locale.CHINESE),
            "quotes": quotes.get(tuple(r[k] for k in TOPIC_KEY), []),
        }
        for r in rows
    ]
    return sorted(
        told,
        key=lambda r: (
            METRICS.index(r["metric"]) if r["metric"] in METRICS else len(METRICS),
            -abs(r["effect"] or 0.0),
            -r["comments"],
            r["topic"],
        ),
    )


def driver_rows(rows: Rows, locale: Locale) -> Rows:
    """Drivers with their label, the most important first."""
    told = [{**r, "label": driver_title(r["kind"], r["driver"], is_chinese=locale is Locale.CHINESE)} for r in rows]
    return sorted(told, key=lambda r: (METRICS.index(r["metric"]), -r["importance"], r["kind"], r["driver"]))
