"""From a fact to cells: its rows placed in periods and members, and what each customer adds there to each part.

The chain of one source: rows of the fact → what is looked up by key → rows placed in periods and members → one cell for each
customer, period and member.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from keepwell.engine.aggregates import counted_customers_or_none, filtered, is_plain_count, of_one_customer, of_one_row, renamed
from keepwell.engine.sql import Steps, literal, quoted
from keepwell.metrics.cut import AGE, ANONYMOUS, NO_MEMBER, Cut, Plan, Roles
from keepwell.metrics.dimensions import LookUps
from keepwell.metrics.fact import Fact, facts
from keepwell.metrics.measure import Part, Placement, Source
from keepwell.metrics.placement import RETURNING, age_days_of, ages_of, days_of

CELL = "DECIMAL(18, 4)"  # of one customer: its square fits DECIMAL(36, 8), and a sum of these DECIMAL(38, 8)


def placed_rows(steps: Steps, source: Source, cut: Cut, suffix: str, only: str | None = None) -> Steps:
    """Steps that end in ``placed``: the rows of the fact, ``only`` those, with what was looked up, their period and member."""
    fact = facts()[source.fact]
    found = steps.then(f"fact{suffix}", cut.rows[source.fact, source.time])
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
    start, end, join = "d.period_start", "d.period_end", f"join {days_of(source)} as d on d.day = l.{quoted(source.time)}"
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


def scanned(steps: Steps, plan: Plan, source: Source, cut: Cut, name: str, suffix: str, *, is_narrow: bool = False) -> tuple[Steps, Roles]:
    """The cells of one source: of each customer, period and member what it adds to each part.

    Every role has a column of its name unless they may be ``narrow``; then :class:`Roles` says where it is.
    """
    mine = [j for j, p in enumerate(plan.parts) if p.source == source]
    counted = [i for i, p in enumerate(plan.counted) if p.source == source]
    found = placed_rows(steps, source, cut, suffix, _any_where([plan.parts[j] for j in mine]))
    if source.placement is Placement.RETURNING:
        found = found.then(f"lines{suffix}", returning_lines(cut, f"placed{suffix}"))
        return found.then(name, _line_cells(plan, mine, counted, cut, f"lines{suffix}")), Roles()
    if source.placement is Placement.COHORT:
        found = cohort_lines(found, source, cut, suffix)
        return found.then(name, _line_cells(plan, mine, counted, cut, f"lines{suffix}")), Roles()
    tops = [j for j in mine if plan.parts[j].top]
    cells = _Cells(plan, source.fact in cut.without_anonymous)
    if is_narrow and not tops:
        return found.then(name, cells.narrow(mine, counted, cut, f"placed{suffix}")), cells.roles(mine, counted)
    plain = f"plain{suffix}" if tops else name
    found = found.then(plain, cells.wide(mine, counted, cut, f"placed{suffix}"))
    if tops:
        found = found.then(f"ranked{suffix}", _ranked(tops, cut, plain))
        found = found.then(name, _top_cells(plan, mine, counted, cut, f"ranked{suffix}"))
    return found, Roles()


def group_keys(cut: Cut) -> str:
    return "_period_start, _member, _unit" if cut.dimension else "_period_start, _unit"


def _named_keys(cut: Cut) -> str:
    member = "_member as member, " if cut.dimension else ""
    return f"_period_start as period_start, {member}_unit"


def effective(part: Part) -> str | None:
    return _both(part.where, part.counts)


def _both(one: str | None, other: str | None) -> str | None:
    return f"({one}) and ({other})" if one and other else one or other


def rows_where(condition: str | None) -> str:
    return of_one_customer("count(*)", condition)


def _type(plan: Plan, j: int) -> str:
    return "BIGINT" if plan.is_whole(j) else CELL


@dataclass
class _Cells:
    """Writes one customer's cells: each aggregate and each column once."""

    plan: Plan
    has_customers: bool  # no row is without a customer
    aggregates: dict[str, str] = field(default_factory=dict)  # SQL -> alias

    def wide(self, mine: Sequence[int], counted: Sequence[int], cut: Cut, rows: str) -> str:
        """A column for every role, as wide as the widest."""
        columns = [f"cast({self._part(j)} as {_type(self.plan, j)}) as x{j}" for j in mine]
        columns += [f"{sql} as {role}" for i in counted for role, sql in zip((f"n{i}", f"t{i}"), self._counts(i), strict=True)]
        return self._select(columns, cut, rows)

    def narrow(self, mine: Sequence[int], counted: Sequence[int], cut: Cut, rows: str) -> str:
        """A column for every value, as narrow as it may be."""
        columns = [f"cast({sql} as {kind}) as {name}" for (sql, kind), name in self._values(mine, counted).items()]
        return self._select(columns, cut, rows)

    def roles(self, mine: Sequence[int], counted: Sequence[int]) -> Roles:
        """Where :meth:`narrow` keeps each role."""
        names = self._values(mine, counted)
        found = {}
        for j in mine:
            rows = self._presence_or_none(self.plan.parts[j])
            found[f"x{j}"] = _is_any("{}" + names[rows, "INTEGER"]) if rows else "{}" + names[self._value(j)]
        for i in counted:
            for role, sql in zip((f"n{i}", f"t{i}"), self._counts(i), strict=True):
                found[role] = "{}" + names[sql, "INTEGER"]
        return Roles(found)

    def _values(self, mine: Sequence[int], counted: Sequence[int]) -> dict[tuple[str, str], str]:
        """(SQL, type) -> column."""
        wanted = []
        for j in mine:
            rows = self._presence_or_none(self.plan.parts[j])
            wanted.append((rows, "INTEGER") if rows else self._value(j))
        wanted += [(sql, "INTEGER") for i in counted for sql in self._counts(i)]
        return {value: f"v{number}" for number, value in enumerate(dict.fromkeys(wanted))}

    def _value(self, j: int) -> tuple[str, str]:
        return self._part(j), "INTEGER" if self.plan.is_whole(j) else CELL

    def _part(self, j: int) -> str:
        """What a customer adds to a part."""
        part = self.plan.parts[j]
        if part.per_customer:
            return f"coalesce({self._on_line(part)}, 0)"
        rows = self._presence_or_none(part)
        if rows:
            return _is_any(rows)
        column = self._column(of_one_customer(part.sql, effective(part)))
        return column if is_plain_count(part.sql) else f"coalesce({column}, 0)"

    def _counts(self, i: int) -> tuple[str, str]:
        """How many rows have the value, and how many should."""
        part = self.plan.counted[i]
        if part.per_customer:
            is_there = f"case when coalesce({self._on_line(part)}, 0) <> 0 then 1 else 0 end"
            return is_there, is_there
        return self._column(rows_where(effective(part))), self._column(rows_where(part.where))

    def _presence_or_none(self, part: Part) -> str | None:
        """The column of the rows of which a customer needs one to be counted, for a part that counts customers."""
        counted = counted_customers_or_none(part.sql) if self.has_customers and not part.per_customer else None
        return self._column(rows_where(_both(effective(part), *counted))) if counted else None

    def _on_line(self, part: Part) -> str:
        lines = {n: self._column(filtered(sql, part.where)) for n, sql in part.per_customer}
        return f"case when {self._column(rows_where(part.where))} > 0 then {renamed(of_one_row(part.sql), lines)} else 0 end"

    def _column(self, sql: str) -> str:
        return self.aggregates.setdefault(sql, f"a{len(self.aggregates)}")

    def _select(self, columns: Sequence[str], cut: Cut, rows: str) -> str:
        keys = group_keys(cut)
        aggregates = ", ".join(f"{sql} as {alias}" for sql, alias in self.aggregates.items())
        grouped = f"select {keys}, {aggregates} from {rows} group by {keys}"
        return f"select {_named_keys(cut)}, {', '.join(columns)}\nfrom ({grouped}) as grouped"


def _is_any(count: str) -> str:
    return f"(case when {count} > 0 then 1 else 0 end)"


def returning_lines(cut: Cut, rows: str) -> str:
    member = ", s._member" if cut.dimension else ""
    keys = "_period_start, _member, _unit" if cut.dimension else "_period_start, _unit"
    return (
        f"select s._period_start{member}, s._unit, 1 as started, case when r._unit is null then 0 else 1 end as returned\n"
        f"from (select distinct {keys} from {rows} where _part = 'start') as s\n"
        f"left join (select distinct _period_start, _unit from {rows} where _part = 'return') as r\n"
        f"on r._period_start = s._period_start and r._unit = s._unit"
    )


def cohort_lines(steps: Steps, source: Source, cut: Cut, suffix: str) -> Steps:
    """Each customer of a cohort with each age that has come to pass, and whether the customer was active then."""
    rows = f"placed{suffix}"
    is_by_age = cut.dimension == AGE
    keys = "_period_start, _member, _unit" if cut.dimension and not is_by_age else "_period_start, _unit"
    active = quoted(source.returned_on or "")
    found = steps.then(f"members{suffix}", f"select distinct {keys} from {rows}")
    member = ", cast(a.age as varchar) as _member" if is_by_age else ", m._member" if cut.dimension else ""
    head = f"select m._period_start{member}, m._unit, 1 as started,"
    ages = f"from members{suffix} as m\njoin {ages_of(source)} as a on a.period_start = m._period_start" + (
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
        f"select distinct r._period_start, r._unit, d.age from {rows} as r join {age_days_of(source)} as d on d.period_start = r._period_start and d.day = r.{active}",
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


def united(plan: Plan, cut: Cut, number: int) -> str:
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
