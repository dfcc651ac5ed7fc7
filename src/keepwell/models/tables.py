"""Tables as estimators take them: Arrow, data frames or plain columns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from keepwell.core.errors import WrongUseError, did_you_mean


def columns_of(table: Any) -> dict[str, npt.NDArray[Any]]:
    """The columns of an Arrow table, a data frame or a mapping, by name."""
    if isinstance(table, pa.Table | pa.RecordBatch):
        return {
            name: table.column(i).to_numpy(zero_copy_only=False) if isinstance(table, pa.RecordBatch) else table.column(i).to_numpy()
            for i, name in enumerate(table.schema.names)
        }
    if isinstance(table, Mapping):
        return {str(name): np.asarray(values) for name, values in table.items()}
    if hasattr(table, "columns") and hasattr(table, "__getitem__"):
        return {str(name): np.asarray(table[name]) for name in table.columns}
    raise WrongUseError(f"A {type(table).__name__} is no table.", "Give an Arrow table, a data frame or a dictionary of columns.")


def column(table: Mapping[str, npt.NDArray[Any]], name: str) -> npt.NDArray[Any]:
    """That column; an unknown name is an error that tells the nearest one."""
    if name not in table:
        raise WrongUseError(f"The table has no column {name!r}.", did_you_mean(name, list(table)))
    return table[name]


def days_of(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Dates or instants as whole days since 1970."""
    try:
        return values.astype("datetime64[D]").astype(np.int64)
    except (ValueError, TypeError) as error:
        raise WrongUseError(
            f"There are values that are no dates: {error}", "Give dates, instants or ISO text such as 2026-10-05."
        ) from error
