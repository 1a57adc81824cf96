"""The tables as they are today; `migrations/` brings an older database here."""

from __future__ import annotations

import json

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
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from letterlock.model.wording import Joined, Wording, from_members


class Sentence(TypeDecorator[str]):
    """A text; a Wording is one again when it is read. As text, that of an object in JSON."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        if value is not None and not isinstance(value, Wording):
            if not value.startswith("{"):
                return value
            value = Joined.between(", ", (value,))  # as such an object it comes back
        return value and json.dumps(value.members())

    def process_result_value(self, value: str | None, _dialect: Dialect) -> str | None:
        if value is None or not value.startswith("{"):
            return value
        try:
            return from_members(json.loads(value))
        except ValueError:  # an earlier letterlock's text
            return value


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
    Column("error", Sentence),
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

#: Sending tests, by the digest of their token: the token itself is in no table. Mail is taken until
#: it `ends`.
SENDINGS = Table(
    "sendings",
    METADATA,
    Column("digest", String(32), primary_key=True),
    Column("client", String(32), nullable=False),
    Column("created", Double, nullable=False),
    Column("ends", Double, nullable=False),
    Index(None, "client", "created"),
    Index(None, "ends"),
)

#: A visit to the traps, once for each test that it counts for; for none yet where it named no
#: recipient. `client` is the sender's address or its /64, `document` the visit.
ARRIVALS = Table(
    "arrivals",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("sending", String(32), ForeignKey("sendings.digest", ondelete="CASCADE")),
    Column("client", String(43), nullable=False),
    Column("named", Boolean, nullable=False),
    Column("at", Double, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index(None, "sending", "id"),
    Index(None, "client", "sending"),
)

#: What is looked at on a schedule, by its title. `digest` is of the question: another one is due at
#: once. `check_id` is the check under way, `last` the last with a report, `looked` when one ended,
#: `error` why that had none; `memory` is who judges's own, `certificates` those that were served.
MONITORS = Table(
    "monitors",
    METADATA,
    Column("title", String(200), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("due", Double, nullable=False),
    Column("check_id", String(16)),
    Column("last", String(16)),
    Column("looked", Double),
    Column("error", Sentence),
    Column("memory", Text, nullable=False),
    Column("certificates", Text, nullable=False),
    Index(None, "due"),
)

#: What is to be told of monitors, until it is handed over; not before `not_before`.
MESSAGES = Table(
    "messages",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("channel", String(16), nullable=False),
    Column("created", Double, nullable=False),
    Column("not_before", Double, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index(None, "channel", "id"),
)

META = Table(
    "meta",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)
