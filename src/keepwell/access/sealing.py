"""Secrets that we must be able to read again (to sign with them) lie sealed in the store: a copy of the database alone opens none."""

import base64
import binascii
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from keepwell.core.errors import KeepwellError

VARIABLE = "KEEPWELL_SEALING_KEY"
FILE = "sealing.key"
BYTES = 32
_HEAD = {"alg": "dir", "enc": "A256GCM"}


class SealingError(KeepwellError):
    """The key is missing, malformed, or not the one that sealed."""


class Sealer:
    """Seals and opens by the key of a workspace: ``$KEEPWELL_SEALING_KEY``, else a file of the workspace, made when first needed."""

    def __init__(self, folder: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._file, self._told = folder / FILE, environment.get(VARIABLE)

    def seal(self, text: str, of: str) -> str:
        """The text as only this workspace can open it; ``of`` names the row that it belongs to, and opens in no other."""
        return jwe.encrypt_compact({**_HEAD, "kid": of}, text.encode(), self._key(makes=True))

    def opened(self, sealed: str, of: str) -> str:
        """What was sealed. Raises :class:`SealingError` where the key is another one, or the seal another row's."""
        try:
            found = jwe.decrypt_compact(sealed, self._key(makes=False), algorithms=list(_HEAD.values()))
        except (JoseError, ValueError) as error:
            raise _unfit() from error
        if found.protected.get("kid") != of or found.plaintext is None:
            raise _unfit()
        return found.plaintext.decode()

    def _key(self, *, makes: bool) -> OctKey:
        if self._told:
            return _key_of(self._told, f"${VARIABLE}")
        if makes and not self._file.exists():
            _make(self._file)
        try:
            return _key_of(self._file.read_text(encoding="ascii").strip(), str(self._file))
        except (OSError, UnicodeDecodeError) as error:
            raise SealingError(f"The sealing key {self._file} can't be read.", f"Restore it from a backup, or set ${VARIABLE}.") from error


def new_sealing_key() -> str:
    """A key as the file and the environment hold it."""
    return base64.urlsafe_b64encode(secrets.token_bytes(BYTES)).decode()


def _make(path: Path) -> None:
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123 - of a handle, so that nobody else may ever read it
        file.write(new_sealing_key() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        # of two processes that make one at once the first one's counts
        os.link(scratch, path)
    except FileExistsError:
        pass
    finally:
        scratch.unlink()


def _key_of(text: str, where: str) -> OctKey:
    try:
        raw = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != BYTES:
        raise SealingError(f"{where} holds no key of {BYTES} bytes in base64.", "Restore the one with which the secrets were sealed.")
    return OctKey.import_key(raw)


def _unfit() -> SealingError:
    return SealingError("A secret can't be opened: it was sealed with another key.", f"Restore {FILE}, or rotate the webhook's secret.")
