"""The engine for more than one machine: the same SQL text, translated for Spark."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pyarrow as pa

from keepwell.core.errors import KeepwellError
from keepwell.engine.dialects import Translation, spark_name, to_spark
from keepwell.engine.duckdb import BATCH_ROWS, LONGEST_REASON, DuckDBEngine, Resources
from keepwell.engine.jvm import shared_session
from keepwell.engine.operands import Columns
from keepwell.engine.protocol import TableSnapshot
from keepwell.engine.rewrites import spark_type
from keepwell.engine.sql import SqlError, Step, Steps, quoted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

LOCAL = "local[2]"
# Each session is given these, whoever started the Java machine: answers must not hang on a cluster's defaults.
MEANING = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.sql.caseSensitive": "false",
    # true would take digits off a product instead of failing, as DuckDB does
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    # '${env:HOME}' is a text like any other, and no table name is a file's
    "spark.sql.variable.substitute": "false",
    "spark.sql.runSQLOnFiles": "false",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH_ROWS),
    "spark.sql.execution.arrow.useLargeVarTypes": "false",
}

Answer = TypeVar("Answer")


class SparkEngine:
    """Spark, on this machine or at ``master``, with UTC as its clock.

    ``scratch`` takes all that Spark writes, its log included; ``settings`` are Spark's own, for the first engine of the process.
    Engines of one process share one Java machine, and none of them sees another's tables. A small DuckDB stands beside each:
    it holds every table without its rows, and says which names and types a query has.
    """

    name = "spark"

    def __init__(self, scratch: Path, *, master: str = LOCAL, settings: Mapping[str, str] | None = None) -> None:
        self._session = shared_session(scratch, master, settings or {}).newSession()
        for name, value in MEANING.items():
            self._session.conf.set(name, value)
        types = scratch / "types"
        self._types = DuckDBEngine(Resources(types, memory_limit="200MB", threads=1), locked_to=types)
        self._views: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget this engine's tables; the Java machine stays for the next one."""
        for view in self._views:
            self._session.catalog.dropTempView(view)
        self._views.clear()
        self._types.close()

    def register(self, table: TableSnapshot) -> None:
        for file in table.files:
            if Path(file).name.startswith(("_", ".")):
                # it would be taken for empty, without a word
                raise KeepwellError(f"Spark passes over files whose names begin with _ or a dot: {file}", "Rename it.")
        self._types.register(TableSnapshot(table.name, (), table.columns))
        columns = self._types.columns(f"select * from {quoted(table.name)}")
        schema = ", ".join(f"{spark_name(name)} {spark_type(kind)}" for name, kind in columns)
        # a workspace may lie below a folder such as country=GB, and its path may hold any character
        reader = self._session.read.schema(schema).option("recursiveFileLookup", "true").option("__globPaths__", "false")
        rows = self._attempt(
            Step(table.name, f"-- {len(table.files)} files"),
            lambda: reader.parquet(*table.files) if table.files else self._session.createDataFrame([], schema),
        )
        self._view(table.name, rows)

    def lend(self, name: str, table: pa.Table) -> None:
        self._types.lend(name, table.schema.empty_table())
        columns = self._types.columns(f"select * from {quoted(name)}")
        schema = self._session.createDataFrame([], ", ".join(f"{spark_name(c)} {spark_type(k)}" for c, k in columns)).schema
        step = Step(name, "-- a table that is lent")
        rows = self._attempt(step, lambda: self._session.createDataFrame(table.cast(self._arrow_schema(columns)), schema))
        self._view(name, rows)

    def define(self, name: str, query: Steps) -> None:
        text = self._text(query)
        self._types.define(name, query)
        # by its text, so that it follows when a table below it is registered anew
        view = f"create or replace temporary view {spark_name(name)} as {text}"
        self._attempt(Step(name, query.render()), lambda: self._session.sql(view))
        self._views.add(name)

    def keep(self, name: str, query: Steps) -> None:
        text = self._text(query)
        self._types.keep(name, query)
        self._view(name, self._attempt(Step(name, query.render()), lambda: self._session.sql(text).localCheckpoint()))

    def arrow(self, query: Steps) -> pa.Table:
        translated = self._translated(query)
        schema = self._arrow_schema(translated[-1][1].columns)

        def fetched() -> pa.Table:
            return self._session.sql(_rendered(translated)).toArrow()

        table = self._run(query, fetched)
        # Spark knows of columns that hold no NULL, DuckDB does not
        return pa.Table.from_arrays([c.cast(f.type) for c, f in zip(table.columns, schema, strict=True)], schema=schema)

    def map_batches(self, query: Steps, function: Callable[[pa.RecordBatch], pa.RecordBatch], schema: pa.Schema) -> pa.Table:
        from pyspark.sql.pandas.types import from_arrow_schema  # noqa: PLC0415 - the extra is loaded where it is used

        text = self._text(query)

        def each(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            return (function(batch) for batch in batches)

        def mapped() -> pa.Table:
            return self._session.sql(text).mapInArrow(each, from_arrow_schema(schema)).toArrow()

        table: pa.Table = self._run(query, mapped)
        return table.cast(schema)

    def _view(self, name: str, rows: "DataFrame") -> None:
        rows.createOrReplaceTempView(spark_name(name))
        self._views.add(name)

    def _arrow_schema(self, columns: Columns) -> pa.Schema:
        """The columns' types as DuckDB gives them to Arrow."""
        return self._types.arrow(Steps().then("types", _empty(columns))).schema

    def _text(self, query: Steps) -> str:
        return _rendered(self._translated(query))

    def _translated(self, query: Steps) -> list[tuple[str, Translation]]:
        """Each step in Spark's dialect, and the columns that it has in DuckDB."""
        done: list[tuple[str, Translation]] = []
        for step in query.steps:
            before = ", ".join(f"{quoted(name)} as ({_empty(t.columns)})" for name, t in done)

            def bind(sql: str, before: str = before) -> Columns:
                return self._types.columns(f"with {before} select * from ({sql})" if before else sql)

            try:
                done.append((step.name, to_spark(step.sql, bind)))
            except SqlError as error:
                raise SqlError(error.reason, step.name, step.sql) from error
        return done

    def _attempt(self, step: Step, action: Callable[[], Answer]) -> Answer:
        return self._run(Steps((step,)), action)

    def _run(self, query: Steps, action: Callable[[], Answer]) -> Answer:
        from py4j.protocol import Py4JError  # noqa: PLC0415 - the extra is loaded where it is used
        from pyspark.errors import PySparkException  # noqa: PLC0415 - the same

        try:
            return action()
        except (PySparkException, Py4JError) as error:
            step = self._to_blame(query, (PySparkException, Py4JError))
            raise SqlError(_reason(error), step.name, step.sql) from error

    def _to_blame(self, query: Steps, errors: tuple[type[Exception], ...]) -> Step:
        """The first step that fails by itself."""
        for step, prefix in query.prefixes() if len(query.steps) > 1 else ():
            try:
                # computes every column of every row, and keeps none
                self._session.sql(self._text(prefix)).write.format("noop").mode("overwrite").save()
            except errors:
                return step
        return query.steps[-1]


def _empty(columns: Columns) -> str:
    """A row set with these columns and no rows."""
    typed = ", ".join(f"{'null' if kind.strip(chr(34)) == 'NULL' else f'cast(null as {kind})'} as {quoted(name)}" for name, kind in columns)
    return f"select {typed} where false"


def _rendered(translated: list[tuple[str, Translation]]) -> str:
    *before, (_, last) = translated
    common = ",\n".join(f"{spark_name(name)} AS (\n{t.sql}\n)" for name, t in before)
    return f"WITH {common}\n{last.sql}" if before else last.sql


def _reason(error: Any) -> str:
    """What Spark says, without its plan and Java's stack."""
    text = re.split(r"\n\s*== |\n\s*at |;\s*line \d|;\n|\nJVM stacktrace", str(error).strip())[0]
    return " ".join(text.split())[:LONGEST_REASON]
