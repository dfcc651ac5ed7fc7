"""The Java machine behind Spark: one a process, quiet, and writing into one folder."""

import logging
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from keepwell.core.errors import KeepwellError

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

OLDEST_JAVA = 17
LOG = "spark.log"
_LOOPBACK = "127.0.0.1"
_START = threading.Lock()


def missing_for_spark() -> str | None:
    """What has to be installed before Spark can start, in words; None when it is all there."""
    if find_spec("pyspark") is None:
        return "pyspark was not found: install keepwell[spark]"
    java = _java_or_none()
    found = _version(java) if java else 0
    if found < OLDEST_JAVA:
        what = f"Java {found} is too old" if found else "Java was not found"
        return f"{what}, Spark needs {OLDEST_JAVA} or newer: install openjdk-{OLDEST_JAVA}-jre-headless"
    return None


def _java_or_none() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return str(Path(home, "bin", "java")) if home else shutil.which("java")


def _version(java: str) -> int:
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, check=True, timeout=60).stderr  # noqa: S603 - found on PATH
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', told)
    return int(found.group(1)) if found else 0


def shared_session(scratch: Path, master: str, settings: Mapping[str, str]) -> "SparkSession":
    """The session of this process's one Java machine, started when it is not there yet.

    ``scratch`` and ``settings`` count for the first caller; a later one that wants another master is told so.
    """
    if find_spec("pyspark") is None:
        raise _cannot_start(missing_for_spark())
    from pyspark import SparkContext  # noqa: PLC0415 - takes a second to load, and is an extra
    from pyspark.sql import SparkSession  # noqa: PLC0415 - the same

    with _START:
        running = SparkContext._active_spark_context  # noqa: SLF001 - there is no public word for "the one that runs"
        if running is None:
            running = _started(scratch, master, settings)
        elif running.master != master:
            raise KeepwellError(f"Spark runs with master {running.master} in this process, not with {master}.", "Start another process.")
        return SparkSession(running)


def _cannot_start(missing: str | None) -> KeepwellError:
    return KeepwellError(f"Spark can't start: {missing}.", 'Or set engine = "duckdb" in keepwell.toml.')


def _started(scratch: Path, master: str, settings: Mapping[str, str]) -> "SparkContext":
    missing = missing_for_spark()
    if missing:
        raise _cannot_start(missing)
    if "," in str(scratch):
        raise KeepwellError(f"Spark can't write into {scratch}: it takes the comma for the end of a name.", "Choose a folder without one.")
    from pyspark import SparkConf, SparkContext  # noqa: PLC0415 - see above
    from pyspark.errors import PySparkException  # noqa: PLC0415 - see above
    from pyspark.java_gateway import launch_gateway  # noqa: PLC0415 - see above

    # errors reach the caller as errors; these two would print each of them, with a hundred lines of Java, besides
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        logging.getLogger(name).disabled = True
    scratch.mkdir(parents=True, exist_ok=True)
    is_local = master.startswith("local")
    conf = SparkConf(loadDefaults=False)
    conf.setAll(list({**_settings(scratch, is_local=is_local), **settings, "spark.master": master}.items()))
    log = scratch / LOG
    with _environment(is_local=is_local), log.open("ab") as sink:
        try:
            gateway = launch_gateway(conf, {"stdout": sink, "stderr": subprocess.STDOUT})  # type: ignore[no-untyped-call]  # pyspark has no types there
            return SparkContext(conf=conf, gateway=gateway)
        except (PySparkException, OSError) as error:
            raise KeepwellError(f"Spark can't start with master {master}: {str(error).splitlines()[0]}", f"See {log}.") from error


def _settings(scratch: Path, *, is_local: bool) -> dict[str, str]:
    folder = str(scratch).replace("\\", "\\\\").replace('"', '\\"')
    everywhere = {
        "spark.app.name": "keepwell",
        "spark.log.level": "ERROR",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.driver.extraJavaOptions": f'-Djava.io.tmpdir="{folder}" -Dderby.system.home="{folder}"',
    }
    local = {
        "spark.driver.host": _LOOPBACK,
        "spark.driver.bindAddress": _LOOPBACK,
        # one a core is plenty on one machine; the default is made for clusters
        "spark.sql.shuffle.partitions": "2",
    }
    return {**everywhere, **(local if is_local else {})}


@contextmanager
def _environment(*, is_local: bool) -> Iterator[None]:
    """What the Java machine reads once, at its start, from the environment."""
    wanted = {}
    if is_local:
        wanted = {"SPARK_LOCAL_IP": _LOOPBACK, "PYSPARK_PYTHON": sys.executable}
    told = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or "C"
    if os.name == "posix" and "UTF" not in told.upper():
        # else Java finds no file with a Chinese name
        wanted["LC_ALL"] = "C.UTF-8"
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
