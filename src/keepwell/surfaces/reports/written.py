"""What people wrote down, as sections of a report: decisions with what came of them, actions, notes about the market."""

from collections.abc import Iterable
from decimal import Decimal

from keepwell.core.settings import Settings
from keepwell.metrics.kpi import Better, Kpi
from keepwell.performance.reviews.entries import State
from keepwell.surfaces.figures import figure
from keepwell.surfaces.meetings import Followed, Meeting
from keepwell.surfaces.reports.document import Cell, Heading, Section, Table, Tone
from keepwell.surfaces.sentences import signed
from keepwell.surfaces.words import words_of

STATE_TONES = {State.DONE: Tone.BETTER, State.DROPPED: Tone.WARN, State.OPEN: Tone.PLAIN}


def written_sections(found: Meeting, settings: Settings) -> Iterable[Section]:
    """One section for each kind that there is something of."""
    word = words_of(settings.locale)
    if found.decided_before or found.decisions:
        blocks = []
        if found.decided_before:
            blocks.append(_followed("decided", word("meeting_decided_before"), found.decided_before, settings, with_owner=False))
        if found.decisions:
            rows = tuple((Cell(d.entry.text), Cell(_title(d.kpi, settings)), _effect(d, settings)) for d in found.decisions)
            heads = (
                Heading(word("meeting_decision"), width=5),
                Heading(word("kpi"), width=3),
                Heading(word("meeting_effect"), is_number=True, width=2),
            )
            blocks.append(Table("decisions", word("meeting_decisions"), heads, rows))
        yield Section("decisions", word("meeting_decisions"), tuple(blocks))
    if found.actions:
        yield Section(
            "actions", word("meeting_actions"), (_followed("actions", word("meeting_actions"), found.actions, settings, with_owner=True),)
        )
    if found.notes:
        yield Section("market", word("meeting_market"), (_market(found, settings),))


def said_points(found: Meeting, settings: Settings) -> Iterable[str]:
    """Points of the agenda: those that people added, and actions that are overdue."""
    word = words_of(settings.locale)
    yield from (p.entry.text for p in found.points)
    for a in found.actions:
        if a.is_overdue and a.entry.due is not None:
            yield word("meeting_said_overdue").format(text=a.entry.text, owner=a.owner or "—", due=a.entry.due.isoformat())


def _followed(name: str, title: str, found: Iterable[Followed], settings: Settings, *, with_owner: bool) -> Table:
    word = words_of(settings.locale)
    heads = (
        Heading(word("meeting_decision" if not with_owner else "meeting_action"), width=5),
        *((Heading(word("meeting_owner"), width=2), Heading(word("meeting_due"), width=2), Heading(word("state"), width=2)) if with_owner else ()),
        Heading(word("kpi"), width=3), Heading(word("meeting_effect"), is_number=True, width=2),
        Heading(word("review_before"), is_number=True, width=2), Heading(word("review_now"), is_number=True, width=2),
        Heading(word("review_change"), is_number=True, width=2), Heading(word("meeting_came"), width=3),
    )  # fmt: skip
    rows = tuple((*_head(f, settings, with_owner=with_owner), *_outcome(f, settings)) for f in found)
    return Table(name, title, heads, rows, word("meeting_no_proof"))


def _head(f: Followed, settings: Settings, *, with_owner: bool) -> tuple[Cell, ...]:
    if not with_owner:
        return (Cell(f.entry.text),)
    word, due = words_of(settings.locale), f.entry.due
    state = word("meeting_overdue") if f.is_overdue else word(f"meeting_{f.entry.state}")
    return (
        Cell(f.entry.text), Cell(f.owner or "—"), Cell(due.isoformat() if due else "", due),
        Cell(state, tone=Tone.WARN if f.is_overdue else STATE_TONES[f.entry.state]),
    )  # fmt: skip


def _outcome(f: Followed, settings: Settings) -> tuple[Cell, ...]:
    o, known = f.outcome, f.kpi
    head = (Cell(_title(known, settings)), _effect(f, settings))
    if known is None or o is None:
        return (*head, Cell(""), Cell(""), Cell(""), Cell(""))
    return (
        *head, _value(known, o.before, settings), _value(known, o.now, settings),
        Cell(signed(o.change, known.unit, settings), o.change, tone=_tone(f)), Cell(came_words(f, settings)),
    )  # fmt: skip


def came_words(f: Followed, settings: Settings) -> str:
    """What came of it in words: whether the change is more than chance, and whether it is as much as was expected."""
    o, word = f.outcome, words_of(settings.locale)
    if o is None:
        return ""
    real = {True: "meeting_real", False: "meeting_chance", None: "meeting_unknown"}[o.is_real]
    reached = {True: "meeting_reached", False: "meeting_not_reached", None: None}[o.is_reached]
    comma = "，" if settings.locale == "zh" else ", "
    return comma.join(word(n) for n in (real, reached) if n)


def _tone(f: Followed) -> Tone:
    o, known = f.outcome, f.kpi
    if o is None or known is None or not o.is_real or known.better is Better.TARGET:
        return Tone.PLAIN
    return Tone.BETTER if (o.change > 0) is (known.better is Better.UP) else Tone.WORSE


def _effect(f: Followed, settings: Settings) -> Cell:
    effect, known = f.entry.effect, f.kpi
    return Cell("") if effect is None or known is None else Cell(signed(effect, known.unit, settings), effect)


def _value(known: Kpi, value: Decimal | None, settings: Settings) -> Cell:
    return Cell("") if value is None else Cell(figure(value, known.unit, settings), value)


def _title(known: Kpi | None, settings: Settings) -> str:
    return known.title[settings.locale] if known else ""


def _beside(found: Followed, settings: Settings) -> tuple[Cell, Cell]:
    """A benchmark and our own reading."""
    if found.kpi is None:
        return Cell(""), Cell("")
    return _value(found.kpi, found.entry.value, settings), _value(found.kpi, found.ours.value if found.ours else None, settings)


def _market(found: Meeting, settings: Settings) -> Table:
    word = words_of(settings.locale)
    heads = (
        Heading(word("meeting_note"), width=6),
        Heading(word("kpi"), width=2),
        Heading(word("benchmark"), is_number=True, width=2),
        Heading(word("meeting_ours"), is_number=True, width=2),
        Heading(word("meeting_source"), width=3),
        Heading(word("meeting_noted_on"), width=2),
    )
    rows = tuple(
        (Cell(n.entry.text), Cell(_title(n.kpi, settings)), *_beside(n, settings), Cell(n.entry.source or ""), Cell(n.entry.noted_on.isoformat() if n.entry.noted_on else "", n.entry.noted_on))
        for n in found.notes
    )  # fmt: skip
    return Table("market", word("meeting_market"), heads, rows, word("meeting_notes_shown"))
