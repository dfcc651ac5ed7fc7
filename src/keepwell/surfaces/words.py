"""Words of the surfaces, in the workspace's language."""

import functools
import importlib.resources
from collections.abc import Callable

from keepwell.core.settings import Locale
from keepwell.core.yaml_file import shipped
from keepwell.lake.entity import entities


@functools.cache
def dictionary() -> dict[str, dict[str, str]]:
    """Every word, by name and language."""
    text = (importlib.resources.files("keepwell.surfaces") / "words.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = shipped(text)
    return found


def words_of(locale: Locale) -> Callable[[str], str]:
    """A function from a word's name to the word in that language; an unknown name is a fault of the program."""
    return lambda name: dictionary()[name][str(locale)]


@functools.cache
def column_words(name: str, locale: Locale, first: tuple[str, ...] = ()) -> str | None:
    """The label of a column of the data model, of these entities ``first``; None where no entity has one of that name."""
    known = [*(entities()[e] for e in first), *entities().values()]
    return next((c.label[str(locale)] for e in known for c in e.columns if c.name == name), None)
