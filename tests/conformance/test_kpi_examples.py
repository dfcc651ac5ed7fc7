"""Every KPI executes its own worked example, on every engine, and all engines answer alike.

Of the catalogue that is shipped, or with ``KEEPWELL_KPI_FOLDER=folder`` of the KPI files in a folder. README.md says more.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest

from factories.alike import assert_alike
from factories.spark import spark_or_skip
from keepwell.engine.duckdb import DuckDBEngine, Resources
from keepwell.engine.gaps import GAPS, UnsupportedOnSparkError
from keepwell.lake.entity import entities
from keepwell.lake.table import table
from keepwell.metrics.example import Executed, execute
from keepwell.metrics.kpi import LANGUAGES, Kpi, WhenEmpty
from keepwell.metrics.kpi_file import built_in, catalogue, check_built_in
from keepwell.metrics.measure import Measure, Part, Shape
from keepwell.metrics.reading import PLACES

FOLDER = os.environ.get("KEEPWELL_KPI_FOLDER")
# KPI -> the construct that Spark has no equal of, by its name in keepwell.engine.gaps
NOT_ON_SPARK: dict[str, str] = {}


def _kpis() -> list[Kpi]:
    if FOLDER is None:
        return list(built_in().values())
    if not Path(FOLDER).is_dir():
        raise FileNotFoundError(f"KEEPWELL_KPI_FOLDER is no folder: {FOLDER}")
    return [k for k in catalogue(Path(FOLDER)).values() if k.is_users]


KPIS = _kpis()
every_kpi = pytest.mark.parametrize("definition", KPIS, ids=lambda k: k.name)


@dataclass(frozen=True)
class DuckDB:
    """Executes examples on DuckDB, each in an engine of its own."""

    scratch: Path

    def execute(self, definition: Kpi) -> Executed:
        with DuckDBEngine(Resources(self.scratch, threads=1)) as engine:
            return execute(engine, definition)


@pytest.fixture(scope="module")
def duckdb_engine(tmp_path_factory: pytest.TempPathFactory) -> DuckDB:
    return DuckDB(tmp_path_factory.mktemp("duckdb"))


@pytest.fixture(scope="module")
def spark_scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    scratch = tmp_path_factory.mktemp("spark")
    with spark_or_skip(scratch):
        yield scratch


def assert_right(executed: Executed) -> None:
    wanted = executed.kpi.example
    assert executed.reading is not None, "an example has one reading; name its `member` where it is broken down"
    value = None if wanted.value is None else Decimal(str(wanted.value)).quantize(PLACES)
    assert (executed.reading.value, executed.reading.n) == (value, wanted.n)


# --------------------------------------------------------------------------------------------- value


@every_kpi
def test_example_gives_on_duckdb_the_value_and_n_that_it_says(definition: Kpi, duckdb_engine: DuckDB) -> None:
    assert_right(duckdb_engine.execute(definition))


@pytest.mark.xdist_group("spark")
@every_kpi
def test_example_gives_on_spark_the_same_reading(definition: Kpi, duckdb_engine: DuckDB, spark_scratch: Path) -> None:
    with spark_or_skip(spark_scratch) as engine:
        if definition.name in NOT_ON_SPARK:
            with pytest.raises(UnsupportedOnSparkError) as caught:
                execute(engine, definition)
            assert caught.value.name == NOT_ON_SPARK[definition.name]
            return
        executed = execute(engine, definition)
    assert_right(executed)
    expected = duckdb_engine.execute(definition).reading
    assert executed.reading is not None
    assert expected is not None
    assert_alike([executed.reading], [expected])


def test_what_can_not_run_on_spark_is_declared_by_a_known_kpi_and_a_known_gap() -> None:
    assert set(NOT_ON_SPARK) <= set(built_in())
    assert set(NOT_ON_SPARK.values()) <= set(GAPS)


# -------------------------------------------------------------------------------------- completeness


@every_kpi
def test_words_are_there_in_every_language(definition: Kpi) -> None:
    for field in ("title", "meaning", "formula", "pitfalls"):
        words: dict[str, str] = getattr(definition, field)
        assert set(words) == set(LANGUAGES), f"{field} needs words in every language"
        assert all(words[language].strip() for language in LANGUAGES), field
        assert "{" not in "".join(words.values()), f"{field} has a placeholder that no parameter fills"
        has_chinese = any("一" <= letter <= "鿿" for letter in words["zh"])
        assert has_chinese, f"{field}: zh is not in Chinese"
        assert not any("一" <= letter <= "鿿" for letter in words["en"]), f"{field}: en is not in English"


@every_kpi
def test_example_uses_entities_and_columns_of_the_model_only(definition: Kpi) -> None:
    assert definition.example.rows, "an example has rows"
    for name, rows in definition.example.rows.items():
        assert name.removesuffix("_history") in entities()
        columns = {c for c, _ in table(name).all_columns}
        for row in rows:
            assert set(row) <= columns, f"{name}: {sorted(set(row) - columns)}"


def kept_out(measure: Measure) -> list[Measure]:
    """For each condition of a measure the number of rows that it keeps out."""
    places = {(p.source, p.where) for p in measure.parts}
    if measure.distribution:
        places.add((measure.distribution.source, measure.distribution.where))
    parts = [Part(s, "count(*)", _against(where)) for s, where in places if where]
    parts += [Part(replace(s, where=_against(s.where)), "count(*)") for s in {s for s, _ in places} if s.where]
    return [Measure(Shape.FLOW, (part,), "p0") for part in parts]


def _against(condition: str | None) -> str:
    return f"not coalesce(({condition}), false)"


@every_kpi
def test_example_has_a_row_that_the_condition_keeps_out(definition: Kpi, duckdb_engine: DuckDB) -> None:
    """A condition that is forgotten then shows. Of a formula over KPIs each has its own."""
    if definition.measure.needs:
        return
    for count in kept_out(definition.measure):
        found = duckdb_engine.execute(replace(definition, measure=count, when_empty=WhenEmpty.ZERO, settles_after_days=0)).reading
        assert found is not None
        assert found.value, f"no row of the example fails {count.parts[0].where or count.parts[0].source.where}"


@pytest.mark.skipif(FOLDER is not None, reason="KEEPWELL_KPI_FOLDER: the files of that folder were checked when they were read")
def test_catalogue_passes_the_checks_that_users_files_pass() -> None:
    check_built_in()
    assert len(KPIS) > 80
