"""Figures as people read them: in the locale's format, with their unit, and small pictures of a series in text."""

from collections.abc import Sequence
from decimal import Decimal

from babel.numbers import format_compact_currency, format_decimal, format_percent

from keepwell.core.money import format_money
from keepwell.core.settings import Settings
from keepwell.metrics.kpi import Better, Kpi, Unit
from keepwell.metrics.reading import Reading, Status
from keepwell.surfaces.words import words_of

BARS = "▁▂▃▄▅▆▇█"
GAP = "·"
SHORT_FROM = 100_000  # amounts from here on are told in thousands and millions where there is little room
BABEL_LOCALES = {"en": "en", "zh": "zh_Hans_CN"}


def figure(value: Decimal | float, unit: Unit, settings: Settings) -> str:
    """A value with its unit: money in the reporting currency, a share as per cent, the rest with as many decimals as they bear."""
    locale = BABEL_LOCALES[settings.locale]
    exact = Decimal(str(value))
    match unit:
        case Unit.MONEY:
            return format_money(exact, settings.currency, locale)
        case Unit.SHARE:
            return format_percent(exact, format="#,##0.0 %" if locale == "en" else "#,##0.0%", locale=locale)
        case Unit.COUNT:
            # the end of an interval may fall between two counts; nobody needs its decimals once there are hundreds
            return format_decimal(exact, format="#,##0" if abs(exact) >= 100 else "#,##0.#", locale=locale)
        case Unit.SECONDS:
            return _duration(exact, settings)
        case _:
            return format_decimal(exact, format="#,##0.0#", locale=locale)


def short_money(amount: Decimal | float, settings: Settings, since: int = SHORT_FROM) -> str:
    """An amount where there is little room: one from ``since`` on in thousands and millions."""
    if abs(float(amount)) < since:
        return figure(amount, Unit.MONEY, settings)
    return format_compact_currency(Decimal(str(amount)), settings.currency, locale=BABEL_LOCALES[settings.locale], fraction_digits=1)


# up to so many seconds a duration is told in this unit
DURATIONS = (("unit_seconds", 120, 1), ("unit_minutes", 7_200, 60), ("unit_hours", 259_200, 3_600), ("unit_days", None, 86_400))


def _duration(seconds: Decimal, settings: Settings) -> str:
    """A duration in the unit that people would say it in."""
    name, _, size = next(d for d in DURATIONS if d[1] is None or abs(seconds) < d[1])
    number = format_decimal(seconds / size, format="#,##0.#", locale=BABEL_LOCALES[settings.locale])
    return f"{number} {words_of(settings.locale)(name)}"


def value_or_words(reading: Reading, kpi: Kpi, settings: Settings) -> str:
    """The value; in words where there is none, and with a word where it rests on too few."""
    say = words_of(settings.locale)
    if reading.value is None:
        return say("no_data")
    shown = figure(reading.value, kpi.unit, settings)
    return f"{shown} ({say('too_few')})" if reading.status is Status.TOO_FEW else shown


def interval_or_empty(reading: Reading, kpi: Kpi, settings: Settings) -> str:
    """The 95 % interval; nothing where the reading has none."""
    if reading.ci_low is None or reading.ci_high is None:
        return ""
    return f"{figure(reading.ci_low, kpi.unit, settings)} – {figure(reading.ci_high, kpi.unit, settings)}"


def change_words(change: Decimal | None, is_real: bool | None, before_sign: Kpi, settings: Settings) -> tuple[str, str]:
    """A change with ▲ or ▼ where it is real and in words where it is not, and whether it is "better", "worse" or "" ."""
    if change is None:
        return "", ""
    if not is_real:
        return words_of(settings.locale)("no_clear_change"), ""
    arrow = "▲" if change > 0 else "▼"
    shown = amount_of_change(abs(change), before_sign.unit, settings)
    if before_sign.better is Better.TARGET:
        return f"{arrow} {shown}", ""
    is_better = (change > 0) is (before_sign.better is Better.UP)
    return f"{arrow} {shown}", "better" if is_better else "worse"


def amount_of_change(change: Decimal, unit: Unit, settings: Settings) -> str:
    """A share moves by percentage points, not by per cent."""
    if unit is not Unit.SHARE:
        return figure(change, unit, settings)
    points = format_decimal(change * 100, format="#,##0.0", locale=BABEL_LOCALES[settings.locale])
    return f"{points} {words_of(settings.locale)('percentage_points')}"


def sparkline(values: Sequence[Decimal | float | None]) -> str:
    """A series as small bars from the lowest to the highest value; a dot where there is none."""
    known = [float(v) for v in values if v is not None]
    if not known:
        return GAP * len(values)
    low, high = min(known), max(known)
    span = high - low
    return "".join(GAP if v is None else BARS[round((float(v) - low) / span * (len(BARS) - 1)) if span else len(BARS) // 2] for v in values)
