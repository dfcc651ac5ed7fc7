"""One generated business for all tests of the demo, read back from its files without any of our own reading code."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from keepwell.demo.business import Business, generate
from keepwell.demo.deliveries import Delivery
from keepwell.lake.entity import ColumnType, entities

CUSTOMERS = 8_000


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("business")


@pytest.fixture(scope="session")
def business(folder: Path) -> Business:
    return generate(folder, customers=CUSTOMERS)


@pytest.fixture(scope="session")
def db(business: Business, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A table for each delivery, under its name, with canonical columns and types; the dirty file as it is, in words."""
    copies = tmp_path_factory.mktemp("copies")
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'Asia/Shanghai'")
        for delivery in business.imports:
            connection.execute(f"create table {delivery.name} as {_select(delivery, copies)}")
        yield connection


def _select(delivery: Delivery, copies: Path) -> str:
    mapping = yaml.safe_load(delivery.mapping.read_text(encoding="utf-8")) if delivery.mapping else {}
    (entity,) = delivery.entities
    source = _source(delivery.files[0], copies / f"{delivery.name}.csv")
    if delivery.name == "pop_up_orders":
        return f"select * from {source}"
    columns = mapping["entities"][entity]["columns"] if mapping else _header(source)
    values = mapping.get("entities", {}).get(entity, {}).get("values", {})
    parts = [f'{_typed(entity, name, header, values.get(name, {}), mapping)} as "{name}"' for name, header in columns.items()]
    return f"select {', '.join(parts)} from {source}"


def _source(path: Path, copy: Path) -> str:
    if path.suffix == ".parquet":
        return f"read_parquet('{path}')"
    if path.suffix == ".jsonl":
        return (
            f"read_json('{path}', format = 'newline_delimited', auto_detect = true, convert_strings_to_integers = false, sample_size = -1)"
        )
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("gb18030")
    copy.write_text(text, encoding="utf-8", newline="")
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    return f"read_csv('{copy}', header = true, all_varchar = true, delim = '{delimiter}', quote = '\"', escape = '\"', auto_detect = false, columns = {_columns(text, delimiter)})"


def _columns(text: str, delimiter: str) -> str:
    names = [name.strip('"') for name in text.partition("\n")[0].split(delimiter)]
    return "{" + ", ".join(f"'{name}': 'VARCHAR'" for name in names) + "}"


def _header(source: str) -> dict[str, str]:
    with duckdb.connect() as connection:
        names = [row[0] for row in connection.execute(f"describe select * from {source}").fetchall()]
    return {name: name for name in names}


def _typed(entity: str, name: str, header: str, meanings: dict[str, str], mapping: dict[str, Any]) -> str:
    column, value = entities()[entity].column(name), f'"{header}"'
    if meanings:
        cases = " ".join(f"when '{theirs}' then '{ours}'" for theirs, ours in meanings.items())
        value = f"case {value} {cases} end"
    if mapping.get("decimal") == "," and column.type is ColumnType.MONEY:
        value = f"replace({value}, ',', '.')"
    if mapping.get("dates") and column.type is ColumnType.INSTANT:
        value = f"strptime({value}, '{mapping['dates']}')"
    return f"cast({value} as {column.sql_type})"
