"""Answers that took a while, kept for the next who asks the same: a published run does not change."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Found = TypeVar("Found")
MOST = 512


class Kept:
    """The answers last asked for. Several who ask for one at once wait for the first of them."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._found: OrderedDict[Hashable, Any] = OrderedDict()
        self._at_work: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, find: Callable[[], Found], is_small: Callable[[Found], bool] = lambda _: True) -> Found:
        """The answer for ``key``, found by ``find`` where it is not known. An error is nobody's answer: the next one asks again.

        An answer that is not small is given and not kept: memory is for what many ask.
        """
        with self._lock:
            if key in self._found:
                known: Found = self._known(key)
                return known
            mine = self._at_work.setdefault(key, threading.Lock())
        with mine:
            with self._lock:
                if key in self._found:
                    known = self._known(key)
                    return known  # noqa: RET504 - typed above
            try:
                found = find()
            finally:
                with self._lock:
                    self._at_work.pop(key, None)
            if not is_small(found):
                return found
            with self._lock:
                self._found[key] = found
                while len(self._found) > self._most:
                    self._found.popitem(last=False)
            return found

    def _known(self, key: Hashable) -> Any:
        self._found.move_to_end(key)
        return self._found[key]
