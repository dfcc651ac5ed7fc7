"""Personas: a cluster as people talk of it, a short name and a sentence, in both languages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from keepwell.models.btyd.summary import Floats, Ints

NOTABLE = 0.5  # standard deviations from the mean of all: from here on a centre has much or little of something
Words = tuple[str, str]
# (feature, whether it is much) -> what is said of it
TRAITS: Mapping[tuple[str, bool], Words] = {
    ("recency", True): ("not seen for long", "久未购买"),
    ("recency", False): ("bought recently", "近期购买"),
    ("frequency", True): ("buys often", "购买频繁"),
    ("frequency", False): ("buys rarely", "购买少"),
    ("value_per_order", True): ("large orders", "客单价高"),
    ("value_per_order", False): ("small orders", "客单价低"),
    ("span", True): ("long with us", "老客户"),
    ("span", False): ("new to us", "新客户"),
}
Traits = frozenset[tuple[str, bool]]
# what must be notable -> the name; the first that fits counts
NAMES: Sequence[tuple[Traits, Words]] = tuple(
    (frozenset(traits), words)
    for traits, words in (
        ((("recency", True), ("frequency", True)), ("Lost regulars", "流失常客")),
        ((("frequency", True), ("value_per_order", True)), ("Big regulars", "高额常客")),
        ((("frequency", True), ("span", False)), ("Eager newcomers", "活跃新客")),
        ((("frequency", True),), ("Regulars", "常客")),
        ((("recency", True), ("value_per_order", True)), ("Lost big spenders", "流失大额客")),
        ((("recency", True), ("frequency", False)), ("Gone after little", "早退散客")),
        ((("recency", True),), ("Gone quiet", "沉寂客户")),
        ((("span", False), ("value_per_order", True)), ("Big newcomers", "高额新客")),
        ((("span", False),), ("Newcomers", "新客")),
        ((("value_per_order", True),), ("Big spenders", "大额客")),
        ((("frequency", False),), ("Occasional buyers", "偶购客")),
        ((("value_per_order", False),), ("Small baskets", "小额客")),
        ((("recency", False),), ("Lately seen", "近期客户")),
        ((("span", True),), ("Old acquaintances", "老客户")),
        ((), ("Average customers", "普通客户")),
    )
)


@dataclass(frozen=True)
class Persona:
    """One cluster: its name and what is typical of it, English and Chinese."""

    cluster: str
    name: Words
    description: Words
    customers: int
    share: float


@dataclass(frozen=True)
class Centre:
    """A cluster's centre: standardised, and in plain units (geometric means: days, orders, money)."""

    cluster: str
    standardised: Mapping[str, float]
    typical: Mapping[str, float]

    @property
    def traits(self) -> list[tuple[str, bool]]:
        """What is notable, the most notable first."""
        notable = [f for f, v in self.standardised.items() if abs(v) >= NOTABLE]
        return [(f, self.standardised[f] > 0) for f in sorted(notable, key=lambda f: -abs(self.standardised[f]))]


def personas(centres: Sequence[Centre], counts: Ints, currency: str) -> list[Persona]:
    """One a cluster, in their order; clusters of one name are told apart by what else is notable, else by their code."""
    total = max(int(counts.sum()), 1)
    names = _told_apart(centres)
    return [
        Persona(c.cluster, name, _described(c, int(n), n / total, currency), int(n), float(n / total))
        for c, name, n in zip(centres, names, counts.tolist(), strict=True)
    ]


def table_of(listed: Sequence[Persona]) -> pa.Table:
    """Personas as rows of the derived table, without run_id."""
    columns: dict[str, tuple[Callable[[Persona], object], pa.DataType]] = {
        "cluster": (lambda p: p.cluster, pa.string()),
        "name_en": (lambda p: p.name[0], pa.string()),
        "name_zh": (lambda p: p.name[1], pa.string()),
        "description_en": (lambda p: p.description[0], pa.string()),
        "description_zh": (lambda p: p.description[1], pa.string()),
        "customers": (lambda p: p.customers, pa.int64()),
        "share": (lambda p: p.share, pa.float64()),
    }
    return pa.table({name: pa.array([of(p) for p in listed], kind) for name, (of, kind) in columns.items()})


def centres_of(clusters: Sequence[str], features: Sequence[str], centres: Floats, mean: Floats, spread: Floats) -> list[Centre]:
    """From standardised logarithms: what a centre is in plain units."""
    plain = np.expm1(centres * spread + mean)
    return [
        Centre(c, dict(zip(features, z.tolist(), strict=True)), dict(zip(features, t.tolist(), strict=True)))
        for c, z, t in zip(clusters, centres, plain, strict=True)
    ]


def _name(traits: Traits) -> tuple[Traits, Words]:
    return next((needed, words) for needed, words in NAMES if needed <= traits)


def _told_apart(centres: Sequence[Centre]) -> list[Words]:
    found = [_name(frozenset(c.traits)) for c in centres]
    words = [w for _, w in found]
    told = []
    for c, (used, own) in zip(centres, found, strict=True):
        if words.count(own) == 1:
            told.append(own)
            continue
        others = [frozenset(o.traits) for o, w in zip(centres, words, strict=True) if w == own and o is not c]
        apart = next((t for t in c.traits if t not in used and t in TRAITS and not any(t in o for o in others)), None)
        more = TRAITS[apart] if apart else (c.cluster, c.cluster)
        told.append((f"{own[0]}, {more[0]}", f"{own[1]}（{more[1]}）"))
    return told


def _described(c: Centre, customers: int, share: float, currency: str) -> Words:
    traits = [TRAITS[t] for t in c.traits if t in TRAITS]
    english = ", ".join(t[0] for t in traits) or "average in all"
    chinese = "、".join(t[1] for t in traits) or "各项居中"
    english, chinese = f"{english[0].upper()}{english[1:]}.", f"{chinese}。"
    t = c.typical
    if {"recency", "frequency", "value_per_order", "span"} <= set(t):
        orders = max(t["frequency"], 1.0)
        english += (
            f" Typically {orders:,.1f} orders of {t['value_per_order']:,.0f} {currency}, the last {t['recency']:,.0f} days ago, "
            f"the first {t['span']:,.0f}."
        )
        chinese += (
            f"典型客户下单 {orders:,.1f} 次，每单 {t['value_per_order']:,.0f} {currency}，"
            f"最近一次在 {t['recency']:,.0f} 天前，首单在 {t['span']:,.0f} 天前。"
        )
    return f"{english} {customers:,} customers ({share:.0%}).", f"{chinese}共 {customers:,} 位（{share:.0%}）。"
