"""Uploads: a body of gigabytes goes to disk as it comes, a piece at a time, and is never held in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from keepwell.core.errors import WrongUseError
from keepwell.sources.drafts import Draft, Upload
from keepwell.surfaces.web.visit import Visit

FIELD = "file"
PIECE = 1 << 20
MULTIPART = "multipart/form-data"


async def received(visit: Visit) -> Draft:
    """The upload in the request's body: the raw file, its name in a header, or a form with one file in it."""
    kind, options = parse_options_header(visit.request.headers.get("content-type", ""))
    target = _FormFile(visit, options.get(b"boundary", b"")) if kind.decode("latin-1") == MULTIPART else _RawFile(visit)
    announced = visit.request.headers.get("content-length", "")
    with target.closed_at_the_end():
        held = bytearray()
        try:
            async for chunk in visit.request.stream():
                held += chunk
                # disks are slow, and the loop serves everybody
                if len(held) >= PIECE:
                    await run_in_threadpool(target.write, bytes(held), announced)
                    held.clear()
        except ClientDisconnect as error:
            raise WrongUseError("The upload broke off.", "Nothing was kept. Send it again.") from error
        await run_in_threadpool(target.write, bytes(held), announced)
        return await run_in_threadpool(target.finish)


class _RawFile:
    """A body that is the file itself."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._upload: Upload | None = None

    @contextmanager
    def closed_at_the_end(self) -> Iterator[None]:
        try:
            yield
        finally:
            if self._upload is not None:
                self._upload.close()

    def _begin(self, name: str, announced: str) -> Upload:
        upload = Upload(self._visit.site.place, name, self._visit.who.user_id, self._visit.at).begin()
        self._upload = upload
        if announced.isdecimal():
            upload.expect(int(announced))
        return upload

    def write(self, piece: bytes, announced: str) -> None:
        upload = self._upload or self._begin(unquote(self._visit.request.headers.get("x-file-name", "")), announced)
        upload.write(piece)

    def finish(self) -> Draft:
        if self._upload is None:
            raise WrongUseError("No file was chosen.", "Choose a file, then send it.")
        return self._upload.finish()


class _FormFile(_RawFile):
    """A body that is a form: its field ``file`` is the file, whatever else is in it is passed over."""

    def __init__(self, visit: Visit, boundary: bytes) -> None:
        super().__init__(visit)
        if not boundary:
            raise WrongUseError("The form can't be read.", "Load the page again and repeat.")
        self._announced = ""
        self._header, self._value = b"", b""
        self._headers: dict[str, bytes] = {}
        self._is_file = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
            },
        )

    def write(self, piece: bytes, announced: str) -> None:
        self._announced = announced
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise WrongUseError(f"The form can't be read: {error}", "Load the page again and repeat.") from error

    def _on_part_begin(self) -> None:
        self._headers, self._is_file = {}, False

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header.decode("latin-1").lower()] = self._value
        self._header, self._value = b"", b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        name = options.get(b"filename", b"").decode("utf-8", "replace")
        self._is_file = options.get(b"name") == FIELD.encode() and bool(name) and self._upload is None
        if self._is_file:
            self._begin(name, self._announced)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file and self._upload is not None:
            self._upload.write(data[start:end])
