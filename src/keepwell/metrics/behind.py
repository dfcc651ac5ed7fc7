"""The rows behind a reading: each with what it adds."""

from keepwell.engine.aggregates import filtered, of_one_row
from keepwell.engine.sql import Steps, quoted
from keepwell.metrics.cut import ANONYMOUS, Cut, Plan
from keepwell.metrics.fact import facts
from keepwell.metrics.measure import Distribution, Measure, Placement
from keepwell.metrics.scan import CELL, cohort_lines, effective, group_keys, placed_rows, returning_lines, rows_where, scanned


def compile_rows(measure: Measure, part: int, cut: Cut) -> Steps:
    """The rows behind one part of a measure, each with ``contribution``; behind a part per customer, one line a customer."""
    p = measure.parts[part]
    if p.source.placement in {Placement.RETURNING, Placement.COHORT}:
        steps = placed_rows(Steps(), p.source, cut, "")
        steps = (
            steps.then("lines", returning_lines(cut, "placed"))
            if p.source.placement is Placement.RETURNING
            else cohort_lines(steps, p.source, cut, "")
        )
        member = "_member as member, " if cut.dimension else ""
        return steps.then(
            "behind",
            f"select _period_start as period_start, {member}_unit as customer_id, started, returned, {of_one_row(p.sql)} as contribution\nfrom lines where {of_one_row(p.sql)} <> 0",
        )
    fact = facts()[p.source.fact]
    steps = placed_rows(Steps(), p.source, cut, "")
    member = "_member as member, " if cut.dimension else ""
    condition = effective(p)
    if p.top:
        # the top customers, each with the sum that puts them there
        plan = Plan.of([measure])
        top, _ = scanned(Steps(), plan, p.source, cut, "cells", "")
        x = f"x{plan.parts.index(p)}"
        return top.then(
            "behind",
            f"select period_start, {member.replace('_member as ', '')}case when starts_with(_unit, {ANONYMOUS}) then null else _unit end as customer_id, {x} as contribution\nfrom cells where {x} <> 0",
        )
    if p.per_customer:
        lines = ", ".join(f"{filtered(sql, p.where)} as {quoted(name)}" for name, sql in p.per_customer)
        keys = group_keys(cut)
        steps = steps.then("lines", f"select {keys}, {rows_where(p.where)} as _rows, {lines} from placed group by {keys}")
        names = ", ".join(quoted(n) for n, _ in p.per_customer)
        return steps.then(
            "behind",
            f"select _period_start as period_start, {member}_unit as customer_id, {names}, {of_one_row(p.sql)} as contribution\nfrom lines where _rows > 0 and {of_one_row(p.sql)} <> 0",
        )
    columns = ", ".join(quoted(c) for c in fact.columns_at(p.source.time))
    where = f"\nwhere {condition} and ({of_one_row(p.sql)}) <> 0" if condition else f"\nwhere ({of_one_row(p.sql)}) <> 0"
    return steps.then("behind", f"select {member}{columns}, {of_one_row(p.sql)} as contribution\nfrom placed{where}")


def compile_value_rows(d: Distribution, cut: Cut) -> Steps:
    """The rows behind a distribution: each with its ``contribution``, the value; durations in seconds, NULL where the end is awaited."""
    fact = facts()[d.source.fact]
    steps = placed_rows(Steps(), d.source, cut, "")
    member = "_member as member, " if cut.dimension else ""
    columns = ", ".join(quoted(c) for c in fact.columns_at(d.source.time))
    if d.value is not None:
        value = f"cast({d.value} as {CELL})"
        counts = f"({d.value}) is not null"
    else:
        starts, ends = quoted(d.starts or ""), quoted(d.ends or "")
        value = f"cast((epoch_us({ends}) - epoch_us({starts})) // 1000000 as BIGINT)"
        # an end before the start, and one that will not come any more, are missing
        counts = f"({ends} >= {starts} or ({ends} is null and not coalesce({d.is_over or 'false'}, false)))"
    where = f"\nwhere {' and '.join(f'({c})' for c in (d.where, counts) if c)}" if d.where or counts else ""
    # the business clock runs over many rows at once; behind it stands each row's plain time
    name = "calendar_seconds" if d.is_business else "contribution"
    return steps.then("behind", f"select {member}{columns}, {value} as {name}\nfrom placed{where}")
