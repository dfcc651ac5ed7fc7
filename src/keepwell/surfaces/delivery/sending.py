"""One try of one message: to a person by mail, to a channel by its service."""

from collections.abc import Callable
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import quote

from keepwell.access.roles import Capability
from keepwell.access.scope import scope_of
from keepwell.access.sealing import Sealer, SealingError
from keepwell.access.users import User, users
from keepwell.core.clock import Clock
from keepwell.core.settings import changed
from keepwell.core.workspace import Workspace
from keepwell.performance.alerts.service import notice_or_none
from keepwell.performance.schedules import channels, messages, services
from keepwell.performance.schedules.messages import About, Answer, Fault, Message
from keepwell.performance.schedules.schedule import To
from keepwell.store.db import Database
from keepwell.surfaces.alerts import told
from keepwell.surfaces.delivery.channel import send_to_channel
from keepwell.surfaces.delivery.package import Package, folder_of, package_or_none
from keepwell.surfaces.delivery.smtp import send_mail
from keepwell.surfaces.python import Workspace as Opened
from keepwell.surfaces.reports.formats import MEDIA_TYPES, Kind
from keepwell.surfaces.words import words_of


def send(place: Workspace, clock: Clock, store: Database, message_id: str) -> None:
    """Try it, unless it is not due, was tried before, or may not be sent any more."""
    with store.transaction() as session:
        found = messages.taken_or_none(session, clock.now(), message_id)
    if found is None:
        return
    answer = _sent(place, clock, store, found)
    if answer is None:
        return
    with store.transaction() as session:
        messages.note_answer(session, clock.now(), message_id, answer)


def _sent(place: Workspace, clock: Clock, store: Database, found: Message) -> Answer | None:
    """What came of it; None where somebody else has it in hand."""

    def hand_over() -> bool:
        with store.transaction() as session:
            return messages.note_handed_over(session, clock.now(), found.message_id)

    with store.transaction(writes=False) as session:
        user = next((u for u in users(session) if u.user_id == found.recipient.sees_as), None)
        if not _may_have(user, found):
            return Answer(Fault.NOT_ALLOWED)
        try:
            address = (
                None if found.recipient.to is To.USER else channels.address_or_none(session, Sealer(place.folder), found.recipient.to_id)
            )
        except SealingError as error:
            return Answer(Fault.SEALED, error.message)
    package = _package_or_none(place, clock, store, found)
    if package is None or (found.recipient.to is To.CHANNEL and address is None):
        return Answer(Fault.GONE)
    if address is not None:
        return _to_channel(place, address, package, hand_over)
    if user is None:
        return Answer(Fault.GONE)
    return send_mail(place.settings, _mail(place, found, user, package, clock.now()), hand_over)


def _may_have(user: User | None, found: Message) -> bool:
    """Whether the person may still have what was made for them. A test tells nobody anything."""
    if found.about is About.TEST:
        return True
    if user is None or scope_of(user).key != found.scope_key:
        return False
    return user.may(Capability.SEE_KPIS) if found.about is About.NOTICE else services.may_receive(user)


def _package_or_none(place: Workspace, clock: Clock, store: Database, found: Message) -> Package | None:
    if found.about is About.TEST:
        word = words_of(found.language)
        text = word("mail_test").format(name=place.folder.name)
        return Package(word("mail_test_title"), text, "", text)
    if found.about is About.NOTICE:
        return _notice_or_none(place, clock, store, found)
    return package_or_none(folder_of(place, found.subject_id, found.scope_key, found.language))


def _notice_or_none(place: Workspace, clock: Clock, store: Database, found: Message) -> Package | None:
    """What somebody is told of a KPI; None where the notice is gone."""
    with store.transaction(writes=False) as session:
        notice = notice_or_none(session, found.subject_id)
    if notice is None:
        return None
    words = told(notice, Opened(place, clock), changed(place.settings, locale=found.language))
    link = f"{place.settings.pages_url.rstrip('/')}/kpi/{quote(notice.kpi)}" if place.settings.pages_url else ""
    text = "\n".join([words.text, *([link] if link else [])])
    return Package(words.title, text, "", f"{words.title}\n\n{text}\n")


def _to_channel(place: Workspace, address: str, package: Package, hand_over: Callable[[], bool]) -> Answer | None:
    return send_to_channel(place.settings, address, package.title, package.short, hand_over)


def _mail(place: Workspace, found: Message, user: User, package: Package, at: datetime) -> EmailMessage:
    """The mail, its id made of the message's: a mail program that gets it twice can tell."""
    mail = EmailMessage()
    sender = place.settings.mail_from or "keepwell@localhost"
    mail["From"] = Address("Keepwell", addr_spec=sender)
    mail["To"] = Address(user.name, addr_spec=user.email)
    mail["Subject"] = " ".join(package.title.split())
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{found.message_id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Content-Language"] = str(found.language)
    mail.set_content(package.text)
    if package.html:
        mail.add_alternative(package.html, subtype="html")
    folder = folder_of(place, found.subject_id, found.scope_key, found.language)
    for name in package.files:
        kind, _, subtype = MEDIA_TYPES[Kind(name.rpartition(".")[2])].partition("/")
        mail.add_attachment((folder / name).read_bytes(), maintype=kind, subtype=subtype, filename=name)
    return mail
