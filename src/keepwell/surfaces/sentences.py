"""Explanations in a sentence of either language."""

from decimal import Decimal

from babel.numbers import format_percent

from keepwell.core.settings import Locale, Settings
from keepwell.metrics.cut import NO_MEMBER
from keepwell.metrics.drivers import Driver
from keepwell.metrics.explain import DATA, FACTORS, Decomposition, Explanation
from keepwell.metrics.kpi import Kpi, Unit
from keepwell.metrics.kpi_file import built_in
from keepwell.surfaces.codes import code_or_itself
from keepwell.surfaces.figures import BABEL_LOCALES, amount_of_change, figure
from keepwell.surfaces.words import column_words, words_of

BETWEEN = " × "  # dimensions of a combination
TOLD = 3  # parts that a sentence names


def sentence(found: Explanation, kpi: Kpi, settings: Settings) -> str:
    """What changed and by which parts most, in the workspace's language."""
    word = words_of(settings.locale)
    title = kpi.title[settings.locale]
    if found.change is None or found.before is None or found.now is None:
        return word("explain_nothing").format(title=title, period=found.period, versus=found.versus)
    is_data = any(d.by == DATA for d in found.decompositions)
    how = "explain_same" if not found.change else "explain_rose" if found.change > 0 else "explain_fell"
    head = word(f"{how}_data" if is_data else how).format(
        title=title,
        period=found.period,
        versus=found.versus,
        change=amount_of_change(abs(found.change), kpi.unit, settings),
        relative=_relative(found, kpi, settings),
        before=figure(found.before, kpi.unit, settings),
        now=figure(found.now, kpi.unit, settings),
    )
    chance = "" if found.is_real is not False or not found.change else word("explain_chance")
    if found.is_open:
        chance = word("explain_open").format(period=found.period)
    best = telling_way(found)
    if best is None or not found.change:
        return head + chance
    return head + chance + _largest(best, kpi, settings)


def telling_way(found: Explanation) -> Decomposition | None:
    """The decomposition that is told in words: that most came from rows without a member is no reason."""
    ways = [d for d in found.decompositions if d.parts]
    return next((d for d in ways if max(d.parts, key=lambda p: abs(p.amount)).member != NO_MEMBER), None)


def _largest(best: Decomposition, kpi: Kpi, settings: Settings) -> str:
    word = words_of(settings.locale)
    named = ("; " if settings.locale is Locale.ENGLISH else "、").join(part_in_words(p, kpi, settings, best.by) for p in best.parts[:TOLD])
    return word("explain_parts").format(by=by_in_words(best.by, settings), parts=named)


def by_in_words(by: str, settings: Settings) -> str:
    """The name of a decomposition: those of ours as words, a dimension by the label of its column."""
    word = words_of(settings.locale)
    if by in {"customers", "formula", DATA}:
        return word(f"by_{by}")
    return BETWEEN.join(_within_a_sentence(column_words(part.rpartition(".")[2], settings.locale) or part) for part in by.split(BETWEEN))


def _within_a_sentence(label: str) -> str:
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def part_in_words(part: Driver, kpi: Kpi, settings: Settings, by: str) -> str:
    """A part of the decomposition ``by`` with its effect and its signed amount."""
    member, amount = member_in_words(part, settings, by), signed(part.amount, kpi.unit, settings)
    return f"{member} ({amount})" if settings.locale is Locale.ENGLISH else f"{member}（{amount}）"


def member_in_words(part: Driver, settings: Settings, by: str) -> str:
    """Whose effect it is: a member of the dimensions ``by``, with the kind of effect where it is not a plain contribution."""
    word = words_of(settings.locale)
    if part.effect in {"new", "lost", "frequency", "value", "anonymous", "late", "corrected", "definition", "overlap"}:
        return word(f"effect_{part.effect}")
    if part.effect in {"mix", "rate"}:
        return word("explain_member").format(member=_codes_in_words(part.member, settings, by), effect=word(f"effect_{part.effect}"))
    return _codes_in_words(part.member, settings, by)


def _codes_in_words(member: str, settings: Settings, by: str) -> str:
    """Of a combination each code, of a formula the KPI's title; a member that holds the sign itself is left as it is."""
    if by == FACTORS:
        return built_in()[member].title[settings.locale] if member in built_in() else member
    dimensions, codes = by.split(BETWEEN), member.split(BETWEEN)
    if len(dimensions) != len(codes):
        return member
    return BETWEEN.join(code_or_itself(d, c, settings.locale) for d, c in zip(dimensions, codes, strict=True))


def signed(amount: Decimal, unit: Unit, settings: Settings) -> str:
    """An amount with its sign; of a share percentage points."""
    sign = "+" if amount > 0 else "−" if amount < 0 else ""
    return sign + amount_of_change(abs(amount), unit, settings)


def _relative(found: Explanation, kpi: Kpi, settings: Settings) -> str:
    """The change out of the value before; nothing for shares, whose points say it, or where nothing was before."""
    if kpi.unit in {Unit.SHARE, Unit.POINTS} or not found.before or found.change is None:
        return ""
    locale = BABEL_LOCALES[settings.locale]
    share = format_percent(found.change / abs(found.before), format="+#,##0.0%;−#,##0.0%", locale=locale)
    return f" ({share})" if settings.locale is Locale.ENGLISH else f"（{share}）"
