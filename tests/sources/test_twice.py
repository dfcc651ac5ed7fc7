"""Any file that is accepted changes nothing when it comes again, whatever the order of its rows."""

import random
import tempfile
import unicodedata
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories.shop import Shop, as_csv, counted

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6)
INSTANTS = st.integers(631_152_000, 1_777_000_000).map(lambda s: datetime.fromtimestamp(s, UTC).replace(tzinfo=None))  # 1990 to 2026
ORDERS = st.lists(
    st.fixed_dictionaries({
        "order_id": st.sampled_from(["1", "01", "a", "A", "caf\u00e9", "cafe\u0301", " 1 "]),
        "customer_id": st.one_of(st.none(), WORDS),
        "ordered_at": st.one_of(st.dates(date(1990, 1, 1), date(2026, 5, 1)), INSTANTS),
        "status": st.sampled_from(["completed", "PENDING", " cancelled"]),
        "amount": st.decimals(-(10**9), 10**9, places=4),
        "currency": st.sampled_from(["GBP", "eur", "JPY"]),
        "store": WORDS,
    }),
    min_size=1,
    max_size=8,
    unique_by=lambda row: unicodedata.normalize("NFC", str(row["order_id"])).strip(),
)  # fmt: skip
MAPPING = """
version: 1
constants: {currency: GBP, status: completed}
entities:
  customers:
    select: select who customer_id, arg_max(town, day) city, min(day) created_at from rows where who is not null group by who
  orders:
    select: select no order_id, any_value(who) customer_id, min(day) ordered_at, sum(x::double) amount from rows group by no
  order_lines:
    replace_by: order_id
    select: >
      select no order_id, row_number() over (partition by no order by what) line_no, what product_id, 1 quantity, x::double unit_price,
             sum(x::double) over (partition by no order by what rows between 1 preceding and current row) amount
      from rows
"""


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(ORDERS, st.randoms(use_true_random=False))
def test_a_file_that_comes_again_changes_nothing(rows: list[dict[str, object]], dice: random.Random) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder), timezone="America/New_York")
        file = rows + dice.sample(rows, len(rows) // 2)
        first = counted(shop.bring_rows("orders", file), "orders")
        assert first == {"read": len(file), "inserted": len(rows)} | ({"unchanged": len(file) - len(rows)} if len(file) > len(rows) else {})
        before = shop.contents()
        dice.shuffle(file)
        assert counted(shop.bring_rows("orders", file), "orders") == {"read": len(file), "unchanged": len(file)}
        assert shop.contents() == before


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_a_mapping_gives_the_same_lake_whatever_the_order_of_rows_and_the_threads(tmp_path: Path, threads: int) -> None:
    dice = random.Random(1)
    rows = [
        {"no": dice.randrange(40), "who": dice.choice(["a", "b", None]), "day": f"2026-01-{dice.randrange(1, 28):02}", "what": f"p{dice.randrange(4)}",
         "town": dice.choice(["x", "y"]), "x": dice.randrange(1000) / 4}
        for _ in range(2000)
    ]  # fmt: skip
    plain, shuffled = Shop(tmp_path / "plain", threads=1), Shop(tmp_path / "shuffled", threads=threads)
    plain.bring_mapped(MAPPING, plain.file("f.csv", as_csv(rows)))
    dice.shuffle(rows)
    shuffled.bring_mapped(MAPPING, shuffled.file("f.csv", as_csv(rows)))
    assert shuffled.contents() == plain.contents()
    assert len(plain.rows("order_lines")) == 2000
