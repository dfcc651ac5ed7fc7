"""Words of the pages in both languages: ``words/<page>.yaml``, asked for as ``page.word``; without a dot, words of all surfaces."""

import functools
import importlib.resources
from collections.abc import Callable
from typing import Any

from keepwell.core.settings import Locale
from keepwell.core.yaml_file import shipped
from keepwell.surfaces import words

Say = Callable[..., str]


@functools.cache
def dictionary() -> dict[str, dict[str, str]]:
    """Every word, by name and language."""
    found = dict(words.dictionary())
    for file in sorted((importlib.resources.files("keepwell.surfaces.web") / "words").iterdir(), key=lambda f: f.name):
        if file.name.endswith(".yaml"):
            own: dict[str, dict[str, str]] = shipped(file.read_text(encoding="utf-8")) or {}
            found |= {f"{file.name.removesuffix('.yaml')}.{name}": told for name, told in own.items()}
    return found


def say_in(locale: Locale) -> Say:
    """A function from a word's name, and what stands in its places, to the words in that language."""

    def say(name: str, /, **places: Any) -> str:
        told = dictionary()[name][str(locale)]
        return told.format(**places) if places else told

    return say
