"""From KPIs and a cut to SQL: one query a source, whatever the number of KPIs.

Cells (:mod:`keepwell.metrics.scan`) are added up, with the second moments that intervals and changes need. All sums are exact decimals
or whole numbers, so neither the order of the rows nor the number of threads can show in a reading. KPIs over several facts are put
together from cells, never from rows, so no row can be counted twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from itertools import product

from keepwell.engine.sql import Steps, literal, quoted
from keepwell.metrics.cut import ANONYMOUS, Cut, Plan, Roles
from keepwell.metrics.measure import Distribution, Measure, Part
from keepwell.metrics.placement import COMPARISONS
from keepwell.metrics.scan import CELL, placed_rows, scanned, united

WIDE_CELL = "DECIMAL(19, 4)"
CUBED_CELL = "DECIMAL(9, 1)"  # its cube, with the first factor wider, fits DECIMAL(37, 3)
WIDE_CUBED_CELL = "DECIMAL(19, 1)"
LARGEST_CUBED = 100_000_000
MICROSECONDS_A_DAY = 86_400_000_000
# tables that the evaluator lends the engine
THRESHOLDS = "_thresholds"  # period_start, member, threshold
WORKING = "_working"  # team, day_no, base, opens_1, closes_1, opens_2, closes_2: microseconds


def compile_sums(measures: Sequence[Measure], cut: Cut) -> tuple[Steps, Plan]:
    """The query that gives, for each period and member, the sums of every measure's parts.

    Columns: the keys, and for the j-th part ``s{j}``; for the i-th counted part ``n{i}`` rows (or customers), ``t{i}`` with those that
    lack the value, ``c{i}`` customers; ``m{a}_{b}`` and ``q{a}_{b}_{c}`` the second and third moments; ``p{a}_{b}`` and ``y{a}_{b}`` the
    moments of this period's parts with those of the previous period and of the same one last year.
    """
    plan = Plan.of(measures)
    steps = Steps()
    sources = plan.sources
    if len(sources) == 1:
        steps, roles = scanned(steps, plan, sources[0], cut, "cells", "", is_narrow=True)
        return _summed(steps, plan, cut, roles), plan
    for number, source in enumerate(sources):
        steps, _ = scanned(steps, plan, source, cut, f"cells_{number}", f"_{number}")
    return _summed(steps.then("cells", united(plan, cut, len(sources))), plan, cut, Roles()), plan


def _product(plan: Plan, roles: Roles, a: int, b: int, first: str = "", second: str = "") -> str:
    left, right = roles.sql(plan.weight(a), first), roles.sql(plan.weight(b), second)
    if plan.is_whole(a) and plan.is_whole(b):
        return f"sum(cast({left} as BIGINT) * {right})"
    # the wider type makes the engine multiply in 128 bits
    return f"sum(cast({left} as {WIDE_CELL}) * cast({right} as {CELL}))"


def _cube(plan: Plan, roles: Roles, triple: Iterable[int]) -> str:
    columns = [roles.sql(plan.weight(j)) for j in triple]
    fits = " and ".join(f"max(abs({c})) < {LARGEST_CUBED}" for c in dict.fromkeys(columns))
    # the first factor's wider type makes the engine multiply in 128 bits
    kinds = [WIDE_CUBED_CELL, CUBED_CELL, CUBED_CELL]
    factors = " * ".join(
        f"cast(case when abs({c}) < {LARGEST_CUBED} then {c} end as {kind})" for c, kind in zip(columns, kinds, strict=True)
    )
    return f"case when {fits} then sum({factors}) end"


def _random(plan: Plan, indices: Sequence[int]) -> bool:
    return not any(plan.is_certain(j) for j in indices)


def _summed(steps: Steps, plan: Plan, cut: Cut, roles: Roles) -> Steps:
    keys = ", ".join(cut.keys)
    crossed = [(a, b) for a, b in sorted({x for p in plan.pairs for x in product(p, p)}) if _random(plan, (a, b)) and _is_pair(plan, a, b)]
    cells = "cells"
    if cut.has_comparisons and crossed:
        # in a step of its own, so that cells meet those of one other period only: the engine would as soon pair all of a customer's first
        cells = "compared"
        others = f"select a.*, c.p_start, c.y_start\nfrom cells as a left join {COMPARISONS} as c on c.period_start = a.period_start"
        steps = steps.then(cells, others)
    columns = [f"sum({roles.sql(f'x{j}')}) as s{j}" for j in range(len(plan.parts))]
    for i in range(len(plan.counted)):
        n, t = roles.sql(f"n{i}"), roles.sql(f"t{i}")
        columns += [f"sum({n}) as n{i}", f"sum({t}) as t{i}", f"sum(case when {n} > 0 then 1 else 0 end) as c{i}"]
    columns += [f"{_product(plan, roles, a, b)} as m{a}_{b}" for a, b in plan.pairs if _random(plan, (a, b))]
    if cut.has_cubes:
        columns += [f"{_cube(plan, roles, t)} as q{t[0]}_{t[1]}_{t[2]}" for t in plan.cubes if _random(plan, t)]
    found = steps.then("sums", f"select {keys}, {', '.join(columns)}\nfrom {cells} group by {keys}")
    if cells == "cells":
        return found.then("readings", "select * from sums")
    joins, selected = [], ["s.*"]
    for prefix in ("p", "y"):
        on_member = " and b.member = a.member" if cut.dimension else ""
        own = ", ".join(f"a.{k}" for k in cut.keys)
        products = ", ".join(f"{_product(plan, roles, a, b, 'a.', 'b.')} as {prefix}{a}_{b}" for a, b in crossed)
        found = found.then(
            f"cross_{prefix}",
            f"select {own}, {products}\nfrom {cells} as a\n"
            f"join {cells} as b on b.period_start = a.{prefix}_start{on_member} and b._unit = a._unit\ngroup by {own}",
        )
        selected += [f"{prefix}x.{prefix}{a}_{b}" for a, b in crossed]
        joins.append(f"left join cross_{prefix} as {prefix}x on " + " and ".join(f"{prefix}x.{k} = s.{k}" for k in cut.keys))
    return found.then("readings", f"select {', '.join(selected)}\nfrom sums as s\n" + "\n".join(joins))


def _is_pair(plan: Plan, a: int, b: int) -> bool:
    return (min(a, b), max(a, b)) in plan.pairs


def compile_customer_flow(measure: Measure, cut: Cut, now: date, before: date) -> Steps:
    """One row: the sum of customers who are in one of two periods only, and rows and sums of those who are in both.

    ``measure`` has one part. Columns: ``new_sum``, ``lost_sum``, ``kept``, ``kept_rows_before``, ``kept_rows_now``, ``kept_before``,
    ``kept_now``, ``alone_before``, ``alone_now``.
    """
    plan = Plan.of([measure])
    steps, _ = scanned(Steps(), plan, plan.sources[0], replace(cut, dimension=None), "cells", "")
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


# ------------------------------------------------------------ distributions


def _value_rows(steps: Steps, d: Distribution, cut: Cut) -> Steps:
    """Steps that end in ``valued``: of each row the value, whether it is reached, or NULL where it is missing."""
    found = placed_rows(steps, d.source, cut, "")
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
    return _summed(found, plan, cut, Roles())
