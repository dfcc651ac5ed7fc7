"""LightGBM, if the system lets it be loaded."""

from typing import Any

from keepwell.core.errors import KeepwellError


def lightgbm() -> Any:
    """The library, loaded where it is needed; where the system lacks what it needs, the error says what to install."""
    try:
        import lightgbm as loaded  # noqa: PLC0415 - takes a second to load
    except OSError as error:
        raise KeepwellError(
            f"LightGBM can't be loaded: {error}", "Install the system's OpenMP library: libgomp1 (Debian), libomp (macOS)."
        ) from error
    return loaded
