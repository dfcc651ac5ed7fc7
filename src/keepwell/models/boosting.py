"""LightGBM, if the system lets it be loaded."""

from typing import Any

from keepwell.models.refusal import RefusedError


def lightgbm() -> Any:
    """The library, loaded where it is needed; where the system lacks what it needs, the error says what to install."""
    try:
        import lightgbm as loaded  # noqa: PLC0415 - takes a second to load
    except OSError as error:
        raise RefusedError(
            f"LightGBM can't be loaded: {error}", "Install the system's OpenMP library: libgomp1 (Debian), libomp (macOS).",
            chinese=f"无法加载 LightGBM：{error}。", chinese_hint="请安装系统的 OpenMP 库：libgomp1（Debian）、libomp（macOS）。",
        ) from error  # fmt: skip
    return loaded
