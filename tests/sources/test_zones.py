"""Local time becomes the instant that it is, and an instant falls on the day of the workspace's zone."""

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from factories.shop import Shop

ZONES = {
    # instants around changes of the clock, and in what was once summer time in China (1986 to 1991)
    "Asia/Shanghai": ["1986-05-04 01:00", "1986-08-01 00:30", "1990-07-01 00:30", "1991-09-14 12:00", "1991-10-01 00:00", "2026-01-01 00:30", "1970-01-01 08:00"],
    "Europe/London": ["2026-03-29 00:59", "2026-03-29 02:00", "2025-10-26 00:30", "2025-10-26 03:00", "1971-06-01 00:30", "2026-01-01 00:00"],
    "America/New_York": ["2026-03-08 01:59", "2026-03-08 03:00", "2025-11-02 00:59", "2025-11-02 02:00", "1999-12-31 23:59"],
    "Asia/Kolkata": ["2026-01-01 00:10"],
    "Pacific/Apia": ["2011-12-29 23:00", "2011-12-31 01:00", "2026-01-01 00:10"],
}  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
def test_local_times_become_the_instants_that_zoneinfo_says_and_keep_their_day(tmp_path: Path, zone: str) -> None:
    shop = Shop(tmp_path, timezone=zone)
    rows = [{"order_id": text, "ordered_at": text, "status": "completed", "currency": "GBP", "amount": 1} for text in ZONES[zone]]
    report = shop.bring_rows("orders", rows)
    assert report.rejected == ()
    local = {text: datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)) for text in ZONES[zone]}
    assert dict(shop.rows("orders", "order_id", "ordered_at")) == {t: at.astimezone(UTC) for t, at in local.items()}
    assert dict(shop.rows("orders", "order_id", "ordered_on")) == {t: at.date() for t, at in local.items()}


def test_an_hour_that_is_left_out_or_comes_twice_is_read_in_standard_time(tmp_path: Path) -> None:
    shop = Shop(tmp_path, timezone="America/New_York")
    shop.bring(
        "orders",
        "order_id,ordered_at,status,currency,amount\ngap,2026-03-08 02:30,completed,GBP,1\ntwice,2025-11-02 01:30,completed,GBP,1\n",
    )
    zone = ZoneInfo("America/New_York")
    # fold=1 is the second of two equal hours; in a gap the offset of before the change (standard time) is fold=0
    expected = {"gap": datetime(2026, 3, 8, 2, 30, tzinfo=zone), "twice": datetime(2025, 11, 2, 1, 30, fold=1, tzinfo=zone)}
    assert dict(shop.rows("orders", "order_id", "ordered_at")) == {k: v.astimezone(UTC) for k, v in expected.items()}


def test_an_instant_with_its_offset_falls_on_the_day_of_the_workspace_s_zone(tmp_path: Path) -> None:
    shop = Shop(tmp_path, timezone="Asia/Shanghai")
    shop.bring(
        "orders",
        "order_id,ordered_at,status,currency,amount\na,2026-01-31T15:59:59Z,completed,GBP,1\nb,2026-01-31T16:00:00Z,completed,GBP,1\n",
    )
    assert shop.rows("orders", "order_id", "ordered_on") == [("a", date(2026, 1, 31)), ("b", date(2026, 2, 1))]


def test_a_mapping_may_say_the_zone_of_a_file_s_local_times(tmp_path: Path) -> None:
    shop = Shop(tmp_path, timezone="Asia/Shanghai")
    mapping = "version: 1\ntimezone: America/New_York\nentities: {orders: {columns: {order_id: i, ordered_at: t, amount: a}, constants: {status: completed, currency: USD}}}\n"
    shop.bring_mapped(mapping, shop.file("o.csv", "i,t,a\n1,2026-01-31 12:00,1\n"))
    # noon in New York is 17:00 UTC, which is 01:00 of the next day in Shanghai
    assert shop.rows("orders", "ordered_at", "ordered_on") == [(datetime(2026, 1, 31, 17, tzinfo=UTC), date(2026, 2, 1))]


def test_timestamps_of_parquet_with_and_without_zone(tmp_path: Path) -> None:
    shop = Shop(tmp_path, timezone="Europe/London")
    noon = datetime(2026, 5, 31, 12)
    for name, kind in (("local", pa.timestamp("ns")), ("aware", pa.timestamp("ms", tz="Asia/Tokyo")), ("day", pa.date32())):
        value = noon.date() if name == "day" else noon
        table = pa.table(
            {"order_id": [name], "ordered_at": pa.array([value], kind), "status": ["completed"], "currency": ["GBP"], "amount": [1]}
        )
        pq.write_table(table, tmp_path / f"{name}.parquet")
        shop.bring_files([tmp_path / f"{name}.parquet"], entity="orders")
    assert dict(shop.rows("orders", "order_id", "ordered_at")) == {
        "local": datetime(2026, 5, 31, 11, tzinfo=UTC), "aware": datetime(2026, 5, 31, 12, tzinfo=UTC), "day": datetime(2026, 5, 30, 23, tzinfo=UTC),
    }  # fmt: skip
