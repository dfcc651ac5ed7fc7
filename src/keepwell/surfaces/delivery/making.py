"""What a schedule makes on an occasion: the review of the period that is over, once for each scope and language, and a message for each recipient."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from keepwell.access.scope import Scope, scope_of
from keepwell.access.users import User, users
from keepwell.core.clock import Clock
from keepwell.core.errors import KeepwellError
from keepwell.core.settings import Locale
from keepwell.core.workspace import Workspace as Place
from keepwell.performance.schedules import channels, messages, services
from keepwell.performance.schedules.messages import About, NewMessage
from keepwell.performance.schedules.schedule import OccasionState, Ran, Recipient, Schedule, To
from keepwell.store.db import Database
from keepwell.surfaces.delivery.package import Package, folder_of, write_package
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.reports.formats import Kind, file_name, written
from keepwell.surfaces.reports.mail import html_mail, plain_mail, short_text
from keepwell.surfaces.reports.review import review_document
from keepwell.surfaces.reviews import Reviews


@dataclass(frozen=True)
class Version:
    """What several people get alike: the same rows in the same language."""

    scope: Scope
    language: Locale


def make(place: Place, clock: Clock, store: Database, occasion_id: str) -> None:
    """Make what is due and put it in line for everybody who may have it. One that was made is let be; one cut short is made to its end.

    What a person can understand (no readings of that period, nobody may have it) is written down with the occasion.
    """
    with store.transaction(writes=False) as session:
        found = services.schedule_of_occasion_or_none(session, occasion_id)
        if found is None or found[1].state is not OccasionState.WAITING:
            return
        schedule, occasion = found
        versions = _versions(schedule, {u.user_id: u for u in users(session)}, {c.channel_id: c for c in channels.channels(session)}, place)
    if not versions:
        _end(
            store,
            clock,
            occasion_id,
            KeepwellError("Nobody who should get it may have it any more.", "Check the recipients and their roles."),
        )
        return
    faults = {v: error for v in versions if (error := _fault_or_none(place, clock, store, schedule, occasion, v))}
    if len(faults) == len(versions):
        _end(store, clock, occasion_id, next(iter(faults.values())))
        return
    with store.transaction() as session:
        at = clock.now()
        for version, recipients in versions.items():
            for r in recipients:
                own = messages.put_in_line(session, at, NewMessage(About.REPORT, occasion_id, r, version.scope.key, version.language, at))
                if version in faults:
                    messages.stop(session, at, own, faults[version].message)
        services.end_occasion(session, at, occasion_id)


def _end(store: Database, clock: Clock, occasion_id: str, error: KeepwellError) -> None:
    with store.transaction() as session:
        services.end_occasion(session, clock.now(), occasion_id, error=error.message, hint=error.hint)


def _fault_or_none(
    place: Place, clock: Clock, store: Database, schedule: Schedule, occasion: Ran, version: Version
) -> KeepwellError | None:
    """Write a version down; what a person can understand (no readings of those rows) is told, and keeps nobody else from theirs."""
    try:
        _write(place, clock, store, schedule, occasion, version)
    except KeepwellError as error:
        return error
    return None


def _versions(
    schedule: Schedule, known: dict[str, User], there: dict[str, channels.Channel], place: Place
) -> dict[Version, list[Recipient]]:
    """Who gets which version; who may not have one is left out."""
    found: dict[Version, list[Recipient]] = defaultdict(list)
    for r in schedule.recipients:
        user = known.get(r.sees_as)
        channel = there.get(r.to_id) if r.to is To.CHANNEL else None
        if user is None or not services.may_receive(user) or (r.to is To.CHANNEL and channel is None):
            continue
        language = channel.language if channel else user.locale or place.settings.locale
        found[Version(scope_of(user), language)].append(r)
    return dict(found)


def _write(place: Place, clock: Clock, store: Database, schedule: Schedule, occasion: Ran, version: Version) -> None:
    folder = folder_of(place, occasion.occasion_id, version.scope.key, version.language)
    if folder.exists():
        return
    period = place.calendar.parse(schedule.of, today=occasion.day).label
    review = Reviews(Workspace(place, clock).seen_by(version.scope), store).review(period, schedule.card)
    document = review_document(review, place.settings, place.folder.name, version.language)
    link = f"{place.settings.pages_url.rstrip('/')}/" if place.settings.pages_url else ""
    files = {file_name("review", review.period.label, version.language, k): written(k, document) for k in _kinds(schedule.formats)}
    package = Package(document.title, short_text(document, link), html_mail(document, link), plain_mail(document, link), tuple(files))
    write_package(folder, package, files)


def _kinds(formats: Iterable[str]) -> list[Kind]:
    return [Kind(f) for f in formats]
