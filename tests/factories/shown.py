"""Figures as people read them, turned back into numbers: whether a text says a value, rounded to the places that it shows."""

import re

NUMBER = re.compile(
    r"(?P<sign>[-−+±]?)\s*(?P<money>[A-Z]{0,3}[¥$€£]?)\s*(?P<digits>\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?)\s*(?P<unit>%|[^\W\d_]*)"
)
# what stands behind a number -> by how much it is multiplied
UNITS = {
    "%": 0.01, "pp": 0.01, "个百分点": 0.01, "K": 1e3, "M": 1e6, "B": 1e9, "万": 1e4, "亿": 1e8,
    "min": 60, "h": 3_600, "d": 86_400, "s": 1, "分钟": 60, "小时": 3_600, "天": 86_400, "秒": 1,
}  # fmt: skip
# shares that are not whole are never said to be
NEARLY = {"99.9%": (0.999, 1.0), "0.1%": (0.0, 0.001)}
A_LITTLE = 1e-9


def number(text: str) -> tuple[float, float]:
    """The first number of a text, and half of the last place that it shows, both in the value's own unit."""
    found = NUMBER.search(text)
    if found is None:
        raise AssertionError(f"there is no number in {text!r}")
    digits = found["digits"].replace(",", "")
    factor = UNITS.get(found["unit"], 1.0)
    plain, _, exponent = digits.partition("e")
    places = len(plain.partition(".")[2]) - int(exponent or 0)
    value = float(digits) * factor * (-1 if found["sign"] in {"-", "−"} else 1)
    return value, 0.5 * 10.0**-places * factor


def says(text: str, exact: float) -> bool:
    """Whether the text is that value, rounded."""
    shown, half = number(text)
    low, high = NEARLY.get(text, (shown - half, shown + half))
    little = A_LITTLE * max(1.0, abs(exact))
    return abs(shown - exact) <= half + little or low - little <= exact <= high + little


def is_number(text: str) -> bool:
    """Whether a text is a plain number as programs write it."""
    return re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?", text) is not None
