"""LightGBM, if the system lets it be loaded."""

from typing import Any

from keepwell.models.refusal import RefusedError


def lightgbm() -> Any:
    """The library, loaded where it is needed; where the system lacks what it needs, the error says what to install."""
    try:
        import lightgbm as loaded  # noqa: PLC0415 - takes a second to load
    except OSError as error:
        raise RefusedError(
            f"LightGBM can't be loaded: {error}", "Install the system's OpenMP library: libgomp1 (Debian), libomp (macOS)."
        ) from error
    return loaded
