"""Keepwell: customer performance management.

    import keepwell as kw

    ws = kw.open("workspace")                                     # a folder made by `keepwell init`
    ws.kpi("revenue", period="2026-10").value                     # one number, exact
    ws.kpi("active_customers", grain="month", since="2026-01")    # readings with interval, n and change
    ws.kpi("revenue", by="region", period="2026-Q3").to_pandas()
    ws.customers(where="country = 'CN'", columns=["customer_id", "region"])
    ws.customers(sort="clv", columns=["customer_id", "clv", "probability_active"], limit=20)
    ws.model("clv").verdict                                       # what it found, and whether to believe it
    kw.models.BetaGeo().fit(summary).predict(horizon_days=365)    # estimators work without a workspace

Names are loaded when they are first used, so importing the package costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keepwell import models
    from keepwell.core.errors import KeepwellError
    from keepwell.metrics.reading import Reading, Readings
    from keepwell.surfaces.python import Workspace, open  # noqa: A004 - reads as keepwell.open(…)

__version__ = "0.1.0"

_HOMES = {
    "KeepwellError": "keepwell.core.errors",
    "Reading": "keepwell.metrics.reading",
    "Readings": "keepwell.metrics.reading",
    "Workspace": "keepwell.surfaces.python",
    "open": "keepwell.surfaces.python",
}

__all__ = ["KeepwellError", "Reading", "Readings", "Workspace", "__version__", "models", "open"]


def __getattr__(name: str) -> Any:
    if name == "models":
        return importlib.import_module("keepwell.models")
    if name not in _HOMES:
        raise AttributeError(f"module 'keepwell' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
