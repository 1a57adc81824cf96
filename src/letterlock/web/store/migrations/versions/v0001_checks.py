"""The first tables."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "checks",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("client", sa.String(32), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("started", sa.Double),
        sa.Column("finished", sa.Double),
        sa.Column("worker", sa.String(40)),
        sa.Column("lease", sa.Double),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("progress", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("determined", sa.Boolean),
        sa.Column("grade", sa.String(2)),
        sa.Column("worst", sa.String(8)),
        sa.PrimaryKeyConstraint("id", name="pk_checks"),
    )
    for columns in (
        ["state", "created"], ["digest", "created"], ["subject", "created"],
        ["client", "created"], ["finished"],
    ):  # fmt: skip
        op.create_index(f"ix_checks_{'_'.join(columns)}", "checks", columns)
    op.create_table(
        "reports",
        sa.Column("check_id", sa.String(16), nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("check_id", name="pk_reports"),
        sa.ForeignKeyConstraint(
            ["check_id"], ["checks.id"], name="fk_reports_check_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "visits",
        sa.Column("check_id", sa.String(16), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("check_id", "address", name="pk_visits"),
    )
    op.create_index("ix_visits_address_at", "visits", ["address", "at"])
    meta = op.create_table(
        "meta",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_meta"),
    )
    # What clients' addresses are hashed with, so that they stand nowhere.
    op.bulk_insert(meta, [{"name": "client_key", "value": secrets.token_hex(32)}])


def downgrade() -> None:
    for table in ("meta", "visits", "reports", "checks"):
        op.drop_table(table)
