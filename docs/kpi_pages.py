"""The reference pages of KPIs: one each in both languages, an index, and the facts that are views."""

from collections.abc import Callable, Iterable, Sequence

from keepwell.metrics.fact import Fact, facts
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.kpi_file import built_in
from keepwell.metrics.lineage import lineage

Table = Callable[[Sequence[str], Iterable[Sequence[object]]], list[str]]
Page = Callable[..., str]

LABELS = {
    "en": {
        "definition": "Definition", "formula": "Formula", "pitfalls": "Take care", "example": "Worked example", "sources": "Comes from",
        "unit": "Unit, better", "min_n": "Smallest n", "material": "Smallest change worth saying", "empty": "A period without rows",
        "adds": "Adds up", "dimensions": "Dimensions", "settles": "Open until", "version": "Version", "rests": "Rests on", "none": "none",
        "gives": "For {period} these rows give **{value}**, n = {n}.", "by": "By `{by}`, member `{member}`.", "as_of": "Seen from {as_of}.",
        "settled": "{days} days after the period", "no_value": "no value", "not_dimension": "none beside `--where`",
    },
    "zh": {
        "definition": "定义", "formula": "公式", "pitfalls": "注意事项", "example": "计算示例", "sources": "数据来源",
        "unit": "单位与方向", "min_n": "最小样本量", "material": "值得说明的最小变化", "empty": "没有数据行的期间",
        "adds": "可加性", "dimensions": "维度", "settles": "保持未结至", "version": "版本", "rests": "基于", "none": "无",
        "gives": "{period} 由以下数据行得出 **{value}**，n = {n}。", "by": "按 `{by}`，成员 `{member}`。", "as_of": "以 {as_of} 为观察日。",
        "settled": "期末后 {days} 天", "no_value": "没有数值", "not_dimension": "仅可用 `--where` 筛选",
    },
}  # fmt: skip
UNITS = {
    "en": {
        "count": "count",
        "money": "money",
        "share": "share (0–1)",
        "points": "points",
        "seconds": "seconds",
        "days": "days",
        "score": "score",
    },
    "zh": {"count": "个数", "money": "金额", "share": "占比（0–1）", "points": "分值", "seconds": "秒", "days": "天", "score": "得分"},
}
BETTER = {
    "en": {"up": "higher is better", "down": "lower is better", "target": "near its target"},
    "zh": {"up": "越高越好", "down": "越低越好", "target": "接近目标为好"},
}
ADDS = {
    "en": {"additive": "over members and periods", "semi": "over members, not over periods", "non": "no"},
    "zh": {"additive": "可按成员与期间相加", "semi": "可按成员相加，不可按期间相加", "non": "不可相加"},
}
EMPTY = {"en": {"zero": "0 within the data", "null": "no data"}, "zh": {"zero": "数据范围内为 0", "null": "无数据"}}


def index_page(page: Page, table: Table) -> str:
    known = built_in()
    index = table(
        ("Theme", "KPI", "指标", "Name", "Unit", "Better"),
        ((k.theme, k.title["en"], k.title["zh"], f"[{k.name}](kpis/{k.name}.md)", k.unit, k.better) for k in known.values()),
    )
    intro = (
        f"The catalogue that is shipped: {len(known)} KPIs. Each definition carries a worked example (rows in, value out) that the suite executes "
        "on every engine. How values, intervals and changes come about: [concepts/metrics.md](../concepts/metrics.md) and "
        "[concepts/intervals.md](../concepts/intervals.md); how to add your own: [how-to/add-a-kpi.md](../how-to/add-a-kpi.md)."
    )
    used = sorted({s.fact for k in known.values() for s in k.measure.sources})
    views = [facts()[name] for name in used if facts()[name].sql or facts()[name].stock_sql]
    below = ["## Facts that are views", "", *(line for fact in views for line in view_part(fact))]
    return page("KPIs", intro, index, below)


def kpi_pages(page: Page, table: Table) -> dict[str, str]:
    """A page for every KPI by its file name."""
    return {f"kpis/{k.name}.md": kpi_page(k, page, table) for k in built_in().values()}


def kpi_page(k: Kpi, page: Page, table: Table) -> str:
    languages = [line for language in ("en", "zh") for line in in_language(k, language, table)]
    definition = ["## SQL", "", "```yaml", *(f"{field}: {value}" for field, value in k.definition.items()), "```", ""]
    rows = []
    for name, listed in k.example.rows.items():
        columns = list(dict.fromkeys(c for row in listed for c in row))
        rows += [f"`{name}`", "", *table(columns, ([plain(row.get(c, "")) for c in columns] for row in listed))]
    return page(
        f"{k.title['en']} · {k.title['zh']}",
        f"`{k.name}` · [all KPIs](../kpis.md)",
        languages,
        definition,
        ["## Rows of the example · 示例数据", "", *rows],
    )


def in_language(k: Kpi, language: str, table: Table) -> list[str]:
    word = LABELS[language]
    smallest = {"share": "0.01", "points": "1", "score": "1"}.get(k.unit, "2 %")
    came_from = lineage(k)
    sources = "; ".join(f"`{entity}` ({', '.join(columns)})" for entity, columns in came_from.columns.items())
    terms = [
        (word["formula"], k.formula[language]),
        (word["unit"], f"{UNITS[language][k.unit]}, {BETTER[language][k.better]}"),
        (word["rests"], ", ".join(f"`{f}`" for f in came_from.facts)),
        (word["sources"], sources),
        (word["dimensions"], ", ".join(f"`{d}`" for d in k.dimensions) or word["not_dimension"]),
        (word["min_n"], k.min_n or word["none"]),
        (word["material"], smallest if k.material is None else f"{k.material:g}"),
        (word["empty"], EMPTY[language][k.when_empty]),
        (word["adds"], ADDS[language][k.additivity]),
        *([(word["settles"], word["settled"].format(days=k.settles_after_days))] if k.settles_after_days else []),
        (word["version"], f"{k.version}, `{k.definition_hash}`"),
    ]
    title = "English" if language == "en" else "中文"
    lines = [f"## {title}", "", k.meaning[language], "", *table(("", ""), terms)]
    if k.pitfalls:
        lines += [f"**{word['pitfalls']}**: {k.pitfalls[language]}", ""]
    e = k.example
    value = word["no_value"] if e.value is None else e.value
    told = [word["gives"].format(period=e.period, value=value, n=e.n)]
    if e.by:
        told.append(word["by"].format(by=e.by, member=e.member))
    if e.as_of:
        told.append(word["as_of"].format(as_of=e.as_of))
    return [*lines, f"**{word['example']}**: {' '.join(told)}", ""]


def plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def view_part(fact: Fact) -> list[str]:
    lines = [
        f"### {fact.name}",
        "",
        f"{fact.meaning.get('en', '')} Over {', '.join(f'`{r}`' for r in fact.reads)}, one row a `{fact.key}`.",
        "",
    ]
    for variant, sql in fact.sql.items():
        lines += [
            f"Where customers are active by {variant}:" if variant else "By their dates:",
            "",
            "```sql",
            *sql.strip().splitlines(),
            "```",
            "",
        ]
    if fact.stock_sql:
        lines += ["At the end of each period:", "", "```sql", *fact.stock_sql.strip().splitlines(), "```", ""]
    return lines
