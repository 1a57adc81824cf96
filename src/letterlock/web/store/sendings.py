"""Sending tests: begun by the page, fed by `letterlock listen`, two processes that know each other
by these tables alone. What a visit was is a document here; whose it is, its digests say."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from letterlock.web.store.checks import Reason, TurnedAway
from letterlock.web.store.database import Database
from letterlock.web.store.tables import ARRIVALS, META, SENDINGS

#: Arrivals that are kept: of one test; without a recipient, of one client and of all.
MOST_OF_TEST = 200
MOST_OF_CLIENT = 50
MOST_STRANGERS = 2_000
#: Tests that one client's visits without a recipient count for.
_MOST_TESTS = 20
#: Seconds for which an arrival that counts for no test is remembered.
_STRANGERS_KEPT = 86_400.0
#: Seconds between a listener's signs of life, and after which it is taken for gone.
SIGN = 10.0
GONE = 45.0
_LISTENER = "listener"
_LOCK = 0x6C6C73


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a test takes mail, in seconds; how many a client may begin within that; how many
    take mail at once."""

    life: float = 86_400.0
    per_client: int = 10
    all: int = 1_000


@dataclass(frozen=True, slots=True)
class Sending:
    """A test; times are seconds since the epoch."""

    digest: str
    created: float
    ends: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """A visit that is over. `client` is who is counted together with it, `digests` those of its
    recipients' tokens."""

    at: float
    client: str
    digests: tuple[str, ...]
    document: bytes


@dataclass(frozen=True, slots=True)
class Progress:
    """Of a test: `last` grows with each arrival."""

    last: int
    over: bool


class Sendings:
    """`clock` gives seconds since the epoch."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.clock = time.time

    # --- the page

    def begin(self, digest: str, client: str, bounds: Bounds) -> Sending | TurnedAway:
        now = self.clock()
        with self._database.write() as connection:
            self._alone(connection)
            refusal = _room(connection, client, bounds, now)
            if refusal is not None:
                return refusal
            made = Sending(digest, now, now + bounds.life)
            connection.execute(
                insert(SENDINGS).values(
                    digest=digest, client=client, created=made.created, ends=made.ends
                )
            )
        return made

    def find(self, digest: str) -> Sending | None:
        wanted = select(SENDINGS.c.digest, SENDINGS.c.created, SENDINGS.c.ends)
        with self._database.read() as connection:
            row = connection.execute(wanted.where(SENDINGS.c.digest == digest)).first()
        return Sending(*row) if row is not None else None

    def documents(self, digest: str) -> tuple[bytes, ...]:
        """Of what came to a test, by time."""
        wanted = select(ARRIVALS.c.document).where(ARRIVALS.c.sending == digest)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(ARRIVALS.c.at, ARRIVALS.c.id)).scalars().all()
        return tuple(zlib.decompress(each) for each in rows)

    def progress(self, digests: list[str]) -> dict[str, Progress]:
        now = self.clock()
        wanted = (
            select(SENDINGS.c.digest, SENDINGS.c.ends, func.max(ARRIVALS.c.id))
            .select_from(SENDINGS.outerjoin(ARRIVALS, ARRIVALS.c.sending == SENDINGS.c.digest))
            .where(SENDINGS.c.digest.in_(digests))
            .group_by(SENDINGS.c.digest, SENDINGS.c.ends)
        )
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        return {digest: Progress(last or 0, ends <= now) for digest, ends, last in rows}

    def is_listened_for(self, domain: str) -> bool:
        """Whether somebody has lately said that mail to this domain's traps is taken."""
        with self._database.read() as connection:
            told = connection.execute(select(META.c.value).where(META.c.name == _LISTENER)).scalar()
        at, _, whose = (told or "0 ").partition(" ")
        return whose == domain and float(at) > self.clock() - GONE

    def prune(self, age: float) -> int:
        """Forget the tests that ended `age` seconds ago, with all that came; how many."""
        now = self.clock()
        stale = and_(ARRIVALS.c.sending.is_(None), ARRIVALS.c.at < now - _STRANGERS_KEPT)
        ended = SENDINGS.c.ends < now - age
        with self._database.write() as connection:
            self._alone(connection)
            old = select(SENDINGS.c.digest).where(ended)
            connection.execute(delete(ARRIVALS).where(ARRIVALS.c.sending.in_(old)))
            connection.execute(delete(ARRIVALS).where(stale))
            gone = connection.execute(delete(SENDINGS).where(ended))
        return int(gone.rowcount)

    # --- the listener

    def sign(self, domain: str) -> None:
        """Mail to this domain's traps is taken."""
        value = f"{self.clock():.3f} {domain}"
        ours = META.c.name == _LISTENER
        with self._database.write() as connection:
            self._alone(connection)
            if not connection.execute(update(META).where(ours).values(value=value)).rowcount:
                connection.execute(insert(META).values(name=_LISTENER, value=value))

    def unsign(self) -> None:
        """Not any more."""
        with self._database.write() as connection:
            connection.execute(delete(META).where(META.c.name == _LISTENER))

    def open(self) -> frozenset[str]:
        """Digests of those that take mail."""
        wanted = select(SENDINGS.c.digest).where(SENDINGS.c.ends > self.clock())
        with self._database.read() as connection:
            return frozenset(connection.execute(wanted).scalars())

    def note(self, arrival: Arrival) -> None:
        """Kept for each test that it counts for. Who refuses says no recipient: such a visit counts
        for the tests whose mail came from the same client, before it or after it."""
        now = self.clock()
        with self._database.write() as connection:
            self._alone(connection)
            if arrival.digests:
                _note_named(connection, arrival, now)
            else:
                _note_stranger(connection, arrival, now)

    def _alone(self, connection: Connection) -> None:
        """Looking and writing are one step: only one at a time."""
        if not self._database.is_sqlite:
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def _note_named(connection: Connection, arrival: Arrival, now: float) -> None:
    open_ = select(SENDINGS.c.digest, SENDINGS.c.created).where(
        SENDINGS.c.ends > now, SENDINGS.c.digest.in_(arrival.digests)
    )
    for digest, created in connection.execute(open_).all():
        if not _came_before(connection, digest, arrival.client):
            earlier = select(ARRIVALS.c.client, ARRIVALS.c.at, ARRIVALS.c.document).where(
                ARRIVALS.c.client == arrival.client,
                ARRIVALS.c.sending.is_(None),
                ARRIVALS.c.at >= created,
            )
            for row in connection.execute(earlier.order_by(ARRIVALS.c.id)).mappings().all():
                connection.execute(insert(ARRIVALS).values(sending=digest, named=False, **row))
        _insert(connection, arrival, digest)
        _trim(connection, ARRIVALS.c.sending == digest, MOST_OF_TEST)


def _note_stranger(connection: Connection, arrival: Arrival, now: float) -> None:
    known = (
        select(ARRIVALS.c.sending)
        .join(SENDINGS, SENDINGS.c.digest == ARRIVALS.c.sending)
        .where(ARRIVALS.c.client == arrival.client, ARRIVALS.c.named, SENDINGS.c.ends > now)
        .distinct()
        .limit(_MOST_TESTS)
    )
    for digest in connection.execute(known).scalars().all():
        _insert(connection, arrival, digest)
        _trim(connection, ARRIVALS.c.sending == digest, MOST_OF_TEST)
    if connection.execute(select(SENDINGS.c.digest).where(SENDINGS.c.ends > now).limit(1)).first():
        _insert(connection, arrival, None)
        nobodys = ARRIVALS.c.sending.is_(None)
        _trim(connection, and_(nobodys, ARRIVALS.c.client == arrival.client), MOST_OF_CLIENT)
        _trim(connection, nobodys, MOST_STRANGERS)


def _came_before(connection: Connection, digest: str, client: str) -> bool:
    ours = (ARRIVALS.c.sending == digest, ARRIVALS.c.client == client, ARRIVALS.c.named)
    return connection.execute(select(ARRIVALS.c.id).where(*ours).limit(1)).first() is not None


def _insert(connection: Connection, arrival: Arrival, digest: str | None) -> None:
    connection.execute(
        insert(ARRIVALS).values(
            sending=digest,
            client=arrival.client,
            named=bool(arrival.digests),
            at=arrival.at,
            document=zlib.compress(arrival.document, 6),
        )
    )


def _trim(connection: Connection, which: ColumnElement[bool], most: int) -> None:
    """The newest stay."""
    first_too_many = connection.execute(
        select(ARRIVALS.c.id).where(which).order_by(ARRIVALS.c.id.desc()).limit(1).offset(most)
    ).scalar()
    if first_too_many is not None:
        connection.execute(delete(ARRIVALS).where(which, ARRIVALS.c.id <= first_too_many))


def _room(connection: Connection, client: str, bounds: Bounds, now: float) -> TurnedAway | None:
    for reason, most, which in (
        (
            Reason.CLIENT,
            bounds.per_client,
            (SENDINGS.c.client == client, SENDINGS.c.created > now - bounds.life),
        ),
        (Reason.FULL, bounds.all, (SENDINGS.c.ends > now,)),
    ):
        count, oldest = connection.execute(
            select(func.count(), func.min(SENDINGS.c.created)).where(*which)
        ).one()
        if count >= most:
            return TurnedAway(reason, int(max(1.0, oldest + bounds.life - now)) + 1)
    return None
