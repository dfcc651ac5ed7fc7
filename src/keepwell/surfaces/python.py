"""The Python API: a workspace opened, its KPIs and customers read."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from keepwell.access.scope import EVERYTHING, Scope
from keepwell.access.visible import Readable, seen_tables
from keepwell.core.clock import Clock, SystemClock, local_day, today
from keepwell.core.errors import KeepwellError, UnknownError, WrongUseError, did_you_mean
from keepwell.core.periods import Grain, Period, Span
from keepwell.core.workspace import Workspace as Place
from keepwell.core.workspace import open_workspace
from keepwell.core.yaml_file import YamlError
from keepwell.customers.attention import Called, called
from keepwell.customers.book import Book, book_of, is_ready
from keepwell.customers.card import CustomerCard, Reason, Wording, card_in_book, customer_card
from keepwell.customers.lists import customer_list
from keepwell.customers.one import opened
from keepwell.customers.people import Filters, Page, People, people, regions_of, whole_list
from keepwell.customers.search import Hit, search
from keepwell.customers.timeline import Timeline, timeline
from keepwell.customers.whole import Customer360, customer_360
from keepwell.engine.walls import check_expression
from keepwell.lake import runs
from keepwell.lake.lake import Lake
from keepwell.lake.results import with_results
from keepwell.lake.runs import Run
from keepwell.metrics.evaluate import Question, evaluate, rows_of
from keepwell.metrics.example import Executed, execute
from keepwell.metrics.explain import Explanation, WithLateRows, check_periods, explain, restated
from keepwell.metrics.kpi import Kpi, kpi
from keepwell.metrics.kpi_file import catalogue
from keepwell.metrics.lineage import lineage, sources
from keepwell.metrics.measure import Shape
from keepwell.metrics.reading import Reading, Readings
from keepwell.metrics.session import Ground, Session, Tables
from keepwell.models.stored import ModelCard, model_card, model_cards
from keepwell.models.transitions import transitions
from keepwell.surfaces.answers import Behind, Definition, Explained, Moves, Rows
from keepwell.surfaces.events import Event, events_of
from keepwell.surfaces.stored import check_same_definitions, stored_or_none
from keepwell.surfaces.worker.engines import reading_engine
from keepwell.surfaces.worker.refresh import choices_of, ground_of

if TYPE_CHECKING:
    from keepwell.engine.duckdb import DuckDBEngine
    from keepwell.engine.spark import SparkEngine
    from keepwell.surfaces.audiences import Audiences


def open(folder: str | Path = ".") -> "Workspace":  # noqa: A001 - reads as keepwell.open("folder")
    """The workspace in ``folder``. Nothing is computed until it is asked for."""
    return Workspace(open_workspace(folder), SystemClock())


@dataclass(frozen=True)
class Workspace:
    """A workspace to read from. Every reading comes from the same evaluator as on the command line and the pages.

    ``scope`` says whose customers it shows and whether with personal data: by default all, as to commands on the machine.
    """

    place: Place
    clock: Clock
    scope: Scope = EVERYTHING
    known_by: Run | None = None

    def seen_by(self, scope: Scope) -> "Workspace":
        """The same workspace as somebody sees it: every number, list and card rests on the customers whom ``scope`` shows.

        What models found of all customers stays, and so do definitions and runs. A customer who is hidden is as unknown as one who is not there.
        """
        return replace(self, scope=scope)

    def at(self, run: Run | str) -> "Workspace":
        """The same workspace as that run knew it: numbers, reasons and rows rest on the versions that it read, and look from its day.

        Lists and cards of customers are those of the published run.
        """
        return replace(self, known_by=runs.run(self.lake, run) if isinstance(run, str) else run)

    def _ground(self, past: Run | None) -> Ground:
        """What the workspace settles for its KPIs, seen from today, or from the day on which that run was made."""
        return ground_of(self.place, local_day(past.started_at, self.place.settings.timezone) if past else self.today)

    def _session(self, engine: "DuckDBEngine | SparkEngine", lake: Lake, where: str | None, as_of: date | None) -> Session:
        past = self.known_by
        return Session(engine, self._tables(lake, past, where), self._ground(past), as_of or (past.as_of if past else None))

    @property
    def lake(self) -> Lake:
        s = self.place.settings
        return Lake(self.place.lake_folder, memory_limit=s.memory_limit, threads=s.threads)

    def _reader(self, lake: Lake) -> "DuckDBEngine | SparkEngine":
        """The engine that evaluates KPIs here."""
        return reading_engine(self.place.settings, lake)

    def _tables(self, lake: Lake, past: Run | None = None, where: str | None = None) -> Readable:
        """The lake as it is, or as that run knew it, as far as the scope shows it; ``where`` is a user's SQL that will be run over it."""
        found = with_results(lake, past)
        return seen_tables(found, found.base, lake, self.scope, is_barrier=where is not None)

    @property
    def today(self) -> date:
        return today(self.clock, self.place.settings.timezone)

    @property
    def kpis(self) -> dict[str, Kpi]:
        """The catalogue: the KPIs that are shipped and those of the workspace, by name. Faulty ones are left out."""
        return catalogue(self.place.kpi_folder, [])

    @property
    def kpi_problems(self) -> list[KeepwellError]:
        """What is wrong with the workspace's own KPI files; each names file, line and field."""
        found: list[YamlError] = []
        catalogue(self.place.kpi_folder, found)
        return list(found)

    def named(self, name: str, known: dict[str, Kpi] | None = None) -> Kpi:
        """The KPI of that name. One whose own file is faulty tells what is wrong with it; an unknown name answers with the nearest known one."""
        catalogue_ = self.kpis if known is None else known
        if name not in catalogue_:
            for fault in self.kpi_problems:
                if f": {name}: " in fault.message:
                    raise fault
        return kpi(name, catalogue_)

    def check_examples(self, *names: str) -> list[Executed]:
        """Execute the worked examples of KPIs; by default of all that are the workspace's own."""
        known = self.kpis
        wanted = [kpi(name, known) for name in names] or [k for k in known.values() if k.is_users]
        lake = self.lake
        found = []
        for k in wanted:
            with self._reader(lake) as engine:
                try:
                    found.append(execute(engine, k))
                except KeepwellError as error:
                    found.append(Executed(k, None, error.message))
        return found

    def kpi(  # noqa: PLR0913 - the ways to cut a reading, all by keyword
        self,
        *names: str,
        period: str = "all",
        grain: str | None = None,
        by: str | None = None,
        where: str | None = None,
        since: str | None = None,
        until: str | None = None,
        as_of: date | None = None,
        run: str | None = None,
        allow_changed: bool = False,
        versus: str | None = None,
    ) -> Readings:
        """Readings of one or several KPIs.

        ``period`` is a name such as ``2026-10``, ``FY2026-Q1`` or ``2026-01..2026-06``; ``since`` and ``until`` are periods too and give
        the first and the last one, both included. ``grain`` divides them, by default as they are named. ``by`` is a dimension, ``where``
        SQL over the fact's own and the customer's columns. ``run`` reads what that run knew instead of what is known now; a slice that it did not write is computed from
        its versions, and refused when a KPI is defined otherwise today, unless ``allow_changed``. ``versus`` is the period that
        ``change_previous`` compares with, instead of the one before; it is of the same grain.
        Unknown names, malformed periods and dimensions that do not fit raise :class:`~keepwell.core.errors.KeepwellError`.
        """
        known = self.kpis
        wanted = [self.named(name, known) for name in (names or tuple(known))]
        span = self._span(period, since, until)
        chosen = None if grain is None else _grain(grain)
        lake = self.lake
        past = runs.run(lake, run) if run else self.known_by
        snapshot = self._tables(lake, past, where)
        against = _whole(self.place.calendar.parse(versus, today=self.today)) if versus else None
        if against is not None and against.grain is not (chosen or span.grain):
            raise WrongUseError(f"{against.label} and {span.label} are not equally long.", "Periods of the same length can be compared.")
        question = Question(span, chosen, by, where, as_of or (past.as_of if past else None), against=against)
        if past:
            # what a run wrote down is of all customers
            stored = stored_or_none(lake, past, wanted, question, self.place.calendar) if self.scope.is_whole else None
            if stored is not None:
                return stored
            if not allow_changed:
                check_same_definitions(past, wanted)
        ground = self._ground(past)
        with self._reader(lake) as engine:
            found = evaluate(engine, snapshot, wanted, question, ground)
        return Readings(tuple(replace(r, run_id=past.run_id if past else None) for r in found))

    def explain(
        self,
        name: str,
        *,
        period: str = "last-month",
        versus: str | None = None,
        by: Sequence[str] = (),
        where: str | None = None,
        run: str | None = None,
        as_of: date | None = None,
    ) -> "Explained":
        """Why a KPI differs between ``period`` and ``versus`` (the period before, by default), in parts that add up exactly.

        ``by`` limits it to these dimensions; ``a+b`` means their combinations. With ``run``, why the period's number is another one today
        than that run knew: changed definition, late data, corrected data. Periods that can't be compared are an error.
        """
        known = self.kpis
        found = self.named(name, known)
        calendar = self.place.calendar
        later = _whole(calendar.parse(period, today=self.today))
        if run is not None:
            return Explained(self._restated(found, later, run))
        earlier = _whole(calendar.parse(versus, today=self.today)) if versus else calendar.previous_or_none(later)
        if earlier is None:
            raise WrongUseError(f"There is no period before {later.label}.", "Give the period to compare with: --versus.")
        check_periods(later, earlier)
        condition = check_expression(where) if where else None
        lake = self.lake
        with self._reader(lake) as engine:
            session = self._session(engine, lake, where, as_of)
            return Explained(explain(session, found, known, (later, earlier), by, condition))

    def _restated(self, found: Kpi, period: Period, run_id: str) -> Explanation:
        """The difference between a period's reading as the run knew it and as it is today."""
        lake = self.lake
        past = runs.run(lake, run_id)
        asked = period.label if period.grain is not Grain.ALL else "all"
        known = self.kpi(found.name, period=asked, run=run_id, allow_changed=True)[0]
        before, now = self._tables(lake, past), self._tables(lake)
        question = Question(period, period.grain, as_of=past.as_of, has_comparisons=False)

        def value(tables: Tables) -> Reading:
            with self._reader(lake) as engine:
                return evaluate(engine, tables, [found], question, self._ground(past))[0]

        return restated(replace(known, run_id=run_id), value(before), value(WithLateRows(before, now)), value(now))

    def rows(
        self,
        name: str,
        *,
        period: str = "last-month",
        part: str | None = None,
        by: str | None = None,
        where: str | None = None,
        limit: int | None = None,
        as_of: date | None = None,
    ) -> "list[Behind]":
        """The rows behind a reading, for each of its parts: of a ratio ``numerator`` and ``denominator``, of a formula its KPIs.

        Each row has ``contribution``, what it adds; the contributions of a part add up to it, except for different customers, who count once.
        """
        found = self.named(name)
        span = self.place.calendar.parse(period, today=self.today)
        question = Question(span, span.grain, by, check_expression(where) if where else None, as_of, has_comparisons=False)
        names = _part_names(found, self.kpis)
        if part is not None and part not in names:
            raise WrongUseError(f"{name} has no part {part!r}.", did_you_mean(part, names))
        lake = self.lake
        answers = []
        with self._reader(lake) as engine:
            session = self._session(engine, lake, where, as_of)
            for label, (owner, place) in names.items():
                if part is not None and label != part:
                    continue
                query = rows_of(session, owner, question, place)
                table = engine.arrow(query)
                table = table.sort_by([(c, "ascending") for c in table.column_names if not pa.types.is_map(table.schema.field(c).type)])
                shown = table.slice(0, limit) if limit is not None else table
                answers.append(Behind(label, Rows(shown), table.num_rows))
        return answers

    def events(self, name: str, period: str = "last-month") -> list[Event]:
        """What happened in a period that may have moved a KPI: campaigns that began, definitions that changed, imports and undoings."""
        span = self.place.calendar.parse(period, today=self.today)
        return events_of(self.lake, self.named(name), span.start, span.end, self.place.settings.timezone)

    def definition(self, name: str) -> Definition:
        """What a KPI means and where it comes from: entities, columns, sources, coverage and freshness."""
        found = self.named(name)
        came_from = lineage(found)
        lake = self.lake
        past = self.known_by
        snapshot = self._tables(lake, past)
        period = self.place.calendar.parse("last-month", today=past.as_of if past else self.today)
        with lake.engine(lake.folder / ".spill") as engine:
            came_from = replace(came_from, sources=sources(engine, snapshot, came_from))
        with self._reader(lake) as engine:
            question = Question(period, as_of=past.as_of if past else None, has_comparisons=False)
            readings = evaluate(engine, snapshot, [found], question, self._ground(past))
        reading = readings[0] if readings else None
        return Definition(found, came_from, period.label, reading.coverage if reading else None, reading.fresh_until if reading else None)

    def customers(
        self,
        where: str | None = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
        *,
        sort: str | None = None,
        segment: str | None = None,
        attention: str | Sequence[str] = (),
    ) -> Rows:
        """Customers without their personal columns; ``where`` is SQL over their columns and the scores of the published run.

        Ordered by id, or by the column ``sort``, highest first (``-`` before it: lowest first). ``segment`` is an RFM group, a
        lifecycle stage, a tier, a cluster, a churn band, or the name of a saved segment; ``attention`` one or
        several reasons of :meth:`attention`, of which one is enough.
        """
        called_for = (attention,) if isinstance(attention, str) else tuple(attention)
        try:
            if not called_for:
                return Rows(
                    customer_list(self.lake, where=where, columns=columns, sort=sort, segment=segment, limit=limit, scope=self.scope)
                )
            return self._audiences.listed(Filters(segment, attention=called_for, where=where), columns, sort, limit)
        except UnknownError:
            if segment is None:
                raise
            members = self._audiences.members_or_none(segment, Filters(attention=called_for, where=where), columns, sort, limit)
            if members is None:
                raise
            return members

    @property
    def _audiences(self) -> "Audiences":
        # the store's libraries take a while to load, and few lists need them
        from keepwell.surfaces.audiences import Audiences  # noqa: PLC0415 - see above

        return Audiences(self)

    def attention(self) -> tuple[Called, ...]:
        """What calls for attention today among the customers, what is worth most first: how many each reason names, and what they are worth.

        ``value_leaving``: in the churn band high and in the top tenth by CLV; ``silent``: tier A, and no contact for more than 90 days;
        ``overdue``: a case or complaint open past its day; ``contract_ending``: within 60 days, at high or medium churn risk. Days are counted to the day
        of the published run, before which nothing is told.
        """
        return called(self.book, self.scope)

    @property
    def book(self) -> Book:
        """The customers of the moment in memory."""
        return book_of(self.lake, self.place.settings.reading_memory_limit)

    @property
    def has_book(self) -> bool:
        """Whether the customers of the moment are in memory already."""
        return is_ready(self.lake)

    def people(self, filters: Filters | None = None, page: Page | None = None) -> People:
        """A page of customers, with totals of the whole list; names and addresses as far as the scope shows them.

        It reads what lies in memory: the first question after an import or a refresh takes longer than those after it.
        """
        return people(self.book, self.scope, filters or Filters(), page or Page())

    def everybody(self, filters: Filters, page: Page) -> Iterator[People]:
        """The whole list of customers in parts, all of one moment; ``page`` tells its columns and order."""
        return whole_list(self.book, self.scope, filters, page)

    def regions(self) -> tuple[str, ...]:
        """The regions of customers, that of most of them first."""
        return regions_of(self.book, self.scope)

    def search(self, text: str, limit: int = 10) -> list[Hit]:
        """Customers found by the beginning or a part of a name, its pinyin or initials, a phone number, an e-mail address or an id."""
        return search(self.book, self.scope, text, limit)

    def customer_360(self, customer_id: str) -> Customer360:
        """All that is known of one customer; one whom the scope hides is as unknown as one who is not there."""
        with opened(self.book, self.scope, customer_id, ground_of(self.place, self.today)) as reader:
            return customer_360(reader)

    def timeline(self, customer_id: str, kinds: Collection[str] = (), before: str | None = None, limit: int = 50) -> Timeline:
        """What happened with a customer, newest first; ``before`` is that of the page shown last."""
        with opened(self.book, self.scope, customer_id, ground_of(self.place, self.today)) as reader:
            return timeline(reader, kinds, before, limit)

    @property
    def group_labels(self) -> dict[str, tuple[str, str]]:
        """The words, English and Chinese, of the workspace's own RFM groups."""
        rules = choices_of(self.place).rfm
        return {g.name: g.label for g in (rules.groups if rules else None) or ()}

    def customer(self, customer_id: str) -> CustomerCard:
        """A customer's card: columns, scores of the published run, and why each score is what it is."""
        return customer_card(self.lake, customer_id, self._wording, self.scope)

    def reasons(self, customer_id: str) -> tuple[Reason, ...]:
        """Why each score of a customer is what it is, as the card says it, from what lies in memory; nothing without scores of models."""
        book = self.book
        if book.run is None or not {"customer_scores", "model_reports"} <= book.run.results.keys():
            return ()
        return card_in_book(book, customer_id, self._wording, self.scope).reasons

    @property
    def _wording(self) -> Wording:
        settings = self.place.settings
        return Wording(settings.locale, settings.currency, self.group_labels)

    def models(self, run: str | None = None) -> list[ModelCard]:
        """What the estimators of the published run, or of ``run``, found, and how well each holds."""
        return model_cards(self.lake, self.place.settings.locale, run)

    def model(self, name: str, run: str | None = None) -> ModelCard:
        """One of :meth:`models`."""
        return model_card(self.lake, self.place.settings.locale, name, run, self.group_labels, self.scope)

    def transitions(self, state: str, *, since: str | date | None = None, until: str | date | None = None) -> Moves:
        """How many customers went from each tier, lifecycle stage (``lifecycle``) or RFM group (``rfm``) to each other between two runs.

        ``since`` and ``until`` are runs or days (the last run that looks from then or earlier); by default the published run and the last
        one from an earlier day. Every customer of either run is counted once, who came and who went apart. Unknown runs, and runs
        without such scores, raise :class:`~keepwell.core.errors.KeepwellError`.
        """
        return Moves(transitions(self.lake, state, since, until, self.scope))

    def runs(self) -> list[Run]:
        """Every run, oldest first."""
        return runs.all_runs(self.lake)

    def _span(self, period: str, since: str | None, until: str | None) -> Span:
        calendar = self.place.calendar
        if since is None and until is None:
            return calendar.parse(period, today=self.today)
        first = calendar.parse(since, today=self.today) if since else None
        last = calendar.parse(until, today=self.today) if until else None
        grain = first.grain if first else last.grain if last else Grain.ALL
        start = first.start if first else date.min
        end = last.end if last else date.max
        if end < start:
            raise WrongUseError(f"{until} ends before {since} starts.", "Give `since` before `until`.")
        return Span(f"{since or ''}..{until or ''}", grain, start, end)


def _whole(span: Span) -> Period:
    """A span that is one period."""
    if ".." in span.label:
        raise WrongUseError(f"{span.label} is no single period.", "Give one period, such as 2026-10 or 2026-Q3.")
    return Period(span.label, span.grain, span.start, span.end)


def _part_names(found: Kpi, known: dict[str, Kpi]) -> dict[str, tuple[Kpi, int]]:
    """The names of a KPI's parts, each with the KPI and the place among its parts where it is computed."""
    if found.measure.needs:
        named: dict[str, tuple[Kpi, int]] = {}
        for name in found.measure.needs:
            other = kpi(name, known)
            own = _part_names(other, known)
            named |= {name if len(own) == 1 else f"{name}.{label}": place for label, place in own.items()}
        return named
    if found.measure.distribution:
        return {"values": (found, 0)}
    if found.measure.shape is Shape.NPS:
        return {"promoters": (found, 0), "detractors": (found, 1), "answers": (found, 2)}
    if len(found.measure.parts) == 1:
        return {"rows": (found, 0)}
    return {"numerator": (found, 0), "denominator": (found, 1)}


def _grain(name: str) -> Grain:
    try:
        return Grain(name)
    except ValueError:
        raise WrongUseError(f"There is no grain {name!r}.", did_you_mean(name, [str(g) for g in Grain])) from None
