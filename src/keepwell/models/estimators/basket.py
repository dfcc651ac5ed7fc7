"""Basket: what is bought together. Frequent sets by FP-growth, and rules with one product as their consequence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from keepwell.core.errors import WrongUseError
from keepwell.engine.sql import Steps, literal
from keepwell.models.btyd.summary import Ints
from keepwell.models.estimator import Estimate, Judgement, Sight
from keepwell.models.products import names_seen, shown
from keepwell.models.refusal import RefusedError
from keepwell.models.tables import column, columns_of, count_of, ids, is_table

LEAST_BASKETS = 100
MOST_BASKETS = 100_000
MOST_ITEMS = 60  # of a basket: wholesale orders of hundreds of products say little of what goes together
MOST_PRODUCTS = 400
LEAST_TOGETHER = 10
MOST_RULES = 5_000
LEAST_CONFIDENCE = 0.05


@dataclass(frozen=True)
class Rule:
    """Who has all of ``antecedent`` has ``consequent`` too, in ``confidence`` of the cases; ``lift`` times as often as anybody."""

    antecedent: tuple[str, ...]
    consequent: str
    baskets: int  # that hold all of them
    support: float
    confidence: float
    lift: float


@dataclass(frozen=True)
class Basket:
    """Rules of at least this support and confidence, the antecedent not empty, the consequence a single product."""

    support: float = 0.001
    confidence: float = 0.5
    longest: int | None = None

    name: ClassVar[str] = "basket"
    title: ClassVar[tuple[str, str]] = ("Basket analysis", "购物篮分析")
    meaning: ClassVar[tuple[str, str]] = (
        "Which products are bought together more often than by chance.",
        "哪些商品一起购买的频率高于随机水平。",
    )

    def __post_init__(self) -> None:
        if not 0 < self.support <= 1 or not 0 <= self.confidence <= 1:
            raise WrongUseError(
                f"Support {self.support:g} and confidence {self.confidence:g} can't be.", "Both are shares: above 0, at most 1."
            )

        if self.longest is not None:
            count_of(self.longest, "The number of products of a rule", 2)

    def fit(self, baskets: Any, *, order: str = "order_id", product: str = "product_id") -> list[Rule]:
        """From baskets of product names, or a table with one row an order and product; the strongest rule first."""
        kept = _of_table(baskets, order, product) if is_table(baskets) else _of_lists(baskets)
        names = sorted({item for b in kept for item in b})
        place = {n: i for i, n in enumerate(names)}
        rows = np.repeat(np.arange(len(kept)), [len(b) for b in kept])
        columns = np.fromiter((place[item] for b in kept for item in b), np.int64, len(rows))
        return self.fit_pairs(rows, columns, len(kept), names)

    def fit_pairs(self, rows: Ints, columns: Ints, baskets: int, names: Sequence[str]) -> list[Rule]:
        """From pairs (basket, product) without doubles."""
        if baskets < 1 or not len(rows):
            raise RefusedError("There are no baskets.", "Import order lines.", chinese="没有购物篮。", chinese_hint="请导入订单明细。")
        sets = _frequent(rows, columns, baskets, len(names), self.support, self.longest)
        found = []
        for items, count in sets.items():
            if len(items) < 2:
                continue
            for consequent in items:
                rest = items - {consequent}
                confidence = count / sets[rest]
                # of counts, so that the limit itself is in
                if confidence < self.confidence - 1e-12:
                    continue
                lift = confidence * baskets / sets[frozenset([consequent])]
                found.append(Rule(tuple(sorted(names[i] for i in rest)), names[consequent], count, count / baskets, confidence, lift))
        return sorted(found, key=lambda r: (-r.lift, -r.baskets, r.antecedent, r.consequent))

    def estimate(self, sight: Sight) -> Estimate:
        rows, columns, baskets, names = _baskets_of(sight)
        support = max(LEAST_TOGETHER / baskets, 1e-9)
        rules = Basket(support, LEAST_CONFIDENCE, 2).fit_pairs(rows, columns, baskets, names)
        told = [r for r in rules if r.lift > 1][:MOST_RULES]
        table = pa.table({
            "product_id": pa.array([r.antecedent[0] for r in told], pa.string()),
            "with_product_id": pa.array([r.consequent for r in told], pa.string()),
            "orders": pa.array([r.baskets for r in told], pa.int64()),
            "support": pa.array([r.support for r in told], pa.float64()),
            "confidence": pa.array([r.confidence for r in told], pa.float64()),
            "lift": pa.array([r.lift for r in told], pa.float64()),
        })  # fmt: skip
        verdict = sight.say("No two products are bought together more often than by chance.", "未发现高于随机水平的商品组合。")
        if told:
            top = told[0]
            names_known = names_seen(sight.session, (top.antecedent[0], top.consequent))
            first, second = shown(top.antecedent[0], names_known), shown(top.consequent, names_known)
            verdict = sight.say(
                f"{len(told):,} pairs; the closest: of the orders with {first}, {top.confidence:.0%} hold {second} too, "
                f"{top.lift:.1f} times as often as others.",
                f"共 {len(told):,} 对；最强关联：含 {first} 的订单中 {top.confidence:.0%} 也含 {second}，为平均水平的 {top.lift:.1f} 倍。",
            )
        return Estimate(tables={"basket_rules": table}, judgements=[Judgement("rules", float(len(told)), n=baskets)], verdict=verdict)


def _of_lists(baskets: Iterable[Iterable[Any]]) -> list[list[str]]:
    """Each basket's different products, sorted."""
    found = []
    for i, basket in enumerate(baskets, 1):
        if isinstance(basket, str | bytes) or not isinstance(basket, Iterable):
            raise WrongUseError(f"Basket {i} is {basket!r}.", "Give a list of products for each basket, or a table of orders and products.")
        found.append(sorted({str(p) for p in ids(list(basket), f"Basket {i}")}))
    return found


def _of_table(table: Any, order: str, product: str) -> list[list[str]]:
    columns = columns_of(table)
    orders, products = (ids(column(columns, n), f"Column {n!r}") for n in (order, product))
    baskets: dict[str, set[str]] = {}
    for of, item in zip(orders, products, strict=True):
        baskets.setdefault(str(of), set()).add(str(item))
    return [sorted(b) for b in baskets.values()]


def _frequent(rows: Ints, columns: Ints, baskets: int, products: int, support: float, longest: int | None) -> dict[frozenset[int], int]:
    """Sets of products and in how many baskets they are, of those in at least ``support`` of them."""
    least = int(np.ceil(support * baskets - 1e-9))
    often = np.flatnonzero(np.bincount(columns, minlength=products) >= least)
    if not len(often):
        return {}
    new = np.full(products, -1, np.int64)
    new[often] = np.arange(len(often))
    is_kept = new[columns] >= 0
    matrix = csr_matrix((np.ones(int(is_kept.sum()), np.int64), (rows[is_kept], new[columns[is_kept]])), shape=(baskets, len(often)))
    found = _pairs(matrix, least) if longest == 2 else _grown(matrix, least / baskets - 0.5 / baskets, longest)
    return {frozenset(int(often[i]) for i in items): count for items, count in found.items()}


def _pairs(matrix: Any, least: int) -> dict[frozenset[int], int]:
    """Single products and pairs: what a product of the matrix with itself counts, and FP-growth would too."""
    together = (matrix.T @ matrix).tocoo()
    is_told = (together.row <= together.col) & (together.data >= least)
    told = zip(together.row[is_told].tolist(), together.col[is_told].tolist(), together.data[is_told].tolist(), strict=True)
    return {frozenset((a, b)): count for a, b, count in told}


def _grown(matrix: Any, support: float, longest: int | None) -> dict[frozenset[int], int]:
    import pandas as pd  # noqa: PLC0415 - takes a second to load
    from mlxtend.frequent_patterns import fpgrowth  # noqa: PLC0415 - the same

    found = fpgrowth(pd.DataFrame(matrix.toarray().astype(bool)), min_support=support, max_len=longest)
    return {frozenset(items): round(share * matrix.shape[0]) for items, share in zip(found["itemsets"], found["support"], strict=True)}


def _baskets_of(sight: Sight) -> tuple[Ints, Ints, int, list[str]]:
    """Completed orders and their products, the most often bought ones, of the newest orders."""
    session = sight.session
    session.make_ready("order_lines")
    steps = (
        Steps()
        .then(
            "lines",
            "select distinct order_id, product_id, ordered_on from order_lines\n"
            f"where status = 'completed' and quantity > 0 and ordered_on <= DATE {literal(session.last_day)}",
        )
        .then("sizes", "select order_id, count(*) as items, max(ordered_on) as day from lines group by order_id")
        .then(
            "baskets",
            f"select order_id, row_number() over (order by day desc, order_id) as place from sizes where items <= {MOST_ITEMS}",
        )
        .then(
            "kept",
            f"select b.place, l.product_id from lines as l join baskets as b on b.order_id = l.order_id where b.place <= {MOST_BASKETS}",
        )
        .then("often", "select product_id, row_number() over (order by count(*) desc, product_id) as rank from kept group by product_id")
        .then(
            "pairs",
            f"select k.place, k.product_id, case when o.rank <= {MOST_PRODUCTS} then 1 else 0 end as is_often\n"
            "from kept as k join often as o on o.product_id = k.product_id order by k.place, k.product_id",
        )
    )
    found = session.engine.arrow(steps)
    place = np.asarray(found.column("place").to_numpy(), dtype=np.int64)
    baskets = len(np.unique(place))
    if baskets < LEAST_BASKETS:
        raise RefusedError(
            f"{baskets} orders have lines; basket analysis needs {LEAST_BASKETS}.", "Import order_lines.",
            chinese=f"仅有 {baskets} 个订单带明细，购物篮分析至少需要 {LEAST_BASKETS} 个。", chinese_hint="请导入订单明细（order_lines）。",
        )  # fmt: skip
    is_often = np.asarray(found.column("is_often").to_numpy()) == 1
    coded = found.column("product_id").combine_chunks().dictionary_encode()
    names = coded.dictionary.to_pylist()
    _, rows = np.unique(place, return_inverse=True)
    return rows[is_often].astype(np.int64), np.asarray(coded.indices, dtype=np.int64)[is_often], baskets, names
