"""From KPIs and a cut to SQL: one query a source, whatever the number of KPIs.

The chain: rows of the fact → what is looked up by key → rows placed in periods and members → one cell for each customer, period
and member → sums over the cells, with the second moments that intervals and changes need. All sums are exact decimals or whole
numbers, so neither the order of the rows nor the number of threads can show in a reading. KPIs over several facts are put together
from cells, never from rows, so no row can be counted twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import combinations_with_replacement, product

from keepwell.engine.aggregates import filtered, is_whole, of_one_customer, of_one_row, paths_of, renamed
from keepwell.engine.sql import Steps, literal, quoted
from keepwell.metrics.dimensions import LookUps
from keepwell.metrics.fact import STOCK_TIME, Fact, facts
from keepwell.metrics.measure import Distribution, Measure, Part, Placement, Shape, Source

CELL = "DECIMAL(18, 4)"  # of one customer: its square fits DECIMAL(36, 8), and a sum of these DECIMAL(38, 8)
WIDE_CELL = "DECIMAL(19, 4)"
CUBED_CELL = "DECIMAL(9, 1)"  # its cube, with the first factor wider, fits DECIMAL(37, 3)
WIDE_CUBED_CELL = "DECIMAL(19, 1)"
LARGEST_CUBED = 100_000_000
TOTAL = "total"  # the member of a reading that is not broken down
NO_MEMBER = "(none)"  # rows without a value in the dimension
AGE = "age"
ANONYMOUS = "chr(31)"  # begins the name of a row without a customer
MICROSECONDS_A_DAY = 86_400_000_000

# tables that the evaluator lends the engine
DAYS = "_days"  # day, period_start, period_end: the periods in which a day counts
RETURNING = "_returning"  # day, period_start, part
AGES = "_ages"  # period_start, age, from_day, to_day
AGE_DAYS = "_age_days"  # period_start, day, age
COMPARISONS = "_comparisons"  # period_start, p_start, y_start
THRESHOLDS = "_thresholds"  # period_start, member, threshold
WORKING = "_working"  # team, day_no, base, opens_1, closes_1, opens_2, closes_2: microseconds


@dataclass(frozen=True)
class Cut:
    """Which rows, by what. ``where`` and ``dimension`` name columns with their paths flat."""

    dimension: str | None = None
    where: str | None = None
    look_ups: Mapping[Source, LookUps] = field(default_factory=dict)
    has_comparisons: bool = True
    has_cubes: bool = False
    variant: str = ""  # which of a fact's queries
    without_anonymous: tuple[str, ...] = ()  # facts whose every row has a customer: the rows' own keys need not be read
    scheduled_teams: tuple[str, ...] = ()

    @property
    def dimensions(self) -> list[str]:
        """The columns whose combinations are the members."""
        return self.dimension.split("+") if self.dimension else []

    @property
    def keys(self) -> list[str]:
        """The columns that name a reading."""
        return ["period_start", "member"] if self.dimension else ["period_start"]


@dataclass(frozen=True)
class Plan:
    """What the query computes, each thing once however many KPIs need it."""

    parts: tuple[Part, ...]
    counted: tuple[Part, ...]
    pairs: tuple[tuple[int, int], ...]
    cubes: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, measures: Sequence[Measure]) -> "Plan":
        parts = tuple(dict.fromkeys(p for m in measures for p in m.parts))
        counted = tuple(dict.fromkeys(m.parts[m.counted] for m in measures))
        pairs: dict[tuple[int, int], None] = {}
        cubes: dict[tuple[int, int, int], None] = {}
        for m in measures:
            own = sorted({parts.index(p) for p in m.parts})
            pairs.update(dict.fromkeys(combinations_with_replacement(own, 2)))
            if needs_cubes(m):
                cubes.update(dict.fromkeys(combinations_with_replacement(own, 3)))
        return cls(parts, counted, tuple(pairs), tuple(cubes))

    @property
    def sources(self) -> list[Source]:
        return list(dict.fromkeys(p.source for p in self.parts))

    def is_certain(self, j: int) -> bool:
        return facts()[self.parts[j].source.fact].is_certain

    def is_whole(self, j: int) -> bool:
        return is_whole(self.parts[j].sql) and not self.parts[j].per_customer

    def weight(self, j: int) -> str:
        """The column that carries the chance in a part: its own, or the linearised one of a part that ranks customers."""
        return f"w{j}" if self.parts[j].top else f"x{j}"


def needs_cubes(measure: Measure) -> bool:
    """Whether the interval corrects for skewness: sums and means of what may be very uneven."""
    return measure.shape in {Shape.FLOW, Shape.RATIO} and len(measure.parts) <= 2


def compile_sums(measures: Sequence[Measure], cut: Cut) -> tuple[Steps, Plan]:
    """The query that gives, for each period and member, the sums of every measure's parts.

    Columns: the keys, and for the j-th part ``s{j}``; for the i-th counted part ``n{i}`` rows (or customers), ``t{i}`` with those that
    lack the value, ``c{i}`` customers; ``m{a}_{b}`` and ``q{a}_{b}_{c}`` the second and third moments; ``p{a}_{b}`` and ``y{a}_{b}`` the
    moments of this period's parts with those of the previous period and of the same one last year.
    """
    plan = Plan.of(measures)
    steps = Steps()
    sources = plan.sources
    for number, source in enumerate(sources):
        name = "cells" if len(sources) == 1 else f"cells_{number}"
        steps = _scan(steps, plan, source, cut, name, "" if len(sources) == 1 else f"_{number}")
    if len(sources) > 1:
        steps = steps.then("cells", _united(plan, cut, len(sources)))
    return _summed(steps, plan, cut), plan


# --------------------------------------------------------------------- rows


def _rows(steps: Steps, source: Source, cut: Cut, suffix: str, only: str | None = None) -> Steps:
    """Steps that end in ``placed``: the rows of the fact, ``only`` those, with what was looked up, their period and member."""
    fact = facts()[source.fact]
    found = steps.then(f"fact{suffix}", fact.query(source.time, cut.variant))
    look_ups = cut.look_ups.get(source, LookUps(()))
    for name, sql in look_ups.steps(fact, source.time, suffix):
        found = found.then(name, sql)
    return found.then(f"placed{suffix}", _placed(fact, source, cut, f"looked_up{suffix}", only))


def _placed(fact: Fact, source: Source, cut: Cut, rows: str, only: str | None = None) -> str:
    named = " || ' × ' || ".join(f"coalesce(cast(l.{quoted(d)} as varchar), {literal(NO_MEMBER)})" for d in cut.dimensions)
    member = [f"{named} as _member"] if cut.dimension and cut.dimension != AGE else []
    customer = f"l.{quoted(fact.customer)}" if fact.customer else "cast(null as varchar)"
    # a row without a customer is a customer of its own, under a name that no customer has
    alone = f"{ANONYMOUS} || cast({fact.key} as varchar)"
    unit = alone if not fact.customer else customer if fact.name in cut.without_anonymous else f"coalesce({customer}, {alone})"
    if source.placement in {Placement.RETURNING, Placement.COHORT}:
        unit = customer
    start, end, join = "d.period_start", "d.period_end", f"join {DAYS} as d on d.day = l.{quoted(source.time)}"
    extra = []
    if source.placement is Placement.STOCK:
        start, end, join = "l.period_start", "l.period_end", ""
    if source.placement is Placement.RETURNING:
        join, end = f"join {RETURNING} as d on d.day = l.{quoted(source.time)}", "d.period_end"
        extra = ["d.part as _part"]
    own = fact.columns_at(source.time)
    bounds = [
        f"{start} as _period_start",
        *(f"{sql} as {name}" for sql, name in ((start, "period_start"), (end, "period_end")) if name not in own),
    ]
    conditions = []
    if cut.where:
        # a filter says whose start is looked at; wherever they come back, they come back
        conditions.append(f"(d.part = 'return' or ({cut.where}))" if source.placement is Placement.RETURNING else f"({cut.where})")
    if source.where:
        conditions.append(f"({source.where})")
    if source.placement in {Placement.RETURNING, Placement.COHORT} and fact.customer:
        conditions.append(f"{customer} is not null")
    if only:
        conditions.append(f"({only})")
    selected = ", ".join(["l.*", *bounds, *member, f"{unit} as _unit", *extra])
    where = f"\nwhere {' and '.join(conditions)}" if conditions else ""
    return f"select {selected}\nfrom {rows} as l {join}{where}"


def _any_where(parts: Sequence[Part]) -> str | None:
    """Rows that some part needs; None for all. It spares the grouping of those that nobody does."""
    wheres = list(dict.fromkeys(p.where for p in parts))
    # a condition on the period reads columns that are named only in the step itself
    if not wheres or None in wheres:
        return None
    return " or ".join(f"({w})" for w in wheres)


# -------------------------------------------------------------------- cells


def _scan(steps: Steps, plan: Plan, source: Source, cut: Cut, name: str, suffix: str) -> Steps:
    """The cells of one source: of each customer, period and member what it adds to each part."""
    mine = [j for j, p in enumerate(plan.parts) if p.source == source]
    counted = [i for i, p in enumerate(plan.counted) if p.source == source]
    found = _rows(steps, source, cut, suffix, _any_where([plan.parts[j] for j in mine]))
    if source.placement is Placement.RETURNING:
        found = found.then(f"lines{suffix}", _returning_lines(cut, f"placed{suffix}"))
        return found.then(name, _line_cells(plan, mine, counted, cut, f"lines{suffix}"))
    if source.placement is Placement.COHORT:
        found = _cohort_lines(found, source, cut, suffix)
        return found.then(name, _line_cells(plan, mine, counted, cut, f"lines{suffix}"))
    tops = [j for j in mine if plan.parts[j].top]
    plain = f"plain{suffix}" if tops else name
    found = found.then(plain, _customer_cells(plan, mine, counted, cut, f"placed{suffix}"))
    if tops:
        found = found.then(f"ranked{suffix}", _ranked(tops, cut, plain))
        found = found.then(name, _top_cells(plan, mine, counted, cut, f"ranked{suffix}"))
    return found


def _group_keys(cut: Cut) -> str:
    return "_period_start, _member, _unit" if cut.dimension else "_period_start, _unit"


def _named_keys(cut: Cut) -> str:
    member = "_member as member, " if cut.dimension else ""
    return f"_period_start as period_start, {member}_unit"


def _effective(part: Part) -> str | None:
    return " and ".join(f"({c})" for c in (part.where, part.counts) if c) or None


def _rows_where(condition: str | None) -> str:
    return f"count(*) filter (where {condition})" if condition else "count(*)"


def _type(plan: Plan, j: int) -> str:
    return "BIGINT" if plan.is_whole(j) else CELL


def _customer_cells(plan: Plan, mine: Sequence[int], counted: Sequence[int], cut: Cut, rows: str) -> str:
    inner: dict[str, str] = {}  # SQL -> alias, each aggregate once

    def column(sql: str) -> str:
        return inner.setdefault(sql, f"a{len(inner)}")

    def on_line(part: Part) -> str:
        lines = {n: column(filtered(sql, part.where)) for n, sql in part.per_customer}
        return f"case when {column(_rows_where(part.where))} > 0 then {renamed(of_one_row(part.sql), lines)} else 0 end"

    outer = []
    for j in mine:
        part = plan.parts[j]
        if part.per_customer:
            outer.append(f"cast(coalesce({on_line(part)}, 0) as {_type(plan, j)}) as x{j}")
        else:
            outer.append(f"cast(coalesce({column(of_one_customer(part.sql, _effective(part)))}, 0) as {_type(plan, j)}) as x{j}")
    for i in counted:
        part = plan.counted[i]
        if part.per_customer:
            is_there = f"case when coalesce({on_line(part)}, 0) <> 0 then 1 else 0 end"
            outer += [f"{is_there} as n{i}", f"{is_there} as t{i}"]
        else:
            outer += [f"{column(_rows_where(_effective(part)))} as n{i}", f"{column(_rows_where(part.where))} as t{i}"]
    aggregates = ", ".join(f"{sql} as {alias}" for sql, alias in inner.items())
    return f"select {_named_keys(cut)}, {', '.join(outer)}\nfrom (select {_group_keys(cut)}, {aggregates} from {rows} group by {_group_keys(cut)}) as grouped"


def _returning_lines(cut: Cut, rows: str) -> str:
    member = ", s._member" if cut.dimension else ""
    keys = "_period_start, _member, _unit" if cut.dimension else "_period_start, _unit"
    return (
        f"select s._period_start{member}, s._unit, 1 as started, case when r._unit is null then 0 else 1 end as returned\n"
        f"from (select distinct {keys} from {rows} where _part = 'start') as s\n"
        f"left join (select distinct _period_start, _unit from {rows} where _part = 'return') as r\n"
        f"on r._period_start = s._period_start and r._unit = s._unit"
    )


def _cohort_lines(steps: Steps, source: Source, cut: Cut, suffix: str) -> Steps:
    """Each customer of a cohort with each age that has come to pass, and whether the customer was active then."""
    rows = f"placed{suffix}"
    is_by_age = cut.dimension == AGE
    keys = "_period_start, _member, _unit" if cut.dimension and not is_by_age else "_period_start, _unit"
    active = quoted(source.returned_on or "")
    found = steps.then(f"members{suffix}", f"select distinct {keys} from {rows}")
    member = ", cast(a.age as varchar) as _member" if is_by_age else ", m._member" if cut.dimension else ""
    head = f"select m._period_start{member}, m._unit, 1 as started,"
    ages = f"from members{suffix} as m\njoin {AGES} as a on a.period_start = m._period_start" + (
        "" if is_by_age else f" and a.age = {source.age}"
    )
    if source.is_unbounded:
        found = found.then(
            f"last{suffix}", f"select _period_start, _unit, max({active}) as last_on from {rows} group by _period_start, _unit"
        )
        return found.then(
            f"lines{suffix}",
            f"{head} case when l.last_on >= a.from_day then 1 else 0 end as returned\n{ages}\n"
            f"join last{suffix} as l on l._period_start = m._period_start and l._unit = m._unit",
        )
    found = found.then(
        f"seen{suffix}",
        f"select distinct r._period_start, r._unit, d.age from {rows} as r join {AGE_DAYS} as d on d.period_start = r._period_start and d.day = r.{active}",
    )
    return found.then(
        f"lines{suffix}",
        f"{head} case when v._unit is null then 0 else 1 end as returned\n{ages}\n"
        f"left join seen{suffix} as v on v._period_start = m._period_start and v._unit = m._unit and v.age = a.age",
    )


def _line_cells(plan: Plan, mine: Sequence[int], counted: Sequence[int], cut: Cut, lines: str) -> str:
    columns = [f"cast({of_one_row(plan.parts[j].sql)} as {_type(plan, j)}) as x{j}" for j in mine]
    columns += [f"1 as n{i}, 1 as t{i}" for i in counted]
    return f"select {_named_keys(cut)}, {', '.join(columns)}\nfrom {lines}"


def _ranked(tops: Sequence[int], cut: Cut, cells: str) -> str:
    """Cells with each customer's place by a part, and how many have a positive one."""
    over = ", ".join(cut.keys)
    columns = []
    for j in tops:
        columns.append(f"row_number() over (partition by {over} order by x{j} desc, _unit) as place{j}")
        columns.append(f"sum(case when x{j} > 0 then 1 else 0 end) over (partition by {over}) as buyers{j}")
    return f"select *, {', '.join(columns)}\nfrom {cells}"


def _top_cells(plan: Plan, mine: Sequence[int], counted: Sequence[int], cut: Cut, ranked: str) -> str:
    """What the top customers add; and linearised, what every customer does to the sum of the top ones.

    The top share's sum moves with a customer's value y by max(y − q, 0) + share · q, q being the last value that belongs to the top
    (Langel & Tillé 2013, Variance estimation of the Gini index, section on quantile shares).
    """
    keys = ", ".join(f"r.{k}" for k in (*cut.keys, "_unit"))
    columns, joins = [], []
    for j in mine:
        top = plan.parts[j].top
        if not top:
            columns.append(f"r.x{j}")
            continue
        hundredths = round(float(top) * 10_000)
        # ⌈share · buyers⌉ in whole numbers
        size = f"(r.buyers{j} * {hundredths} + 9999) // 10000"
        columns.append(f"case when r.place{j} <= {size} then r.x{j} else cast(0 as {CELL}) end as x{j}")
        columns.append(f"cast(greatest(r.x{j} - q{j}.edge, 0) + q{j}.edge * cast({top} as DECIMAL(5, 4)) as {CELL}) as w{j}")
        over = ", ".join(cut.keys)
        inner = f"select {over}, min(case when r.place{j} <= {size} then r.x{j} end) as edge from {ranked} as r group by {over}"
        joins.append(f"join ({inner}) as q{j} on " + " and ".join(f"q{j}.{k} = r.{k}" for k in cut.keys))
    columns += [f"r.n{i}, r.t{i}" for i in counted]
    return f"select {keys}, {', '.join(columns)}\nfrom {ranked} as r\n" + "\n".join(joins)


def _united(plan: Plan, cut: Cut, number: int) -> str:
    """The cells of several sources as one: a customer's parts side by side."""
    arms = []
    for n in range(number):
        source = plan.sources[n]
        columns = []
        for j, part in enumerate(plan.parts):
            kind = _type(plan, j)
            columns.append(f"x{j}" if part.source == source else f"cast(0 as {kind}) as x{j}")
            if part.top:
                columns.append(f"w{j}" if part.source == source else f"cast(0 as {kind}) as w{j}")
        for i, part in enumerate(plan.counted):
            columns += [f"n{i}, t{i}" if part.source == source else f"cast(0 as BIGINT) as n{i}, cast(0 as BIGINT) as t{i}"]
        arms.append(f"select {', '.join(cut.keys)}, _unit, {', '.join(columns)} from cells_{n}")
    summed = [f"cast(sum(x{j}) as {_type(plan, j)}) as x{j}" for j in range(len(plan.parts))]
    summed += [f"cast(sum(w{j}) as {CELL}) as w{j}" for j, p in enumerate(plan.parts) if p.top]
    summed += [f"cast(sum(n{i}) as BIGINT) as n{i}, cast(sum(t{i}) as BIGINT) as t{i}" for i in range(len(plan.counted))]
    everything = "\nunion all\n".join(arms)
    keys = f"{', '.join(cut.keys)}, _unit"
    return f"select {keys}, {', '.join(summed)}\nfrom (\n{everything}\n) as united group by {keys}"


# --------------------------------------------------------------------- sums


def _product(plan: Plan, a: int, b: int, first: str = "", second: str = "") -> str:
    left, right = f"{first}{plan.weight(a)}", f"{second}{plan.weight(b)}"
    if plan.is_whole(a) and plan.is_whole(b):
        return f"sum({left} * {right})"
    # the wider type makes the engine multiply in 128 bits
    return f"sum(cast({left} as {WIDE_CELL}) * cast({right} as {CELL}))"


def _cube(plan: Plan, triple: Iterable[int]) -> str:
    columns = [plan.weight(j) for j in triple]
    fits = " and ".join(f"max(abs({c})) < {LARGEST_CUBED}" for c in dict.fromkeys(columns))
    # the first factor's wider type makes the engine multiply in 128 bits
    kinds = [WIDE_CUBED_CELL, CUBED_CELL, CUBED_CELL]
    factors = " * ".join(
        f"cast(case when abs({c}) < {LARGEST_CUBED} then {c} end as {kind})" for c, kind in zip(columns, kinds, strict=True)
    )
    return f"case when {fits} then sum({factors}) end"


def _random(plan: Plan, indices: Sequence[int]) -> bool:
    return not any(plan.is_certain(j) for j in indices)


def _summed(steps: Steps, plan: Plan, cut: Cut) -> Steps:
    keys = ", ".join(cut.keys)
    columns = [f"sum(x{j}) as s{j}" for j in range(len(plan.parts))]
    for i in range(len(plan.counted)):
        columns += [f"sum(n{i}) as n{i}", f"sum(t{i}) as t{i}", f"sum(case when n{i} > 0 then 1 else 0 end) as c{i}"]
    columns += [f"{_product(plan, a, b)} as m{a}_{b}" for a, b in plan.pairs if _random(plan, (a, b))]
    if cut.has_cubes:
        columns += [f"{_cube(plan, t)} as q{t[0]}_{t[1]}_{t[2]}" for t in plan.cubes if _random(plan, t)]
    found = steps.then("sums", f"select {keys}, {', '.join(columns)}\nfrom cells group by {keys}")
    if not cut.has_comparisons:
        return found.then("readings", "select * from sums")
    crossed = [(a, b) for a, b in sorted({x for p in plan.pairs for x in product(p, p)}) if _random(plan, (a, b)) and _is_pair(plan, a, b)]
    joins, selected = [], ["s.*"]
    for prefix in ("p", "y"):
        on_member = " and b.member = a.member" if cut.dimension else ""
        own = ", ".join(f"a.{k}" for k in cut.keys)
        products = ", ".join(f"{_product(plan, a, b, 'a.', 'b.')} as {prefix}{a}_{b}" for a, b in crossed)
        found = (
            found.then(
                f"cross_{prefix}",
                f"select {own}, {products}\nfrom cells as a\nleft join {COMPARISONS} as c on c.period_start = a.period_start\n"
                f"join cells as b on b.period_start = c.{prefix}_start{on_member} and b._unit = a._unit\n"
                f"group by {own}",
            )
            if crossed
            else found
        )
        if crossed:
            selected += [f"{prefix}x.{prefix}{a}_{b}" for a, b in crossed]
            joins.append(f"left join cross_{prefix} as {prefix}x on " + " and ".join(f"{prefix}x.{k} = s.{k}" for k in cut.keys))
    return found.then("readings", f"select {', '.join(selected)}\nfrom sums as s\n" + "\n".join(joins))


def _is_pair(plan: Plan, a: int, b: int) -> bool:
    return (min(a, b), max(a, b)) in plan.pairs


# ------------------------------------------------------------ distributions


def _value_rows(steps: Steps, d: Distribution, cut: Cut) -> Steps:
    """Steps that end in ``valued``: of each row the value, whether it is reached, or NULL where it is missing."""
    found = _rows(steps, d.source, cut, "")
    where = f"\nwhere {d.where}" if d.where else ""
    member = "_member as member, " if cut.dimension else ""
    keys = f"_period_start as period_start, {member}_unit"
    if d.value is not None:
        return found.then("valued", f"select {keys}, cast({d.value} as {CELL}) as value, true as is_reached\nfrom placed{where}")
    starts, ends = quoted(d.starts or ""), quoted(d.ends or "")
    over = d.is_over or "false"
    # what has begun and is not over is awaited up to the last moment that is known
    timed = (
        f"select {keys}, {', '.join(_team(cut) if d.is_business else [])}{', ' if d.is_business else ''}"
        f"epoch_us({starts}) as began, epoch_us(case when {ends} is not null then {ends} when not coalesce({over}, false) and o.until >= {starts} then o.until end) as ended,\n"
        f"  {ends} is not null as is_reached\nfrom placed cross join observed as o{where}"
    )
    found = found.then("timed", timed)
    columns = "period_start, " + ("member, " if cut.dimension else "") + "_unit"
    if not d.is_business:
        return found.then("valued", f"select {columns}, case when ended >= began then ended - began end as value, is_reached\nfrom timed")
    found = found.then(
        "worked",
        f"select {', '.join(f't.{c}' for c in columns.split(', '))}, t.began, t.ended, t.is_reached, {_worked('t.began', 'b')} as worked_before, {_worked('t.ended', 'e')} as worked_until\n"
        f"from timed as t\n"
        f"left join {WORKING} as b on b.team = t._team and b.day_no = t.began // {MICROSECONDS_A_DAY}\n"
        f"left join {WORKING} as e on e.team = t._team and e.day_no = t.ended // {MICROSECONDS_A_DAY}",
    )
    return found.then(
        "valued", f"select {columns}, case when ended >= began then worked_until - worked_before end as value, is_reached\nfrom worked"
    )


def _team(cut: Cut) -> list[str]:
    listed = ", ".join(literal(t) for t in cut.scheduled_teams)
    return [f"case when team in ({listed}) then team else '*' end as _team"] if listed else ["'*' as _team"]


def _worked(instant: str, day: str) -> str:
    """Microseconds of business time from the first day of the table up to an instant."""
    into = f"{instant} % {MICROSECONDS_A_DAY}"
    spans = " + ".join(f"greatest(least({into}, {day}.closes_{i}) - {day}.opens_{i}, 0)" for i in (1, 2))
    return f"{day}.base + {spans}"


def compile_values(d: Distribution, cut: Cut) -> Steps:
    """How often each value occurs: the keys, ``value`` (NULL: missing), ``is_reached``, ``n``, and ``customers`` where each has one row."""
    found = _value_rows(Steps(), d, cut)
    keys = ", ".join(cut.keys)
    return found.then("values_of", f"select {keys}, value, is_reached, count(*) as n\nfrom valued group by {keys}, value, is_reached")


def compile_extent(d: Distribution, cut: Cut) -> Steps:
    """The first beginning and the last end of a duration's rows, in microseconds."""
    found = _value_rows(Steps(), d, cut)
    steps = Steps(tuple(s for s in found.steps if s.name not in {"worked", "valued"}))
    return steps.then("ends_of", "select min(began) as first, max(ended) as last from timed")


def compile_threshold_sums(d: Distribution, cut: Cut) -> Steps:
    """Of the customers, how many of their values lie at or below the threshold of their period and member, and how many values they have.

    Columns as of :func:`compile_sums` for two parts.
    """
    found = _value_rows(Steps(), d, cut)
    keys = ", ".join(f"v.{k}" for k in cut.keys)
    on = " and ".join(f"h.{k} = v.{k}" for k in cut.keys)
    found = found.then(
        "cells",
        f"select {keys}, v._unit, count(*) filter (where v.is_reached and v.value <= h.threshold) as x0, count(*) as x1, count(*) as n0, count(*) as t0\n"
        f"from valued as v join {THRESHOLDS} as h on {on}\nwhere v.value is not null group by {keys}, v._unit",
    )
    part = Part(d.source, "count(*)")
    plan = Plan((part, Part(d.source, "count(1)")), (part,), ((0, 0), (0, 1), (1, 1)), ())
    return _summed(found, plan, cut)


def columns_needed(measures: Sequence[Measure], where: str | None, dimension: str | None) -> dict[Source, list[str]]:
    """Of each source the columns that its query reads, by their names in the SQL."""
    found: dict[Source, list[str]] = {}
    asked = [*(paths_of(where) if where else []), *(dimension.split("+") if dimension and dimension != AGE else [])]
    for measure in measures:
        for part in measure.parts:
            sqls = [part.sql] if not part.per_customer else [sql for _, sql in part.per_customer]
            _note(found, part.source, [*sqls, part.where, part.counts, part.source.where], asked)
        d = measure.distribution
        if d:
            _note(found, d.source, [d.where, d.value, d.is_over, d.source.where], asked)
    return found


def _note(found: dict[Source, list[str]], source: Source, sqls: Iterable[str | None], asked: Sequence[str]) -> None:
    names = found.setdefault(source, list(asked))
    for sql in sqls:
        if sql:
            names += [n for n in paths_of(sql) if n not in names]


def is_stock(source: Source) -> bool:
    return source.time == STOCK_TIME


def compile_customer_flow(measure: Measure, cut: Cut, now: date, before: date) -> Steps:
    """One row: the sum of customers who are in one of two periods only, and rows and sums of those who are in both.

    ``measure`` has one part. Columns: ``new_sum``, ``lost_sum``, ``kept``, ``kept_rows_before``, ``kept_rows_now``, ``kept_before``,
    ``kept_now``, ``alone_before``, ``alone_now``.
    """
    plan = Plan.of([measure])
    steps = _scan(Steps(), plan, plan.sources[0], replace(cut, dimension=None), "cells", "")
    first, second = f"period_start = DATE {literal(now)}", f"period_start = DATE {literal(before)}"
    steps = steps.then(
        "by_customer",
        f"select _unit, sum(case when {first} then x0 else 0 end) as x_now, sum(case when {second} then x0 else 0 end) as x_before,\n"
        f"  sum(case when {first} then n0 else 0 end) as n_now, sum(case when {second} then n0 else 0 end) as n_before\n"
        f"from cells where ({first} or {second}) and n0 > 0 group by _unit",
    )
    is_known = f"not starts_with(_unit, {ANONYMOUS})"
    is_kept = f"{is_known} and n_now > 0 and n_before > 0"
    columns = (
        f"sum(case when {is_known} and n_before = 0 then x_now end) as new_sum, "
        f"sum(case when {is_known} and n_now = 0 then x_before end) as lost_sum, "
        f"sum(case when {is_kept} then 1 else 0 end) as kept, sum(case when {is_kept} then n_before end) as kept_rows_before, "
        f"sum(case when {is_kept} then n_now end) as kept_rows_now, sum(case when {is_kept} then x_before end) as kept_before, "
        f"sum(case when {is_kept} then x_now end) as kept_now, sum(case when not {is_known} then x_before end) as alone_before, "
        f"sum(case when not {is_known} then x_now end) as alone_now"
    )
    return steps.then("flow", f"select {columns} from by_customer")


def compile_rows(measure: Measure, part: int, cut: Cut) -> Steps:
    """The rows behind one part of a measure, each with ``contribution``; behind a part per customer, one line a customer."""
    p = measure.parts[part]
    if p.source.placement in {Placement.RETURNING, Placement.COHORT}:
        steps = _rows(Steps(), p.source, cut, "")
        steps = (
            steps.then("lines", _returning_lines(cut, "placed"))
            if p.source.placement is Placement.RETURNING
            else _cohort_lines(steps, p.source, cut, "")
        )
        member = "_member as member, " if cut.dimension else ""
        return steps.then(
            "behind",
            f"select _period_start as period_start, {member}_unit as customer_id, started, returned, {of_one_row(p.sql)} as contribution\nfrom lines where {of_one_row(p.sql)} <> 0",
        )
    fact = facts()[p.source.fact]
    steps = _rows(Steps(), p.source, cut, "")
    member = "_member as member, " if cut.dimension else ""
    condition = _effective(p)
    if p.per_customer:
        lines = ", ".join(f"{filtered(sql, p.where)} as {quoted(name)}" for name, sql in p.per_customer)
        keys = _group_keys(cut)
        steps = steps.then("lines", f"select {keys}, {_rows_where(p.where)} as _rows, {lines} from placed group by {keys}")
        names = ", ".join(quoted(n) for n, _ in p.per_customer)
        return steps.then(
            "behind",
            f"select _period_start as period_start, {member}_unit as customer_id, {names}, {of_one_row(p.sql)} as contribution\nfrom lines where _rows > 0 and {of_one_row(p.sql)} <> 0",
        )
    columns = ", ".join(quoted(c) for c in fact.columns_at(p.source.time))
    where = f"\nwhere {condition} and ({of_one_row(p.sql)}) <> 0" if condition else f"\nwhere ({of_one_row(p.sql)}) <> 0"
    return steps.then("behind", f"select {member}{columns}, {of_one_row(p.sql)} as contribution\nfrom placed{where}")


def compile_value_rows(d: Distribution, cut: Cut) -> Steps:
    """The rows behind a distribution: each with its ``contribution``, the value; durations in seconds, NULL where it is missing."""
    fact = facts()[d.source.fact]
    steps = _rows(Steps(), d.source, cut, "")
    member = "_member as member, " if cut.dimension else ""
    columns = ", ".join(quoted(c) for c in fact.columns_at(d.source.time))
    if d.value is not None:
        value = f"cast({d.value} as {CELL})"
    else:
        value = f"cast((epoch_us({quoted(d.ends or '')}) - epoch_us({quoted(d.starts or '')})) // 1000000 as BIGINT)"
    where = f"\nwhere {d.where}" if d.where else ""
    # the business clock runs over many rows at once; behind it stands each row's plain time
    name = "calendar_seconds" if d.is_business else "contribution"
    return steps.then("behind", f"select {member}{columns}, {value} as {name}\nfrom placed{where}")
