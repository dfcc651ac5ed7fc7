"""Which engine reads: DuckDB in this process, or Spark where the workspace says so. The lake is written by DuckDB in both cases."""

from typing import TYPE_CHECKING

from keepwell.core.errors import KeepwellError
from keepwell.core.progress import Progress
from keepwell.core.settings import EngineName, Settings
from keepwell.engine.duckdb import DuckDBEngine
from keepwell.lake.lake import Lake

if TYPE_CHECKING:
    from keepwell.engine.spark import SparkEngine

FEW_ROWS = 300_000
# below the folder to which DuckDB spills; what Spark writes, its log included
SPARK_FOLDER = "spark"


def reading_engine(
    settings: Settings, lake: Lake, *, name: EngineName | None = None, task: str | None = None, progress: Progress | None = None
) -> "DuckDBEngine | SparkEngine":
    """An engine that evaluates KPIs: the one named, by default the workspace's.

    ``task`` names a spill folder of its own. Where Spark can't run, the error says what to install.
    """
    spill = lake.folder / ".spill"
    if (name or settings.engine) is EngineName.DUCKDB:
        snapshot = lake.snapshot()
        rows = sum(snapshot.rows(table) for table in snapshot.versions)
        # threads that wait for each other cost more than they save where there is little to do
        threads = 1 if rows < FEW_ROWS else None
        return lake.engine(spill / task if task else spill, progress, threads=threads, memory_limit=settings.reading_memory_limit)
    # taken in only where it is asked for
    from keepwell.engine.jvm import missing_for_spark  # noqa: PLC0415 - see above
    from keepwell.engine.spark import SparkEngine  # noqa: PLC0415 - see above

    missing = missing_for_spark()
    if missing:
        raise KeepwellError(f"Spark can't start: {missing}.", 'Or set engine = "duckdb" in keepwell.toml.')
    return SparkEngine(spill / SPARK_FOLDER, master=settings.spark_master)
