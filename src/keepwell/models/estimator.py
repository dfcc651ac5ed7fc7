"""The contract of estimators: what each is given in a refresh, and what it gives back.

An estimator is usable without a workspace too: it is a small class with ``fit`` on plain tables. In a refresh, ``estimate`` gives it a
:class:`Sight` and takes an :class:`Estimate`. One that can't estimate raises :class:`~keepwell.models.refusal.RefusedError`, which
is told to readers; it never leaves a number that means nothing.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Protocol, Self

import pyarrow as pa

from keepwell.core.errors import unknown
from keepwell.core.settings import Locale
from keepwell.metrics.session import Session
from keepwell.models.choices import Choices
from keepwell.models.population import Population, Purchases, kept_purchases, population


@dataclass(frozen=True)
class Parameter:
    """A number that an estimator has found or was told, as ``model_parameters`` keeps it."""

    name: str
    value: float
    standard_error: float | None = None


@dataclass(frozen=True)
class Judgement:
    """How well an estimate holds by one measure, on data not learned from where ``tested_until`` is given, beside a naive rule."""

    measure: str
    value: float | None
    n: int | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    baseline: str | None = None
    baseline_value: float | None = None
    beats_baseline: bool | None = None
    trained_until: date | None = None
    tested_until: date | None = None
    note: str | None = None


@dataclass(frozen=True)
class Estimate:
    """What an estimator gives back. ``scores`` are columns of ``customer_scores``, a place a customer of the population."""

    scores: Mapping[str, pa.Array] = field(default_factory=dict)
    of_some: pa.Table | None = None  # the same of customers who need not be buyers: customer_id and columns
    tables: Mapping[str, pa.Table] = field(default_factory=dict)  # rows for derived tables, without run_id
    parameters: Sequence[Parameter] = ()
    judgements: Sequence[Judgement] = ()
    verdict: str = ""  # one sentence in the workspace's language
    data_from: date | None = None  # the first day of what was looked at, where that is not the first purchase
    for_later: pa.Table | None = None  # what estimators after it may read; never stored


@dataclass(frozen=True)
class Previous:
    """What the last published run knew: parameters by model and name, and its scores by customer."""

    run_id: str
    as_of: date
    parameters: Mapping[str, Mapping[str, float]]
    scores: pa.Table


@dataclass(frozen=True)
class Sight:
    """What an estimator sees: the lake as of a day, the buyers in it, what the workspace chose, what the last run knew."""

    session: Session
    bought: Purchases
    population: Population
    choices: Choices
    locale: Locale
    previous: Previous | None
    done: Mapping[str, Estimate] = field(default_factory=dict)  # of the estimators before it in this run

    @classmethod
    def of(cls, session: Session, choices: Choices, locale: Locale, previous: Previous | None = None) -> Self:
        """As of the session's day, before any estimator."""
        bought = kept_purchases(session)
        return cls(session, bought, population(bought, session.last_day), choices, locale, previous)

    @property
    def is_chinese(self) -> bool:
        return self.locale is Locale.CHINESE

    def say(self, english: str, chinese: str) -> str:
        """The sentence in the workspace's language."""
        return chinese if self.is_chinese else english


class Estimator(Protocol):
    """One estimator of the registry."""

    name: ClassVar[str]
    title: ClassVar[tuple[str, str]]  # English, Chinese
    meaning: ClassVar[tuple[str, str]]

    def estimate(self, sight: Sight) -> Estimate:
        """Everything that it knows of the workspace at the day; raises ``RefusedError`` with the reason where it can't tell."""


# in the order of a refresh: one may read what those before it found
REGISTRY = {
    "rfm": "keepwell.models.estimators.rfm:Rfm",
    "tiers": "keepwell.models.estimators.tiers:Tiers",
    "lifecycle": "keepwell.models.estimators.lifecycle:Lifecycle",
    "cohorts": "keepwell.models.estimators.cohorts:Cohorts",
    "clusters": "keepwell.models.estimators.clusters:Clusters",
    "clv": "keepwell.models.estimators.clv:Clv",
    "contracts": "keepwell.models.estimators.contracts:Contracts",
    "basket": "keepwell.models.estimators.basket:Basket",
    "churn": "keepwell.models.estimators.leaving:Leaving",
    "next_product": "keepwell.models.estimators.next_product:NextProduct",
    "topics": "keepwell.models.estimators.topics:CommentTopics",
    "drivers": "keepwell.models.estimators.drivers:Drivers",
}


def estimator(name: str) -> Estimator:
    """The estimator of that name, with what it chooses by itself."""
    if name not in REGISTRY:
        raise unknown("model", name, REGISTRY)
    module, _, entry = REGISTRY[name].partition(":")
    made: Estimator = getattr(importlib.import_module(module), entry)()
    return made
