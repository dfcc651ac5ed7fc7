"""Is everything in order, and if not, what to do."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from keepwell.core.clock import SystemClock
from keepwell.core.errors import KeepwellError
from keepwell.core.settings import EngineName
from keepwell.core.workspace import Workspace
from keepwell.lake import delta, head, journal, locks, runs
from keepwell.lake.lake import Lake
from keepwell.lake.table import table
from keepwell.metrics.kpi_file import catalogue
from keepwell.models.boosting import lightgbm

LITTLE_DISK = 2 << 30
OLDEST_PYTHON = (3, 11)


class State(StrEnum):
    """What a check found."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, what was found, what to do."""

    check: str
    state: State
    found: str
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def examine(workspace: Workspace) -> list[Finding]:
    """Every check of the workspace; a check that can't be made is a finding too."""
    checks: tuple[Callable[[Workspace], Iterator[Finding]], ...] = (
        _python,
        _settings,
        _spark,
        _boosting,
        _disk,
        _lake,
        _tables,
        _runs,
        _kpis,
        _store,
        _single_sign_on,
        _jobs,
        _webhooks,
        _mail,
    )
    found: list[Finding] = []
    for check in checks:
        try:
            found += check(workspace)
        except KeepwellError as error:
            found.append(Finding(check.__name__.strip("_").replace("_", " "), State.FAILED, error.message, error.hint or ""))
    return found


def _python(workspace: Workspace) -> Iterator[Finding]:
    del workspace
    version = ".".join(str(part) for part in sys.version_info[:3])
    is_new = sys.version_info[:2] >= OLDEST_PYTHON
    yield Finding("python", State.OK if is_new else State.FAILED, version, "" if is_new else "Keepwell needs Python 3.11 or newer.")


def _settings(workspace: Workspace) -> Iterator[Finding]:
    s = workspace.settings
    yield Finding("settings", State.OK, f"{s.profile}, {s.currency}, {s.timezone}, {s.locale}")


def _spark(workspace: Workspace) -> Iterator[Finding]:
    """Whether Spark could run; asked only where it is the engine."""
    if workspace.settings.engine is not EngineName.SPARK:
        return
    # taken in only where it is asked for
    from keepwell.engine.jvm import missing_for_spark  # noqa: PLC0415 - see above

    missing = missing_for_spark()
    if missing:
        yield Finding("spark", State.FAILED, missing, 'Install it, or set engine = "duckdb" in keepwell.toml.')
    else:
        yield Finding("spark", State.OK, f"Java was found; master {workspace.settings.spark_master}")


def _boosting(workspace: Workspace) -> Iterator[Finding]:
    """LightGBM ships without the system library that it runs on."""
    del workspace
    try:
        found = lightgbm()
    except KeepwellError as error:
        yield Finding("lightgbm", State.WARNING, error.message, error.hint or "")
        return
    yield Finding("lightgbm", State.OK, f"LightGBM {found.__version__}")


def _disk(workspace: Workspace) -> Iterator[Finding]:
    free = shutil.disk_usage(workspace.folder).free
    advice = "" if free > LITTLE_DISK else "An import needs about twice the size of its file; make room."
    yield Finding("disk", State.OK if free > LITTLE_DISK else State.WARNING, f"{free / (1 << 30):.1f} GB free", advice)
    is_writable = os.access(workspace.folder, os.W_OK)
    yield Finding(
        "folder",
        State.OK if is_writable else State.FAILED,
        str(workspace.folder),
        "" if is_writable else "Give yourself the right to write there.",
    )


def _lake(workspace: Workspace) -> Iterator[Finding]:
    folder = workspace.lake_folder
    delta.check_folder_name(folder)
    if (folder / journal.PENDING).exists():
        Lake(folder)
    if (folder / journal.PENDING).exists():
        yield Finding("lake", State.WARNING, "an import is being committed", "Wait; if no import runs, the next command finishes it.")
        return
    with locks.held_or_none(folder / locks.WRITER) as lock:
        is_busy = lock is None
    number = head.read(folder).number
    yield Finding("lake", State.OK, f"{number} changes{', one under way' if is_busy else ''}")


def _tables(workspace: Workspace) -> Iterator[Finding]:
    for name, version in sorted(head.read(workspace.lake_folder).tables.items()):
        folder = workspace.lake_folder / name
        found = delta.open_or_none(folder)
        missing = _missing_files(folder, version) if found else []
        if found is None or missing:
            yield Finding(name, State.FAILED, f"{len(missing) or 'all'} data files are gone", "Restore the lake's folder from a backup.")
        elif found.version() != version:
            yield Finding(
                name, State.WARNING, f"version {found.version()}, but Keepwell wrote {version}",
                "Another program wrote to this table; its rows are not read. Import them instead.",
            )  # fmt: skip
        elif {f.name for f in found.schema().fields} - {c for c, _ in table(name).all_columns} - {"month"}:
            yield Finding(
                name, State.WARNING, "has columns that this Keepwell does not know", "Was it written by a newer version? Then update."
            )


def _missing_files(folder: Path, version: int) -> list[str]:
    found = delta.open_or_none(folder, version)
    return [f.path for f in delta.files(found) if not (folder / f.path).exists()] if found else []


def _runs(workspace: Workspace) -> Iterator[Finding]:
    lake = Lake(workspace.lake_folder)
    run = runs.published_or_none(lake)
    if run is None:
        yield Finding("refresh", State.WARNING, "never", "`keepwell refresh` computes everything.")
        return
    is_stale = runs.pinned_versions(lake) != run.versions
    advice = "Data came after it: `keepwell refresh`." if is_stale else ""
    yield Finding("refresh", State.WARNING if is_stale else State.OK, run.run_id, advice)


def _kpis(workspace: Workspace) -> Iterator[Finding]:
    known = catalogue(workspace.kpi_folder)
    own = sum(k.is_users for k in known.values())
    yield Finding("kpis", State.OK, f"{len(known)}, {own} of them your own")


def _store(workspace: Workspace) -> Iterator[Finding]:
    """Whether users can be read and somebody can manage them; a store that nobody has needed yet is not made by asking."""
    # its libraries take half a second to load
    from keepwell.access.console import standing  # noqa: PLC0415 - see above

    first = "Nobody can sign in yet; `keepwell user add EMAIL --name NAME --role administrator` adds the first user."
    found = standing(workspace)
    if not found.is_made:
        yield Finding("store", State.OK, f"{found.kind}, not made yet", first)
    elif not found.is_current:
        yield Finding(
            "store",
            State.WARNING,
            f"{found.kind}, tables of another version",
            "`keepwell user list` brings older ones up to date; back up first.",
        )
    else:
        yield Finding("store", State.OK, found.kind)
        is_managed = found.administrators > 0 or found.users == 0
        advice = "`keepwell user enable EMAIL` or `keepwell user roles EMAIL --role administrator` lets somebody."
        yield Finding(
            "users",
            State.OK if is_managed else State.WARNING,
            f"{found.users}, {found.administrators} of them may manage users",
            first if found.users == 0 else "" if is_managed else advice,
        )


def _single_sign_on(workspace: Workspace) -> Iterator[Finding]:
    """Whether the provider answers, where there is one."""
    if not workspace.settings.oidc_issuer:
        return
    # the same libraries
    from keepwell.access.oidc_provider import SECRET, provider_or_none  # noqa: PLC0415 - see above

    provider = provider_or_none(workspace.settings)
    if provider is not None:
        found = f"{provider.endpoints().issuer} answers"
        if provider.secret:
            yield Finding("single sign on", State.OK, found)
        else:
            yield Finding("single sign on", State.WARNING, f"{found}, no secret here", f"Give ${SECRET} to the process that serves.")


def _webhooks(workspace: Workspace) -> Iterator[Finding]:
    """Which webhooks send nothing, and why; of a store that can't be read the check of the store tells."""
    # the store's libraries, as above
    from keepwell.access.console import standing  # noqa: PLC0415 - see above
    from keepwell.surfaces.webhooks import Console  # noqa: PLC0415 - see above

    try:
        if not standing(workspace).is_current:
            return
    except KeepwellError:
        return
    known = Console(workspace, SystemClock()).all()
    if known:
        out = [w for w in known if w["direction"] == "out"]
        off = sum(not w["is_on"] for w in known)
        yield Finding("webhooks", State.OK, f"{len(known) - len(out)} in, {len(out)} out{f', {off} switched off' if off else ''}")
        yield from (finding for w in out for finding in _of_subscription(w))


def _mail(workspace: Workspace) -> Iterator[Finding]:
    """Whether the mail server of the settings lets us in; nothing is sent."""
    s = workspace.settings
    if not s.mail_host:
        return
    # the store's libraries, as above
    from keepwell.surfaces.delivery.smtp import PASSWORD, fault_or_none  # noqa: PLC0415 - see above

    fault = fault_or_none(s)
    where = f"{s.mail_host}:{s.mail_port}"
    if fault is None:
        yield Finding("mail", State.OK, f"{where} lets us in; `keepwell schedule test-mail ADDRESS` sends one")
    else:
        yield Finding("mail", State.FAILED, f"{where}: {fault}", f"Look at mail_host, mail_port, mail_security, mail_user and ${PASSWORD}.")


def _of_subscription(told: dict[str, Any]) -> Iterator[Finding]:
    name, see = f"webhook {told['name']}", f"`keepwell webhook sent {told['webhook_id']}` tells what was answered"
    if told["is_on"] and told["failing_since"]:
        yield Finding(name, State.WARNING, f"nothing has arrived since {told['failing_since']}", f"{see}.")
    elif not told["is_on"] and told["off_reason"] in {"failing", "gone"}:
        why = "the other side is gone" if told["off_reason"] == "gone" else "nothing had arrived for days"
        yield Finding(name, State.WARNING, f"switched off: {why}", f"{see}; `keepwell webhook on {told['webhook_id']}` sends again.")


def _jobs(workspace: Workspace) -> Iterator[Finding]:
    """Whether jobs can be read, and whether somebody does those that wait."""
    # their libraries take a second to load
    from keepwell.surfaces.worker import database  # noqa: PLC0415 - see above
    from keepwell.surfaces.worker.jobs import Jobs  # noqa: PLC0415 - see above

    file = database.file_or_none(workspace)
    if file is not None and not file.exists():
        yield Finding("jobs", State.OK, "none yet")
    else:
        with closing(Jobs(workspace, SystemClock())) as jobs:
            waiting = len(jobs.under_way())
        yield Finding("jobs", State.OK, f"{waiting} under way")
        if waiting and not database.is_worker_alive(workspace):
            advice = "`keepwell serve` starts a worker with the pages, `keepwell worker` one alone."
            yield Finding("worker", State.WARNING, f"none is at work, and {waiting} {'job waits' if waiting == 1 else 'jobs wait'}", advice)
            return
    is_alive = database.is_worker_alive(workspace)
    yield Finding("worker", State.OK, "at work" if is_alive else "none is at work; `keepwell serve` starts one")
