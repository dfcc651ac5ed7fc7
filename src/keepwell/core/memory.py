"""Memory that is no longer used, given back to the system."""

import ctypes
import sys

# of the GNU C library's mallopt
_MMAP_THRESHOLD, _ARENAS = -3, -8
LARGE_BYTES = 12_000_000
ARENAS = 1


def give_large_back() -> None:
    """From now on the room of a large array goes back when the array goes, and threads share theirs.

    Otherwise the C library keeps it, in pieces that the next array does not fit into, and the process stays as large as it ever was.
    Other libraries than the GNU one are left as they are.
    """
    adjust = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if adjust is not None:
        adjust(_MMAP_THRESHOLD, LARGE_BYTES)
        adjust(_ARENAS, ARENAS)
