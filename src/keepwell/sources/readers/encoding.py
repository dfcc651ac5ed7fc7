"""Which encoding a text file has, found by decoding all of it, a piece at a time."""

import codecs
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from keepwell.core.errors import did_you_mean
from keepwell.core.progress import Progress
from keepwell.sources.reader import UnknownEncodingError, UnreadableFileError

CHUNK = 4 << 20
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# In Chinese text the second byte of a pair is mostly high too (GB 2312); in Western text it is the next, plain letter.
CHINESE_SHARE = 0.6


@dataclass(frozen=True)
class Survey:
    """What one pass over the bytes tells."""

    encoding: str
    sha256: str
    size: int
    lines: int  # by their line feeds, the last one with or without its own
    mixes_line_ends: bool  # some lines end in CR LF and some in LF alone, or in CR alone


def chunks(path: Path, progress: Progress | None = None) -> Iterator[bytes]:
    """The file's bytes, a few megabytes at a time."""
    total = max(1, path.stat().st_size)
    done = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
            done += len(chunk)
            if progress:
                progress.advance(done / total)


def survey(path: Path, encoding: str | None, progress: Progress) -> Survey:
    """Read the whole file once; an encoding that does not fit, or bytes that are no text, are an error that says where."""
    with path.open("rb") as file:
        head = file.read(CHUNK)
    if not head:
        raise UnreadableFileError(f"{path.name} is empty.", "Export it again, with a header line and at least one row.")
    chosen = _checked_name(encoding, path) if encoding else next((name for bom, name in BOMS if head.startswith(bom)), None)
    found = _Pass(path, chosen or "utf-8", progress)
    if found.zero_byte is not None and chosen != "utf-16" and not encoding:
        raise UnreadableFileError(
            f"{path.name} is no text file: byte {found.zero_byte:,} is zero.",
            "Is it an Excel or Parquet file with another name? The ending decides how a file is read.",
        )
    if found.bad_byte is None:
        return found.result()
    if chosen is not None:
        raise _does_not_fit(path, chosen, found.bad_byte)
    return _as_chinese(path, found.bad_byte, progress)


def _as_chinese(path: Path, bad_utf8: int, progress: Progress) -> Survey:
    """The survey of a file that is not UTF-8 but Chinese; anything else would be read as nonsense, so it is an error."""
    if _share_of_high_pairs(path) >= CHINESE_SHARE:
        found = _Pass(path, "gb18030", progress)
        if found.bad_byte is None:
            return found.result()
    raise _unknown(path, "UTF-8, and it is not Chinese in GB18030 either", bad_utf8)


class _Pass:
    """One decoding of the whole file, with its hash taken beside it."""

    def __init__(self, path: Path, encoding: str, progress: Progress) -> None:
        self.path, self.encoding = path, encoding
        self.newlines = self.returns = self.pairs = self.size = 0
        self.bad_byte: int | None = None
        self.zero_byte: int | None = None
        self._digest = hashlib.sha256()
        decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
        decodes = True
        last = b""
        for chunk in chunks(path, progress):
            # the hash and the decoding both let go of the interpreter's lock on large pieces
            hashing = threading.Thread(target=self._digest.update, args=(chunk,))
            hashing.start()
            try:
                if decodes:
                    self._decode(decoder, chunk)
            except UnicodeDecodeError as error:
                self.bad_byte = self.size - len(decoder.getstate()[0]) + error.start
                decodes = False
            if self.zero_byte is None and b"\0" in chunk:
                self.zero_byte = self.size + chunk.index(b"\0")
            self.newlines += chunk.count(b"\n")
            self.returns += chunk.count(b"\r")
            self.pairs += chunk.count(b"\r\n") + (last == b"\r" and chunk[:1] == b"\n")
            last, self.size = chunk[-1:], self.size + len(chunk)
            hashing.join()
        if decodes:
            try:
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                self.bad_byte = self.size
        self._ends_with_newline = last == b"\n"

    def _decode(self, decoder: codecs.IncrementalDecoder, chunk: bytes) -> None:
        # plain ASCII is every encoding's own and needs no decoding
        if self.encoding != "utf-16" and chunk.isascii() and not decoder.getstate()[0]:
            return
        decoder.decode(chunk)

    def result(self) -> Survey:
        lines = self.newlines + (not self._ends_with_newline)
        is_mixed = 0 < self.pairs < self.newlines or self.returns > self.pairs
        return Survey(self.encoding, self._digest.hexdigest(), self.size, lines, is_mixed)


def _share_of_high_pairs(path: Path) -> float:
    """Of the bytes that follow a high byte as its partner, the share that is high itself."""
    pairs = high = 0
    pending = False
    for chunk in chunks(path):
        if chunk.isascii() and not pending:
            continue
        for byte in chunk:
            if pending:
                pairs, high, pending = pairs + 1, high + (byte >= 0x80), False
            elif byte >= 0x80:
                pending = True
        if pairs > 20_000:
            break
    return high / pairs if pairs else 0.0


def _checked_name(encoding: str, path: Path) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        known = ("utf-8", "utf-8-sig", "utf-16", "gb18030", "big5", "latin-1", "cp1252", "shift-jis")
        raise UnreadableFileError(f"{path.name}: there is no encoding named {encoding!r}.", did_you_mean(encoding, known)) from None


def _unknown(path: Path, tried: str, position: int) -> UnknownEncodingError:
    found = _does_not_fit(path, tried, position)
    return UnknownEncodingError(found.message, found.hint)


def _does_not_fit(path: Path, encoding: str, position: int) -> UnreadableFileError:
    line, seen, byte = 1, 0, b""
    for chunk in chunks(path):
        if position < seen + len(chunk):
            line += chunk[: position - seen].count(b"\n")
            byte = chunk[position - seen : position - seen + 1]
            break
        line, seen = line + chunk.count(b"\n"), seen + len(chunk)
    shown = f"byte 0x{byte.hex().upper()}" if byte else "its last character is cut off"
    return UnreadableFileError(
        f"{path.name} is not {encoding}: line {line:,}, {shown}.",
        "Save it as UTF-8, or name its encoding in a mapping (`encoding: latin-1`).",
    )


def rewrite_as_utf8(path: Path, target: Path, encoding: str) -> int:
    """The same text as UTF-8 with plain line feeds, a piece at a time. Returns the number of lines."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    newlines = _LineEnds()
    with target.open("w", encoding="utf-8", newline="") as out:
        for chunk in chunks(path):
            out.write(newlines.plain(decoder.decode(chunk)))
        out.write(newlines.plain(decoder.decode(b"", final=True)) + newlines.rest())
    return newlines.lines


class _LineEnds:
    """Turns CR LF and CR into LF across pieces."""

    def __init__(self) -> None:
        self._held = ""
        self._newlines, self._last = 0, ""

    @property
    def lines(self) -> int:
        return self._newlines + (self._last != "\n")

    def plain(self, text: str) -> str:
        text = self._held + text
        self._held = "\r" if text.endswith("\r") else ""
        return self._counted(text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n"))

    def rest(self) -> str:
        return self._counted("\n" if self._held else "")

    def _counted(self, text: str) -> str:
        self._newlines, self._last = self._newlines + text.count("\n"), text[-1:] or self._last
        return text
