"""The templates: what is not told is an error, what comes from people is escaped, files carry their content's mark."""

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from keepwell.surfaces.web.tables import exact

STATIC = Path(__file__).parent / "static"


def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("keepwell.surfaces.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.globals["asset"] = asset
    made.filters["data"] = data
    made.filters["exact"] = exact
    return made


@functools.cache
def asset(name: str) -> str:
    """The address of a file that pages load, which changes when the file does."""
    mark = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={mark}"


def data(value: Any) -> Markup:
    """A value as JSON that may stand within a page, whatever words are in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    # so that no text can end the element that it stands in
    for sign, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(sign, code)
    return Markup(text)  # noqa: S704 - escaped right above
