"""From the fields of an entry to what the KPI computes: parts with a formula, or a distribution."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from keepwell.core.errors import KeepwellError, did_you_mean
from keepwell.engine.aggregates import capped, check_additive, check_line, mean_or_none, paths_of, quantile_or_none, with_flat_paths
from keepwell.engine.walls import check_expression
from keepwell.metrics.dimensions import UnsliceableError, path_of
from keepwell.metrics.entry import PLACEHOLDER, Entry, filled
from keepwell.metrics.fact import STOCK_TIME, Fact, facts
from keepwell.metrics.formula import FormulaError, names_in, substituted
from keepwell.metrics.kpi import Kind, Kpi, Unit
from keepwell.metrics.measure import Distribution, Measure, Part, Placement, Shape, Source, Window

WINDOW = re.compile(r"(\d+) (months?|days?)")
MODEL_PARAMETER = re.compile(r"[a-z_]+\.[a-z][a-z0-9_]*")
SCORED = "scored_customers"  # the fact that models' KPIs rest on
LONGEST_WINDOW = {"m": 1_200, "d": 36_525}
# columns that every row has beside its fact's own
PERIOD_COLUMNS = ("period_start", "period_end")


@dataclass(frozen=True)
class MeasureBuilder:
    """From an entry's fields to its measure."""

    entry: Entry
    kind: Kind
    unit: Unit
    parameters: dict[str, int]

    def measure(self, known: set[str], other: Callable[[str], Kpi]) -> Measure:
        if self.kind is Kind.DERIVED:
            return self._derived(known, other)
        builders: dict[Kind, Callable[[], Measure]] = {
            Kind.SIMPLE: lambda: self._simple(self._source(Placement.FLOW)),
            Kind.RATIO: lambda: self._ratio(self._source(Placement.FLOW)),
            Kind.SURVEY: self._survey,
            Kind.RETENTION: self._retention,
            Kind.DURATION: self._duration,
            Kind.CUMULATIVE: self._cumulative,
            Kind.MODEL: self._model,
        }
        return builders[self.kind]()

    # ---------------------------------------------------------------- kinds

    def _simple(self, source: Source) -> Measure:
        sql = self._filled("expression")
        quantile = quantile_or_none(sql)
        if quantile is not None:
            value, q = quantile
            self._check_columns(source, "expression", value, check_expression)
            return Measure(Shape.DISTRIBUTION, distribution=Distribution(source, q, self._where(source), with_flat_paths(value)))
        averaged = mean_or_none(sql)
        if averaged is not None:
            total, count = averaged
            parts = (self._part(source, "expression", total), self._part(source, "expression", count))
            return Measure(Shape.RATIO, parts, "p0 / p1", counted=1)
        shape = Shape.STOCK if source.placement is Placement.STOCK else Shape.FLOW
        return Measure(shape, (self._part(source, "expression", sql),), "p0")

    def _ratio(self, source: Source) -> Measure:
        top = self.entry.get("top")
        if top is not None and not (isinstance(top, float) and 0 < top < 1):
            raise self.entry.error("top", f"is {top!r}", "It is a share between 0 and 1, such as 0.2.")
        numerator = self._part(source, "numerator", self._filled("numerator"))
        if top is not None:
            numerator = replace(numerator, top=str(top))
        parts = (numerator, self._part(source, "denominator", self._filled("denominator")))
        # of a share the numerator's rows are among the denominator's; what may exceed 1 says so
        is_subset = self.entry.get("is_subset") is not False
        shape = Shape.SHARE if self.unit is Unit.SHARE and top is None and is_subset else Shape.RATIO
        return Measure(shape, parts, "p0 / p1", counted=1)

    def _cumulative(self) -> Measure:
        written = str(self.entry.get("window"))
        found = WINDOW.fullmatch(written)
        if not found or not int(found[1]):
            raise self.entry.error("window", f"is {written!r}", "Write 12 months or 90 days.")
        if int(found[1]) > LONGEST_WINDOW[found[2][:1]]:
            raise self.entry.error("window", f"is {written!r}", "A century is the most.")
        window = Window(months=int(found[1])) if found[2].startswith("month") else Window(days=int(found[1]))
        source = replace(self._source(Placement.TRAILING), window=window)
        has_both = self.entry.get("numerator") is not None and self.entry.get("denominator") is not None
        if has_both is (self.entry.get("expression") is not None):
            raise self.entry.error("", "needs either an expression, or a numerator and a denominator")
        return self._ratio(source) if has_both else self._simple(source)

    def _model(self) -> Measure:
        if quantile_or_none(self._filled("expression")) is not None:
            raise self.entry.error("expression", "is a quantile", "Of scores there are sums and means: sum(clv), avg(clv), count(*).")
        bounds = self.entry.get("bounds") or []
        if not isinstance(bounds, list) or not all(isinstance(b, str) and MODEL_PARAMETER.fullmatch(b) for b in bounds):
            raise self.entry.error("bounds", f"is {bounds!r}", "Write a list of model.parameter, such as [clv.customer_equity].")
        found = self._simple(Source(SCORED, STOCK_TIME, Placement.STOCK))
        return replace(found, models=(str(self.entry.get("model")),), bounded_by=tuple(bounds))

    def _survey(self) -> Measure:
        measure = str(self.entry.get("measure"))
        fact, time = str(self.entry.get("fact") or "answers"), str(self.entry.get("time") or "answered_on")
        source = self._checked(Source(fact, time, Placement.FLOW))
        sums = {
            "nps": ("count(*) filter (where is_promoter)", "count(*) filter (where is_detractor)", "count(*)"),
            "satisfied": ("count(*) filter (where is_satisfied)", "count(*)"),
            "detractors": ("count(*) filter (where is_detractor)", "count(*)"),
            "mean": ("sum(points)", "count(*)"),
        }
        if measure not in sums:
            raise self.entry.error("measure", f"is {measure!r}", did_you_mean(measure, sums))
        # 11 points alone make no NPS: the question must be declared as one
        declared = "is_nps" if measure in {"nps", "detractors"} else None
        where = " and ".join(f"({w})" for w in (self._where(source), declared) if w) or None
        given = self.entry.get("counts")
        # where the scale does not say who is satisfied, the answer tells nothing
        usable = "is_answered and is_satisfied is not null" if measure == "satisfied" else "is_answered"
        counts = f"{usable} and ({given})" if given else usable
        parts = tuple(Part(source, sql, where, counts) for sql in sums[measure])
        if measure == "nps":
            return Measure(Shape.NPS, parts, "100 * (p0 - p1) / p2", counted=2)
        return Measure(Shape.RATIO if measure == "mean" else Shape.SHARE, parts, "p0 / p1", counted=1)

    def _retention(self) -> Measure:
        clock = str(self.entry.get("clock"))
        if clock not in {"previous_period", "cohort"}:
            raise self.entry.error("clock", f"is {clock!r}", did_you_mean(clock, ("previous_period", "cohort")))
        is_cohort = clock == "cohort"
        fact = str(self.entry.get("fact") or ("cohort_activity" if is_cohort else "activity"))
        time = str(self.entry.get("time") or ("first_on" if is_cohort else "active_on"))
        source = self._checked(Source(fact, time, Placement.COHORT if is_cohort else Placement.RETURNING))
        source = replace(source, where=self._where(source))
        if is_cohort:
            returned = str(self.entry.get("returned") or "in")
            if returned not in {"in", "since"}:
                raise self.entry.error("returned", f"is {returned!r}", "It is `in` (active in that period) or `since` (in it or later).")
            active = str(self.entry.get("returned_on") or "active_on")
            if active not in facts()[fact].columns:
                raise self.entry.error("returned_on", f"{fact} has no column {active!r}", did_you_mean(active, facts()[fact].columns))
            source = replace(source, returned_on=active, is_unbounded=returned == "since", age=self.entry.whole("age", 1))
        line = (("started", "count(*)"),)
        parts = (Part(source, "sum(returned)", per_customer=line), Part(source, "sum(started)", per_customer=line))
        return Measure(Shape.SHARE, parts, "p0 / p1", counted=1)

    def _duration(self) -> Measure:
        source = self._source(Placement.FLOW)
        clock = str(self.entry.get("clock") or "calendar")
        if clock not in {"calendar", "business"}:
            raise self.entry.error("clock", f"is {clock!r}", did_you_mean(clock, ("calendar", "business")))
        fact = facts()[source.fact]
        for field in ("starts", "ends"):
            if self.entry.get(field) not in fact.columns:
                raise self.entry.error(
                    field, f"{fact.name} has no instant {self.entry.get(field)!r}", did_you_mean(str(self.entry.get(field)), fact.columns)
                )
        if clock == "business" and "team" not in fact.columns:
            raise self.entry.error("clock", f"{fact.name} has no team, whose business hours would count")
        is_over = self.entry.get("is_over")
        if is_over is not None:
            self._check_columns(source, "is_over", str(is_over), check_expression)
        return Measure(
            Shape.DISTRIBUTION,
            distribution=Distribution(
                source,
                self._quantile(),
                self._where(source),
                None,
                self.entry.get("starts"),
                self.entry.get("ends"),
                with_flat_paths(str(is_over)) if is_over is not None else None,
                clock == "business",
            ),
        )

    def _quantile(self) -> str:
        value = self.entry.get("quantile")
        if not isinstance(value, float) or not 0 < value < 1:
            raise self.entry.error("quantile", f"is {value!r}", "It is a number between 0 and 1: 0.5 for the median.")
        return str(value)

    def _derived(self, known: set[str], other: Callable[[str], Kpi]) -> Measure:
        written = str(self.entry.get("expression"))
        try:
            names = names_in(written)
        except FormulaError as error:
            raise self.entry.error("expression", error.message, error.hint) from error
        parts: list[Part] = []
        replacements: dict[str, str] = {}
        counted: dict[str, int] = {}
        for name in names:
            if name not in known:
                raise self.entry.error("expression", f"there is no KPI {name!r}", did_you_mean(name, known))
            needed = other(name).measure
            if needed.distribution:
                raise self.entry.error("expression", f"{name} is a quantile, which can't be taken apart by customer")
            places = {}
            for i, part in enumerate(needed.parts):
                if part not in parts:
                    parts.append(part)
                places[f"p{i}"] = f"p{parts.index(part)}"
            replacements[name] = substituted(needed.formula, places)
            counted[name] = int(places[f"p{needed.counted}"][1:])
        if not names:
            raise self.entry.error("expression", "names no KPI")
        by = str(self.entry.get("n") or names[-1])
        if by not in counted:
            raise self.entry.error("n", f"{by!r} does not stand in the expression", did_you_mean(by, counted))
        formula = substituted(written, replacements)
        is_sum = not any(sign in written for sign in "/*")
        shapes = {other(name).measure.shape for name in names}
        models = tuple(dict.fromkeys(m for name in names for m in other(name).measure.models))
        shape = Shape.RATIO if not is_sum else Shape.STOCK if shapes == {Shape.STOCK} else Shape.FLOW
        return Measure(shape, tuple(parts), formula, counted[by], needs=tuple(names), models=models)

    # --------------------------------------------------------------- pieces

    def _source(self, placement: Placement) -> Source:
        fact, time = str(self.entry.get("fact")), str(self.entry.get("time"))
        return self._checked(Source(fact, time, Placement.STOCK if time == STOCK_TIME else placement))

    def _checked(self, source: Source) -> Source:
        if source.fact not in facts():
            raise self.entry.error("fact", f"there is no fact {source.fact!r}", did_you_mean(source.fact, facts()))
        fact = facts()[source.fact]
        times = (*fact.times, *([STOCK_TIME] if fact.stock_sql else []))
        if source.time not in times:
            raise self.entry.error("time", f"{fact.name} has no date {source.time!r}", did_you_mean(source.time, times))
        return source

    def _filled(self, field: str) -> str:
        return filled(str(self.entry.get(field)), self.parameters)

    def _where(self, source: Source) -> str | None:
        return self._condition(source, "where")

    def _condition(self, source: Source, field: str) -> str | None:
        if self.entry.get(field) is None:
            return None
        sql = self._filled(field)
        self._check_columns(source, field, sql, check_expression)
        return with_flat_paths(sql)

    def _part(self, source: Source, field: str, sql: str) -> Part:
        per_customer = self._per_customer(source)
        lines = dict(per_customer)
        if lines:
            self._check(field, sql, check_additive)
            for column in paths_of(sql):
                if column not in lines and column not in PERIOD_COLUMNS:
                    raise self.entry.error(field, f"a customer's line has no column {column!r}", did_you_mean(column, lines))
        else:
            self._check_columns(source, field, sql, check_additive)
        if self.entry.get("cap") is not None:
            sql = capped(sql, str(self.entry.positive_or_none("cap")))
        counts = self._condition(source, "counts") or (self._usable(source, sql) if self.kind is Kind.SIMPLE and not lines else None)
        return Part(source, with_flat_paths(sql), self._where(source), counts, per_customer)

    def _usable(self, source: Source, sql: str) -> str | None:
        """Rows whose values a plain sum can use; what it does not name is no condition."""
        optional = sorted(set(paths_of(sql)) & set(facts()[source.fact].optional_columns))
        return " and ".join(f'"{c}" is not null' for c in optional) or None

    def _per_customer(self, source: Source) -> tuple[tuple[str, str], ...]:
        value = self.entry.get("per_customer")
        if value is None:
            return ()
        if not isinstance(value, dict):
            raise self.entry.error("per_customer", "are names with aggregates", 'Write {orders: "count(*)"}.')
        found = []
        for name, written in value.items():
            sql = filled(str(written), self.parameters)
            self._check_columns(source, "per_customer", sql, check_line)
            found.append((str(name), with_flat_paths(sql)))
        return tuple(found)

    def _check(self, field: str, sql: str, check: Callable[[str], object]) -> None:
        if not self.entry.is_users:
            # what is shipped has passed in the suite; checking it at every start would take a second
            return
        left = PLACEHOLDER.search(sql)
        if left:
            raise self.entry.error(field, f"{left[0]} is no parameter", did_you_mean(left[1], self.parameters))
        try:
            check(sql)
        except KeepwellError as error:
            raise self.entry.error(field, error.message, error.hint) from error

    def _check_columns(self, source: Source, field: str, sql: str, check: Callable[[str], object]) -> None:
        if not self.entry.is_users:
            return
        self._check(field, sql, check)
        fact: Fact = facts()[source.fact]
        own = (*fact.columns_at(source.time), *PERIOD_COLUMNS)
        for name in paths_of(sql):
            if name in own:
                continue
            try:
                path_of(fact, source.time, name)
            except UnsliceableError as error:
                raise self.entry.error(field, f"{fact.name} has no column {name!r}", did_you_mean(name, (*own, *error.known))) from error
