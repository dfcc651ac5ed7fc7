"""Clusters: groups of customers who behave alike, found by k-means, told in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from keepwell.core.errors import WrongUseError
from keepwell.models.btyd.summary import Floats, Ints
from keepwell.models.estimator import Estimate, Judgement, Parameter, Sight
from keepwell.models.estimators.rfm import coded
from keepwell.models.personas import NOTABLE, TRAITS, centres_of, personas, table_of
from keepwell.models.population import Population
from keepwell.models.refusal import RefusedError
from keepwell.models.tables import column, columns_of, count_of, names_of, numbers

LEAST_CUSTOMERS = 200
LEAST_DIFFERENT = 10
FIT_SAMPLE = 10_000
SILHOUETTE_SAMPLE = 2_000
MOST_CLUSTERS = 8
SEEDS = 4
STABLE = 0.8
CHUNK = 100_000
FARTHEST = 1.0  # squared spreads a feature: a group farther off than that is another one
FEATURES = ("recency", "frequency", "value_per_order", "span")
IDS = ("customer_id",)  # who a row is of says nothing of how they behave


@dataclass(frozen=True)
class FittedClusters:
    """Centres in standardised log-features; ``quality`` is the silhouette, ``stability`` the mean agreement of seeds."""

    features: tuple[str, ...]
    mean: Floats
    spread: Floats
    centres: Floats
    quality: float
    stability: float
    tried: tuple[tuple[int, float, float], ...]  # k, silhouette, stability

    def assign(self, table: Any) -> Ints:
        """Of each row the nearest centre."""
        columns = _columns(table, self.features)
        found = np.empty(len(columns[0]), np.int64)
        for start in range(0, len(found), CHUNK):
            z = (_logs(columns, slice(start, start + CHUNK)) - self.mean) / self.spread
            # sums feature by feature: their order, and so the last digit, does not hang on threads
            distance = sum((z[:, [j]] - self.centres[:, j]) ** 2 for j in range(z.shape[1]))
            found[start : start + CHUNK] = np.argmin(distance, axis=1)
        return found

    def persona(self, i: int, *, is_chinese: bool = False) -> str:
        """A centre in words: what it has much or little of."""
        place = 1 if is_chinese else 0
        centre = self.centres[i]
        notable = sorted((j for j in range(len(self.features)) if abs(centre[j]) >= NOTABLE), key=lambda j: -abs(centre[j]))
        words = [TRAITS[key][place] for j in notable if (key := (self.features[j], bool(centre[j] > 0))) in TRAITS]
        if not words:
            return "各项居中" if is_chinese else "average in all"
        return ("、" if is_chinese else ", ").join(words)


@dataclass(frozen=True)
class Clusters:
    """k-means on standardised logarithms; k by the silhouette among those that seeds agree upon, or given."""

    k: int | None = None
    seed: int = 20_260_101

    name: ClassVar[str] = "clusters"
    title: ClassVar[tuple[str, str]] = ("Clusters", "行为聚类")
    meaning: ClassVar[tuple[str, str]] = (
        "Groups of customers who behave alike: when, how often and for how much they buy.",
        "行为相似的客户群：购买的时间、频次与金额相近。",
    )

    def __post_init__(self) -> None:
        if self.k is not None:
            count_of(self.k, "The number of clusters", 2)

    def fit(self, table: Any, features: Sequence[str] | None = None) -> FittedClusters:
        """From a table with one row a customer and non-negative features; by default all its columns but customer_id."""
        names = names_of(features, "The features") if features else tuple(n for n in columns_of(table) if n not in IDS)
        columns = _columns(table, names)
        size = len(columns[0])
        if size < LEAST_CUSTOMERS:
            raise RefusedError(
                f"{size} customers are too few to be grouped; {LEAST_CUSTOMERS} are needed.",
                chinese=f"{size} 位客户太少，无法聚类，至少需要 {LEAST_CUSTOMERS} 位。",
            )
        sample = _logs(columns, np.linspace(0, size - 1, min(FIT_SAMPLE, size)).astype(np.int64))
        mean, spread = sample.mean(axis=0), sample.std(axis=0)
        distinct = len(np.unique(sample, axis=0))
        if distinct < LEAST_DIFFERENT:
            raise RefusedError(
                "Customers behave all but the same: there are no groups to find.", chinese="客户行为几乎一致，没有可区分的群体。"
            )
        spread = np.where(spread > 0, spread, 1.0)
        z = (sample - mean) / spread
        if self.k is not None and self.k > min(50, distinct):
            raise WrongUseError(
                f"{self.k} clusters can't be made of {distinct} different customers.", "Choose 2 or more, and fewer than that."
            )
        candidates = [self.k] if self.k else range(2, min(MOST_CLUSTERS, distinct - 1) + 1)
        tried = [self._tried(z, k) for k in candidates]
        stable = [t for t in tried if t[2] >= STABLE] or [max(tried, key=lambda t: t[2])]
        _, quality, stability, centres = max(stable, key=lambda t: t[1])
        # the most valuable first, whatever the seed
        order = np.lexsort(centres.T[::-1])[::-1]
        return FittedClusters(names, mean, spread, centres[order], quality, stability, tuple((t[0], t[1], t[2]) for t in tried))

    def _tried(self, z: Floats, k: int) -> tuple[int, float, float, Floats]:
        from sklearn.cluster import KMeans  # noqa: PLC0415 - scikit-learn takes a second to load
        from sklearn.metrics import adjusted_rand_score, silhouette_score  # noqa: PLC0415 - the same
        from threadpoolctl import threadpool_limits  # noqa: PLC0415 - the same

        with threadpool_limits(1):
            made = [KMeans(k, n_init=1, random_state=self.seed + s).fit(z) for s in range(SEEDS)]
            best = min(made, key=lambda m: m.inertia_)
            agreement = float(np.mean([adjusted_rand_score(best.labels_, m.labels_) for m in made if m is not best]))
            some = np.linspace(0, len(z) - 1, min(SILHOUETTE_SAMPLE, len(z))).astype(np.int64)
            labels = best.labels_[some]
            quality = float(silhouette_score(z[some], labels)) if len(np.unique(labels)) > 1 else 0.0
        return k, quality, agreement, best.cluster_centers_

    def estimate(self, sight: Sight) -> Estimate:
        p = sight.population
        table = behaviour(p)
        fitted = Clusters(self.k, sight.choices.seed).fit(table, FEATURES)
        place = fitted.assign(table)
        names = _stable_names(fitted, sight)
        counts = np.bincount(place, minlength=len(names))
        order = np.argsort(-counts, kind="stable")
        centres = centres_of(names, fitted.features, fitted.centres, fitted.mean, fitted.spread)
        found = personas(centres, counts, sight.session.ground.currency)
        language = 1 if sight.is_chinese else 0
        form = sight.say("{name} ({cluster}, {count:,}): {persona}", "{name}（{cluster}，{count:,} 位）：{persona}")
        told = sight.say("; ", "；").join(
            form.format(
                name=found[i].name[language], cluster=names[i], count=counts[i], persona=fitted.persona(i, is_chinese=sight.is_chinese)
            )
            for i in order
        )
        return Estimate(
            scores={"cluster": coded(place, names)},
            tables={"personas": table_of(found)},
            parameters=_parameters(fitted, names),
            judgements=[
                Judgement("silhouette", fitted.quality, n=min(SILHOUETTE_SAMPLE, len(p))),
                Judgement("agreement_of_seeds", fitted.stability, n=min(FIT_SAMPLE, len(p))),
            ],
            verdict=sight.say(f"{len(names)} groups. {told}", f"共 {len(names)} 个群体。{told}"),
        )


def behaviour(p: Population) -> dict[str, npt.NDArray[Any]]:
    """What customers are grouped by."""
    return {
        "recency": p.recency,
        "frequency": p.orders,
        "value_per_order": np.maximum(p.amount, 0.0) / np.maximum(p.orders, 1),
        "span": p.today - p.first_day,
    }


def _columns(table: Any, names: Sequence[str]) -> list[Floats]:
    found = columns_of(table)
    columns: list[Floats] = [numbers(column(found, n), f"Feature {n!r}", least=0) for n in names]
    if not columns:
        raise WrongUseError("The table has no feature.", "Give counts, amounts and days, each as a column.")
    return columns


def _logs(columns: Sequence[Floats], rows: Ints | slice) -> Floats:
    return np.log1p(np.column_stack([c[rows] for c in columns]))


def _parameters(fitted: FittedClusters, names: Sequence[str]) -> list[Parameter]:
    scale = [
        Parameter(f"{what}.{f}", float(v))
        for what, values in (("mean", fitted.mean), ("spread", fitted.spread))
        for f, v in zip(fitted.features, values, strict=True)
    ]
    centres = [
        Parameter(f"centre.{name}.{f}", float(v))
        for name, centre in zip(names, fitted.centres, strict=True)
        for f, v in zip(fitted.features, centre, strict=True)
    ]
    tried = [Parameter(f"silhouette.{k}", quality) for k, quality, _ in fitted.tried]
    return [*scale, *centres, *tried]


def _stable_names(fitted: FittedClusters, sight: Sight) -> list[str]:
    """Names C1, C2 …: a group keeps the name of the nearest one of the last run, in plain features; new ones get new names."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - half a second, which a card in words can do without

    known = dict(sight.previous.parameters.get("clusters", {})) if sight.previous else {}
    before = sorted({n.split(".")[1] for n in known if n.startswith("centre.")}, key=lambda n: int(n[1:]))
    if not before or any(f"mean.{f}" not in known for f in fitted.features):
        return [f"C{i + 1}" for i in range(len(fitted.centres))]
    was = np.array([[known[f"centre.{n}.{f}"] * known[f"spread.{f}"] + known[f"mean.{f}"] for f in fitted.features] for n in before])
    now = fitted.centres * fitted.spread + fitted.mean
    distance = (((now[:, None, :] - was[None, :, :]) / fitted.spread) ** 2).sum(axis=2)
    rows, columns = linear_sum_assignment(distance)
    found = {int(r): before[c] for r, c in zip(rows, columns, strict=True) if distance[r, c] <= FARTHEST * len(fitted.features)}
    free = iter(range(max(int(n[1:]) for n in before) + 1, 10_000))
    return [found.get(i) or f"C{next(free)}" for i in range(len(now))]


def persona_of(parameters: Mapping[str, float], name: str, *, is_chinese: bool) -> str:
    """A cluster in words, from the parameters that a run stored."""
    features = [f for f in FEATURES if f"centre.{name}.{f}" in parameters]
    centre = np.array([[parameters[f"centre.{name}.{f}"] for f in features]])
    nothing = np.zeros(len(features))
    return FittedClusters(tuple(features), nothing, nothing, centre, 0.0, 0.0, ()).persona(0, is_chinese=is_chinese)
