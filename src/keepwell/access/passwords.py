"""Passwords: what they must be, and how they are kept (argon2id)."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from keepwell.core.errors import WrongUseError

LEAST, MOST = 10, 200
LEAST_DIFFERENT = 5  # characters
_HASHER = PasswordHasher()
# compared with where there is nothing to compare with, so that the time taken tells nobody who has an account
_OF_NOBODY = _HASHER.hash("of nobody")


def check_password(password: str, *about: str) -> None:
    """Refuse what is easily guessed: short, of few characters, or one of the words ``about`` its owner."""
    if not LEAST <= len(password) <= MOST:
        raise WrongUseError(
            f"The password has {len(password)} characters.", f"Choose {LEAST} to {MOST}; a few words in a row are easy to keep."
        )
    if len(set(password)) < LEAST_DIFFERENT:
        raise WrongUseError("The password is made of the same few characters.", "Choose a few words in a row.")
    own = {part.lower() for text in about for part in (text, text.partition("@")[0]) if part}
    if password.lower() in own:
        raise WrongUseError("The password is the name or the address.", "Choose a few words in a row.")


def hashed(password: str) -> str:
    return _HASHER.hash(password)


def matches(password: str, kept: str | None) -> bool:
    """Whether it is the one that was kept; takes as long where none was."""
    try:
        _HASHER.verify(kept or _OF_NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    """Whether it was kept in a way that is no longer thought strong enough."""
    return _HASHER.check_needs_rehash(kept)
