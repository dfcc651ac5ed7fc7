"""The documentation holds what it promises: pages generated from the code, links that lead somewhere, records that are whole."""

import re
import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from keepwell.surfaces.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
RECORDS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
SECTIONS = ["Context", "Decision", "Consequences", "Alternatives", "Check"]
STAGES = sorted(p.name for p in (ROOT / "src" / "keepwell").iterdir() if p.is_dir() and not p.name.startswith(("_", ".")))

CODE_BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@cache
def generator() -> ModuleType:
    spec = spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def anchors(page: Path) -> set[str]:
    """The names by which GitHub lets one link to a page's headings."""
    text = CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in headings}


def leaves(command: Any, before: str = "") -> list[str]:
    """The commands below a group, each by how it is called; groups that answer by themselves too."""
    found = []
    for key, c in getattr(command, "commands", {}).items():
        is_group = hasattr(c, "commands")
        found += leaves(c, f"{before}{key} ") if is_group else []
        found += [f"{before}{key}"] if not is_group or c.invoke_without_command else []
    return found


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_reference_is_what_the_generator_writes() -> None:
    assert generator().differing() == []


def test_a_page_that_is_changed_missing_or_unknown_is_named(tmp_path: Path) -> None:
    wanted = generator().pages()
    for name, text in wanted.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert generator().differing(tmp_path) == []
    (tmp_path / "kpis.md").write_text("by hand", encoding="utf-8")
    (tmp_path / "settings.md").unlink()
    (tmp_path / "old.md").write_text("of a page that is no more", encoding="utf-8")
    assert generator().differing(tmp_path) == ["kpis.md", "old.md", "settings.md"]


def test_a_field_without_words_stops_the_generator() -> None:
    with pytest.raises(generator().IncompleteError, match="fields: b, c stands in the code or in the script"):
        generator().words_for("fields", ["a", "b"], {"a": "…", "c": "…"})


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))) if "://" not in link]
    broken = []
    for link in links:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and (target.suffix != ".md" or anchor not in anchors(target))):
            broken.append(link)
    assert broken == []


def test_every_command_stands_in_the_reference() -> None:
    text = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    named = [name for name, _ in generator().commands()]
    assert [name for name in named if f"\n## {name}\n" not in text or f"](#{name.replace(' ', '-')})" not in text] == []
    # those that Click would run, groups within groups too
    assert sorted(named) == sorted(leaves(typer.main.get_command(app)))


@pytest.mark.parametrize("stage", [s for s in STAGES if s != "demo"])
def test_every_stage_has_its_concept_page(stage: str) -> None:
    text = (DOCS / "concepts" / f"{stage}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {stage}: ")
    assert "\n## Limits\n" in text
    assert "\n## Where to look\n" in text


@pytest.mark.parametrize("record", RECORDS, ids=name_of)
def test_a_decision_record_is_whole(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    number = record.name[:4]
    assert text.startswith(f"# {number} ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    parts = re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]
    assert all(part.strip() for part in parts)
    assert record.name in (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
    guards = re.findall(r"`((?:tests|src|bench|docs|\.ci)/[\w./-]+)`", parts[-1])
    assert [g for g in guards if not (ROOT / g).exists()] == []


def test_decision_records_are_numbered_without_gap() -> None:
    assert [r.name[:4] for r in RECORDS] == [f"{n:04d}" for n in range(1, len(RECORDS) + 1)]


def test_the_readme_s_two_commands_are_targets_of_make() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    section = text.partition("## Two commands")[2].partition("\n## ")[0]
    commands = re.findall(r"^make ([a-z]+)", section, re.MULTILINE)
    assert commands == ["demo", "test"]
    assert set(commands) <= set(targets)


def test_make_targets_in_the_pages_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {(name_of(p), t) for p in PAGES for t in re.findall(r"(?:^|`)make ([a-z]+)", p.read_text(encoding="utf-8"), re.MULTILINE)}
    assert {(page, target) for page, target in named if target not in targets} == set()
