"""Error texts in Chinese: each template is one of the code's own, and what pages can say of customers, people and periods has one."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import keepwell
from factories.served import Company
from keepwell.core.errors import did_you_mean, unknown
from keepwell.core.settings import Locale
from keepwell.surfaces.error_words import BRACES, templates, told_in

CODE = Path(keepwell.__file__).parent
# what people who work in pages can come upon; faults of files that they wrote themselves name the file's own words
TRANSLATED = (
    "access/passwords.py", "access/sign_in.py", "access/tokens.py", "access/users.py", "access/repeats.py",
    "access/webhooks/desk.py", "access/webhooks/hooks.py", "access/webhooks/subscriptions.py", "access/webhooks/destination.py",
    "customers", "engagement", "surfaces/web", "surfaces/python.py", "surfaces/worker/jobs.py", "surfaces/worker/stages.py",
    "surfaces/targets.py", "performance/slices.py", "performance/targets", "surfaces/rounds.py", "surfaces/appraisal_sight.py", "surfaces/freezing.py", "performance/appraisals",
    "performance/schedules", "surfaces/schedules.py", "surfaces/delivery", "performance/alerts", "performance/reviews", "surfaces/meetings.py", "surfaces/alerts.py",
)  # fmt: skip
OF_THE_PROGRAM = {
    "carries no time zone",
    "has no reading in",
    "was not done",
    "a way needs readings behind it",
    "there are no two teams with results",
    "nothing is to come",
    "has no secret and yet it signed",
    "Can't listen at",
    "Choose another --port",
}
CJK = re.compile(r"[\u4e00-\u9fff]")


def raised(path: Path) -> Iterator[str]:
    """The texts with which a module makes errors, what varies as {}."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")).endswith("Error"):
            for argument in node.args:
                yield from written(argument)


def written(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)
    elif isinstance(node, ast.IfExp):
        yield from written(node.body)
        yield from written(node.orelse)


def in_code() -> set[str]:
    """All texts of the code with a space in them, what varies as {}."""
    found = set[str]()
    for path in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.expr):
                found |= set(written(node))
    return found


def plain(template: str) -> str:
    return BRACES.sub("{}", template)


def test_every_template_is_a_text_of_the_code() -> None:
    # the hints with near names are put together of two parts
    known = {re.sub(r"[{}/]", "", t) for t in in_code()}
    for template in templates():
        if template.english.startswith(("Did you mean", "Known:")):
            continue
        assert re.sub(r"[{}/]", "", plain(template.english)) in known, template.english


def test_a_template_says_the_same_in_chinese() -> None:
    for template in templates():
        assert CJK.search(template.chinese), template.english
        # a part may be left out in Chinese, none may be made up
        assert set(BRACES.findall(template.chinese)) <= set(BRACES.findall(template.english)), template.english


@pytest.mark.parametrize("place", TRANSLATED)
def test_what_pages_can_say_has_its_chinese(place: str) -> None:
    path = CODE / place
    known = {plain(t.english) for t in templates()}
    told = {t for p in ([path] if path.is_file() else path.rglob("*.py")) for t in raised(p)}
    missing = sorted(t for t in told - known if " " in t.strip("{}") and not any(words in t for words in OF_THE_PROGRAM))
    assert not missing


def test_names_and_values_stay_as_they_are() -> None:
    error = unknown("customer", "C00{1}", ["C001"])
    assert told_in(error.message, Locale.CHINESE) == "没有名为 'C00{1}' 的客户。"
    assert told_in(error.hint or "", Locale.CHINESE) == "您是否要找 C001？"
    assert told_in(did_you_mean("x", ["aaaa", "bbbb"]) or "", Locale.CHINESE) == "可选：aaaa, bbbb。"
    assert told_in(error.message, Locale.ENGLISH) == error.message
    assert told_in("Nobody has put this into words.", Locale.CHINESE) == "Nobody has put this into words."


def test_a_page_tells_its_errors_in_the_readers_language(company: Company) -> None:
    with company.browser("analyst") as browser:
        for path, words in {
            "/customers/C0000": "没有名为 &#39;C0000&#39; 的客户。",
            "/customers?sort=nothing": "客户不能按 &#39;nothing&#39; 排序。",
            "/kpi/revenue?period=2026-13": "不是有效的期间",
            "/scorecard?compare=yesterday": "没有 &#39;yesterday&#39; 这种对比方式。",
        }.items():
            assert words in browser.get(path, accept_language="zh-CN").text, path
