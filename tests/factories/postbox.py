"""A mail server: a process of its own (aiosmtpd) that keeps every mail that it took, and answers as a test asks it to."""

import asyncio
import functools
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult

PATIENCE = 30.0  # seconds
USER, PASSWORD = "keepwell", "mail password 9"
TAKEN = "250 OK, kept"


@dataclass(frozen=True)
class Postbox:
    """A mail server on this machine, and the folder in which it keeps mails and reads how to answer."""

    port: int
    folder: Path

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a workspace that hands its mails to it."""
        return {"mail_host": "localhost", "mail_port": self.port, "mail_security": "none", "mail_from": "keepwell@example.com"}

    def answer(self, *, to: str = "*", rcpt: str = "", data: str = TAKEN, seconds: float = 0.0, hangs_up: bool = False) -> None:
        """Of mails to that address, by default all: what it says to the recipient and after the text, how long it waits before, or hangs up."""
        told = self._told() | {to: {"rcpt": rcpt, "data": data, "seconds": seconds, "hangs_up": hangs_up}}
        scratch = self.folder / "answers.tmp"
        scratch.write_text(json.dumps(told), encoding="utf-8")
        scratch.replace(self.folder / "answers.json")

    def mails(self) -> list[EmailMessage]:
        """Every mail that it took, in their order."""
        return [message_from_bytes(f.read_bytes(), policy=default) for f in sorted(self.folder.glob("*.eml"))]

    def count(self) -> Counter[str]:
        """How many mails each address has."""
        return Counter(m["To"].addresses[0].addr_spec for m in self.mails())

    def _told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "answers.json").read_text(encoding="utf-8"))
        return found


@contextmanager
def postbox(folder: Path, certificate: Path | None = None, way: str = "none") -> Iterator[Postbox]:
    """A mail server on a free port, until the block ends; ``way`` is none, starttls or tls. With a certificate it asks who signs in."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir(parents=True)
    (folder / "answers.json").write_text("{}", encoding="utf-8")
    found = Postbox(port, folder)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    process = subprocess.Popen([sys.executable, str(Path(__file__)), str(port), str(folder), str(certificate or ""), way], env=environment)
    try:
        until = time.monotonic() + PATIENCE
        while not (folder / "ready").exists():
            assert process.poll() is None, "the mail server ended"
            assert time.monotonic() < until, "the mail server never came up"
            time.sleep(0.02)
        yield found
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _asked(folder: Path, address: str) -> dict[str, Any]:
    told = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = told.get(address) or told.get("*") or {"rcpt": "", "data": TAKEN, "seconds": 0.0, "hangs_up": False}
    return found


@dataclass(frozen=True)
class _Keeper:
    folder: Path

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 - the library's name
        said = str(_asked(self.folder, address)["rcpt"])
        if not said:
            envelope.rcpt_tos.append(address)
        return said or "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the same
        asked = _asked(self.folder, envelope.rcpt_tos[0])
        if str(asked["data"]).startswith("250"):
            scratch = self.folder / "coming"
            scratch.write_bytes(envelope.content)
            scratch.rename(self.folder / f"{time.time_ns()}.eml")
        await asyncio.sleep(float(asked["seconds"]))
        if asked["hangs_up"]:
            server.transport.abort()
        return str(asked["data"])


def _signed_in(_server: Any, _session: Any, _envelope: Any, _mechanism: str, told: Any) -> AuthResult:
    return AuthResult(success=(told.login, told.password) == (USER.encode(), PASSWORD.encode()), handled=False)


async def _serve(port: int, folder: Path, certificate: str, way: str) -> None:
    context, options = None, dict[str, Any]()
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        options = {"authenticator": _signed_in, "auth_required": True, "auth_require_tls": way == "starttls"}
    if way == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    loop = asyncio.get_running_loop()
    made = functools.partial(SMTP, _Keeper(folder), loop=loop, hostname="localhost", enable_SMTPUTF8=True, **options)
    server = await loop.create_server(made, "127.0.0.1", port, ssl=context if way == "tls" else None)
    (folder / "ready").touch()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]))
