"""Segments as one person sees them: sizes, members and reasons of rules, over the customers whom that person may see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from keepwell.access.scope import with_regions_below
from keepwell.customers.lists import customer_columns
from keepwell.customers.people import LONGEST_PAGE, Filters, Page, people
from keepwell.engagement.segments import audience, reasons
from keepwell.engagement.segments.asked import Ground, rule_sql
from keepwell.engagement.segments.audience import Overlap, Size
from keepwell.engagement.segments.queries import Segment, segment_or_none
from keepwell.engagement.segments.reasons import Reason
from keepwell.engagement.segments.rule import Rule
from keepwell.engine.sql import Steps, quoted
from keepwell.store.db import Database, store_of
from keepwell.surfaces.answers import Rows
from keepwell.surfaces.python import Workspace

MOST_VALUES = 200


@dataclass(frozen=True)
class Audiences:
    """The questions of rules, asked of the customers of a workspace. Rules look from the day of the published run, as the scores do."""

    workspace: Workspace

    @property
    def ground(self) -> Ground:
        book = self.workspace.book
        day = book.run.as_of if book.run else self.workspace.today
        return Ground(day, lambda regions: with_regions_below(book.lake, regions))

    def filters(self, rule: Rule) -> Filters:
        """A list of those who belong."""
        return Filters(rule=rule_sql(rule, self.ground))

    def size(self, rule: Rule) -> Size:
        return audience.size(self.workspace.book, self.workspace.scope, rule_sql(rule, self.ground))

    def sizes(self, rules: Sequence[Rule]) -> list[Size]:
        ground = self.ground
        return audience.sizes(self.workspace.book, self.workspace.scope, [rule_sql(r, ground) for r in rules])

    def sizes_of(self, saved: Sequence[Segment]) -> dict[str, Size]:
        """Segment id -> its size; those whose rule means nothing any more have none."""
        whole = [s for s in saved if s.fault is None]
        return dict(zip((s.segment_id for s in whole), self.sizes([s.rule for s in whole]), strict=True))

    def overlaps(self, rule: Rule, others: Mapping[str, Rule]) -> list[Overlap]:
        ground = self.ground
        told = {name: rule_sql(r, ground) for name, r in others.items()}
        return audience.overlaps(self.workspace.book, self.workspace.scope, rule_sql(rule, ground), told)

    def reason(self, rule: Rule, customer_id: str) -> Reason:
        return reasons.reason(self.workspace.book, self.workspace.scope, rule, customer_id, self.ground)

    def values(self, column: str) -> list[str]:
        """The values that customers have, those of most customers first."""
        query = f"select {quoted(column)} as v from "
        with self.workspace.book.people(self.workspace.scope, is_barrier=False) as (cursor, people):
            steps = Steps().then("all_values", query + people)
            counted = "select v from all_values where v is not null group by v order by count(*) desc, v"
            rows: list[dict[str, Any]] = cursor.arrow(steps.then("most", f"{counted} limit {MOST_VALUES}")).to_pylist()
        return [str(r["v"]) for r in rows]

    def listed(self, filters: Filters, columns: Sequence[str] | None, sort: str | None, limit: int | None) -> Rows:
        """Those who pass the filters, as :meth:`.Workspace.customers` lists customers."""
        asked = list(dict.fromkeys(columns or customer_columns()))
        rows: list[dict[str, Any]] = []
        while limit is None or len(rows) < limit:
            most = LONGEST_PAGE if limit is None else min(LONGEST_PAGE, limit - len(rows))
            page = people(self.workspace.book, self.workspace.scope, filters, Page(asked, sort, len(rows), most))
            rows += [dict(r) for r in page.rows]
            if not page.rows or len(rows) >= page.total:
                break
        return Rows(pa.Table.from_pylist(rows) if rows else pa.table({c: pa.array([], pa.string()) for c in asked}))

    def members_or_none(
        self, name: str, others: Filters, columns: Sequence[str] | None, sort: str | None, limit: int | None
    ) -> Rows | None:
        """The members of a saved segment for whom the ``others`` hold too, where there is a segment of that name."""
        with store_of(self.workspace.place) as store, store.transaction(writes=False) as session:
            found = segment_or_none(session, name)
        if found is None:
            return None
        return self.listed(replace(others, segment=None, rule=rule_sql(found.rule, self.ground)), columns, sort, limit)

    def resolved(self, store: Database, filters: Filters) -> Filters:
        """The same filters; a saved segment named in them as its rule. Groups of the models keep their names."""
        if filters.segment is None:
            return filters
        with store.transaction(writes=False) as session:
            found = segment_or_none(session, filters.segment)
        return replace(filters, segment=None, rule=rule_sql(found.rule, self.ground)) if found else filters
