"""The tables as they are today; `migrations/` brings an older database here."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

#: Names that are the same on every database, so that a migration can name them.
METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

#: Times are seconds since the epoch.
CHECKS = Table(
    "checks",
    METADATA,
    Column("id", String(16), primary_key=True),
    Column("target", Text, nullable=False),
    #: What its history is kept under: the host's name or address, `@domain` for a mail domain.
    Column("subject", Text, nullable=False),
    #: What was asked, as JSON, and a digest of target and that: equal ones share a result.
    Column("options", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("state", String(8), nullable=False),
    Column("client", String(32), nullable=False),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("finished", Double),
    Column("worker", String(40)),
    Column("lease", Double),
    Column("attempts", Integer, nullable=False, default=0),
    Column("progress", Text, nullable=False, default=""),
    Column("error", Text),
    Column("determined", Boolean),
    Column("grade", String(2)),
    Column("worst", String(8)),
    Index(None, "state", "created"),
    Index(None, "digest", "created"),
    Index(None, "subject", "created"),
    Index(None, "client", "created"),
    Index(None, "finished"),
)

REPORTS = Table(
    "reports",
    METADATA,
    Column("check_id", String(16), ForeignKey("checks.id", ondelete="CASCADE"), primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

#: Which addresses were visited by which check: so many a while, whatever names lead there.
VISITS = Table(
    "visits",
    METADATA,
    Column("check_id", String(16), primary_key=True),
    Column("address", String(45), primary_key=True),
    Column("at", Double, nullable=False),
    Index(None, "address", "at"),
)

META = Table(
    "meta",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)
