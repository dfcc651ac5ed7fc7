"""Everything that happened with a customer, on one line: orders, tickets, answers, talks, campaigns, points, consents and changes of state."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from keepwell.core.errors import WrongUseError, unknown
from keepwell.customers.one import Reader
from keepwell.customers.score_history import STATES, score_history
from keepwell.engine.sql import Steps, literal
from keepwell.lake.table import KEY_SEPARATOR, TEXTS

CHANGES = "change"
MOST = 500
# kind -> (entity, instant, key, what is told of it)
KINDS: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...]]] = {
    "order": ("orders", "ordered_at", ("order_id",), ("status", "amount", "margin", "discount", "channel", "store", "refund_of")),
    "ticket": ("tickets", "opened_at", ("ticket_id",), ("kind", "status", "priority", "first_response_at", "resolved_at", "reopened_count", "employee_id")),
    "answer": ("responses", "answered_at", ("response_id", "question_id"), ("metric", "score", "scale_min", "scale_max", "survey_id", "channel")),
    "interaction": ("interactions", "occurred_at", ("interaction_id",), ("channel", "direction", "employee_id", "contact_id", "duration_s")),
    "campaign": ("exposures", "assigned_at", ("experiment_id",), ("campaign_id", "arm", "is_control", "sent_at", "opened_at", "clicked_at", "responded_at")),
    "points": ("loyalty_entries", "at", ("entry_id",), ("kind", "points", "programme_id", "order_id", "expires_at")),
    "consent": ("consents", "at", ("consent_id",), ("purpose", "channel", "status", "expires_at")),
}  # fmt: skip
# kind -> the words of it, which only those who see personal data read
WORDS = {"ticket": "subject", "answer": "comment", "interaction": "subject"}


@dataclass(frozen=True)
class Event:
    """Something that happened. ``told`` holds its columns; of an order also ``lines``, of a change the score and its values."""

    kind: str
    at: datetime
    key: str
    told: Mapping[str, Any]

    @property
    def place(self) -> str:
        """Where it stands on the line: for the page after it."""
        return f"{self.at.isoformat()}|{self.kind}|{self.key}"


@dataclass(frozen=True)
class Timeline:
    """Some events, newest first, and how many there are of each kind. ``before`` leads to the older ones, if there are any."""

    events: tuple[Event, ...]
    counts: Mapping[str, int]
    before: str | None


def timeline(reader: Reader, kinds: Collection[str] = (), before: str | None = None, limit: int = 50) -> Timeline:
    """Events of those kinds, by default of all; ``before`` is the ``place`` of the last one seen. Amounts are in the reporting currency."""
    known = [*KINDS, CHANGES]
    for kind in kinds:
        if kind not in known:
            raise unknown("kind of event", kind, known)
    end, most = None if before is None else _place(before), min(max(limit, 1), MOST)
    changes = _changes(reader)
    counts, found = {}, list[Event]()
    for kind in KINDS:
        if not kinds or kind in kinds:
            counts[kind], events = _events(reader, kind, end, most + 1)
            found += events
        else:
            counts[kind] = _count(reader, kind)
    counts[CHANGES] = len(changes)
    if not kinds or CHANGES in kinds:
        found += [e for e in changes if end is None or _order(e) < end]
    found.sort(key=_order, reverse=True)
    shown = found[:most]
    return Timeline(
        tuple(_with_lines(reader, _with_words(reader, shown))), counts, shown[-1].place if len(found) > most and shown else None
    )


def _order(event: Event) -> tuple[datetime, str, str]:
    return event.at, event.kind, event.key


def _place(written: str) -> tuple[datetime, str, str]:
    at, _, rest = written.partition("|")
    kind, _, key = rest.partition("|")
    try:
        return datetime.fromisoformat(at).astimezone(UTC), kind, key
    except ValueError:
        raise WrongUseError(f"{written!r} is no place on the timeline.", "Give that of an event.") from None


def _count(reader: Reader, kind: str) -> int:
    entity, _, key, _ = KINDS[kind]
    rows = reader.rows(entity, f"select count(distinct ({', '.join(key)})) as n from {entity}")
    return int(rows[0]["n"]) if rows else 0


def _events(reader: Reader, kind: str, end: tuple[datetime, str, str] | None, most: int) -> tuple[int, list[Event]]:
    """How many there are, and the newest before ``end``: both from one look at the rows."""
    entity, instant, key, told = KINDS[kind]
    older = "true"
    if end is not None:
        at, than, last = end
        same = "true" if kind < than else f"_key < {literal(last)}" if kind == than else "false"
        limit = f"TIMESTAMPTZ {literal(at.isoformat())}"
        older = f"_at < {limit} or (_at = {limit} and {same})"
    columns = ", ".join(f'"{c}"' for c in told)
    query = (
        f'with mine as materialized (select "{instant}" as _at, concat_ws({KEY_SEPARATOR}, {", ".join(key)}) as _key, {columns} from {entity}),\n'
        f"  page as (select * from mine where {older} order by _at desc, _key desc limit {most})\n"
        "select * from (select count(distinct _key) as _all from mine) left join page on true order by _at desc, _key desc"
    )
    rows = reader.rows(entity, query)
    if not rows:
        return 0, []
    return int(rows[0].pop("_all")), [Event(kind, r.pop("_at"), r.pop("_key"), _without_count(r)) for r in rows if r["_key"] is not None]


def _without_count(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "_all"}


def _changes(reader: Reader) -> list[Event]:
    """What a run said otherwise than the one before: on the day from which it looks."""
    return [
        Event(CHANGES, datetime.combine(point.as_of, time.min, UTC), moved.score, {"score": moved.score, "before": moved.before, "now": moved.now, "run_id": point.run_id})
        for point in score_history(reader)
        for moved in point.moved
        if moved.score in STATES
    ]  # fmt: skip


def _with_words(reader: Reader, events: list[Event]) -> list[Event]:
    if not reader.scope.sees_personal:
        return events
    said: dict[tuple[str, str], str | None] = {}
    reader.session.make_ready(TEXTS)
    for kind, column in WORDS.items():
        keys = ", ".join(literal(e.key) for e in events if e.kind == kind)
        if keys:
            query = f"select row_key, {column} as words from {TEXTS} where entity = {literal(KINDS[kind][0])} and row_key in ({keys})"
            said |= {(kind, r["row_key"]): r["words"] for r in reader.engine.arrow(Steps().then("words", query)).to_pylist()}
    return [Event(e.kind, e.at, e.key, {**e.told, WORDS[e.kind]: said.get((e.kind, e.key))}) if e.kind in WORDS else e for e in events]


def _with_lines(reader: Reader, events: list[Event]) -> list[Event]:
    orders = ", ".join(literal(e.key) for e in events if e.kind == "order")
    if not orders:
        return events
    query = (
        "select l.order_id, l.line_no, l.product_id, p.name as product, l.quantity, l.amount from order_lines as l\n"
        f"left join products as p on p.product_id = l.product_id where l.order_id in ({orders}) order by l.order_id, l.line_no"
    )
    lines: dict[str, list[dict[str, Any]]] = {}
    for row in reader.rows("order_lines", query, "products"):
        lines.setdefault(row.pop("order_id"), []).append(row)
    return [Event(e.kind, e.at, e.key, {**e.told, "lines": tuple(lines.get(e.key, ()))}) if e.kind == "order" else e for e in events]
