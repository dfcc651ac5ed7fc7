"""A mapping file that is wrong is an error that names the line and the field."""

from pathlib import Path

import pytest

from keepwell.core.errors import KeepwellError
from keepwell.sources import mapping

GOOD = """version: 1
files: ["*.csv", "*.parquet"]
timezone: Europe/London
dates: "%d.%m.%Y"
decimal: ","
encoding: gb18030
delimiter: ";"
sheet: Orders
constants: {currency: GBP}
ids: {customer_id: crm}
entities:
  orders:
    columns: {order_id: No, ordered_at: Day}
    expressions: {amount: Net * 2}
    values: {status: {done: completed, lost: null}}
    constants: {status: completed}
    attributes: [Colour]
    where: No is not null
    dates: "%Y%m%d"
  order_lines:
    replace_by: order_id
    select: select No order_id, Line line_no from rows
"""
WRONG = {
    "version: 1\nentities: []": (2, "entities: names no entity"),
    "version: 1\nids: {customer: crm}\nentities: {orders: {columns: {amount: a}}}": (2, "ids.customer: is no column of any entity"),
    "version: 2\nentities: {orders: {}}": (1, "version: is 2"),
    "entities: {orders: {}}": (1, "version: is None"),
    "version: 1\nentites: {}": (2, "entites: is no field of a mapping"),
    "version: 1\nversion: 1": (2, "version: stands twice"),
    "- a\n- b": (1, "the file: is no mapping"),
    "version: 1\nentities:\n  ordrs: {columns: {order_id: No}}": (3, "entities.ordrs: is no entity"),
    "version: 1\nentities:\n  kpi_values: {columns: {run_id: No}}": (3, "entities.kpi_values: is written by a refresh"),
    "version: 1\nentities:\n  orders: all": (3, "entities.orders: says nothing"),
    "version: 1\nentities:\n  orders: {}": (3, "entities.orders: gives no column"),
    "version: 1\nentities:\n  orders:\n    colums: {}": (4, "entities.orders.colums: is no field of a mapping"),
    "version: 1\nentities:\n  orders:\n    columns:\n      order_id: No\n      amont: Net": (
        6,
        "entities.orders.columns.amont: orders has no column 'amont'",
    ),
    "version: 1\nentities:\n  orders:\n    columns:\n      order_id:": (5, "entities.orders.columns.order_id: has no value"),
    "version: 1\nentities:\n  orders:\n    columns:\n      order_id: [a]": (5, "entities.orders.columns.order_id: is no single value"),
    "version: 1\nentities:\n  orders:\n    columns:\n      ordered_on: Day": (
        5,
        "entities.orders.columns.ordered_on: ordered_on is computed when rows land",
    ),
    "version: 1\nentities:\n  orders:\n    expressions:\n      amount: sum(Net)": (
        5,
        "entities.orders.expressions.amount: This SQL may not be used",
    ),
    "version: 1\nentities:\n  orders:\n    columns: {order_id: No}\n    where: now() > Day": (
        5,
        "entities.orders.where: This SQL may not be used",
    ),
    "version: 1\nentities:\n  orders:\n    select: select * from rows limit 1": (4, "entities.orders.select: This SQL may not be used"),
    "version: 1\nentities:\n  orders:\n    select: select 1 order_id from rows\n    columns: {amount: a}": (
        5,
        "entities.orders.columns: stands beside `select`",
    ),
    "version: 1\nentities:\n  orders:\n    columns: {amount: a}\n    expressions: {amount: b}": (
        5,
        "entities.orders.expressions.amount: is given by `columns` too",
    ),
    "version: 1\nentities:\n  orders:\n    columns: {amount: a}\n    values: {status: done}": (
        5,
        "entities.orders.values: is no map of columns to maps",
    ),
    "version: 1\nentities:\n  orders:\n    columns: {amount: a}\n    replace_by: customer": (
        5,
        "entities.orders.replace_by: orders has no column 'customer'",
    ),
    "version: 1\nentities:\n  orders:\n    columns: {amount: a}\n    dates: tomorrow": (
        5,
        "entities.orders.dates: 'tomorrow' is no date format",
    ),
    "version: 1\ndecimal: ';'\nentities: {orders: {columns: {amount: a}}}": (2, "decimal: is ';'"),
    "version: 1\nconstants: {curency: GBP}\nentities: {orders: {columns: {amount: a}}}": (
        2,
        "constants.curency: is no column of any entity",
    ),
    "version: 1\nentities:\n  products: {columns: {name: a}, attributes: [x]}": (
        3,
        "entities.products.attributes: products has no attributes",
    ),
}


def write(folder: Path, text: str) -> Path:
    path = folder / "shop.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_whole_mapping_is_read(tmp_path: Path) -> None:
    found = mapping.read(write(tmp_path, GOOD))
    orders, lines = found.entities
    assert (found.files, found.timezone, found.name) == (("*.csv", "*.parquet"), "Europe/London", "shop.yaml")
    assert (found.options.encoding, found.options.delimiter, found.options.sheet) == ("gb18030", ";", "Orders")
    assert (orders.columns, orders.constants) == ({"order_id": "No", "ordered_at": "Day"}, {"currency": "GBP", "status": "completed"})
    assert (orders.values, orders.attributes) == ({"status": {"done": "completed", "lost": None}}, {"Colour": "Colour"})
    assert (orders.ids, orders.dates, orders.decimal) == ({"customer_id": "crm"}, "%Y%m%d", ",")
    assert (lines.replace_by, lines.dates, lines.constants) == ("order_id", "%d.%m.%Y", {}), "lines copy their currency from the order"


@pytest.mark.parametrize(("text", "says"), WRONG.items(), ids=[says for _, says in WRONG.values()])
def test_an_error_names_the_line_and_the_field(tmp_path: Path, text: str, says: tuple[int, str]) -> None:
    line, message = says
    with pytest.raises(KeepwellError) as caught:
        mapping.read(write(tmp_path, text))
    assert caught.value.message.startswith(f"shop.yaml, line {line}: {message}")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("version: 1\nentities: {ordrs: {}}", "orders"),
        ("version: 1\nentities: {orders: {columns: {amuont: a}}}", "amount"),
        ("version: 1\nentities: {orders: {colunms: {}}}", "columns"),
        ("version: 1\ntimezone: Europe/Londn\nentities: {orders: {columns: {amount: a}}}", "Europe/London"),
    ],
)
def test_a_name_that_is_misspelt_answers_with_the_nearest(tmp_path: Path, text: str, hint: str) -> None:
    with pytest.raises(KeepwellError) as caught:
        mapping.read(write(tmp_path, text))
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("content", "says"), [(b"version: 1\nentities: {orders: [}", "line 2"), (b"version: \xff", "not UTF-8"), (b"", "is no mapping")]
)
def test_a_file_that_is_no_yaml_is_an_error(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "shop.yaml").write_bytes(content)
    with pytest.raises(KeepwellError, match=says):
        mapping.read(tmp_path / "shop.yaml")
    with pytest.raises(KeepwellError, match="no file"):
        mapping.read(tmp_path / "nowhere.yaml")


def test_no_yaml_of_a_mapping_makes_an_object(tmp_path: Path) -> None:
    with pytest.raises(KeepwellError, match="constructor"):
        mapping.read(write(tmp_path, "version: !!python/object/apply:os.system ['true']\n"))


def test_a_word_is_a_word_and_no_truth_value_number_or_day(tmp_path: Path) -> None:
    text = """version: 1
entities:
  customers:
    columns: {customer_id: No, country: Yes, city: on}
    values: {country: {Norway: NO, 047: no, 12:30: 2026-01-31, lost: null, gone: ~, empty: ''}}
    constants: {region: 007, occupation: true, industry: 1.50}
"""
    (found,) = mapping.read(write(tmp_path, text)).entities
    assert found.columns == {"customer_id": "No", "country": "Yes", "city": "on"}
    assert found.values == {"country": {"Norway": "NO", "047": "no", "12:30": "2026-01-31", "lost": None, "gone": None, "empty": ""}}
    assert found.constants == {"region": "007", "occupation": "true", "industry": "1.5"}
