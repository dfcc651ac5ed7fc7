"""Next product: what to offer a customer, from what those who bought the same bought as well."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

from keepwell.engine.sql import Steps, literal
from keepwell.metrics.intervals import wilson
from keepwell.models.btyd.summary import Floats, Ints
from keepwell.models.estimator import Estimate, Judgement, Parameter, Sight
from keepwell.models.products import names_seen, shown
from keepwell.models.refusal import RefusedError

LEAST_BUYERS = 100
TOP = 10
TEST_DAYS = 90
HALF_LIFE = 180.0  # days after which a purchase counts half
SHRINKAGE = 5.0
CHUNK = 2_000
MOST_PRODUCTS = 5_000
OFFERS = 3
Z95 = 1.959963984540054


@dataclass(frozen=True)
class FittedNextProduct:
    """How much each product speaks for each other one; places of products."""

    similarity: Any  # sparse
    popularity: Floats

    def scores(self, bought: Any) -> Floats:
        """Of customers (rows, weights of what they bought) the score of every product."""
        by_others = np.asarray((bought @ self.similarity).todense())
        # who has bought little gets what most buy
        found: Floats = by_others + 1e-6 * self.popularity / max(self.popularity.max(), 1.0)
        return found

    def top(self, bought: Any, size: int = TOP) -> Ints:
        """Of customers the places of the products most likely next, the likeliest first."""
        found = np.empty((bought.shape[0], min(size, bought.shape[1])), np.int64)
        for start in range(0, bought.shape[0], CHUNK):
            scores = self.scores(bought[start : start + CHUNK])
            # rounded, so that sums that differ in the last digit do not change an order
            found[start : start + CHUNK] = np.argsort(-np.round(scores, 9), axis=1, kind="stable")[:, : found.shape[1]]
        return found


@dataclass(frozen=True)
class HitRates:
    """Shares of customers who bought one of ``offered`` products; ``low`` and ``high`` bound the difference, customer by customer."""

    customers: int
    ours: float
    popular: float
    low: float
    high: float
    offered: int

    @property
    def gain(self) -> float:
        return self.ours - self.popular


@dataclass(frozen=True)
class NextProduct:
    """Co-purchase by cosine similarity, shrunk where few bought both, newer purchases weighing more."""

    half_life: float = HALF_LIFE

    name: ClassVar[str] = "next_product"
    title: ClassVar[tuple[str, str]] = ("Next product", "下一件商品")
    meaning: ClassVar[tuple[str, str]] = (
        "Which products each customer is most likely to buy next.",
        "每位客户接下来最可能购买的商品。",
    )

    def fit(self, bought: Any) -> FittedNextProduct:
        """From a sparse matrix customers × products with weights above 0 of what was bought."""
        has = bought.copy()
        has.data = np.ones_like(has.data)
        together = (has.T @ has).tocoo()
        count = np.asarray(has.sum(axis=0)).ravel()
        scale = np.sqrt(count[together.row] * count[together.col])
        strength = together.data / (scale + SHRINKAGE)
        similarity = csr_matrix((strength, (together.row, together.col)), shape=together.shape)
        return FittedNextProduct(similarity, count)

    def evaluate(self, customer: Ints, product: Ints, day: Ints, cut: int, size: int = TOP) -> HitRates:
        """Fitted on purchases until ``cut``, judged on the customers who bought before and after it."""
        is_before = day <= cut
        shape = (int(customer.max(initial=-1)) + 1, int(product.max(initial=-1)) + 1)
        before = self.weights(customer[is_before], product[is_before], day[is_before], cut, shape)
        after = csr_matrix((np.ones(int((~is_before).sum())), (customer[~is_before], product[~is_before])), shape=shape)
        both = np.flatnonzero((np.diff(before.indptr) > 0) & (np.diff(after.indptr) > 0))
        if len(both) < LEAST_BUYERS:
            raise RefusedError(
                f"{len(both)} customers bought before and after the cut; {LEAST_BUYERS} are needed.",
                chinese=f"在切分日前后都购买过的客户仅 {len(both)} 位，至少需要 {LEAST_BUYERS} 位。",
            )
        fitted = self.fit(before)
        offered = fitted.top(before[both], size)
        popular = np.argsort(-fitted.popularity, kind="stable")[:size]
        bought = after[both]
        ours = _hits(bought, offered)
        naive = _hits(bought, np.broadcast_to(popular, offered.shape))
        difference = ours.astype(float) - naive
        half = Z95 * difference.std(ddof=1) / np.sqrt(len(both))
        mean = float(difference.mean())
        return HitRates(len(both), float(ours.mean()), float(naive.mean()), mean - float(half), mean + float(half), offered.shape[1])

    def weights(self, customer: Ints, product: Ints, day: Ints, today: int, shape: tuple[int, int]) -> Any:
        """What customers bought, newer days weighing more; each product a customer once, by its newest day."""
        keys = customer * shape[1] + product
        order = np.lexsort((day, keys))
        last = np.append(keys[order][1:] != keys[order][:-1], True) if len(order) else np.zeros(0, bool)
        newest = order[last]
        worth = 0.5 ** ((today - day[newest]) / self.half_life)
        return csr_matrix((worth, (customer[newest], product[newest])), shape=shape)

    def estimate(self, sight: Sight) -> Estimate:
        customer, product, day, names = _purchases(sight)
        if len(names) <= TOP:
            raise RefusedError(
                f"{len(names)} products have been bought; with {TOP} or fewer, naming {TOP} of them foretells nothing.",
                chinese=f"仅有 {len(names)} 种商品被购买；不超过 {TOP} 种时，推荐 {TOP} 种没有意义。",
            )
        p = sight.population
        cut = p.today - TEST_DAYS
        judged = self.evaluate(customer, product, day, cut)
        shape = (len(p), len(names))
        bought = self.weights(customer, product, day, p.today, shape)
        fitted = self.fit(bought)
        is_better = judged.low > 0
        first = np.argsort(-fitted.popularity, kind="stable")[:OFFERS]
        places = fitted.top(bought, OFFERS) if is_better else np.broadcast_to(first, (len(p), len(first)))
        coded = pa.array(names, pa.string())
        columns = [coded.take(pa.array(np.ascontiguousarray(places[:, i]))) for i in range(places.shape[1])]
        offers = columns[0] if len(columns) == 1 else _joined(columns)
        most = [names[i] for i in first]
        known = names_seen(sight.session, most)
        popular = [shown(i, known) for i in most]
        word = ("surely worse", "显著更差") if judged.high < 0 else ("not surely better", "未显著更好")
        verdict = sight.say(
            f"Of {judged.customers:,} customers {judged.ours:.1%} bought one of the {judged.offered} products named; "
            f"of the {judged.offered} most popular {judged.popular:.1%} did. "
            + ("The model is used." if is_better else f"The model is {word[0]}, so the popular ones are named: {', '.join(popular)}."),
            f"{judged.customers:,} 位客户中 {judged.ours:.1%} 购买了推荐的 {judged.offered} 件商品之一；最热门的 {judged.offered} 件为 {judged.popular:.1%}。"
            + ("采用模型。" if is_better else f"模型{word[1]}，因此推荐热门商品：{'、'.join(popular)}。"),
        )
        until, own = p.as_of - timedelta(days=TEST_DAYS), wilson(judged.ours, judged.customers)
        judgements = [
            Judgement(
                "hit_rate_at_10", judged.ours, n=judged.customers, ci_low=own.low, ci_high=own.high, baseline="popularity",
                baseline_value=judged.popular, beats_baseline=is_better, trained_until=until, tested_until=p.as_of,
            ),
            Judgement(
                "gain_over_popularity", judged.gain, n=judged.customers, ci_low=judged.low, ci_high=judged.high, trained_until=until,
                tested_until=p.as_of,
            ),
        ]  # fmt: skip
        used = [Parameter("is_model_used", float(is_better))]
        return Estimate(scores={"next_products": offers}, parameters=used, judgements=judgements, verdict=verdict)


def _joined(columns: Sequence[pa.Array]) -> pa.Array:
    return pc.binary_join_element_wise(*columns, ", ")


def _hits(bought: Any, offered: Ints) -> Any:
    rows = np.repeat(np.arange(len(offered)), offered.shape[1])
    return np.asarray(bought[rows, offered.ravel()]).reshape(offered.shape).astype(bool).any(axis=1)


def _purchases(sight: Sight) -> tuple[Ints, Ints, Ints, list[str]]:
    """Customer (place in the population), product (place in the names) and newest day of each pair, completed orders only."""
    session, p = sight.session, sight.population
    if len(p) < LEAST_BUYERS:
        raise RefusedError(
            f"{len(p)} customers have bought; {LEAST_BUYERS} are needed.", chinese=f"仅有 {len(p)} 位买家，至少需要 {LEAST_BUYERS} 位。"
        )
    session.make_ready("order_lines")
    session.engine.lend("_offered", pa.table({"customer_id": p.customers, "place": pa.array(np.arange(len(p)))}))
    steps = (
        Steps()
        .then(
            "bought",
            "select customer_id, product_id, ordered_on from order_lines where status = 'completed' and quantity > 0\n"
            f"  and customer_id is not null and ordered_on <= DATE {literal(session.last_day)} group by 1, 2, 3",
        )
        .then("often", "select product_id, row_number() over (order by count(*) desc, product_id) as rank from bought group by product_id")
        .then(
            "pairs",
            "select u.place, b.product_id, cast(datediff('day', DATE '1970-01-01', b.ordered_on) as BIGINT) as day\n"
            "from bought as b join _offered as u on u.customer_id = b.customer_id join often as o on o.product_id = b.product_id\n"
            f"where o.rank <= {MOST_PRODUCTS} order by u.place, b.product_id, day",
        )
    )
    found = session.engine.arrow(steps)
    if not found.num_rows:
        raise RefusedError(
            "No order has lines.", "Import order_lines.", chinese="订单没有明细。", chinese_hint="请导入订单明细（order_lines）。"
        )
    coded = found.column("product_id").combine_chunks().dictionary_encode()
    customer = np.asarray(found.column("place").to_numpy(), dtype=np.int64)
    day = np.asarray(found.column("day").to_numpy(), dtype=np.int64)
    return customer, np.asarray(coded.indices, dtype=np.int64), day, coded.dictionary.to_pylist()
