"""Channels: group chats of other services that reports and alerts go to. Their addresses hold keys, so they lie sealed."""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from keepwell.access.audit import Actor, noted
from keepwell.access.sealing import Sealer
from keepwell.core.errors import WrongUseError, did_you_mean, unknown
from keepwell.core.ids import new_id
from keepwell.core.settings import Locale
from keepwell.core.text import clean
from keepwell.store.tables.schedules import ChannelRow

MOST_NAME, MOST_ADDRESS = 100, 1_000
# the schemes by which apprise knows each service; a custom address is one of the own network that the workspace allows by name
SERVICES = {
    "dingtalk": ("dingtalk",),
    "feishu": ("feishu", "lark"),
    "wecom": ("wecombot",),
    "slack": ("slack",),
    "teams": ("workflows", "workflow"),
    "custom": ("json", "jsons"),
}
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://.+", re.IGNORECASE)


@dataclass(frozen=True)
class Channel:
    """A channel without its address."""

    channel_id: str
    name: str
    service: str
    language: Locale
    is_on: bool
    made_at: datetime


@dataclass(frozen=True)
class NewChannel:
    """What is told of a channel. ``address`` is as apprise writes it: ``dingtalk://TOKEN``, ``slack://A/B/C/#room``."""

    name: str
    address: str
    language: Locale = Locale.ENGLISH


def service_of(address: str) -> str:
    """Which service an address belongs to. Raises for one that is none, without repeating it: it holds a key."""
    found = _SCHEME.fullmatch(address.strip())
    scheme = found[1].lower() if found else ""
    known = {s: name for name, schemes in SERVICES.items() for s in schemes}
    if scheme not in known or len(address) > MOST_ADDRESS:
        raise WrongUseError(
            "This is no address of a channel that Keepwell sends to.",
            did_you_mean(scheme, known) if scheme else f"It begins with one of {', '.join(f'{s}://' for s in known)}",
        )
    return known[scheme]


def channels(session: Session) -> list[Channel]:
    """Those that there are, by name."""
    there = select(ChannelRow).where(ChannelRow.deleted_at.is_(None))
    return [_channel(r) for r in session.scalars(there.order_by(ChannelRow.name, ChannelRow.channel_id))]


def add_channel(session: Session, at: datetime, actor: Actor, sealer: Sealer, new: NewChannel) -> Channel:
    """Raises for an address of no known service, or without a name."""
    name, service = clean(new.name), service_of(new.address)
    if not name or len(name) > MOST_NAME:
        raise WrongUseError("The channel has no name, or one that is too long.", f"Give one of at most {MOST_NAME} characters.")
    own = new_id("chn", at)
    row = ChannelRow(
        channel_id=own,
        name=name,
        service=service,
        address=sealer.seal(new.address.strip(), own),
        language=new.language,
        is_on=True,
        made_at=at,
    )
    session.add(row)
    session.flush()
    noted(session, at, actor, "added", "channel", own, name=name, service=service)
    return _channel(row)


def delete_channel(session: Session, at: datetime, actor: Actor, channel_id: str) -> Channel:
    """It gets nothing more; :func:`restore_channel` brings it back."""
    row = _row(session, channel_id)
    row.deleted_at = at
    noted(session, at, actor, "deleted", "channel", channel_id, name=row.name)
    return _channel(row)


def restore_channel(session: Session, at: datetime, actor: Actor, channel_id: str) -> Channel:
    """One that was deleted is there again."""
    row = session.get(ChannelRow, channel_id)
    if row is None or row.deleted_at is None:
        raise unknown("deleted channel", channel_id, ())
    row.deleted_at = None
    noted(session, at, actor, "restored", "channel", channel_id, name=row.name)
    return _channel(row)


def channel_of(session: Session, name_or_id: str) -> Channel:
    """The one of that id, or of that name; an unknown one answers with the nearest."""
    found = channels(session)
    for c in found:
        if name_or_id in {c.channel_id, c.name}:
            return c
    raise unknown("channel", name_or_id, [c.name for c in found])


def address_or_none(session: Session, sealer: Sealer, channel_id: str) -> str | None:
    """Where to send; None where the channel is gone. Raises ``SealingError`` where the key is another one."""
    row = session.get(ChannelRow, channel_id)
    return None if row is None or row.deleted_at is not None or not row.is_on else sealer.opened(row.address, channel_id)


def _row(session: Session, channel_id: str) -> ChannelRow:
    row = session.get(ChannelRow, channel_of(session, channel_id).channel_id)
    if row is None:
        raise unknown("channel", channel_id, ())
    return row


def _channel(row: ChannelRow) -> Channel:
    return Channel(row.channel_id, row.name, row.service, Locale(row.language), row.is_on, row.made_at)
