"""Which readings stand on top of the Overview."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table("pins", sa.Column("whose", sa.String(40), primary_key=True), sa.Column("kpis", sa.JSON, nullable=False))
