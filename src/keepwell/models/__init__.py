"""What will be: segments and predictions. Every estimator works on plain tables, without a workspace.

>>> from keepwell import models
>>> models.BetaGeo().fit(summary).predict(horizon_days=365)
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keepwell.models.btyd.contracts import ShiftedBetaGeometric
    from keepwell.models.btyd.gamma_gamma import GammaGamma
    from keepwell.models.btyd.model import BetaGeo, ModifiedBetaGeo, ParetoNBD
    from keepwell.models.btyd.summary import Summary
    from keepwell.models.comments.sentiment import Sentiment
    from keepwell.models.comments.topics import Topics
    from keepwell.models.estimators.basket import Basket
    from keepwell.models.estimators.churn import Churn
    from keepwell.models.estimators.clusters import Clusters
    from keepwell.models.estimators.clv import Clv
    from keepwell.models.estimators.cohorts import Cohorts
    from keepwell.models.estimators.contracts import Contracts
    from keepwell.models.estimators.lifecycle import Lifecycle
    from keepwell.models.estimators.next_product import NextProduct
    from keepwell.models.estimators.rfm import Rfm
    from keepwell.models.estimators.tiers import Tiers
    from keepwell.models.shapley import importance

_PLACES = {
    "Basket": "keepwell.models.estimators.basket",
    "BetaGeo": "keepwell.models.btyd.model",
    "Churn": "keepwell.models.estimators.churn",
    "Clusters": "keepwell.models.estimators.clusters",
    "Clv": "keepwell.models.estimators.clv",
    "Cohorts": "keepwell.models.estimators.cohorts",
    "Contracts": "keepwell.models.estimators.contracts",
    "GammaGamma": "keepwell.models.btyd.gamma_gamma",
    "Lifecycle": "keepwell.models.estimators.lifecycle",
    "ModifiedBetaGeo": "keepwell.models.btyd.model",
    "NextProduct": "keepwell.models.estimators.next_product",
    "ParetoNBD": "keepwell.models.btyd.model",
    "Rfm": "keepwell.models.estimators.rfm",
    "Sentiment": "keepwell.models.comments.sentiment",
    "ShiftedBetaGeometric": "keepwell.models.btyd.contracts",
    "Summary": "keepwell.models.btyd.summary",
    "Tiers": "keepwell.models.estimators.tiers",
    "Topics": "keepwell.models.comments.topics",
    "importance": "keepwell.models.shapley",
}

__all__ = [
    "Basket",
    "BetaGeo",
    "Churn",
    "Clusters",
    "Clv",
    "Cohorts",
    "Contracts",
    "GammaGamma",
    "Lifecycle",
    "ModifiedBetaGeo",
    "NextProduct",
    "ParetoNBD",
    "Rfm",
    "Sentiment",
    "ShiftedBetaGeometric",
    "Summary",
    "Tiers",
    "Topics",
    "importance",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'keepwell.models' has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return __all__
