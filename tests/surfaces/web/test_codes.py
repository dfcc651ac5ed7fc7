"""Codes stand in words on every page, in both languages; what nobody knows is shown as it is."""

from typing import Any

import pytest

from factories.markup import read
from factories.served import Browser, Company, with_people
from factories.surfaces import Surfaces
from keepwell.core.settings import Locale
from keepwell.lake.entity import entities
from keepwell.surfaces.codes import code_or_itself, codes

# bands of numbers read alike in every language
NUMBERS = {"age_band"}
FIXED = [
    (e.name, c.name, v) for e in entities().values() if not e.is_derived for c in e.columns for v in c.allowed if c.name not in NUMBERS
]


def _day(day: int) -> str:
    return f"2026-05-{day:02} 10:00:00"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    surfaces = Surfaces.made(tmp_path_factory.mktemp("codes"), timezone="Asia/Shanghai")
    surfaces.bring("customers", [{"customer_id": "big", "kind": "company", "name": "Acme", "created_at": "2026-01-01 10:00:00"}, {"customer_id": "ann", "kind": "person", "name": "Ann", "created_at": "2026-01-01 10:00:00"}])  # fmt: skip
    surfaces.bring("contacts", [{"contact_id": "k", "customer_id": "big", "name": "Kim", "decision_role": "blocks"}])
    surfaces.bring("consents", [{"consent_id": "s", "customer_id": "big", "purpose": "profiling", "channel": "pigeon", "status": "withdrawn", "at": _day(2)}])  # fmt: skip
    surfaces.bring("interactions", [{"interaction_id": "i", "customer_id": "big", "occurred_at": _day(3), "channel": "wechat", "direction": "outbound"}])  # fmt: skip
    surfaces.bring("tickets", [{"ticket_id": "t", "customer_id": "big", "opened_at": _day(4), "kind": "incident", "status": "on hold"}])
    surfaces.bring("orders", [_order(n, c, s) for n, (c, s) in enumerate((("big", "pending"), ("big", "completed"), ("ann", "completed")))])
    surfaces.bring("orders", [_order(10 + i, c, "completed") | {"ordered_at": f"2026-{m:02}-05 10:00:00"} for i, (c, m) in enumerate((c, m) for c in ("big", "ann") for m in (1, 2, 3, 4))])  # fmt: skip
    surfaces.ask("refresh", "--as-of", "2026-05-31")
    return with_people(surfaces)


def _order(n: int, customer: str, status: str) -> dict[str, Any]:
    return {"order_id": f"o{n}", "customer_id": customer, "ordered_at": _day(5 + n), "status": status, "amount": 100 + n, "currency": "CNY", "channel": "app" if n else "market"}  # fmt: skip


def _text(browser: Browser, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return read(answer.text).one("main").text


@pytest.mark.parametrize(("table", "column", "code"), FIXED, ids=str)
def test_every_code_of_the_model_has_words_in_both_languages(table: str, column: str, code: str) -> None:
    told = codes()[column][code]
    assert told["en"], table
    assert told["zh"], table


def test_every_word_stands_in_both_languages() -> None:
    assert all(set(told) == {"en", "zh"} for known in codes().values() for told in known.values())


def test_what_nobody_knows_is_shown_as_it_is() -> None:
    assert code_or_itself("channel", "pigeon", Locale.CHINESE) == "pigeon"
    assert code_or_itself("nonsense", "person", Locale.CHINESE) == "person"
    # a dimension is reached by a path, and a customer's own channel is a channel
    assert code_or_itself("customer_id.kind", "company", Locale.CHINESE) == "企业"
    assert code_or_itself("acquired_from", "wechat", Locale.CHINESE) == "微信"


@pytest.mark.parametrize(
    ("path", "english", "chinese", "codes_unseen"),
    [
        ("/customers", ["company", "person"], ["企业", "个人"], ["company", "person"]),
        ("/customers?where=kind+is+not+null&column=kind", ["company"], ["企业"], []),
        (
            "/customers/big",
            ["company", "blocks", "profiling: withdrawn"],
            ["企业", "阻碍", "画像: 已撤回"],
            ["company", "blocks", "profiling", "withdrawn"],
        ),
        (
            "/customers/big/timeline",
            ["WeChat", "outbound", "incident", "on hold", "pending"],
            ["微信", "我方发起", "故障", "on hold", "待处理"],
            ["wechat", "outbound", "incident", "pending"],
        ),
        ("/kpi/orders/by/channel?period=2026-05", ["app"], ["应用"], ["app"]),
        ("/kpi/customers/by/kind?period=2026-05", ["company", "person"], ["企业", "个人"], ["company", "person"]),
        ("/kpi/orders/rows?period=2026-05", ["completed"], ["已完成"], ["completed"]),
        ("/retention?by=kind", ["company", "person"], ["企业", "个人"], ["company", "person"]),
    ],
)
def test_a_page_says_codes_in_words(company: Company, path: str, english: list[str], chinese: list[str], codes_unseen: list[str]) -> None:
    with company.browser("operations") as browser:
        text = _text(browser, path)
        assert [w for w in english if w not in text] == []
        browser.post("/look", locale="zh", next="/", form_token=browser.token())
        text = _text(browser, path)
        browser.post("/look", locale="en", next="/", form_token=browser.token())
        assert [w for w in chinese if w not in text] == []
        assert [w for w in codes_unseen if w in text.split()] == []


def test_a_column_is_called_as_in_its_own_table(company: Company) -> None:
    with company.browser("operations") as browser:
        heads = {h["data-column"]: h.text for h in read(browser.get("/customers").text).all("th", "data-column")}
        # a membership has a tier too, with another label
        assert heads["tier"] == "Value tier"
