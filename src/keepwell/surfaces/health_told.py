"""Health in words of a language, the same on the command line and the pages: bounds, directions, rules, what a check came to."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from keepwell.core.settings import Locale
from keepwell.performance.health.check import Check
from keepwell.performance.health.definition import LABELS, Band, Health, Part
from keepwell.performance.health.measure import Kind, Measure
from keepwell.performance.health.override import Override
from keepwell.performance.health.stored import Known
from keepwell.performance.scorecards.card import Missing
from keepwell.surfaces.health import bands_of
from keepwell.surfaces.words import words_of


def part_label(measure: Measure, locale: Locale) -> str:
    """What a part is called."""
    return measure.label[_place(locale)]


def part_meaning(measure: Measure, locale: Locale) -> str:
    """What a part is, and of whom it is not known."""
    return measure.meaning[_place(locale)]


def band_label(band: Band | None, locale: Locale) -> str:
    """A band in words; that of no score too."""
    return LABELS[band][_place(locale)] if band else words_of(locale)("health_not_scored")


def value_words(kind: Kind, value: float | Fraction) -> str:
    """A part's value as people read it: 35%, 1.5×, 3."""
    number = float(value)
    if kind is Kind.SHARE:
        return f"{_plain(number * 100)}%"
    return f"{_plain(number)}×" if kind is Kind.TIMES else _plain(number)


def bounds_words(part: Part) -> str:
    """The points of a part's curve: value → points, from the first to the last."""
    return ", ".join(f"{value_words(part.measure.kind, x)} → {_plain(float(y))}" for x, y in part.curve.knots)


def direction_words(part: Part, locale: Locale) -> str:
    """Which way is up."""
    return words_of(locale)(f"health_{part.measure.better}")


def percent(weight: Decimal) -> str:
    """A weight as people read it."""
    return f"{_plain(float(weight))}%"


def points_words(points: Decimal | None) -> str:
    """Points or a score with one decimal."""
    return "–" if points is None else f"{points:.1f}"


def band_rows(health: Health, locale: Locale) -> list[tuple[Band, str, str]]:
    """The bands, each with its label and from where to where it goes."""
    word = words_of(locale)
    found, ends = bands_of(health), [Decimal(100), health.bands.healthy, health.bands.watch]
    return [
        (
            band,
            band_label(band, locale),
            word("health_from_to_end" if place == 0 else "health_from_to").format(low=_plain(float(least)), high=_plain(float(end))),
        )
        for place, ((band, least), end) in enumerate(zip(found, ends, strict=True))
    ]


def rules(health: Health, locale: Locale) -> list[str]:
    """Tie rule, bounds, and what becomes of missing parts, each a sentence."""
    word = words_of(locale)
    missing = word(f"health_missing_{health.missing}")
    if health.missing is not Missing.REFUSE:
        missing = missing.format(least=_plain(float(health.least_known)))
    return [word("health_tie"), word("health_straight"), missing]


def version_words(known: Known, locale: Locale) -> str:
    """Which definition the run used."""
    name = "health_definition_own" if known.health.is_own else "health_definition"
    return words_of(locale)(name).format(version=known.health.version, day=known.as_of)


def check_title(check: Check, locale: Locale) -> str:
    """Of whom a check is, and of which days."""
    word = words_of(locale)
    told = word("health_check").format(day=check.day, first=check.left_from, last=check.left_until)
    return f"{word(f'health_{check.who}')}: {told}" if locale is not Locale.CHINESE else f"{word(f'health_{check.who}')}：{told}"


def check_rows(check: Check, locale: Locale) -> Sequence[tuple[Band | None, str, str, str, str, str]]:
    """A row a band: the band, its label, customers, how many left, their share, its interval."""
    return [
        (
            line.band,
            band_label(line.band, locale),
            f"{line.customers:,}",
            f"{line.churned:,}",
            "–" if line.share is None else f"{line.share:.1%}",
            "" if line.low is None or line.high is None else f"{line.low:.1%} – {line.high:.1%}",
        )
        for line in check.lines
    ]


def check_verdict(check: Check, locale: Locale) -> str:
    """Whether the bands tell apart, and what leaving means here."""
    word = words_of(locale)
    shares = {line.band: line.share for line in check.lines}
    risky, healthy = shares.get(Band.AT_RISK), shares.get(Band.HEALTHY)
    if check.separates is None or risky is None or healthy is None:
        told = word("health_separates_unknown")
    else:
        told = word("health_separates" if check.separates else "health_separates_not").format(
            risky=f"{risky:.1%}", healthy=f"{healthy:.1%}"
        )
    meaning = word(f"health_left_{check.who}")
    return f"{told}{meaning}" if locale is Locale.CHINESE else f"{told} {meaning}"


def said_words(said: Override, locale: Locale) -> str:
    """What an override says: a band, or a score."""
    return band_label(said.band, locale) if said.score is None else _plain(float(said.score))


def _plain(number: float) -> str:
    return f"{round(number, 2):,.2f}".rstrip("0").rstrip(".")


def _place(locale: Locale) -> int:
    return 1 if locale is Locale.CHINESE else 0
