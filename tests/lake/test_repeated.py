"""Columns of one value."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from keepwell.lake.delta import repeated


@pytest.mark.parametrize("size", [0, 1, 9_999, 10_000, 10_001, 25_000])
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("run_1", pa.string()),
        (None, pa.decimal128(18, 4)),
        (None, pa.string()),
        (datetime(2026, 10, 31, tzinfo=UTC), pa.timestamp("us", tz="UTC")),
    ],
)
def test_every_row_has_the_value(value: Any, kind: pa.DataType, size: int) -> None:
    found = repeated(value, kind, size)
    assert found.type == kind
    assert found.to_pylist() == [value] * size


def test_a_million_rows_take_the_room_of_a_few() -> None:
    found = repeated("a name of a run that is not short", pa.string(), 1_000_000)
    assert len(found) == 1_000_000
    assert len({chunk.buffers()[2].address for chunk in found.chunks}) == 1
