"""Words of the pages: each in both languages, each that is asked for is there, none that nobody asks for."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from keepwell.core.settings import Locale, Settings
from keepwell.surfaces import web
from keepwell.surfaces.web.words import dictionary, say_in

FOLDER = Path(web.__file__).parent
TEXTS = [*FOLDER.rglob("*.html"), *FOLDER.rglob("*.py")]
# asked for by a name that is put together: its beginning
MADE_UP = re.compile(r"""say\(\s*f?["'](\w+\.\w*)(?:["']\s*[+~]|{)|word_or\(\s*f["'](\w+\.?\w*){""")
ASKED = re.compile(r"""(?:say|word_or)\(\s*["']([\w.]+)["']\s*[,)]""")
CHOSEN = re.compile(r"""["']([a-z_]+\.[a-z_0-9]+)["']""")


def test_every_word_stands_in_both_languages_with_the_same_places() -> None:
    for name, told in dictionary().items():
        assert set(told) == {"en", "zh"}, name
        assert all(told.values()), name
        places = [set(re.findall(r"{(\w+)}", words)) for words in told.values()]
        assert places[0] == places[1], name


@pytest.mark.parametrize("setting", [f.name for f in fields(Settings) if f.name != "store"])
def test_every_setting_is_told_in_both_languages(setting: str) -> None:
    # the address of the store may hold a password and is not shown
    assert re.search(r"[\u4e00-\u9fff]", dictionary()[f"settings.about_{setting}"]["zh"])


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: str(p.relative_to(FOLDER)))
def test_every_word_that_is_asked_for_is_there(path: Path) -> None:
    for name in ASKED.findall(path.read_text(encoding="utf-8")):
        assert name in dictionary(), name


def test_every_word_of_the_pages_is_asked_for() -> None:
    text = "\n".join(p.read_text(encoding="utf-8") for p in TEXTS)
    asked = set(ASKED.findall(text)) | set(CHOSEN.findall(text))
    beginnings = tuple(b for found in MADE_UP.findall(text) for b in found if b)
    titles = {f"{p.stem}.title" for p in (FOLDER / "words").glob("*.yaml")}
    own = [n for n in dictionary() if "." in n]
    unused = [n for n in own if n not in asked | titles and not n.startswith(beginnings)]
    assert unused == []


def test_a_word_in_chinese_has_chinese_in_it_or_is_the_same_everywhere() -> None:
    for name, told in dictionary().items():
        if "." in name and told["zh"] != told["en"]:
            assert re.search(r"[一-鿿、]", told["zh"]), name


def test_an_unknown_word_is_a_fault() -> None:
    with pytest.raises(KeyError):
        say_in(Locale.CHINESE)("shell.nothing")
