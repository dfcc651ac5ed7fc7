"""Saved views: the filters of a page under a name, one's own or everybody's. What is kept is never an address, only what stands behind one."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from keepwell.access.audit import noted
from keepwell.access.roles import Capability
from keepwell.access.users import User
from keepwell.core.errors import KeepwellError, WrongUseError, did_you_mean, unknown
from keepwell.core.ids import new_id
from keepwell.core.text import clean
from keepwell.store.tables.views import ViewRow

MOST_NAME, MOST_QUERY, MOST_VIEWS = 100, 2_000, 200
# who makes segments, which are everybody's too
SHARE = Capability.BUILD_AUDIENCES


@dataclass(frozen=True)
class View:
    """A saved view; ``query`` is what stands behind the question mark of its page's address."""

    view_id: str
    name: str
    page: str
    query: str
    owner_id: str | None
    is_shared: bool
    made_at: datetime


@dataclass(frozen=True)
class NewView:
    """What a view is to be."""

    name: str
    page: str
    query: str
    is_shared: bool = False


def checked_query(query: str, known: Collection[str]) -> str:
    """The query as it is kept: parameters in their order, empty ones left out.

    Raises ``WrongUseError`` for a parameter that is not ``known``, for an address, and for one that is too long.
    """
    try:
        items = parse_qsl(query.removeprefix("?"), max_num_fields=MOST_QUERY)
    except ValueError as error:
        raise WrongUseError("The filters can't be read.", "Save them from their page.") from error
    for name, _ in items:
        if name not in known:
            raise WrongUseError(f"This page has no filter {name!r}.", did_you_mean(name, known))
    if not items and clean(query.removeprefix("?")).strip("&="):
        raise WrongUseError("The filters can't be read.", "Save them from their page.")
    told = urlencode(items)
    if len(told) > MOST_QUERY:
        raise WrongUseError("The filters are too long to be saved.", "Choose fewer values, or save a segment.")
    return told


def may_share(user: User) -> bool:
    """Whether this person may make views for everybody, and change those."""
    return user.may(SHARE)


def may_change(user: User, view: View) -> bool:
    """Whether this person may rename, share or delete it: its owner may, and of a shared one whoever may share."""
    return view.owner_id == user.user_id or (view.is_shared and may_share(user))


def views(session: Session, user: User, pages: Collection[str]) -> list[View]:
    """Those of these pages that this person sees, by name: the own ones, and those that are everybody's."""
    query = select(ViewRow).where(
        ViewRow.deleted_at.is_(None), ViewRow.page.in_(sorted(pages)), ViewRow.is_shared.is_(True) | (ViewRow.owner_id == user.user_id)
    )
    return sorted((_view(r) for r in session.scalars(query)), key=lambda v: (v.name.casefold(), v.view_id))


def add_view(session: Session, at: datetime, user: User, new: NewView, known: Collection[str], address: str | None = None) -> View:
    """Keep filters of a page whose parameters are ``known``. Raises for a name that is none, for filters that are none, and where one may not share."""
    name, query = _name(new.name), checked_query(new.query, known)
    if new.is_shared:
        _check_share(user)
    mine = select(func.count()).where(ViewRow.owner_id == user.user_id, ViewRow.deleted_at.is_(None))
    if (session.scalar(mine) or 0) >= MOST_VIEWS:
        raise KeepwellError(f"You have {MOST_VIEWS} views, which is as many as can be kept.", "Delete one that you don't need.")
    row = ViewRow(
        view_id=new_id("vew", at), name=name, page=new.page, query=query, owner_id=user.user_id, is_shared=new.is_shared, made_at=at
    )  # fmt: skip
    session.add(row)
    session.flush()
    noted(session, at, user.as_actor(address), "added", "view", row.view_id, **_told(row))
    return _view(row)


def change_view(
    session: Session, at: datetime, user: User, view_id: str, name: str, *, is_shared: bool, address: str | None = None
) -> View:
    """Another name, or for everybody or oneself alone. Raises where there is none that this person may change."""
    row = _row(session, user, view_id)
    row.name = _name(name)
    if is_shared and not row.is_shared:
        _check_share(user)
    row.is_shared = is_shared
    noted(session, at, user.as_actor(address), "changed", "view", view_id, **_told(row))
    return _view(row)


def delete_view(session: Session, at: datetime, user: User, view_id: str, address: str | None = None) -> View:
    """It is listed no more; :func:`restore_view` brings it back."""
    row = _row(session, user, view_id)
    row.deleted_at = at
    noted(session, at, user.as_actor(address), "deleted", "view", view_id, **_told(row))
    return _view(row)


def restore_view(session: Session, at: datetime, user: User, view_id: str, address: str | None = None) -> View:
    """One that was deleted is there again, as it was."""
    row = _row(session, user, view_id, is_deleted=True)
    row.deleted_at = None
    noted(session, at, user.as_actor(address), "restored", "view", view_id, **_told(row))
    return _view(row)


def _name(text: str) -> str:
    name = clean(text)
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise WrongUseError(f"{name!r} can't name a view.", f"Give it 1 to {MOST_NAME} characters.")
    return name


def _check_share(user: User) -> None:
    if not may_share(user):
        raise WrongUseError("Your role may not make views for everybody.", "Save it for yourself, or ask somebody who builds segments.")


def _row(session: Session, user: User, view_id: str, *, is_deleted: bool = False) -> ViewRow:
    row = session.get(ViewRow, view_id, with_for_update=True)
    # somebody else's own view is told as one that is not there
    if row is None or (row.deleted_at is not None) != is_deleted or not may_change(user, _view(row)):
        raise unknown("view", view_id, ())
    return row


def _told(row: ViewRow) -> dict[str, str]:
    # without the filters, which may hold what somebody looked for
    return {"name": row.name, "page": row.page, "shared": "yes" if row.is_shared else "no"}


def _view(row: ViewRow) -> View:
    return View(row.view_id, row.name, row.page, row.query, row.owner_id, row.is_shared, row.made_at)
