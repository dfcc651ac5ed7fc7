"""Messages on their way to people and channels: put in line once, handed over once, and honest where nobody knows whether one arrived.

A mail server takes a message the moment it has read the line that ends it. Before that line is sent, the message is marked as handed over, and
the mark is kept; whoever finds the mark without an answer can't know, and does not send again by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.core.errors import KeepwellError, unknown
from keepwell.core.ids import new_id
from keepwell.core.settings import Locale
from keepwell.performance.schedules.schedule import Recipient, To
from keepwell.store.tables.schedules import MessageRow

# how long until the next try, after each one that failed before anything was handed over; eight hours in all
PAUSES = tuple(timedelta(minutes=n) for n in (0.5, 2, 5, 15, 30, 60, 120, 240))
LATE = timedelta(minutes=15)  # of what was handed over so long ago no answer comes any more
KEPT = timedelta(days=90)
MOST_ANSWER = 300


class About(StrEnum):
    """What a message brings."""

    REPORT = "report"
    NOTICE = "notice"
    TEST = "test"


class State(StrEnum):
    """Where a message is."""

    WAITING = "waiting"
    HANDED_OVER = "handed_over"  # the other side may have it; its answer is awaited
    DELIVERED = "delivered"
    UNCONFIRMED = "unconfirmed"  # handed over, and no answer came: it may have arrived
    REFUSED = "refused"  # for good
    GIVEN_UP = "given_up"  # tried as often as is tried
    STOPPED = "stopped"  # the recipient may not get it any more


AGAIN = (State.UNCONFIRMED, State.REFUSED, State.GIVEN_UP, State.STOPPED)


class Fault(StrEnum):
    """Why a message did not arrive, or may not have."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    BROKEN_OFF = "broken_off"  # after it was handed over
    NOT_SET_UP = "not_set_up"
    SEALED = "sealed"
    NOT_ALLOWED = "not_allowed"  # the recipient's rights changed meanwhile
    GONE = "gone"  # what it was to bring, or the recipient, is not there any more


@dataclass(frozen=True)
class Answer:
    """How a try ended: delivered where ``fault`` is None. ``is_final`` is a refusal that another try would not change."""

    fault: Fault | None = None
    text: str = ""
    is_final: bool = False


@dataclass(frozen=True)
class NewMessage:
    """What goes to whom: ``scope_key`` and ``language`` name the version that the recipient gets."""

    about: About
    subject_id: str
    recipient: Recipient
    scope_key: str
    language: Locale
    due_at: datetime


@dataclass(frozen=True)
class Message:
    """A message as it is."""

    message_id: str
    about: About
    subject_id: str
    recipient: Recipient
    scope_key: str
    language: Locale
    state: State
    tries: int
    made_at: datetime
    due_at: datetime
    ended_at: datetime | None
    fault: Fault | None
    answer: str | None

    @property
    def may_be_sent_again(self) -> bool:
        """Whether a person may ask for that."""
        return self.state in AGAIN


def put_in_line(session: Session, at: datetime, new: NewMessage) -> str:
    """Its id. Of a subject each recipient has one message, however often it is put in line."""
    known = select(MessageRow.message_id).where(MessageRow.subject_id == new.subject_id, MessageRow.recipient == new.recipient.key)
    found = session.scalars(known).first()
    if found is not None:
        return found
    row = MessageRow(
        message_id=new_id("msg", at), subject=new.about, subject_id=new.subject_id, recipient=new.recipient.key,
        sees_as=new.recipient.sees_as, scope_key=new.scope_key, language=new.language, state=State.WAITING, tries=0, patient_from=0,
        made_at=at, due_at=new.due_at,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row.message_id


def due(session: Session, at: datetime, limit: int = 100) -> list[str]:
    """What is to be tried now, as names of tries: the same as long as nothing came of that try. Those without an answer are among them."""
    waits = and_(MessageRow.state == State.WAITING, MessageRow.due_at <= at)
    hangs = and_(MessageRow.state == State.HANDED_OVER, MessageRow.handed_over_at <= at - LATE)
    rows = session.scalars(select(MessageRow).where(or_(waits, hangs)).order_by(MessageRow.due_at).limit(limit))
    # a try that left no trace is taken up again after a while, under another name
    return [f"{r.message_id}-{r.tries}-{(at - (r.handed_over_at or r.due_at)) // LATE}" for r in rows]


def message_of_try(name: str) -> str:
    """The message's id in the name of a try."""
    return name.rsplit("-", 2)[0]


def taken_or_none(session: Session, at: datetime, message_id: str) -> Message | None:
    """The message, if it is to be sent now. One that was handed over and has no answer is told as unconfirmed, and not sent."""
    row = session.get(MessageRow, message_id, with_for_update=True)
    if row is not None and row.state == State.HANDED_OVER:
        row.state, row.fault, row.ended_at = State.UNCONFIRMED, Fault.BROKEN_OFF, at
    return _message(row) if row is not None and row.state == State.WAITING and row.due_at <= at else None


def note_handed_over(session: Session, at: datetime, message_id: str) -> bool:
    """Mark it, before the other side can have it. False where somebody else has marked it: then it is not to be sent."""
    waiting = update(MessageRow).where(MessageRow.message_id == message_id, MessageRow.state == State.WAITING)
    marked = session.execute(waiting.values(state=State.HANDED_OVER, handed_over_at=at).returning(MessageRow.message_id))
    return marked.first() is not None


def note_answer(session: Session, at: datetime, message_id: str, answer: Answer) -> State:
    """Write down how the try ended, and settle what comes next."""
    row = session.get_one(MessageRow, message_id, with_for_update=True)
    row.tries += 1
    row.fault, row.answer = answer.fault, answer.text[:MOST_ANSWER] or None
    failed = row.tries - row.patient_from
    match answer.fault:
        case None:
            row.state = State.DELIVERED
        case Fault.BROKEN_OFF:
            row.state = State.UNCONFIRMED
        case Fault.NOT_ALLOWED | Fault.GONE:
            row.state = State.STOPPED
        case _ if answer.is_final:
            row.state = State.REFUSED
        case _ if failed > len(PAUSES):
            row.state = State.GIVEN_UP
        case _:
            row.state, row.due_at, row.handed_over_at = State.WAITING, at + PAUSES[failed - 1], None
    row.ended_at = None if row.state == State.WAITING else at
    return State(row.state)


def stop(session: Session, at: datetime, message_id: str, why: str) -> None:
    """Of a message that waits there is nothing to send: say why."""
    row = session.get_one(MessageRow, message_id)
    if row.state == State.WAITING:
        row.state, row.fault, row.answer, row.ended_at = State.STOPPED, Fault.GONE, why[:MOST_ANSWER], at


def send_again(session: Session, at: datetime, actor: Actor, message_id: str) -> Message:
    """Once more, because a person asks for it. Raises for one that is on its way or arrived."""
    row = session.get(MessageRow, message_id, with_for_update=True)
    if row is None:
        raise unknown("message", message_id, ())
    if row.state not in AGAIN:
        raise KeepwellError("This message is on its way, or arrived.", "Only one that did not arrive, or may not have, is sent again.")
    row.state, row.due_at, row.handed_over_at, row.ended_at = State.WAITING, at, None, None
    # the name of a try is never used twice
    row.tries += 1
    row.patient_from = row.tries
    noted(session, at, actor, "sent again", "message", message_id)
    session.flush()
    return _message(row)


def messages(session: Session, subject_ids: Sequence[str] | None = None, limit: int = 50) -> list[Message]:
    """All, or those of some subjects; the newest first."""
    query = select(MessageRow).order_by(MessageRow.made_at.desc(), MessageRow.message_id.desc()).limit(limit)
    return [_message(r) for r in session.scalars(query if subject_ids is None else query.where(MessageRow.subject_id.in_(subject_ids)))]


def subjects_on_their_way(session: Session) -> frozenset[str]:
    """Of what a message is still to be sent, or may be sent again."""
    over = (State.DELIVERED,)
    return frozenset(session.scalars(select(MessageRow.subject_id).where(MessageRow.state.not_in(over)).distinct()))


def forget_old(session: Session, at: datetime) -> None:
    """Messages are kept for ninety days."""
    session.execute(delete(MessageRow).where(MessageRow.made_at <= at - KEPT))


def _message(row: MessageRow) -> Message:
    to, _, to_id = row.recipient.partition(":")
    return Message(
        row.message_id, About(row.subject), row.subject_id, Recipient(To(to), to_id, row.sees_as), row.scope_key, Locale(row.language),
        State(row.state), row.tries, row.made_at, row.due_at, row.ended_at, Fault(row.fault) if row.fault else None, row.answer,
    )  # fmt: skip
