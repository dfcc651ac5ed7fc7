"""Search as one types, over names in two scripts, numbers, addresses and ids."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories.shop import Shop
from keepwell.access.roles import Rows
from keepwell.access.scope import Scope
from keepwell.customers import search_index
from keepwell.customers.search import folded
from keepwell.customers.search_index import SearchIndex
from keepwell.surfaces.python import Workspace

PEOPLE = [
    ("A-1", "person", "张伟", "wei@example.com", "+86 138-0013-8000"),
    ("A-2", "person", "曾小红", "hong@example.cn", None),
    ("A-3", "person", "Mona Moor", "m.moor@mail.example", "(030) 1234 567"),
    ("A-4", "person", "Jürgen Moorhuhn", None, None),
    ("A-5", "company", "Zhang & Sons", "office@zhang.example", "13800138"),
    ("A-6", "person", "Simone", None, None),
]


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    shop = Shop(tmp_path_factory.mktemp("search"))
    names = ("customer_id", "kind", "name", "email", "phone")
    shop.bring_rows(
        "customers", [{**dict(zip(names, row, strict=True)), "owner_id": "mo" if row[0] in {"A-1", "A-3"} else None} for row in PEOPLE]
    )
    return Workspace(shop.workspace, shop.clock)


def found(ws: Workspace, text: str) -> list[str]:
    return [h.customer_id for h in ws.search(text)]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("张伟", ["A-1"]), ("张", ["A-1"]), ("伟", ["A-1"]),
        ("zhangwei", ["A-1"]), ("zhang wei", ["A-1"]), ("ZW", ["A-1"]), ("zhangw", ["A-1"]),
        # 曾 is read ceng, and zeng as a family name
        ("zengxiaohong", ["A-2"]), ("zxh", ["A-2"]),
        ("moor", ["A-3", "A-4"]), ("jurgen", ["A-4"]), ("JÜRGEN M", ["A-4"]), ("mona moor", ["A-3"]),
        ("13800138000", ["A-1"]), ("138 0013 8000", ["A-1"]), ("0301234567", ["A-3"]), ("030/1234", ["A-3"]),
        ("m.moor@mail", ["A-3"]), ("example.cn", ["A-2"]),
        ("a-3", ["A-3"]), ("A3", ["A-3"]),
        ("nobody", []), ("", []), ("  -- ", []), ("%", []), ("'", []),
    ],
)  # fmt: skip
def test_a_customer_is_found_by(ws: Workspace, text: str, ids: list[str]) -> None:
    assert found(ws, text) == ids


def test_what_begins_with_it_comes_before_what_holds_it(ws: Workspace) -> None:
    # Mona, then Simone; zhangwei and Zhang & Sons both begin with zhang
    assert found(ws, "mon") == ["A-3", "A-6"]
    assert set(found(ws, "zhang")) == {"A-1", "A-5"}
    # the whole number of one comes before a longer one that holds it
    assert found(ws, "13800138") == ["A-5", "A-1"]


def test_who_sees_no_personal_data_finds_ids_and_companies_only(ws: Workspace) -> None:
    masked = ws.seen_by(Scope(Rows.ALL))
    for text in ("张伟", "zw", "moor", "13800138", "office@zhang", "example"):
        assert found(masked, text) == []
    (company,) = masked.search("zhang")
    assert (company.customer_id, company.name, company.email, company.phone) == ("A-5", "Zhang & Sons", "o***@z***", "***0138")
    assert [h.name for h in masked.search("A-1")] == ["张**"]


def test_only_visible_customers_are_found(ws: Workspace) -> None:
    mine = ws.seen_by(Scope(Rows.OWN, "mo", sees_personal=True))
    assert found(mine, "moor") == ["A-3"]
    assert found(mine, "A") == ["A-1", "A-3"]
    assert len(ws.search("a", limit=2)) == 2


def test_nothing_personal_is_written_to_disk(ws: Workspace, tmp_path: Path) -> None:
    ws.search("moor")
    spill = ws.place.lake_folder / ".spill"
    assert not [p for p in spill.rglob("*") if p.is_file()] if spill.is_dir() else True
    assert not list(tmp_path.iterdir())


TEXTS = st.lists(st.text("abö张1", min_size=1, max_size=8), min_size=1, max_size=30)


@given(texts=TEXTS, asked=st.text("abö张1", min_size=1, max_size=3), opened=st.integers(0, 8), few=st.booleans(), most=st.integers(1, 5))
def test_the_index_finds_what_a_plain_look_finds(texts: list[str], asked: str, opened: int, most: int, *, few: bool) -> None:
    ends = [min(opened, len(t)) for t in texts]
    ids = pa.chunked_array([pa.array([str(i) for i in range(len(texts))])])
    index = SearchIndex.of(
        ids,
        pa.chunked_array([pa.array(texts)]),
        pa.chunked_array([pa.array([len(t[:e].encode()) for t, e in zip(texts, ends, strict=True)])]),
    )
    patch = pytest.MonkeyPatch()
    patch.setattr(search_index, "FEW", 10**6 if few else -1)
    try:
        whole = index.rows_with(asked.encode(), most, None, is_open=False)
        begun = index.rows_with(asked.encode(), most, None, is_open=True)
    finally:
        patch.undo()
    assert whole == [i for i, t in enumerate(texts) if asked in t][:most]
    assert begun == [i for i, (t, e) in enumerate(zip(texts, ends, strict=True)) if asked in t[:e]][:most]


def test_folding_leaves_letters_and_figures() -> None:
    assert folded(" Ana-Maria Müller (VIP) ") == "anamariamullervip"
    assert folded("138-0013 ８０００") == "13800138000"
