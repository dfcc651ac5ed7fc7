"""Upload a CSV of gigabytes to a real server, and tell how much memory the server took for it and how long beside plain copying.

    python bench/upload_large.py                # 2 GB, as the page's script sends it and as a form without script does
    python bench/upload_large.py --gb 0.2       # another size

The file is made while it is sent: it is never in memory here, and on disk once, where the server puts it, and is removed after each way.
`keepwell serve` is a process of its own on the loopback. Seconds end with the answer, so what the wizard makes of the file's first 32 MB is in them; the
memory of that is what a file of 64 MB takes, which is sent first. Beside it the same bytes are made and written to the same disk by plain Python. Aim: the
server's peak (VmHWM, which Linux keeps) is with gigabytes what it is with 64 MB, or at most 50 MB more.
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from keepwell.access.audit import Actor
from keepwell.access.users import NewUser, add_user
from keepwell.core.clock import SystemClock
from keepwell.core.settings import Settings
from keepwell.core.workspace import Workspace, create_workspace
from keepwell.store.db import store_of

GB, MB = 1 << 30, 1 << 20
SMALL, MOST_GROWTH = 64 * MB, 50 * MB
PATIENCE = 600.0  # seconds for one answer
EMAIL, PASSWORD = "operations@example.com", "correct horse battery"
HEADER = b"order_id,ordered_at,customer_id,amount,status,currency,note\n"
ROW = b"A-BLOCK-%05d,2025-10-31 09:12,C-%04d,12.50,completed,CNY,a note that makes the row a little longer than it would otherwise be\n"
ROWS = 10_000
# each block is the same but for its number, so that making the bytes costs next to nothing
BLOCK = b"".join(ROW % (n, n % 5_000) for n in range(ROWS))
BOUNDARY = "keepwell-bench"


def csv_of(size: int) -> Iterator[bytes]:
    """A file of orders of at least so many bytes, a block at a time; every order has a number of its own."""
    sent, block = len(HEADER), 0
    yield HEADER
    while sent < size:
        piece = BLOCK.replace(b"BLOCK", b"%06d" % block)
        sent, block = sent + len(piece), block + 1
        yield piece


def copied(size: int, folder: Path) -> float:
    """Seconds in which plain Python writes the same bytes to the same disk."""
    target, began = folder / "plain.csv", time.perf_counter()
    with target.open("wb") as file:
        for piece in csv_of(size):
            file.write(piece)
    seconds = time.perf_counter() - began
    target.unlink()
    return seconds


@contextmanager
def serving(place: Workspace) -> Iterator[tuple[int, str]]:
    """The web server alone, on a free port of the loopback; gives its process and its address."""
    command = [sys.executable, "-m", "keepwell.surfaces.cli", "-w", str(place.folder), "serve", "--port", "0", "--no-worker"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        found = re.search(r"http://\S+", server.stdout.readline() if server.stdout else "")
        if found is None:
            raise SystemExit("the server did not start")
        yield server.pid, found.group()
    finally:
        server.terminate()
        server.communicate(timeout=30)


def most_memory(pid: int) -> int:
    """The most bytes of memory that a process ever held."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    if found is None:
        raise SystemExit("this system does not tell a process's peak memory")
    return int(found.group(1)) * 1024


def form_token(client: httpx.Client, path: str) -> str:
    """What a form of that page carries."""
    found = re.search(r'name="form_token" value="(\w+)"', client.get(path).text)
    if found is None:
        raise SystemExit(f"{path} has no form")
    return found.group(1)


def uploaded(client: httpx.Client, size: int, *, is_form: bool) -> float:
    """Seconds from the first byte sent to the answer; the raw body that the page's script sends, or a form of several parts."""
    token, began = form_token(client, "/account"), time.perf_counter()
    if is_form:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="big.csv"\r\nContent-Type: text/csv\r\n\r\n'.encode()
        content = (piece for part in ([head], csv_of(size), [f"\r\n--{BOUNDARY}--\r\n".encode()]) for piece in part)
        headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
        answer = client.post(f"/data/import?form_token={token}", content=content, headers=headers)
    else:
        headers = {"x-form-token": token, "x-file-name": "big.csv", "content-type": "application/octet-stream"}
        answer = client.post("/data/import", content=csv_of(size), headers=headers)
    seconds = time.perf_counter() - began
    if answer.status_code not in {httpx.codes.SEE_OTHER, httpx.codes.CREATED}:
        raise SystemExit(f"refused: {answer.status_code} {answer.text[:500]}")
    mapping = client.get(answer.headers["location"])
    if "order_id" not in mapping.text:
        raise SystemExit(f"the next step does not know the file's columns: {mapping.status_code}")
    return seconds


def tried(place: Workspace, size: int, *, is_form: bool) -> tuple[float, tuple[int, int, int]]:
    """One way in a server of its own; gives seconds, peak memory at first, after the small file and after the large one, and leaves no file behind."""
    with serving(place) as (pid, address), httpx.Client(base_url=address, timeout=PATIENCE) as client:
        form = {"email": EMAIL, "password": PASSWORD, "form_token": form_token(client, "/sign-in")}
        if client.post("/sign-in", data=form).status_code != httpx.codes.SEE_OTHER:
            raise SystemExit("nobody could sign in")
        first = most_memory(pid)
        uploaded(client, SMALL, is_form=is_form)
        small = most_memory(pid)
        arrived(place, SMALL)
        seconds = uploaded(client, size, is_form=is_form)
        large = most_memory(pid)
        arrived(place, size)
    return seconds, (first, small, large)


def arrived(place: Workspace, size: int) -> None:
    """Check that every byte came, and remove the file."""
    drafts, sent = place.folder / "drafts", sum(len(piece) for piece in csv_of(size))
    (file,) = drafts.glob("*/file.csv")
    if file.stat().st_size != sent:
        raise SystemExit(f"{file.stat().st_size:,} bytes arrived where {sent:,} were sent")
    for draft in drafts.iterdir():
        shutil.rmtree(draft)


def main() -> None:
    """Measure, print, and fail where memory grew beyond the aim."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--gb", type=float, default=2.0, help="size of the file in GB (2^30 bytes)")
    parser.add_argument("--folder", type=Path, help="where the workspace is made; by default the system's folder for temporary files")
    asked = parser.parse_args()
    size, grown = int(asked.gb * GB), []
    with TemporaryDirectory(prefix="keepwell-upload-", dir=asked.folder) as scratch:
        folder = Path(scratch)
        if shutil.disk_usage(folder).free < 2 * size:
            raise SystemExit(f"{folder} has no room for {asked.gb} GB")
        place = create_workspace(folder / "workspace", Settings(currency="CNY", timezone="Asia/Shanghai"))
        with store_of(place) as store, store.transaction() as session:
            add_user(session, SystemClock().now(), Actor(None, "bench"), NewUser(EMAIL, "Operations", ["operations"], PASSWORD))
        plain = copied(size, folder)
        print(f"plain copy        {plain:7.1f} s   {size / GB:.2f} GB", flush=True)
        for name, is_form in (("script", False), ("form", True)):
            seconds, (first, small, large) = tried(place, size, is_form=is_form)
            grown.append(large - small)
            memory = (
                f"peak {first / MB:.0f} MB, {small / MB:.0f} MB after 64 MB, {large / MB:.0f} MB after all (+{(large - small) / MB:.0f} MB)"
            )
            print(f"upload, {name:<8}  {seconds:7.1f} s   {seconds / plain:4.1f} × the copy   {memory}", flush=True)
    if max(grown) > MOST_GROWTH:
        raise SystemExit(f"memory grew by more than {MOST_GROWTH / MB:.0f} MB")


if __name__ == "__main__":
    main()
