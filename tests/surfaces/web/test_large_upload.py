"""A large upload through a real server: it goes to disk as it comes, and the server's memory stays as it was."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil
import pytest

from factories.served import PASSWORD, served_empty
from factories.working import PATIENCE, wait_until

pytestmark = pytest.mark.slow
MB = 1 << 20
SENT = 300
ROW = b"A-%07d,2025-10-31 09:12,C-1,12.50,completed,CNY,a note that makes the row a little longer than it would otherwise be\n"


@contextmanager
def _served(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    command = [sys.executable, "-m", "keepwell.surfaces.cli", "-w", str(folder), "serve", "--port", "0", "--no-worker"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found
        yield process, found.group()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


def _signed_in(client: httpx2.Client) -> str:
    """The token for forms of somebody who may import."""

    def token(path: str) -> str:
        found = re.search(r'name="form_token" value="(\w+)"', client.get(path).text)
        assert found
        return found.group(1)

    client.post("/sign-in", data={"email": "operations@example.com", "password": PASSWORD, "form_token": token("/sign-in")})
    return token("/account")


class _Body:
    """A file of 300 MB that is made while it is sent; notes the server's memory meanwhile."""

    def __init__(self, server: psutil.Process) -> None:
        self.server, self.sent, self.rows = server, 0, 0
        self.before = server.memory_info().rss
        self.most = self.before

    def __iter__(self) -> Iterator[bytes]:
        yield from self._counted(b"order_id,ordered_at,customer_id,amount,status,currency,note\n")
        while self.sent < SENT * MB:
            rows = b"".join(ROW % (self.rows + i) for i in range(10_000))
            self.rows += 10_000
            yield from self._counted(rows)
            self.most = max(self.most, self.server.memory_info().rss)

    def _counted(self, piece: bytes) -> Iterator[bytes]:
        self.sent += len(piece)
        yield piece

    @property
    def grown(self) -> int:
        return self.most - self.before


@pytest.mark.parametrize("is_form", [False, True], ids=["script", "form"])
def test_300_mb_go_to_disk_while_memory_grows_by_less_than_100_mb(tmp_path: Path, *, is_form: bool) -> None:
    folder = served_empty(tmp_path).surfaces.folder
    with _served(folder) as (process, address), httpx2.Client(base_url=address, timeout=PATIENCE) as client:
        token = _signed_in(client)
        body = _Body(psutil.Process(process.pid))
        if is_form:
            ends = b'--kw\r\nContent-Disposition: form-data; name="file"; filename="big.csv"\r\n\r\n', b"\r\n--kw--\r\n"
            content: Iterator[bytes] = (piece for part in ([ends[0]], body, [ends[1]]) for piece in part)
            headers = {"content-type": "multipart/form-data; boundary=kw"}
            answer = client.post(f"/data/import?form_token={token}", content=content, headers=headers)
        else:
            headers = {"x-form-token": token, "x-file-name": "big.csv", "content-type": "application/octet-stream"}
            answer = client.post("/data/import", content=iter(body), headers=headers)
        assert answer.status_code == (303 if is_form else 201), answer.text
        (draft,) = (folder / "drafts").iterdir()
        assert (draft / "file.csv").stat().st_size == body.sent
        assert body.grown < 100 * MB
        # the server answers others all the same
        begun = time.monotonic()
        assert client.get("/data/import").status_code == 200
        assert time.monotonic() - begun < 5


def test_an_upload_that_is_announced_as_too_large_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    folder = served_empty(tmp_path).surfaces.folder
    settings = folder / "keepwell.toml"
    settings.write_text(re.sub(r"upload_limit_mb = \d+", "upload_limit_mb = 1", settings.read_text(encoding="utf-8")), encoding="utf-8")
    with _served(folder) as (_, address), httpx2.Client(base_url=address, timeout=PATIENCE) as client:
        headers = {"x-form-token": _signed_in(client), "x-file-name": "big.csv", "content-type": "application/octet-stream"}
        answer = client.post("/data/import", content=b"a,b\n" + b"1,2\n" * MB, headers=headers)
        assert answer.status_code == 409
        assert "larger than 1 MB" in answer.text
        assert list((folder / "drafts").iterdir()) == []


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    folder = served_empty(tmp_path).surfaces.folder
    with _served(folder) as (_, address), httpx2.Client(base_url=address, timeout=PATIENCE) as client:
        token = _signed_in(client)
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as broken:
            head = f"POST /data/import HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {cookies}\r\nX-Form-Token: {token}\r\n"
            kind = f"X-File-Name: big.csv\r\nContent-Type: application/octet-stream\r\nContent-Length: {10 * MB}\r\n\r\n"
            broken.sendall((head + kind).encode() + b"a,b\n" + b"1,2\n" * MB)
            wait_until(lambda: any((folder / "drafts").glob("*/file.csv")))
        wait_until(lambda: not any((folder / "drafts").iterdir()))
        assert client.get("/data/import").status_code == 200
