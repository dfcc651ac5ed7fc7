"""Keys that only their holder knows: here is their SHA-256. They are random and long, so nothing slower is needed."""

import hashlib
import secrets

BYTES = 32


def new_key() -> str:
    return secrets.token_urlsafe(BYTES)


def key_hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
