"""Codes of the canonical model in words: a customer's kind, an order's status, a contact's part in decisions."""

import functools
import importlib.resources

from keepwell.core.settings import Locale
from keepwell.core.yaml_file import shipped
from keepwell.metrics.kpi import Kpi

# columns that hold another one's codes
SAME_CODES = {"acquired_from": "channel", "source_channel": "channel", "from_stage": "stage", "to_stage": "stage"}


@functools.cache
def codes() -> dict[str, dict[str, dict[str, str]]]:
    """Column -> code -> language -> words."""
    text = (importlib.resources.files("keepwell.surfaces") / "codes.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, dict[str, str]]] = shipped(text)
    return found


def code_or_itself(column: str, code: str, locale: Locale) -> str:
    """The words of a code of that column, or of the dimension that ends with it; a code that nobody knows is shown as it is."""
    name = column.rpartition(".")[2]
    told = codes().get(SAME_CODES.get(name, name), {}).get(code)
    return told[str(locale)] if told else code


def title_of(kpi: Kpi, dimension: str | None, member: str | None, locale: Locale) -> str:
    """A KPI's title, with the member where it is read of a part of the company."""
    title = kpi.title[locale]
    return title if dimension is None or member is None else f"{title} · {code_or_itself(dimension, member, locale)}"
