"""A mapping's SELECT gives the same rows whatever the order of the file's and the number of threads."""

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keepwell.engine.duckdb import DuckDBEngine, Resources
from keepwell.engine.sql import Steps, literal
from keepwell.engine.walls import check_select

SELECTS = {
    "a number within equals": "select k, v, row_number() over (partition by k order by v) n, w from rows",
    "the first and the last": "select k, first_value(w) over (partition by k order by v) a, lag(w) over (partition by k order by v) b from rows",
    "the first that is known": "select k, v, first_value(maybe ignore nulls) over (partition by k order by v) a from rows",
    "a running sum by rows": "select k, v, w, sum(v) over (partition by k order by v rows between 2 preceding and current row) s from rows",
    "a running sum by values": "select k, v, sum(v) over (partition by k order by v) s from rows",
    "one of a group": "select k, any_value(w) a, arg_max(w, v) b, arg_min(w, v) c from rows group by k",
    "sums of floating numbers": "select k, sum(x) s, avg(x) a, sum(distinct x) d, sum(x) filter (where v > 3) f from rows group by k",
    "words joined": "select k, string_agg(w, ',' order by v) s, string_agg(w, ';' order by v desc) r from rows group by k",
    "a number among groups": "select k, row_number() over (order by count(*)) n from rows group by k",
    "a number among groups by place and alias": "select v + 0 as g, row_number() over (order by min(k)) n from rows group by 1",
    "a window over a nameless query": "select k, row_number() over (order by v) n from (select k, v, w from rows)",
    "a window over a join": "select a.k, row_number() over (partition by a.k order by a.v) n from rows a join rows b using (x)",
    "the row that qualifies": "select k, w from rows qualify row_number() over (partition by k order by v) = 1",
    "steps": "with s as (select k, v, sum(x) t from rows group by k, v) select k, arg_max(t, v) t from s group by k",
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same 20,000 rows in three orders; many share their key and value."""
    dice = random.Random(20261121)
    rows = [
        {"k": dice.randrange(50), "v": dice.randrange(8), "w": f"w{dice.randrange(5000)}", "x": dice.random() * 10 ** dice.randrange(6),
         "maybe": dice.choice([None, "a", "b"])}
        for _ in range(20_000)
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("orders")
    for number in range(3):
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{number}.parquet", row_group_size=3000)
        dice.shuffle(rows)
    return sorted(folder.iterdir())


@pytest.mark.parametrize("sql", SELECTS.values(), ids=SELECTS.keys())
def test_the_rows_are_the_same(files: list[Path], tmp_path: Path, sql: str) -> None:
    checked = check_select(sql, ["rows"])
    answers = set()
    for threads, file in zip((1, 2, 8), files, strict=True):
        with DuckDBEngine(Resources(tmp_path, threads=threads)) as engine:
            engine.define("rows", Steps().then("rows", f"from read_parquet({literal(str(file))})"))
            # as text, so that the last digit of a floating number counts
            answers.add("\n".join(sorted(map(repr, engine.rows(checked)))))
    assert len(answers) == 1
