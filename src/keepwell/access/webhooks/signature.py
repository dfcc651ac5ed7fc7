"""Signatures of Standard Webhooks: HMAC-SHA256 over id, time and the body as it is, in base64, named ``v1``."""

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from keepwell.core.errors import KeepwellError

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX, VERSION = "whsec_", "v1"
TOLERANCE = timedelta(minutes=5)
BYTES = 32
MOST_ID, MOST_DIGITS, MOST_SIGNATURES = 200, 12, 20


class Reason(StrEnum):
    """Why a message is not taken; told to the audit, never to whoever sent it."""

    MALFORMED = "malformed"  # a header is missing, or is none
    STALE = "stale"  # sent more than five minutes ago, or ahead
    WRONG = "wrong signature"


class BadSignatureError(KeepwellError):
    """The message is not from who knows the secret, now."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"The webhook is refused: {reason}.")
        self.reason = reason


@dataclass(frozen=True)
class Message:
    """The marks of a message: its id, which stays when it is sent again, and when it was sent, in seconds since 1970."""

    message_id: str
    timestamp: int


def new_secret() -> str:
    """A secret as both sides write it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def signature(secret: str, message: Message, body: bytes) -> str:
    """What stands in the header: version and signature. ``secret`` begins with ``whsec_``."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    mac = hmac.digest(key, f"{message.message_id}.{message.timestamp}.".encode() + body, "sha256")
    return f"{VERSION},{base64.b64encode(mac).decode()}"


def headers(live: Sequence[str], message: Message, body: bytes) -> dict[str, str]:
    """The three headers; signed with each live secret, so that the other side may change to the new one at any time."""
    signatures = " ".join(signature(s, message, body) for s in live)
    return {ID: message.message_id, TIMESTAMP: str(message.timestamp), SIGNATURE: signatures}


def checked(live: Sequence[str], given: Mapping[str, str], body: bytes, at: datetime) -> Message:
    """The message, if one of its signatures is by a live secret and it was sent within five minutes of ``at``.

    Raises :class:`BadSignatureError`. ``given`` are headers with names in lower case.
    """
    message_id, timestamp, told = given.get(ID, ""), given.get(TIMESTAMP, ""), given.get(SIGNATURE, "")
    is_number = timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= MOST_DIGITS
    if not 1 <= len(message_id) <= MOST_ID or not is_number or not told:
        raise BadSignatureError(Reason.MALFORMED)
    message = Message(message_id, int(timestamp))
    # with no secret at all a made-up one is tried: the answer takes as long
    wanted = [signature(s, message, body).encode() for s in live or (new_secret(),)]
    found = [s.encode() for s in told.split(" ")[:MOST_SIGNATURES]]
    is_ours = [hmac.compare_digest(w, f) for w in wanted for f in found]
    if not live or not any(is_ours):
        raise BadSignatureError(Reason.WRONG)
    if abs(int(at.astimezone(UTC).timestamp()) - message.timestamp) > TOLERANCE.total_seconds():
        raise BadSignatureError(Reason.STALE)
    return message


def is_secret(text: str) -> bool:
    """Whether that is a secret as Standard Webhooks has it: 24 to 64 bytes."""
    try:
        raw = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return text.startswith(PREFIX) and 24 <= len(raw) <= 64
