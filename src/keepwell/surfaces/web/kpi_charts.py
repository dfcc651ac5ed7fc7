"""Charts of a KPI: its trend, its break-down, why it changed, and how its values are spread."""

from collections.abc import Sequence
from decimal import Decimal

from keepwell.metrics.drivers import Driver
from keepwell.metrics.explain import Decomposition, Explanation
from keepwell.metrics.kpi import Better, Kpi
from keepwell.metrics.reading import Reading, Status
from keepwell.surfaces.figures import interval_or_empty, value_or_words
from keepwell.surfaces.sentences import member_in_words, signed
from keepwell.surfaces.web.charts import Chart, Mark, Point, measured, trend
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Visit

READING_COLUMNS = (
    "period",
    "value",
    "ci_low",
    "ci_high",
    "n",
    "numerator",
    "denominator",
    "status",
    "change_previous",
    "change_previous_is_real",
    "change_last_year",
    "change_last_year_is_real",
)
Target = tuple[str, float, str]  # words, value, style
MOST_BARS, MOST_PARTS = 25, 6
MOST_LOW = 4  # parts of a change that a chart of usual height holds


def trend_chart(
    visit: Visit, kpi: Kpi, readings: Sequence[Reading], *, name: str = "trend", events: Sequence[Mark] = (), targets: Sequence[Target] = ()
) -> Chart:
    """Values with their interval as a band, the benchmark dotted, a period that is not over with an empty mark."""
    points = [
        Point(
            r.period,
            None if r.value is None else float(r.value),
            _words(r, kpi, visit),
            r.ci_low,
            r.ci_high,
            r.is_open,
            f"/kpi/{kpi.name}/rows?period={r.period}",
        )
        for r in readings
    ]
    drawn_targets = list(targets)
    if kpi.benchmark:
        words = visit.say("kpi.benchmark", value=visit.figure(kpi.benchmark.value, kpi.unit))
        drawn_targets.append((words, kpi.benchmark.value, "benchmark"))
    drawn = trend(points, targets=drawn_targets, events=events) | measured(kpi.unit)
    return Chart(
        name, kpi.title[visit.locale], "trend", drawn, readings_sheet(visit, name, readings), figures=readings_figures(visit, kpi, readings)
    )


def _words(r: Reading, kpi: Kpi, visit: Visit) -> str:
    interval = interval_or_empty(r, kpi, visit.settings)
    text = value_or_words(r, kpi, visit.settings)
    text += f" ({interval})" if interval else ""
    text += f", n {r.n:,}"
    return text + (f", {visit.say('kpi.open')}" if r.is_open else "")


def readings_sheet(visit: Visit, name: str, readings: Sequence[Reading], first: str | None = None) -> Sheet:
    """Readings as exact values; ``first`` names the dimension whose members stand in the first column."""
    columns = ((first,) if first else ()) + READING_COLUMNS
    heads = tuple(
        Column(c, visit.say(f"column.{c}") if c != first else c, c not in {"period", "status", first} and not c.endswith("is_real"))
        for c in columns
    )
    rows = [
        [*([r.member] if first else []), *(str(v) if isinstance(v := getattr(r, c), Status) else v for c in READING_COLUMNS)]
        for r in readings
    ]
    return Sheet(name, heads, rows)


def readings_figures(visit: Visit, kpi: Kpi, readings: Sequence[Reading], *, by: str | None = None) -> list[list[str]]:
    """The same as people read it."""
    made = []
    for r in readings:
        exact = [r.numerator, r.denominator]
        cells = [r.period, value_or_words(r, kpi, visit.settings)]
        cells += ["" if v is None else visit.figure(v, kpi.unit) for v in (r.ci_low, r.ci_high)]
        cells += [f"{r.n:,}", *("" if v is None else f"{v:,.4f}".rstrip("0").rstrip(".") for v in exact), visit.say(f"status.{r.status}")]
        for change, is_real in ((r.change_previous, r.change_previous_is_real), (r.change_last_year, r.change_last_year_is_real)):
            cells += [
                "" if change is None else signed(change, kpi.unit, visit.settings),
                "" if is_real is None else visit.say("status.yes" if is_real else "status.no"),
            ]
        made.append([*([visit.label(by, r.member)] if by else []), *cells])
    return made


def breakdown_chart(visit: Visit, kpi: Kpi, readings: Sequence[Reading], dimension: str, period: str) -> Chart:
    """Bars with whiskers, largest first; members with too few are shown as such, without a bar that could mislead."""
    ordered = sorted(readings, key=lambda r: (r.value is None, -(r.value or 0), r.member or ""))
    items = [
        {
            "name": visit.label(dimension, r.member) or visit.say("kpi.no_member"),
            "value": float(r.value) if r.value is not None and r.status is Status.OK else None,
            "low": r.ci_low if r.status is Status.OK else None,
            "high": r.ci_high if r.status is Status.OK else None,
            "words": _words(r, kpi, visit),
            "label": value_or_words(r, kpi, visit.settings),
            "href": f"/kpi/{kpi.name}/rows?period={period}&by={dimension}&member={r.member or ''}",
        }
        for r in ordered[:MOST_BARS]
    ]
    sheet = readings_sheet(visit, "breakdown", ordered, dimension)
    note = visit.say("kpi.more_members", n=len(ordered) - MOST_BARS) if len(ordered) > MOST_BARS else ""
    return Chart(
        "breakdown", visit.say("kpi.by", dimension=visit.dimension(dimension)), "bars", {"items": items} | measured(kpi.unit), sheet,
        note=note, height="high" if len(items) > 12 else "middle", figures=readings_figures(visit, kpi, ordered, by=dimension),
    )  # fmt: skip


def waterfall_chart(visit: Visit, kpi: Kpi, found: Explanation, part: Decomposition) -> Chart:
    """From the earlier value to the later one in parts that add up to the change exactly; small ones together as the rest."""
    ranked = sorted(part.parts, key=lambda p: -abs(p.amount))
    named, others = ranked[:MOST_PARTS], ranked[MOST_PARTS:]
    parts = [
        {
            "name": member_in_words(p, visit.settings, part.by),
            "amount": float(p.amount),
            "words": signed(p.amount, kpi.unit, visit.settings),
            "tone": tone(p, kpi),
        }
        for p in named
    ]
    if others:
        rest = sum((p.amount for p in others), Decimal(0))
        parts.append(
            {
                "name": visit.say("kpi.rest", n=len(others)),
                "amount": float(rest),
                "words": signed(rest, kpi.unit, visit.settings),
                "tone": "none",
            }
        )
    before, now = found.before or Decimal(0), found.now or Decimal(0)
    drawn = {
        "start": float(before), "end": float(now), "from": found.versus, "to": found.period, "from_words": visit.figure(before, kpi.unit),
        "to_words": visit.figure(now, kpi.unit), "parts": parts, **measured(kpi.unit),
    }  # fmt: skip
    columns = (
        Column("member", visit.say("member")),
        Column("effect", visit.say("column.effect")),
        Column("amount", visit.say("column.amount"), is_number=True),
        Column("before", found.versus, is_number=True),
        Column("now", found.period, is_number=True),
    )
    rows = [[p.member, str(p.effect), p.amount, p.before, p.now] for p in ranked]
    figures = [
        [
            member_in_words(p, visit.settings, part.by),
            visit.say(f"effect.{p.effect}"),
            signed(p.amount, kpi.unit, visit.settings),
            *("" if v is None else visit.figure(v, kpi.unit) for v in (p.before, p.now)),
        ]
        for p in ranked
    ]
    height = "high" if len(parts) > MOST_LOW else "middle"
    return Chart("why", visit.say("kpi.why"), "waterfall", drawn, Sheet("why", columns, rows), height=height, figures=figures)


def tone(part: Driver, kpi: Kpi) -> str:
    """Whether this part moved the KPI to the better."""
    if kpi.better is Better.TARGET or not part.amount:
        return "none"
    return "better" if (part.amount > 0) is (kpi.better is Better.UP) else "worse"
