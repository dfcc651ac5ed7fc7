"""Browsers on their way to the OpenID provider and back."""

import sqlalchemy as sa
from alembic import op

from keepwell.store.tables.table import Instant

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "oidc_requests",
        sa.Column("state_hash", sa.String(64), primary_key=True),
        sa.Column("browser_hash", sa.String(64), nullable=False),
        sa.Column("nonce", sa.String(64), nullable=False),
        sa.Column("code_verifier", sa.String(128), nullable=False),
        sa.Column("wanted", sa.String(2_000), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
    )
    op.create_index("ix_oidc_requests_address", "oidc_requests", ["address"])
    op.create_index("ix_oidc_requests_expires_at", "oidc_requests", ["expires_at"])
