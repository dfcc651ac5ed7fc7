"""Codes of the canonical model in words: a customer's kind, an order's status, a contact's part in decisions."""

import functools
import importlib.resources

from keepwell.core.settings import Locale
from keepwell.core.yaml_file import shipped

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
