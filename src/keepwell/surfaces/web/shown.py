"""Readings as pages show them: figure, interval as a whisker, change in words, the last periods as a line. No number is made here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from keepwell.metrics.kpi import Kpi, Unit
from keepwell.metrics.reading import Reading
from keepwell.surfaces.figures import amount_of_change, change_words, interval_or_empty, value_or_words
from keepwell.surfaces.web.visit import Visit

TREND_PERIODS = 12
WIDTH, HEIGHT = 120.0, 32.0  # of the small line, in its own units
MARGIN = 3.0
ENOUGH = 0.95  # of the rows bring what the KPI needs
LEAST_TOLD = 0.005  # less would be told as 0 percent
LATE = timedelta(days=7)


@dataclass(frozen=True)
class Chip:
    """A change: its words, and whether it is better, worse or neither."""

    words: str
    tone: str  # better | worse | none
    exact: Decimal | None


@dataclass(frozen=True)
class Whisker:
    """Where value, interval and benchmark lie on one line, in parts of 100."""

    value: float
    low: float | None
    high: float | None
    benchmark: float | None


@dataclass(frozen=True)
class Line:
    """A small line: SVG points of each unbroken stretch, and the last point."""

    stretches: tuple[str, ...]
    last: tuple[float, float] | None


@dataclass(frozen=True)
class Shown:
    """A reading with all that a tile or a row of a scorecard shows of it."""

    kpi: str
    title: str
    meaning: str
    period: str
    member: str | None
    value: str
    short: str  # the value where there is little room
    has_value: bool
    interval: str
    n: int
    missing: int
    chip: Chip
    versus_previous: Chip
    versus_last_year: Chip
    benchmark: str
    whisker: Whisker | None
    line: Line
    is_open: bool
    data_state: str  # fresh | late | thin
    data_words: str
    exact: Reading


def shown(reading: Reading, kpi: Kpi, series: Sequence[Reading], visit: Visit, compare: str = "previous") -> Shown:
    """``series`` are the periods up to this one, oldest first; ``compare`` says with what the first chip compares."""
    settings = visit.settings
    previous = _chip(reading.change_previous, reading.change_previous_is_real, kpi, visit)
    last_year = _chip(reading.change_last_year, reading.change_last_year_is_real, kpi, visit)
    state, words = _data(reading, visit)
    last = list(series)[-TREND_PERIODS:]
    return Shown(
        kpi=kpi.name,
        title=kpi.title[settings.locale],
        meaning=kpi.meaning[settings.locale],
        period=reading.period,
        member=reading.member,
        value=value_or_words(reading, kpi, settings),
        short=_short(reading, kpi, visit),
        has_value=reading.value is not None,
        interval=interval_or_empty(reading, kpi, settings),
        n=reading.n,
        missing=reading.missing,
        chip=last_year if compare == "year" else previous,
        versus_previous=previous,
        versus_last_year=last_year,
        benchmark=visit.figure(kpi.benchmark.value, kpi.unit) if kpi.benchmark else "",
        whisker=_whisker(reading, kpi, last),
        line=line([None if r.value is None else float(r.value) for r in last]),
        is_open=reading.is_open,
        data_state=state,
        data_words=words,
        exact=reading,
    )


def _short(reading: Reading, kpi: Kpi, visit: Visit) -> str:
    """Large amounts of money in thousands and millions; all else as it is."""
    if reading.value is None or kpi.unit is not Unit.MONEY:
        return value_or_words(reading, kpi, visit.settings)
    return visit.short_money(reading.value)


def _chip(change: Decimal | None, is_real: bool | None, kpi: Kpi, visit: Visit) -> Chip:
    words, tone = change_words(change, is_real, kpi, visit.settings)
    return Chip(words, tone or "none", change)


def _whisker(reading: Reading, kpi: Kpi, series: Sequence[Reading]) -> Whisker | None:
    """On the range of the last periods, so that a wide interval looks wide."""
    if reading.value is None:
        return None
    benchmark = kpi.benchmark.value if kpi.benchmark else None
    seen = [float(r.value) for r in series if r.value is not None]
    seen += [v for v in (float(reading.value), reading.ci_low, reading.ci_high, benchmark) if v is not None]
    low, high = min(seen), max(seen)
    span = (high - low) or 1.0

    def place(value: float | None) -> float | None:
        return None if value is None else round(4 + 92 * (value - low) / span, 1)

    middle = place(float(reading.value))
    return Whisker(middle if middle is not None else 50.0, place(reading.ci_low), place(reading.ci_high), place(benchmark))


def line(values: Sequence[float | None]) -> Line:
    """Points of a small line; a period without a value breaks it, and is never drawn as 0."""
    known = [v for v in values if v is not None]
    if not known:
        return Line((), None)
    low, span = min(known), (max(known) - min(known)) or 1.0
    step = (WIDTH - 2 * MARGIN) / max(1, len(values) - 1)
    stretches: list[list[tuple[float, float]]] = [[]]
    for i, value in enumerate(values):
        if value is None:
            stretches.append([])
        else:
            height = (value - low) / span if max(known) > low else 0.5
            stretches[-1].append((round(MARGIN + i * step, 1), round(HEIGHT - MARGIN - height * (HEIGHT - 2 * MARGIN), 1)))
    drawn = tuple(" ".join(f"{x},{y}" for x, y in s) for s in stretches if s)
    last = next(s[-1] for s in reversed(stretches) if s)
    return Line(drawn, last)


def _data(reading: Reading, visit: Visit) -> tuple[str, str]:
    """How far the data behind a reading are there, and in words."""
    say = visit.say
    if reading.coverage is not None and reading.coverage < ENOUGH:
        return "thin", thin_words(reading.coverage, visit)
    run = visit.run_or_none
    if reading.fresh_until is not None and run is not None:
        due = min(run.as_of, reading.period_end)
        if reading.fresh_until.date() + LATE < due:
            return "late", say("kpi.late", day=reading.fresh_until.date())
        return "fresh", say("kpi.fresh", day=reading.fresh_until.date())
    return "fresh", say("kpi.complete")


def change_of(amount: Decimal, kpi: Kpi, visit: Visit) -> str:
    """A signed amount of change."""
    sign = "+" if amount > 0 else "−" if amount < 0 else "±"
    return sign + amount_of_change(abs(amount), kpi.unit, visit.settings)


def thin_words(coverage: float, visit: Visit) -> str:
    """How few of the rows bring what a number needs."""
    return visit.say("kpi.thin", share=f"{coverage:.0%}") if coverage >= LEAST_TOLD else visit.say("kpi.thin_none")
