"""Themes that most businesses hear of, with their words in both languages: what joins one theme's topics and gives them a name."""

import functools
import importlib.resources
import re
from dataclasses import dataclass
from typing import Any

from keepwell.core.yaml_file import shipped
from keepwell.models.comments.language import Language


@dataclass(frozen=True)
class Theme:
    """A theme's name, its label in English and Chinese, and how its words are found in a text."""

    name: str
    english: str
    chinese: str
    patterns: dict[Language, re.Pattern[str]]

    def is_in(self, text: str, language: Language) -> bool:
        """Whether a lower-case text holds one of the theme's words."""
        pattern = self.patterns.get(language)
        return pattern is not None and pattern.search(text) is not None


@functools.cache
def themes() -> dict[str, Theme]:
    """The shipped themes by name, in their order."""
    path = importlib.resources.files("keepwell.models.comments") / "glossary.yaml"
    told: dict[str, Any] = shipped(path.read_text(encoding="utf-8"))
    return {name: _theme(name, found) for name, found in told.items()}


def _theme(name: str, told: dict[str, Any]) -> Theme:
    english, chinese = told["label"]
    return Theme(name, english, chinese, {Language.ENGLISH: _english(told["en"]), Language.CHINESE: _chinese(told["zh"])})


def _english(words: list[str]) -> re.Pattern[str]:
    listed = "|".join(re.escape(w.removesuffix("*")) + (r"\w*" if w.endswith("*") else "") for w in words)
    return re.compile(rf"\b(?:{listed})\b")


def _chinese(words: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, words)))
