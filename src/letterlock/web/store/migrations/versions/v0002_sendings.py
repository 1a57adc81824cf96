"""Sending tests: which take mail, and who came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sendings",
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("client", sa.String(32), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("ends", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_sendings"),
    )
    op.create_index("ix_sendings_client_created", "sendings", ["client", "created"])
    op.create_index("ix_sendings_ends", "sendings", ["ends"])
    op.create_table(
        "arrivals",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("sending", sa.String(32)),
        sa.Column("client", sa.String(43), nullable=False),
        sa.Column("named", sa.Boolean, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_arrivals"),
        sa.ForeignKeyConstraint(
            ["sending"], ["sendings.digest"], name="fk_arrivals_sending", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_arrivals_sending_id", "arrivals", ["sending", "id"])
    op.create_index("ix_arrivals_client_sending", "arrivals", ["client", "sending"])


def downgrade() -> None:
    for table in ("arrivals", "sendings"):
        op.drop_table(table)
