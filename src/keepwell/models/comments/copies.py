"""Equal texts, told apart once."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from keepwell.models.btyd.summary import Ints


def different(texts: Sequence[str]) -> tuple[list[str], Ints]:
    """The different texts, sorted, and the place of each text among them."""
    coded = pa.array(texts, pa.string()).dictionary_encode()
    listed: list[str] = coded.dictionary.to_pylist()
    order = sorted(range(len(listed)), key=listed.__getitem__)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    at: Ints = place[coded.indices.to_numpy()]
    return [listed[i] for i in order], at
