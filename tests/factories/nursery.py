"""A process that has loaded Keepwell and started nothing, and bears children that do one piece of work each.

A child is a real process: it can be killed at any moment, and what it does is seen by nobody who has not read it from disk.
Commands come as lines of JSON on standard input; answers go to standard output.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from keepwell.core.clock import SystemClock
from keepwell.core.workspace import open_workspace
from keepwell.engine.sql import names
from keepwell.lake import journal
from keepwell.lake.lake import Lake
from keepwell.lake.table import tables
from keepwell.sources.imports import ImportRequest, run


def bring(workspace: str, files: list[str], mapping: str) -> str | None:
    found = open_workspace(workspace)
    request = ImportRequest(tuple(map(Path, files)), mapping=Path(mapping))
    return run(found, Lake(found.lake_folder, threads=1), request, SystemClock()).import_id


def look(workspace: str, tables: list[str], target: str) -> None:
    """Write the rows of each table, without who wrote them and when they landed, into a file a table below ``target``."""
    lake = Lake(open_workspace(workspace).lake_folder, threads=1)
    with lake.engine() as engine:
        snapshot = lake.snapshot()
        for table in tables:
            engine.register(snapshot.table(table))
            kept = [c for c, _ in engine.columns(f'from "{table}"') if c not in {"batch_id", "updated_at", "valid_from", "valid_to"}]
            engine.write_csv(f'select {names(kept)} from "{table}" order by all', Path(target) / f"{table}.csv")
    assert not (lake.folder / journal.PENDING).exists()


def look_and_bring(workspace: str, tables: list[str], files: list[str], mapping: str) -> None:
    """What is there; an import; what is there then."""
    look(workspace, tables, f"{workspace}/seen")
    bring(workspace, files, mapping)
    look(workspace, tables, f"{workspace}/seen again")


WORK: dict[str, Callable[..., Any]] = {"bring": bring, "look": look, "look_and_bring": look_and_bring}


class Child:
    """A process at work."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self._nursery, self.pid = nursery, pid

    def kill(self, number: int = signal.SIGKILL) -> None:
        # it may have finished already
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Its exit status, or minus the signal that ended it."""
        return int(self._nursery.ask({"wait": self.pid}))


class Nursery:
    """Starts children within a few milliseconds. Asked by one thread at a time."""

    def __init__(self) -> None:
        paths = os.pathsep.join(p for p in sys.path if p)
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def ask(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(question), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def start(self, work: str, *arguments: Any) -> Child:
        return Child(self, int(self.ask({"work": work, "arguments": arguments})))

    def do(self, work: str, *arguments: Any) -> float:
        """Have a child do it to its end; returns how long it took, in seconds."""
        started = time.perf_counter()
        status = self.start(work, *arguments).wait()
        assert status == 0, f"{work} ended with {status}"
        return time.perf_counter() - started


def _bear(question: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    # what a child prints must not be taken for an answer
    os.dup2(2, 1)
    status = 1
    try:
        WORK[question["work"]](*question["arguments"])
        status = 0
    except BaseException:  # noqa: BLE001 - whatever ends a child is told, as at the end of any process
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _serve() -> None:
    tables()  # read once, not by every child
    for line in sys.stdin:
        question = json.loads(line)
        if "wait" in question:
            _, status = os.waitpid(question["wait"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = _bear(question)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
