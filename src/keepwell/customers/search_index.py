"""What a search looks into: the folded words of all customers in one run of bytes, and which pairs and triples of letters each has.

It lies in memory, never on disk, about 160 MB a million customers. A search passes over a few bytes a customer, and looks only into those whose
letters may hold what is asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

BITS, PARTS = 64, 4  # of pairs, and as many of triples
FACTORS = (40503, 30011, 12289)  # odd, so that neighbours in the alphabet get bits far apart
PART = 10_000  # texts whose pairs are found at once
# candidates up to which each is looked into by itself; of more the bytes are searched from the beginning
FEW = 60_000
STRETCH = 4_000  # candidates that are looked into before it is asked whether these are enough

Bits = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class SearchIndex:
    """Texts in the order in which they are found. Of each the first ``open_to`` bytes may be searched by everybody."""

    ids: pa.Array
    words: bytes
    ends: npt.NDArray[np.int64]
    open_to: npt.NDArray[np.int32]
    pairs: tuple[Bits, ...]

    def __len__(self) -> int:
        return len(self.ends)

    @classmethod
    def of(cls, ids: pa.ChunkedArray, texts: pa.ChunkedArray, open_to: pa.ChunkedArray) -> "SearchIndex":
        """From columns of one order; ``open_to`` counts bytes."""
        encoded: list[bytes] = []
        lengths: list[npt.NDArray[np.int64]] = []
        pairs: list[list[Bits]] = [[np.zeros(0, np.uint64)] for _ in range(2 * PARTS)]
        for start in range(0, len(texts), PART):
            part = [t.encode() for t in texts.slice(start, PART).to_pylist()]
            size = np.array([len(t) for t in part], np.int64)
            joined = b"".join(part)
            for found, bits in zip(pairs, _bits(joined, is_many=True), strict=True):
                found.append(np.bitwise_or.reduceat(bits, np.cumsum(size) - size))
            encoded.append(joined)
            lengths.append(size)
        ends = np.cumsum(np.concatenate(lengths)) if lengths else np.zeros(0, np.int64)
        opened = np.asarray(open_to.to_numpy(), np.int32)
        return cls(ids.combine_chunks(), b"".join(encoded), ends, opened, tuple(np.concatenate(p) for p in pairs))

    def text(self, row: int) -> bytes:
        """The whole text of a row."""
        return self.words[self._start(row) : int(self.ends[row])]

    def rows_with(self, what: bytes, most: int, seen: npt.NDArray[np.bool_] | None, *, is_open: bool) -> list[int]:
        """The first ``most`` rows that hold ``what``; with ``is_open`` in the part that everybody may search, and only those ``seen``."""
        candidates = self._candidates(what, seen)
        found = (
            self._among(what, candidates, is_open=is_open) if len(candidates) <= FEW else self._from_the_start(what, seen, is_open=is_open)
        )
        return [row for row, _ in zip(found, range(most), strict=False)]

    def _candidates(self, what: bytes, seen: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.intp]:
        may = np.ones(len(self), bool) if seen is None else seen
        for mine, bits in zip(self.pairs, _bits(what), strict=True):
            wanted = np.bitwise_or.reduce(bits, initial=np.uint64(0))
            if wanted:
                may = may & ((mine & wanted) == wanted)
        return np.flatnonzero(may)

    def _among(self, what: bytes, candidates: npt.NDArray[np.intp], *, is_open: bool) -> Iterator[int]:
        find = self.words.find
        for at in range(0, len(candidates), STRETCH):
            some = candidates[at : at + STRETCH]
            starts = np.where(some > 0, self.ends[some - 1], 0)
            stops = starts + self.open_to[some] if is_open else self.ends[some]
            for row, start, stop in zip(some.tolist(), starts.tolist(), stops.tolist(), strict=True):
                if find(what, start, stop) >= 0:
                    yield row

    def _from_the_start(self, what: bytes, seen: npt.NDArray[np.bool_] | None, *, is_open: bool) -> Iterator[int]:
        at = self.words.find(what)
        while at >= 0:
            row = int(np.searchsorted(self.ends, at, side="right"))
            end = int(self.ends[row])
            stop = self._start(row) + int(self.open_to[row]) if is_open else end
            if at + len(what) <= stop and (seen is None or seen[row]):
                yield row
            at = self.words.find(what, end)

    def _start(self, row: int) -> int:
        return int(self.ends[row - 1]) if row else 0


def _bits(text: bytes, *, is_many: bool = False) -> Iterator[Bits]:
    """Of each byte with its successor, then with its two successors, a bit in one of the parts; several share one.

    Of ``is_many`` texts there is one at each byte. Those across two texts count for the first: it may be looked into in vain.
    """
    for length in (2, 3):
        padded = text + b"\x00" * (length - 1) if is_many else text
        values = np.frombuffer(padded, np.uint8).astype(np.uint16)
        size = max(len(values) - length + 1, 0)
        places = np.zeros(size, np.uint16)
        for step, factor in zip(range(length), FACTORS, strict=False):
            places += values[step : step + size] * np.uint16(factor)
        places ^= places >> np.uint16(8)
        places %= np.uint16(PARTS * BITS)
        bits = np.uint64(1) << (places % BITS).astype(np.uint64)
        for part in range(PARTS):
            yield np.where(places // BITS == part, bits, np.uint64(0))
