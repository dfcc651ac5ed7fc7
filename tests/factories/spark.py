"""A Spark engine for tests, or a word on why there is none."""

from pathlib import Path

import pytest

from keepwell.engine.jvm import missing_for_spark
from keepwell.engine.spark import SparkEngine

# small queries only: compile less, keep one collector, and start no job to find out how large a thing is
QUICK = {
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.memory": "512m",
    "spark.driver.defaultJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}


def spark_or_skip(scratch: Path) -> SparkEngine:
    """A new engine; where Java or pyspark is missing, the test is skipped and says what to install."""
    missing = missing_for_spark()
    if missing:
        pytest.skip(f"{missing}; the Spark tests are skipped")
    return SparkEngine(scratch, settings=QUICK)
