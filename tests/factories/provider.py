"""An OpenID provider in a process of its own: the package oidc-provider-mock, which also checks PKCE here, and lies where a test asks it to.

What the tests ask runs elsewhere than what is tested, over a real socket; the package itself is loaded by that process only.
"""

import base64
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from joserfc import jwt
from joserfc.jwk import RSAKey

PATIENCE = 30.0  # seconds
LIES = "/lies"


@dataclass(frozen=True)
class Provider:
    """The provider: who has an account there, and what it lies about."""

    issuer: str

    def person(self, subject: str, **claims: Any) -> None:
        """Somebody with an account there, or what is told of that person from now on."""
        httpx2.put(f"{self.issuer}/users/{subject}", json=claims).raise_for_status()

    def lie(self, *lies: str) -> None:
        """In the ID tokens from now on, about these things alone; see ``_with_lies``."""
        httpx2.put(f"{self.issuer}{LIES}", json=lies).raise_for_status()

    def sign_in(self, url: str, subject: str) -> str:
        """What the person does there; gives where the provider sends the browser."""
        return self._sent(url, sub=subject)

    def cancel(self, url: str) -> str:
        return self._sent(url, action="deny")

    def _sent(self, url: str, **form: str) -> str:
        shown = httpx2.get(url)
        assert shown.status_code == 200, shown.text
        answer = httpx2.post(url, data=form)
        assert answer.status_code in {302, 303}, answer.text
        return answer.headers["location"]


@contextmanager
def provider() -> Iterator[Provider]:
    """A provider on a free port of this machine, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # AUTHLIB_INSECURE_TRANSPORT: the package asks for HTTPS else, which this machine needs not for itself
    environment = os.environ | {"AUTHLIB_INSECURE_TRANSPORT": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    process = subprocess.Popen([sys.executable, str(Path(__file__)), str(port)], env=environment)
    issuer = f"http://127.0.0.1:{port}"
    try:
        _wait(issuer, process)
        yield Provider(issuer)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait(issuer: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert process.poll() is None, "the provider ended"
        try:
            httpx2.get(f"{issuer}/.well-known/openid-configuration").raise_for_status()
        except httpx2.TransportError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(issuer)


def _serve(port: int) -> None:
    # here alone: it loads deprecated modules, which is no matter of the tests
    import flask  # noqa: PLC0415 - see above
    import oidc_provider_mock  # noqa: PLC0415 - see above
    import uvicorn  # noqa: PLC0415 - see above

    app: flask.Flask = oidc_provider_mock.app(require_nonce=True)
    challenges: dict[str, str] = {}
    lies: set[str] = set()

    @app.put(LIES)
    def put_lies() -> tuple[str, int]:
        lies.clear()
        lies.update(flask.request.get_json())
        return "", 204

    @app.before_request
    def check_pkce() -> Any:
        if flask.request.path != "/oauth2/token":
            return None
        verifier = flask.request.form.get("code_verifier", "")
        made = _base64(hashlib.sha256(verifier.encode()).digest())
        if challenges.pop(flask.request.form.get("code", ""), None) != made:
            return flask.jsonify({"error": "invalid_grant", "error_description": "PKCE"}), 400
        return None

    @app.after_request
    def change(response: Any) -> Any:
        path, asked = flask.request.path, flask.request.args
        if path == "/oauth2/authorize" and asked.get("code_challenge_method") == "S256" and "location" in response.headers:
            code = parse_qs(urlsplit(response.headers["location"]).query).get("code", [""])[0]
            challenges[code] = asked["code_challenge"]
        if lies and path == "/oauth2/token" and response.status_code == 200:
            told, key = response.get_json(), flask.g.oidc_provider_mock_storage.jwk.as_dict(is_private=True)
            response.set_data(json.dumps(told | {"id_token": _with_lies(told["id_token"], lies, key)}))
        return response

    uvicorn.run(app, interface="wsgi", host="127.0.0.1", port=port, log_level="warning")


def _with_lies(raw: str, lies: set[str], own_key: dict[str, Any]) -> str:
    """An ID token that is wrong in those ways; but for ``keys``, ``none`` and ``symmetric`` its signature is right."""
    head, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in raw.split(".")[:2])
    changes = {
        "audience": {"aud": "another"},
        "issuer": {"iss": "https://another.example"},
        "late": {"iat": claims["iat"] - 7200, "exp": claims["iat"] - 3600},
        "nonce": {"nonce": "another"},
    }
    for lie in lies & set(changes):
        claims |= changes[lie]
    if "thin" in lies:
        claims = {name: told for name, told in claims.items() if not name.startswith("email")}
    if "none" in lies:
        return f"{_part({**head, 'alg': 'none'})}.{_part(claims)}."
    key = RSAKey.import_key(own_key)
    if "symmetric" in lies:
        # as if what everybody knows, the public key, were a secret that both sides share
        signed = f"{_part({**head, 'alg': 'HS256'})}.{_part(claims)}"
        mac = hmac.digest(key.as_pem(private=False), signed.encode(), "sha256")
        return f"{signed}.{_base64(mac)}"
    return jwt.encode(head, claims, RSAKey.generate_key() if "keys" in lies else key)


def _part(told: dict[str, Any]) -> str:
    return _base64(json.dumps(told).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
