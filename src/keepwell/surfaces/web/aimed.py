"""Targets as pages show them: in figures and words, and as a chart of readings, way and forecast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from keepwell.access.users import users
from keepwell.core.periods import Grain
from keepwell.metrics.kpi import Unit
from keepwell.performance.slices import ScopeKind
from keepwell.performance.targets.standing import State, adds_up
from keepwell.performance.targets.target import Target
from keepwell.surfaces.targets import Checked, Targets
from keepwell.surfaces.web.charts import Chart, Point, measured, trend
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Visit
from keepwell.surfaces.words import words_of

TONES = {State.REACHED: "better", State.ON_TRACK: "better", State.AT_RISK: "warn", State.OFF_TRACK: "worse", State.MISSED: "worse"}
SHOWN = 24  # readings before the way


@dataclass(frozen=True)
class Figure:
    """A number as people read it, and exactly."""

    words: str
    exact: Decimal | float | None
    short: str = ""  # where there is little room


@dataclass(frozen=True)
class Check:
    """A letter of SMART in words: met, doubted or lacking."""

    letter: str
    words: str
    tone: str


@dataclass(frozen=True)
class Aimed:
    """A target with all that pages show of it."""

    target_id: str
    kpi: str
    title: str
    of_whom: str
    by: str
    deadline: str
    aim: Figure
    baseline: Figure
    baseline_period: str
    value: Figure
    value_period: str
    expected: Figure
    attained: Figure
    forecast: Figure
    forecast_range: str
    probability: Figure
    state: str
    state_words: str
    tone: str
    owner: str
    reason: str
    objective_id: str | None
    checks: tuple[Check, ...]
    ended: str


def kept(visit: Visit, desk: Targets, found: Target) -> Checked:
    """How a target stands, kept for the next who asks: a published run does not change."""
    run, kpi = visit.run_or_none, visit.workspace.kpis[found.aim.kpi]
    key = ("target", run.run_id if run else None, kpi.definition_hash, found.target_id, found.now.version, found.ended_at)
    return visit.kept(key, lambda: desk.checked(found))


def people(visit: Visit) -> Mapping[str, str]:
    """Who can own a target: names by id."""
    with visit.site.store.transaction(writes=False) as session:
        return {u.user_id: u.name for u in users(session)}


def aimed(visit: Visit, found: Checked, names: Mapping[str, str]) -> Aimed:
    """The target in figures and words."""
    version, stands, aim = found.target.now, found.standing, found.target.aim
    forecast = stands.forecast
    word = words_of(visit.settings.locale)
    reach = (_figure(visit, found, forecast.low).words, _figure(visit, found, forecast.high).words) if forecast else ("", "")
    ended = found.target.ended_at
    return Aimed(
        found.target.target_id,
        aim.kpi,
        found.kpi.title[visit.locale],
        aim.slice.member if aim.slice.member is not None else visit.say("team.company"),
        aim.period,
        aim.deadline.isoformat(),
        _figure(visit, found, aim.value),
        _figure(visit, found, version.baseline),
        version.baseline_period or "",
        _figure(visit, found, stands.value),
        stands.period or "",
        _figure(visit, found, stands.expected),
        _share(visit, stands.attained),
        _figure(visit, found, forecast.value if forecast else None),
        visit.say("team.forecast_range", low=reach[0], high=reach[1]) if forecast else "",
        _share(visit, stands.probability),
        str(stands.state),
        visit.say(f"team.state_{stands.state}"),
        TONES.get(stands.state, "none"),
        names.get(aim.owner_id or "", ""),
        aim.reason or "",
        aim.objective_id,
        tuple(
            Check(
                word(f"smart_{c.letter}"),
                word(f"smart_{c.lack}") if c.lack else word("smart_met"),
                _tone(is_met=c.is_met, is_doubt=c.lack is not None),
            )
            for c in found.smart
        ),
        visit.say("team.ended", at=visit.moment(ended), why=found.target.ended_because or "") if ended else "",
    )


def _tone(*, is_met: bool, is_doubt: bool) -> str:
    if not is_met:
        return "worse"
    return "warn" if is_doubt else "better"


def _figure(visit: Visit, found: Checked, value: Decimal | float | None) -> Figure:
    if value is None:
        return Figure("", None)
    words = visit.figure(value, found.kpi.unit)
    return Figure(words, value, visit.short_money(value) if found.kpi.unit is Unit.MONEY else words)


def _share(visit: Visit, value: float | None) -> Figure:
    words = "" if value is None else visit.figure(value, Unit.SHARE)
    return Figure(words, value, words)


def way_chart(visit: Visit, found: Checked) -> Chart:
    """Readings as a line, the way dashed, the forecast at the deadline with its band."""
    calendar, aim = visit.site.place.calendar, found.target.aim
    grain = Grain.MONTH if adds_up(found.kpi, aim.grain) else aim.grain
    readings = [(calendar.label(grain, p.start), p.value) for p in found.readings[-SHOWN:]]
    path = {s.period: float(s.value) for s in found.target.now.path}
    periods = sorted({*(p for p, _ in readings), *path}, key=lambda p: calendar.parse(p, today=visit.workspace.today).start)
    known = dict(readings)
    lines = [
        {"name": visit.say("team.reading"), "points": _points(visit, found, known, periods)},
        {"name": visit.say("team.way"), "points": _points(visit, found, path, periods), "dashed": True},
    ]
    forecast = found.standing.forecast
    if forecast is not None and not adds_up(found.kpi, aim.grain):
        last = periods[-1] if aim.period not in periods else aim.period
        point = Point(last, forecast.value, visit.figure(forecast.value, found.kpi.unit), forecast.low, forecast.high)
        lines.append({"name": visit.say("team.forecast"), "points": trend([point])["points"]})
    columns = (
        Column("period", visit.say("team.period")),
        Column("value", visit.say("team.reading"), True),
        Column("way", visit.say("team.way"), True),
    )
    rows = [[p, known.get(p), path.get(p)] for p in periods]
    figures = [[p, *("" if v is None else visit.figure(v, found.kpi.unit) for v in (known.get(p), path.get(p)))] for p in periods]
    drawn = {"lines": lines, "points": [], "targets": [], "events": []} | measured(found.kpi.unit)
    return Chart(
        "way", visit.say("team.way"), "trend", drawn, Sheet("way", columns, rows), note=visit.say("team.way_note"), figures=figures
    )


def lines(visit: Visit, found: Sequence[Checked], grain: Grain) -> list[tuple[str, float, str]]:
    """What the company shall come to, as lines across the trend of the same grain."""
    return [
        (
            visit.say("team.line", value=visit.figure(c.target.aim.value, c.kpi.unit), by=c.target.aim.period),
            float(c.target.aim.value),
            "target",
        )
        for c in found
        if c.target.aim.slice.kind is ScopeKind.COMPANY and c.target.aim.grain is grain
    ]


def _points(visit: Visit, found: Checked, values: Mapping[str, float], periods: list[str]) -> list[object]:
    made = [Point(p, values[p], visit.figure(values[p], found.kpi.unit)) for p in periods if p in values]
    return list(trend(made)["points"])
