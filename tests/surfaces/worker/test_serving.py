"""``keepwell serve`` with its worker: jobs that pages start, told live; a worker that dies is started again and goes on."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil
import pytest

from factories.served import AS_OF, PASSWORD
from factories.working import PATIENCE, Working, wait_until
from keepwell.surfaces.doctor import State, examine
from keepwell.surfaces.worker.job import State as JobState

pytestmark = pytest.mark.slow


@contextmanager
def _served(folder: Path, *options: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """``keepwell serve`` on a free port; gives the process and the address."""
    command = [sys.executable, "-m", "keepwell.surfaces.cli", "-w", str(folder), "serve", "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found
        yield process, found.group()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


def _form_token(client: httpx2.Client, path: str) -> str:
    found = re.search(r'name="form_token" value="(\w+)"', client.get(path).text)
    assert found
    return found.group(1)


def _worker(serve: "subprocess.Popen[str]") -> psutil.Process:
    """The worker that was started by ``serve``, once it is there."""
    found: list[psutil.Process] = []

    def is_there() -> bool:
        found[:] = psutil.Process(serve.pid).children()
        return bool(found)

    wait_until(is_there)
    return found[0]


def test_a_page_starts_a_refresh_whose_steps_are_told_live_over_the_death_of_the_worker(work: Working) -> None:
    before = work.runs()
    with _served(work.folder) as (serve, address), httpx2.Client(base_url=address, timeout=PATIENCE) as client:
        form = {"email": "operations@example.com", "password": PASSWORD, "form_token": _form_token(client, "/sign-in")}
        assert client.post("/sign-in", data=form).status_code == 303
        answer = client.post("/data/refresh", data={"form_token": _form_token(client, "/account"), "as_of": AS_OF.isoformat()})
        path = answer.headers["location"]
        killed, seen, events = False, list[str](), list[str]()
        with client.stream("GET", f"{path}/events") as told:
            assert told.headers["content-type"].startswith("text/event-stream")
            for line in told.iter_lines():
                if line.startswith("event: "):
                    events.append(line.removeprefix("event: "))
                for step in re.findall(r'class="kw-is-running".*?<b>([^<]+)</b>', line):
                    if not seen or seen[-1] != step:
                        seen.append(step)
                if seen and not killed:
                    _worker(serve).kill()
                    killed = True
        assert killed
        assert seen[0] == "Compute KPIs"
        assert events[-1] == "over"
        assert set(events[:-1]) == {"job"}
        assert "See the numbers" in client.get(path).text
        worker = _worker(serve)
        serve.send_signal(signal.SIGTERM)
        _, stderr = serve.communicate(timeout=PATIENCE)
    assert "The worker ended (status -9); it is started again in 1 s." in stderr
    wait_until(lambda: not worker.is_running())
    job_id = path.rpartition("/")[2]
    assert work.jobs.job(job_id).state is JobState.DONE
    (first, second) = work.runs()
    assert [first] == before
    assert work.rows(second) == work.rows(first)


def test_the_worker_ends_with_a_server_that_is_killed_and_there_is_one_at_a_time(work: Working) -> None:
    with _served(work.folder) as (serve, _):
        worker = _worker(serve)
        wait_until(lambda: work.jobs.is_worker_alive)
        command = [sys.executable, "-m", "keepwell.surfaces.cli", "-w", str(work.folder), "worker"]
        second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert second.returncode == 1
        assert "Another worker is at work" in second.stderr
        serve.kill()
        wait_until(lambda: not worker.is_running())
    wait_until(lambda: not work.jobs.is_worker_alive)


def test_without_a_worker_the_doctor_says_so_when_jobs_wait(work: Working) -> None:
    def told() -> dict[str, tuple[State, str]]:
        return {f.check: (f.state, f.found) for f in examine(work.place) if f.check in {"jobs", "worker"}}

    assert told() == {"jobs": (State.OK, "none yet"), "worker": (State.OK, "none is at work; `keepwell serve` starts one")}
    with _served(work.folder, "--no-worker") as (serve, _):
        assert psutil.Process(serve.pid).children() == []
        job_id = work.jobs.start_refresh(asked_by="Olga")
        assert told() == {"jobs": (State.OK, "1 under way"), "worker": (State.WARNING, "none is at work, and 1 job waits")}
    work.jobs.cancel(job_id)
    with work.worker():
        wait_until(lambda: work.jobs.is_worker_alive)
        assert told()["worker"] == (State.OK, "at work")
