"""Monitors: what is looked at on a schedule, and what is to be told of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "monitors",
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("due", sa.Double, nullable=False),
        sa.Column("check_id", sa.String(16)),
        sa.Column("last", sa.String(16)),
        sa.Column("looked", sa.Double),
        sa.Column("error", sa.Text),
        sa.Column("memory", sa.Text, nullable=False),
        sa.Column("certificates", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("title", name="pk_monitors"),
    )
    op.create_index("ix_monitors_due", "monitors", ["due"])
    op.create_table(
        "messages",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("not_before", sa.Double, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
    )
    op.create_index("ix_messages_channel_id", "messages", ["channel", "id"])


def downgrade() -> None:
    for table in ("messages", "monitors"):
        op.drop_table(table)
