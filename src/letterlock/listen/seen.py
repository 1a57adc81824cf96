"""What is learnt of one handshake, collected while it runs: the witness's reading of both hellos,
OpenSSL's of the alerts, which TLS 1.3 encrypts."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from OpenSSL import SSL

from letterlock.model.cipher_suites import suite_name
from letterlock.model.listening import HelloFacts, TlsSeen, Trap
from letterlock.model.named_groups import group_name, named_group
from letterlock.model.signature_schemes import scheme_name
from letterlock.model.tls_names import alert_name
from letterlock.model.wording import Wording
from letterlock.wire.lines import readable
from letterlock.wire.tls.alert import CLOSE_NOTIFY
from letterlock.wire.tls.client_extensions import ClientOffer
from letterlock.wire.tls.code_points import is_grease, version_name
from letterlock.wire.tls.witness import Witness

#: Of lists and names, which are the client's, as much is kept.
MOST_CODES = 200
MOST_TEXT = 255
#: SSL_CB_READ_ALERT of SSL_CTX_set_info_callback(3).
_READ_ALERT = 0x4004


def _names(codes: tuple[int, ...], name: Callable[[int], str]) -> tuple[str, ...]:
    return tuple(name(code) for code in codes[:MOST_CODES] if not is_grease(code))


def hello_facts(offer: ClientOffer) -> HelloFacts:
    groups = [group for code in offer.groups[:MOST_CODES] if (group := named_group(code))]
    facts = HelloFacts(
        versions=_names(offer.versions, version_name),
        cipher_suites=_names(offer.cipher_suites, suite_name),
        groups=_names(offer.groups, group_name),
        key_shares=_names(offer.key_shares, group_name),
        signature_schemes=_names(offer.signature_schemes, scheme_name),
        server_name=None if offer.server_name is None else shown(offer.server_name),
        alpn=tuple(shown(each) for each in offer.alpn[:16]),
        post_quantum_groups=tuple(group.name for group in groups if group.post_quantum),
    )
    return _one_of(facts)


@lru_cache(maxsize=256)  # of what is bounded: an offer has as many codes as a stranger likes
def _one_of(facts: HelloFacts) -> HelloFacts:
    """A sender's hellos are mostly the same: one is kept."""
    return facts


def shown(data: bytes) -> str:
    """A client's text, bounded and safe on a terminal."""
    return readable(data[:MOST_TEXT])


class SeenTls:
    """One handshake's facts, mutable until the visit is over."""

    def __init__(self) -> None:
        self._witness = Witness()
        self._completed = False
        self._failure = ""
        self._alert: int | None = None
        #: Whose certificate was chosen by SNI; None: no choice was made.
        self.trap: Trap | None = None

    def client(self, data: bytes) -> None:
        self._witness.client(data)

    def server(self, data: bytes) -> None:
        self._witness.server(data)

    def info(self, where: int, returned: int) -> None:
        """OpenSSL's info callback."""
        if where == _READ_ALERT and returned & 0xFF != CLOSE_NOTIFY:
            self._alert = returned & 0xFF

    def complete(self) -> None:
        self._completed = True

    def failed(self, error: SSL.Error) -> None:
        queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
        reasons = [str(entry[-1]) for entry in queue if entry[-1]]
        self._failure = self._witness.fault or "; ".join(reasons) or Wording("the handshake failed")

    def abandoned(self) -> None:
        self._failure = self._failure or Wording("the connection was closed during the handshake")

    def timed_out(self) -> None:
        self._failure = self._failure or Wording("the handshake took too long")

    def facts(self) -> TlsSeen:
        answer = self._witness.answer
        group = answer.group
        known = named_group(group) if group is not None else None
        alert = self._alert
        if alert is None and self._witness.alerts:
            alert = self._witness.alerts[-1].description
        agreed = answer.version is not None and answer.cipher_suite is not None
        return TlsSeen(
            completed=self._completed,
            hello=hello_facts(self._witness.offer) if self._witness.offer else None,
            version=version_name(answer.version or 0) if agreed else None,
            cipher_suite=suite_name(answer.cipher_suite or 0) if agreed else None,
            group=group_name(group) if group is not None else None,
            post_quantum=known is not None and known.post_quantum,
            retried=self._witness.retried,
            alert=None if alert in (None, CLOSE_NOTIFY) else alert_name(alert),
            failure="" if self._completed else self._failure,
        )
