"""Pages of a list: a cursor says where the next one begins, and of which question."""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from keepwell.core.errors import WrongUseError
from keepwell.surfaces.api.call import Call

MOST = 1_000
PageSize = Annotated[int, Query(ge=1, le=MOST, description="Entries of a page.")]


def paged(call: Call, rows: Sequence[Any], cursor: str | None, limit: int) -> Response:
    """A page of a list that is at hand."""
    start = start_of(call, cursor)
    return page(call, rows[start : start + limit], start, len(rows))


def page(call: Call, rows: Sequence[Any], start: int, total: int) -> Response:
    """A page: its entries, how many there are, and the cursor of the next one (also as a link)."""
    end = start + len(rows)
    after = _written(call, end) if rows and end < total else None
    headers = {}
    if after:
        url = call.request.url.include_query_params(cursor=after)
        headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return call.answer({"data": list(rows), "total": total, "next_cursor": after}, headers=headers)


def start_of(call: Call, cursor: str | None) -> int:
    """Where the page begins; a cursor of another question is refused."""
    if cursor is None:
        return 0
    try:
        told = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        start, question = int(told["at"]), str(told["of"])
    except (ValueError, KeyError, TypeError, binascii.Error, UnicodeEncodeError, OverflowError):
        raise WrongUseError("This is no cursor.", "Take `next_cursor` of the page before, as it is.") from None
    if question != _question(call) or not 0 <= start <= 2**53:
        raise WrongUseError("This cursor is of another question.", "Keep all other parameters as they were.")
    return start


def _written(call: Call, start: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"at": start, "of": _question(call)}).encode()).decode()


def _question(call: Call) -> str:
    asked = sorted((n, v) for n, v in call.request.query_params.multi_items() if n not in {"cursor", "limit"})
    return hashlib.sha256(json.dumps([call.request.url.path, asked, call.scope.key]).encode()).hexdigest()[:16]
