"""A review as a document: what it tells in numbers, tables and charts, and in sentences that are made of those numbers by rules."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal

from babel.numbers import format_decimal

from keepwell.core.periods import JUDGED
from keepwell.core.settings import Locale, Settings
from keepwell.metrics.kpi import Kpi, Unit
from keepwell.metrics.reading import Reading, Status
from keepwell.models.stored import ModelCard
from keepwell.models.transitions import labels
from keepwell.performance.scorecards.scored import ScoredItem
from keepwell.performance.targets.standing import State
from keepwell.surfaces.changed import Moved
from keepwell.surfaces.codes import title_of
from keepwell.surfaces.figures import BABEL_LOCALES, change_words, figure, interval_or_empty, short_money, value_or_words
from keepwell.surfaces.judged import baseline_title, measure_title
from keepwell.surfaces.reports.document import (
    Block,
    Cell,
    Chart,
    ChartKind,
    Document,
    Heading,
    Points,
    Section,
    Series,
    Table,
    Text,
    Tile,
    Tiles,
    Tone,
)
from keepwell.surfaces.reports.written import said_points, written_sections
from keepwell.surfaces.reviews import Headline, Moves, Review, worsened
from keepwell.surfaces.sentences import sentence, signed
from keepwell.surfaces.targets import Checked
from keepwell.surfaces.words import words_of

FORMS = {
    Unit.MONEY: "#,##0.00",
    Unit.SHARE: "0.0%",
    Unit.COUNT: "#,##0.#",
    Unit.SECONDS: '#,##0" s"',
}
CHART_FORMS = {Unit.MONEY: "#,##0", Unit.COUNT: "#,##0", Unit.SHARE: "0%", Unit.SECONDS: '#,##0.#" h"'}
SECONDS_AN_HOUR = 3_600
PLAIN_FORM, POINTS_FORM = "#,##0.0#", "0.0"
GOOD, BAD = (State.REACHED, State.ON_TRACK), (State.OFF_TRACK, State.MISSED)
STATE_TONES = {
    State.REACHED: Tone.BETTER, State.ON_TRACK: Tone.BETTER, State.AT_RISK: Tone.WARN, State.OFF_TRACK: Tone.WORSE, State.MISSED: Tone.WORSE,
}  # fmt: skip
SHORT_FROM = 10_000  # amounts of the many columns of targets
MOST_FLOWS, MOST_AGENDA, SAID_HEADLINES, SAID_FLOWS = 10, 8, 3, 2


def review_document(found: Review, settings: Settings, company: str, language: Locale) -> Document:
    """The whole report in a language; ``settings`` are the workspace's, ``company`` what it calls itself."""
    return _Writer(found, replace(settings, locale=language), company).document()


@dataclass(frozen=True)
class _Writer:
    """Words and cells of one review in one language."""

    found: Review
    settings: Settings
    company: str

    def say(self, name: str, **given: object) -> str:
        return words_of(self.settings.locale)(name).format(**given)

    def document(self) -> Document:
        r = self.found
        sections = (
            Section("summary", self.say("review_summary"), (*self._summary(), self._tiles())),
            Section("moved", self.say("review_moved"), tuple(self._moved())),
            Section(
                "trends",
                self.say("review_trends"),
                tuple(self._trend(h) for h in r.headlines if sum(x.value is not None for x in h.series) > 1),
            ),
            *((Section("scorecard", self.say("review_scorecard"), (self._card(),)),) if r.period.grain in JUDGED else ()),
            Section("targets", self.say("review_targets"), (self._targets(),)),
            Section("customers", self.say("review_customers"), tuple(self._customers())),
            Section("models", self.say("review_models"), (self._models(),)),
            *written_sections(r.meeting, self.settings),
            Section("agenda", self.say("review_agenda"), (Points(tuple(self._agenda())),)),
            Section("all", self.say("review_all"), (self._all(),)),
        )
        about = (
            self.say("review_from", company=self.company, computed=f"{r.run.finished_at:%Y-%m-%d}", until=r.run.as_of),
            self.say("review_about_run", run=r.run.run_id, currency=self.settings.currency),
            *((self.say("review_open"),) if r.is_open else ()),
        )
        title = self.say("review_title", period=r.period.label)
        return Document(
            title,
            self.company,
            self.settings.locale,
            about,
            tuple(s for s in sections if s.blocks),
            words_of(self.settings.locale)("review_page"),
        )

    # ------------------------------------------------------------ sentences

    def _summary(self) -> Iterable[Block]:
        r, changes = self.found, self.found.movements
        better = sum(m.is_better is True for m in r.shown)
        worse = sum(m.is_better is False for m in r.shown)
        if changes.found:
            numbers = {"real": changes.real, "compared": changes.compared, "chance": f"{changes.by_chance:.0f}", "told": len(r.shown)}
            yield Text(self.say("review_said_moved", **numbers, better=better, worse=worse))
        else:
            yield Text(self.say("review_said_nothing", compared=changes.compared))
        said = [self._said_headline(h) for h in r.headlines[:SAID_HEADLINES]]
        yield Points((*said, *self._said_card(), *self._said_targets(), *self._said_flows()))

    def _said_headline(self, h: Headline) -> str:
        change = change_words(h.reading.change_previous, h.reading.change_previous_is_real, h.kpi, self.settings)[0]
        value = self._value(h.kpi, h.reading.value)
        if not change:
            return self.say("review_said_headline_plain", title=self._title(h.kpi), value=value)
        return self.say("review_said_headline", title=self._title(h.kpi), value=value, previous=change)

    def _said_card(self) -> Iterable[str]:
        card = self.found.card
        if card is None or card.total is None or card.grade is None:
            return
        yield self.say("review_said_card", total=_points(card.total), grade=self.say(f"grade_{card.grade}"))
        lost = [(i.share * (100 - i.points), i) for i in card.items if i.points is not None and i.points < 100]
        if lost:
            weakest = max(lost, key=lambda pair: pair[0])[1]
            points = _points(weakest.points or Decimal(0))
            yield self.say("review_said_weakest", title=self._item_title(weakest), points=points, share=_points(weakest.share))

    def _said_targets(self) -> Iterable[str]:
        states = [c.standing.state for c in self.found.targets]
        if states:
            good, bad = sum(s in GOOD for s in states), sum(s in BAD for s in states)
            yield self.say("review_said_targets", all=len(states), good=good, risk=states.count(State.AT_RISK), bad=bad)

    def _said_flows(self) -> Iterable[str]:
        for moves in self.found.moves:
            for flow in moves.flows[:SAID_FLOWS]:
                before, after = self._state(moves, flow.before), self._state(moves, flow.after)
                state = self.say(f"review_{moves.state}")
                yield self.say("review_said_flow", customers=self._count(flow.customers), before=before, after=after, state=state)

    def _agenda(self) -> Iterable[str]:
        made = [self.say("review_agenda_worse", title=self._subject(m), change=self._change(m)) for m in worsened(self.found)[:3]]
        for c in self.found.targets:
            if c.standing.state in {State.AT_RISK, *BAD}:
                state = self.say(f"target_{c.standing.state}")
                made.append(self.say("review_agenda_target", title=self._title(c.kpi), by=c.target.aim.period, state=state))
        best = next((m for m in self.found.shown if m.is_better), None)
        if best is not None:
            made.append(self.say("review_agenda_better", title=self._subject(best), change=self._change(best)))
        # what people put on it comes whole, and last
        made = [*made[:MOST_AGENDA], *said_points(self.found.meeting, self.settings)]
        return made or [self.say("review_agenda_nothing")]

    # -------------------------------------------------------- tiles, charts

    def _tiles(self) -> Tiles:
        return Tiles(tuple(self._tile(h) for h in self.found.headlines))

    def _tile(self, h: Headline) -> Tile:
        r = h.reading
        change = self._changed(h.kpi, r)
        return Tile(
            h.kpi.name, self._title(h.kpi), self._reading_cell(h.kpi, r), interval_or_empty(r, h.kpi, self.settings),
            change if change.words else None,
        )  # fmt: skip

    def _trend(self, h: Headline) -> Chart:
        """The periods up to this one; durations in hours, for an axis in seconds says nothing."""
        unit = Decimal(SECONDS_AN_HOUR) if h.kpi.unit is Unit.SECONDS else Decimal(1)
        form = CHART_FORMS.get(h.kpi.unit, _form(h.kpi))
        cells = tuple(Cell(self._value(h.kpi, r.value), None if r.value is None else r.value / unit, form) for r in h.series)
        low, high = (tuple(None if v is None else Decimal(str(v)) / unit for v in bounds) for bounds in _ends(h.series))
        series = Series(self._title(h.kpi), cells, *((low, high) if any(v is not None for v in low) else ()))
        return Chart(f"trend_{h.kpi.name}", self._title(h.kpi), ChartKind.LINES, tuple(r.period for r in h.series), (series,), form)

    # --------------------------------------------------------------- tables

    def _moved(self) -> Iterable[Block]:
        heads = (
            Heading(self.say("kpi"), width=4), *(Heading(self.say(f"review_{n}"), is_number=True, width=2) for n in ("before", "now", "change")),
            Heading(self.say("interval"), is_number=True, width=3), Heading(self.say("review_direction")),
        )  # fmt: skip
        rows = tuple(self._moved_row(m) for m in self.found.shown)
        yield Table("moved", self.say("review_moved"), heads, rows, self.say("review_chance_note"), self.say("review_no_moves"))
        if self.found.reasons:
            kpis = {m.kpi.name: m.kpi for m in self.found.shown}
            yield Points(tuple(sentence(e, kpis[name], self.settings) for name, e in self.found.reasons.items()))

    def _moved_row(self, m: Moved) -> tuple[Cell, ...]:
        meant = {True: ("better", Tone.BETTER), False: ("worse", Tone.WORSE), None: ("neither", Tone.PLAIN)}[m.is_better]
        form = _form(m.kpi)
        bounds = (m.low, m.high)
        interval = " – ".join(signed(Decimal(str(b)), m.kpi.unit, self.settings) for b in bounds if b is not None)
        return (
            Cell(self._subject(m)), Cell(self._value(m.kpi, m.before), m.before, form), self._reading_cell(m.kpi, m.reading),
            Cell(self._change(m), m.change, form, meant[1]), Cell(interval), Cell(self.say(f"review_{meant[0]}"), tone=meant[1]),
        )  # fmt: skip

    def _card(self) -> Table:
        heads = tuple(Heading(self.say(f"scorecard_{n}"), is_number=n not in {"item", "change"}, width=w) for n, w in (("item", 4), ("value", 2), ("target", 2), ("change", 2), ("points", 1), ("share", 1)))  # fmt: skip
        card = self.found.card
        empty = self.say("review_no_card")
        if card is None or card.total is None:
            return Table("scorecard", self.say("review_scorecard"), heads, (), empty=empty)
        total = (Cell(self.say("scorecard_total")), Cell(self.say(f"grade_{card.grade}")), Cell(""), Cell(""), Cell(_points(card.total), card.total, POINTS_FORM), Cell(""))  # fmt: skip
        rows = (*(self._card_row(i) for i in card.items), total)
        note = self.say("scorecard_known", share=f"{card.known:.0f} %")
        return Table("scorecard", card.card.title[self.settings.locale], heads, rows, note, empty)

    def _card_row(self, i: ScoredItem) -> tuple[Cell, ...]:
        kpi, r = self._kpi_or_none(i.item.kpi or ""), i.reading
        points = Cell("—") if i.points is None else Cell(_points(i.points), i.points, POINTS_FORM)
        share = Cell(f"{_points(i.share)} %", i.share, '0.0" %"')
        if kpi is None or r is None:
            why = self.say(f"scorecard_{i.without}") if i.without else ""
            return Cell(self._item_title(i)), Cell(why), Cell(""), Cell(""), points, share
        target = Cell("") if i.target is None else Cell(self._value(kpi, i.target), i.target, _form(kpi))
        return Cell(self._item_title(i)), self._reading_cell(kpi, r), target, self._changed(kpi, r), points, share

    def _targets(self) -> Table:
        columns = (("baseline", 3), ("value", 3), ("expected", 3), ("aim", 3), ("forecast", 3), ("probability", 2))
        heads = (
            Heading(self.say("kpi"), width=6), Heading(self.say("target_slice"), width=3), Heading(self.say("target_deadline"), width=3),
            *(Heading(self.say(f"target_{n}"), is_number=True, width=w) for n, w in columns), Heading(self.say("target_state"), width=3),
        )  # fmt: skip
        rows = tuple(self._target_row(c) for c in self.found.targets)
        empty = self.say("review_no_targets" if self.found.is_latest else "review_targets_elsewhere")
        return Table("targets", self.say("review_targets"), heads, rows, empty=empty)

    def _target_row(self, c: Checked) -> tuple[Cell, ...]:
        aim, s = c.target.aim, c.standing
        values = (c.target.now.baseline, s.value, s.expected, aim.value, s.forecast.value if s.forecast else None)
        cells = (Cell("") if v is None else Cell(self._short(c.kpi, v), _exact(v), _form(c.kpi)) for v in values)
        likely = Cell("") if s.probability is None else Cell(f"{s.probability:.0%}", _exact(s.probability), "0%")
        whose = aim.slice.member if aim.slice.member is not None else self.say("target_company")
        state = Cell(self.say(f"target_{s.state}"), tone=STATE_TONES.get(s.state, Tone.PLAIN))
        return Cell(self._title(c.kpi)), Cell(whose), Cell(aim.period), *cells, likely, state

    def _customers(self) -> Iterable[Block]:
        if not self.found.moves:
            yield Text(self.say("review_no_flows"))
        for moves in self.found.moves:
            heads = tuple(Heading(self.say(f"review_flow_{n}"), is_number=n in {"customers", "share"}) for n in ("before", "after", "customers", "share"))  # fmt: skip
            rows = tuple(
                (Cell(self._state(moves, f.before)), Cell(self._state(moves, f.after)), Cell(self._count(f.customers), f.customers, "#,##0"), Cell(f"{f.share:.1%}", _exact(f.share), "0.0%"))
                for f in moves.flows[:MOST_FLOWS]
            )  # fmt: skip
            ends = {"earlier": moves.earlier.as_of, "later": moves.later.as_of}
            note = self.say("review_flow_note", stayed=self._count(moves.stayed), **ends)
            yield Table(f"moves_{moves.state}", self.say(f"review_{moves.state}"), heads, rows, note, self.say("review_no_moves"))

    def _models(self) -> Table:
        heads = (
            Heading(self.say("review_model"), width=2), Heading(self.say("meaning"), width=5), Heading(self.say("review_measure"), width=3),
            Heading(self.say("value"), is_number=True), Heading(self.say("review_baseline"), width=2), Heading(self.say("value"), is_number=True),
            Heading(self.say("review_holds"), width=2),
        )  # fmt: skip
        rows = tuple(self._model_row(m) for m in self.found.models.get(self.settings.locale, ()))
        return Table("models", self.say("review_models"), heads, rows, empty=self.say("review_no_models"))

    def _model_row(self, m: ModelCard) -> tuple[Cell, ...]:
        """The measure by which a model is believed: that with something to beat, else its first."""
        told = [x for x in m.measures if x["value"] is not None]
        best = next((x for x in told if x["beats_baseline"] is not None), next(iter(told), None))
        head = (Cell(m.title), Cell(m.meaning))
        if best is None:
            return (*head, *(Cell(""),) * 4, Cell(self.say("review_refused") if m.refused else ""))
        word = words_of(self.settings.locale)
        baseline = baseline_title(best["baseline"], word) if best["baseline"] else ""
        holds = {True: ("review_beats", Tone.BETTER), False: ("review_beats_not", Tone.WARN), None: (None, Tone.PLAIN)}[
            best["beats_baseline"]
        ]
        return (
            *head, Cell(measure_title(best["measure"], word)), self._measured(best["value"]), Cell(baseline), self._measured(best["baseline_value"]),
            Cell(self.say(holds[0]) if holds[0] else "", tone=holds[1]),
        )  # fmt: skip

    def _measured(self, value: float | None) -> Cell:
        if value is None:
            return Cell("")
        return Cell(format_decimal(value, format="#,##0.0##", locale=BABEL_LOCALES[self.settings.locale]), _exact(value), "#,##0.0##")

    def _all(self) -> Table:
        heads = (
            Heading(self.say("kpi"), width=4), Heading(self.say("value"), is_number=True, width=2), Heading(self.say("interval"), is_number=True, width=3),
            Heading(self.say("n"), is_number=True), Heading(self.say("review_previous"), is_number=True, width=2), Heading(self.say("review_real")),
        )  # fmt: skip
        return Table("readings", self.say("review_all"), heads, tuple(self._reading_row(k, r) for k, r in self.found.readings))

    def _reading_row(self, kpi: Kpi, r: Reading) -> tuple[Cell, ...]:
        change = (
            Cell("")
            if r.change_previous is None
            else Cell(signed(r.change_previous, kpi.unit, self.settings), r.change_previous, _form(kpi))
        )
        real = "" if r.change_previous_is_real is None else self.say("review_yes" if r.change_previous_is_real else "review_no")
        interval = interval_or_empty(r, kpi, self.settings)
        return Cell(self._title(kpi)), self._reading_cell(kpi, r), Cell(interval), Cell(self._count(r.n), r.n, "#,##0"), change, Cell(real)

    # ---------------------------------------------------------------- words

    def _title(self, kpi: Kpi) -> str:
        return kpi.title[self.settings.locale]

    def _kpi_or_none(self, name: str) -> Kpi | None:
        return self.found.kpis.get(name)

    def _item_title(self, i: ScoredItem) -> str:
        if i.item.manual is not None:
            return i.item.manual.title[self.settings.locale]
        kpi = self._kpi_or_none(i.item.kpi or "")
        return title_of(kpi, i.item.by, i.item.member, self.settings.locale) if kpi else i.item.name

    def _subject(self, m: Moved) -> str:
        return title_of(m.kpi, m.reading.dimension, m.reading.member, self.settings.locale)

    def _state(self, moves: Moves, value: str) -> str:
        known = labels(moves.state).get(value)
        return known[1 if self.settings.locale is Locale.CHINESE else 0] if known else value

    def _change(self, m: Moved) -> str:
        return signed(m.change, m.kpi.unit, self.settings)

    def _value(self, kpi: Kpi, value: Decimal | None) -> str:
        return "—" if value is None else figure(value, kpi.unit, self.settings)

    def _short(self, kpi: Kpi, value: Decimal | float) -> str:
        return short_money(value, self.settings, SHORT_FROM) if kpi.unit is Unit.MONEY else figure(value, kpi.unit, self.settings)

    def _count(self, value: int) -> str:
        return figure(Decimal(value), Unit.COUNT, self.settings)

    def _reading_cell(self, kpi: Kpi, r: Reading) -> Cell:
        form = _form(kpi)
        if r.status is Status.TOO_FEW:
            # a spreadsheet says so beside the number, too
            form = f'{form}" ({self.say("too_few")})"'
        return Cell(value_or_words(r, kpi, self.settings), r.value, form)

    def _changed(self, kpi: Kpi, r: Reading) -> Cell:
        """The change with an arrow where it is real; in words, and no number, where it is not."""
        words, tone = change_words(r.change_previous, r.change_previous_is_real, kpi, self.settings)
        if not r.change_previous_is_real:
            return Cell(words)
        form = _form(kpi)
        return Cell(words, r.change_previous, f"▲ {form};▼ {form}", Tone(tone) if tone else Tone.PLAIN)


def _form(kpi: Kpi) -> str:
    return FORMS.get(kpi.unit, PLAIN_FORM)


def _ends(series: Sequence[Reading]) -> tuple[list[float | None], list[float | None]]:
    return [r.ci_low for r in series], [r.ci_high for r in series]


def _points(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.1'), ROUND_HALF_EVEN):f}"


def _exact(value: Decimal | float | None) -> Decimal | None:
    return None if value is None else value if isinstance(value, Decimal) else Decimal(str(value))
