"""Who may sign in, and as what."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from keepwell.store.tables.table import Table


class UserRow(Table):
    """A person who works in Keepwell. ``email`` is folded to one case; without ``password_hash`` only single sign-on leads in."""

    __tablename__ = "users"

    user_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str | None] = mapped_column(String(300))
    oidc_subject: Mapped[str | None] = mapped_column(String(500), unique=True)
    employee_id: Mapped[str | None] = mapped_column(String(200))
    rows: Mapped[str] = mapped_column(String(10))
    locale: Mapped[str | None] = mapped_column(String(10))
    theme: Mapped[str | None] = mapped_column(String(10))
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    roles: Mapped[list["UserRoleRow"]] = relationship(cascade="all, delete-orphan", lazy="selectin", order_by="UserRoleRow.role")


class UserRoleRow(Table):
    """One role of a user."""

    __tablename__ = "user_roles"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(String(40), primary_key=True)
