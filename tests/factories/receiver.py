"""Who receives webhooks: a process of its own that checks signatures by the package standardwebhooks, and answers as a test asks it to."""

import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PATIENCE = 30.0  # seconds
DRIP = 0.2  # seconds between two bytes of an answer that is dripped


@dataclass(frozen=True)
class Receiver:
    """A receiver on this machine, and the folder in which it writes what came and reads how to answer."""

    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    def answer(self, *statuses: int, location: str = "", drips: bool = False) -> None:
        """With these in turn, the last one for ever."""
        _write(self.folder / "answers.json", {"statuses": statuses, "location": location, "drips": drips})

    def knows(self, secret: str) -> None:
        """The secret by which it checks signatures from now on."""
        _write(self.folder / "secret.json", secret)

    @property
    def came(self) -> list[dict[str, Any]]:
        """Every request in turn: path, headers, body, and whether its signature was right."""
        file = self.folder / "came.jsonl"
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


@contextmanager
def receiver(folder: Path, certificate: Path | None = None) -> Iterator[Receiver]:
    """A receiver on a free port, until the block ends; with a certificate (and its key in one file) by HTTPS."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir(parents=True)
    found = Receiver(port, folder)
    found.answer(204)
    found.knows("")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    process = subprocess.Popen([sys.executable, str(Path(__file__)), str(port), str(folder), str(certificate or "")], env=environment)
    try:
        _wait(port, process)
        yield found
    finally:
        process.terminate()
        process.wait(PATIENCE)


def certificate_for(name: str, folder: Path) -> Path:
    """A file with a certificate that this name gave itself, and its key."""
    from cryptography import x509  # noqa: PLC0415 - few tests need it
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - the same

    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(own)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / f"{name}.pem"
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert process.poll() is None, "the receiver ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(port)


def _write(path: Path, told: Any) -> None:
    scratch = path.with_suffix(".tmp")
    scratch.write_text(json.dumps(told), encoding="utf-8")
    scratch.replace(path)


class _Asked(BaseHTTPRequestHandler):
    folder: Path
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        came = self.folder / "came.jsonl"
        number = len(came.read_text(encoding="utf-8").splitlines()) if came.exists() else 0
        told = {
            "path": self.path,
            "headers": {k.lower(): v for k, v in self.headers.items()},
            "body": body,
            "is_right": self._is_right(body),
        }
        with came.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")
        asked = json.loads((self.folder / "answers.json").read_text(encoding="utf-8"))
        status = asked["statuses"][min(number, len(asked["statuses"]) - 1)]
        if asked["drips"]:
            self._drip()
            return
        self.send_response(status)
        if asked["location"]:
            self.send_header("Location", asked["location"])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _drip(self) -> None:
        # a byte at a time: no single wait is long
        try:
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 1_000:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(DRIP)
        except OSError:
            self.close_connection = True

    def _is_right(self, body: str) -> bool:
        from standardwebhooks.webhooks import Webhook, WebhookVerificationError  # noqa: PLC0415 - of this process alone

        secret = json.loads((self.folder / "secret.json").read_text(encoding="utf-8"))
        try:
            Webhook(secret).verify(body, dict(self.headers)) if secret else None
        except WebhookVerificationError:
            return False
        return bool(secret)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _serve(port: int, folder: Path, certificate: str) -> None:
    _Asked.folder = folder
    with ThreadingHTTPServer(("127.0.0.1", port), _Asked) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.serve_forever()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
