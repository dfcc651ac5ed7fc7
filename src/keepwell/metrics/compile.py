"""From KPIs and a slice to SQL: one query a fact and grain, whatever the number of KPIs.

The chain: rows of the fact → amounts in the reporting currency → the slice's rows with period and member → one cell for each
customer, period and member → sums over the cells, with the second moments that intervals and changes need. All sums are
exact decimals, so neither the order of the rows nor the number of threads can show in a reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from keepwell.core.periods import Grain
from keepwell.engine.aggregates import columns_of, of_one_customer
from keepwell.engine.sql import Steps, literal, quoted
from keepwell.lake.entity import entities
from keepwell.metrics.fact import Fact, dimensions_of
from keepwell.metrics.kpi import Kind, Kpi

CELL = "DECIMAL(18, 4)"  # of one customer: its square fits DECIMAL(36, 8), and a sum of these DECIMAL(38, 8)
WIDE_CELL = "DECIMAL(19, 4)"
TOTAL = "total"  # the member of a reading that is not broken down
NO_MEMBER = "(none)"  # rows without a value in the dimension


class UnsliceableError(ValueError):
    """A dimension that the fact can't be broken down by."""


@dataclass(frozen=True)
class Slice:
    """Which rows, in which periods, by what. ``periods`` are (start, end), ascending; ``before`` and ``last_year`` give for a start the starts to compare with."""

    grain: Grain
    periods: tuple[tuple[date, date], ...]
    before: dict[date, date]
    last_year: dict[date, date]
    dimension: str | None = None
    where: str | None = None
    until: date | None = None  # rows after this day are not known yet


@dataclass(frozen=True)
class Rates:
    """How amounts in other currencies are converted: the reporting currency, and how many days old a rate may be."""

    reporting: str
    max_age_days: int
    needed: bool


def fact_rows(fact: Fact) -> str:
    """The fact's rows as a query."""
    return fact.sql.strip() if fact.sql else f"select * from {quoted(fact.name)}"


def compile_kpis(kpis: Sequence[Kpi], fact: Fact, cut: Slice, rates: Rates, *, has_history: bool) -> Steps:
    """The query that gives, for each period and member, the sums of every KPI. All KPIs rest on ``fact`` and the same time.

    Columns: ``period_start``, ``member``, and for the i-th KPI ``n_i``, ``covered_i``, ``cells_i``, ``num_i``, ``den_i``, the moments
    ``nn_i``, ``nd_i``, ``dd_i``, and for a comparison c in p (previous), y (last year) the cross moments ``c_nn_i``, ``c_nd_i``, ``c_dn_i``,
    ``c_dd_i`` of this period's numerator and denominator with those of the other.
    """
    steps = Steps().then("fact", fact_rows(fact))
    steps = steps.then("rated", _rated(fact, rates, kpis[0].time))
    steps = steps.then("looked_up", _looked_up(fact, kpis[0].time, _wanted_columns(fact, cut), has_history=has_history))
    steps = steps.then("sliced", _sliced(fact, kpis[0].time, cut))
    steps = steps.then("cells", _cells(kpis, fact))
    steps = steps.then("sums", _sums(kpis))
    if not cut.before and not cut.last_year:
        return steps.then("readings", "select * from sums")
    steps = steps.then("comparisons", _comparisons(cut))
    for prefix in ("p", "y"):
        steps = steps.then(f"cross_{prefix}", _cross(kpis, prefix))
    crossed = "".join(f", {c}.* exclude (period_start, member)" for c in ("cross_p", "cross_y"))
    joins = "".join(f"\nleft join {c} on {c}.period_start = sums.period_start and {c}.member = sums.member" for c in ("cross_p", "cross_y"))
    return steps.then("readings", f"select sums.*{crossed} from sums{joins}")


def _rated(fact: Fact, rates: Rates, time: str) -> str:
    """Amounts in the reporting currency, at the last rate on or before the day."""
    if not rates.needed or not fact.money_columns:
        return "select * from fact"
    converted = ", ".join(f"cast(round(fact.{c} * coalesce(rate.rate, 1), 4) as DECIMAL(18, 4)) as {c}" for c in fact.money_columns)
    return (
        f"select fact.* replace ({converted}) from fact\n"
        f'asof left join (select currency, "on", rate from fx_rates) as rate\n'
        f'on fact.currency = rate.currency and fact.{time} >= rate."on" and fact.currency <> {literal(rates.reporting)}'
    )


def missing_rates(fact: Fact, rates: Rates, time: str, cut: Slice) -> Steps:
    """The currency and day for which no rate is young enough, the first ones."""
    first, last = cut.periods[0][0], cut.periods[-1][1]
    return (
        Steps()
        .then("fact", fact_rows(fact))
        .then(
            "foreign_amounts",
            f"select distinct currency, {time} as day from fact where currency <> {literal(rates.reporting)} and {time} between {literal(first)} and {literal(last)}",
        )
        .then(
            "rated",
            'select f.currency, f.day, r."on" as rated_on from foreign_amounts f asof left join fx_rates r on f.currency = r.currency and f.day >= r."on"',
        )
        .then(
            "missing",
            f"select currency, day, rated_on from rated where rated_on is null or day - rated_on > {rates.max_age_days} order by day, currency limit 3",
        )
    )


def _wanted_columns(fact: Fact, cut: Slice) -> list[str]:
    """Columns of customers that the slice needs and the fact's own rows lack."""
    if cut.dimension and cut.dimension not in (*fact.dimensions, *dimensions_of(entities()["customers"]), fact.customer):
        raise UnsliceableError(cut.dimension)
    named = ([cut.dimension] if cut.dimension else []) + (columns_of(cut.where) if cut.where else [])
    wanted = []
    for name in named:
        if name in fact.columns or name in wanted:
            continue
        if fact.customer is None or not any(c.name == name for c in entities()["customers"].stored_columns):
            raise UnsliceableError(name)
        wanted.append(name)
    return wanted


def _looked_up(fact: Fact, time: str, wanted: Sequence[str], *, has_history: bool) -> str:
    """The rows with what was so of their customer at the time."""
    if not wanted:
        return "select * from rated"
    instant = fact.instants.get(time)
    if not has_history or instant is None:
        columns = ", ".join(f"customer.{quoted(c)}" for c in wanted)
        return f"select rated.*, {columns} from rated left join customers as customer on customer.customer_id = rated.{fact.customer}"
    # the version that ended first after the event was in force then; where none ended, today's is
    columns = ", ".join(
        f"case when version.customer_id is null then customer.{quoted(c)} else version.{quoted(c)} end as {quoted(c)}" for c in wanted
    )
    return (
        f"select rated.*, {columns} from rated\n"
        f"left join customers as customer on customer.customer_id = rated.{fact.customer}\n"
        f"asof left join customers_history as version on version.customer_id = rated.{fact.customer} and rated.{instant} < version.valid_to"
    )


def period_start_sql(grain: Grain, day: str, week_start: int, fiscal_start: int) -> str:
    """SQL for the first day of the period in which ``day`` falls."""
    match grain:
        case Grain.ALL:
            return "DATE '0001-01-01'"
        case Grain.DAY:
            return day
        case Grain.WEEK:
            return f"({day} - cast((isodow({day}) - {week_start} + 7) % 7 as integer))"
        case Grain.HALF:
            return f"make_date(year({day}), case when month({day}) < 7 then 1 else 7 end, 1)"
        case Grain.FISCAL_QUARTER | Grain.FISCAL_YEAR:
            unit, shift = ("quarter", (fiscal_start - 1) % 3) if grain is Grain.FISCAL_QUARTER else ("year", fiscal_start - 1)
            return f"cast(cast(date_trunc('{unit}', {day} - to_months({shift})) as date) + to_months({shift}) as date)"
        case _:
            return f"cast(date_trunc('{grain}', {day}) as date)"


def _sliced(fact: Fact, time: str, cut: Slice) -> str:
    first, last = cut.periods[0][0], cut.periods[-1][1]
    conditions = [f"{time} between {literal(first)} and {literal(last)}"]
    if cut.until:
        conditions.append(f"{time} <= {literal(cut.until)}")
    if cut.where:
        conditions.append(f"({cut.where})")
    member = f"coalesce(cast({quoted(cut.dimension)} as varchar), {literal(NO_MEMBER)})" if cut.dimension else literal(TOTAL)
    # an anonymous row is a customer of its own
    anonymous = f"case when {fact.customer} is null then {fact.key} end" if fact.customer else fact.key
    customer = fact.customer or "cast(null as varchar)"
    return (
        f"select *, {_PERIOD} as period_start, {member} as member, {customer} as _customer, {anonymous} as _alone\n"
        f"from looked_up where {' and '.join(conditions)}"
    )


# filled in by the evaluator, which knows the calendar
_PERIOD = "{period_start}"


def with_period_sql(steps: Steps, sql: str) -> Steps:
    """The compiled chain with the calendar's expression for a row's period."""
    return Steps(tuple(type(s)(s.name, s.sql.replace(_PERIOD, sql)) for s in steps.steps))


def _parts(kpi: Kpi) -> tuple[str, str | None]:
    if kpi.kind is Kind.RATIO:
        return kpi.numerator or "", kpi.denominator
    return kpi.expression or "", None


def _cells(kpis: Sequence[Kpi], fact: Fact) -> str:
    columns = []
    for i, kpi in enumerate(kpis):
        rows = f"filter (where {kpi.where})" if kpi.where else ""
        numerator, denominator = _parts(kpi)
        columns.append(f"count(*) {rows} as n_{i}")
        columns.append(f"{_covered(kpi, fact, rows)} as covered_{i}")
        columns.append(f"cast(coalesce({of_one_customer(numerator, kpi.where)}, 0) as {CELL}) as num_{i}")
        if denominator:
            columns.append(f"cast(coalesce({of_one_customer(denominator, kpi.where)}, 0) as {CELL}) as den_{i}")
    return f"select period_start, member, _customer, _alone, {', '.join(columns)}\nfrom sliced group by period_start, member, _customer, _alone"


def _covered(kpi: Kpi, fact: Fact, rows: str) -> str:
    """The rows whose values the KPI could use."""
    used = {c for part in _parts(kpi) if part for c in columns_of(part)}
    optional = sorted(used & set(fact.optional_columns)) if kpi.kind is Kind.SIMPLE else []
    if not optional:
        return f"count(*) {rows}"
    filled = " and ".join(f"{c} is not null" for c in optional)
    return f"count(*) filter (where {filled}{f' and ({kpi.where})' if kpi.where else ''})"


def _product(first: str, second: str) -> str:
    # the wider type makes the engine multiply in 128 bits
    return f"sum(cast({first} as {WIDE_CELL}) * {second})"


def _sums(kpis: Sequence[Kpi]) -> str:
    columns = []
    for i, kpi in enumerate(kpis):
        columns += [f"sum(n_{i}) as n_{i}", f"sum(covered_{i}) as covered_{i}", f"count(*) filter (where n_{i} > 0) as cells_{i}"]
        columns += [f"sum(num_{i}) as num_{i}", f"{_product(f'num_{i}', f'num_{i}')} as nn_{i}"]
        if _parts(kpi)[1]:
            columns += [
                f"sum(den_{i}) as den_{i}",
                f"{_product(f'num_{i}', f'den_{i}')} as nd_{i}",
                f"{_product(f'den_{i}', f'den_{i}')} as dd_{i}",
            ]
    return f"select period_start, member, {', '.join(columns)}\nfrom cells group by period_start, member"


def _comparisons(cut: Slice) -> str:
    rows = ", ".join(f"({_day(start)}, {_day(cut.before.get(start))}, {_day(cut.last_year.get(start))})" for start, _ in cut.periods)
    return f"select * from (values {rows}) as c (period_start, p_start, y_start)"


def _day(day: date | None) -> str:
    return f"DATE {literal(day)}" if day else "cast(null as date)"


def _cross(kpis: Sequence[Kpi], prefix: str) -> str:
    """Moments between this period and the one it is compared with, over the customers who are in both."""
    columns = []
    for i, kpi in enumerate(kpis):
        columns.append(f"{_product(f'a.num_{i}', f'b.num_{i}')} as {prefix}_nn_{i}")
        if _parts(kpi)[1]:
            columns += [
                f"{_product(f'a.num_{i}', f'b.den_{i}')} as {prefix}_nd_{i}",
                f"{_product(f'a.den_{i}', f'b.num_{i}')} as {prefix}_dn_{i}",
                f"{_product(f'a.den_{i}', f'b.den_{i}')} as {prefix}_dd_{i}",
            ]
    # anonymous rows are in one period only, so only known customers can be in both
    return (
        f"select a.period_start, a.member, {', '.join(columns)}\n"
        f"from cells a join comparisons c on c.period_start = a.period_start\n"
        f"join cells b on b.period_start = c.{prefix}_start and b.member = a.member and b._customer = a._customer\n"
        f"group by a.period_start, a.member"
    )
