"""The planner against servers on paper: it finds what they are, with few connections."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from letterlock.model.certificate import Certificate, ChainVerdict
from letterlock.model.cipher_suites import cipher_suite, cipher_suites, suite_name
from letterlock.model.named_groups import group_name, group_named
from letterlock.model.service import SMTP, SUBMISSIONS, Endpoint
from letterlock.model.signature_schemes import scheme_name, signature_schemes
from letterlock.model.tls_facts import Depth, Order, Stapled, TlsFacts
from letterlock.model.unknown import Cause, Unknown
from letterlock.probe.ask import Ask, Hello, Outcome
from letterlock.probe.plan import Demands, Planner, groups, signatures, suites
from letterlock.wire.tls.code_points import SSL3, TLS1_0, TLS1_1, TLS1_2, TLS1_3, version_name
from tests.probe.plan.simulated import NAME, Server, Simulation

HERE = Endpoint("127.0.0.1", 25, SMTP)
BELOW = (SSL3, TLS1_0, TLS1_1, TLS1_2)


class Reading:
    """Chains are named by their only certificate's bytes here: nothing is X.509."""

    def __init__(self) -> None:
        self.chains: list[tuple[bytes, ...]] = []

    def chain(self, served: tuple[bytes, ...]) -> tuple[tuple[Certificate, ...], ChainVerdict]:
        self.chains.append(served)
        return (), ChainVerdict((), None, ())

    def stapled(self, response: bytes) -> Stapled:
        return Stapled(response.decode())

    def timestamps(self, leaf: bytes) -> int | Unknown:
        return leaf.count(b"SCT")


def put(planner: Planner, answer: Simulation, spoil: set[int] | None = None) -> None:
    """Ask until there is nothing more; the asks whose numbers are in `spoil` fail."""
    count = 0
    while asks := planner.ready():
        for ask in asks:
            count += 1
            failed = spoil is not None and count in spoil
            outcome: Outcome = Unknown("timed out", Cause.TIMEOUT) if failed else answer(ask)
            planner.learn(ask, outcome)
        assert count < 600, "it never ends"
    assert planner.done


def examine(
    server: Server,
    depth: Depth = Depth.FULL,
    demands: Demands | None = None,
    endpoint: Endpoint = HERE,
) -> tuple[TlsFacts, Simulation]:
    answer = Simulation(server)
    planner = Planner(endpoint, NAME, depth, reader=Reading(), demands=demands)
    put(planner, answer)
    return planner.facts(connections=answer.connections), answer


# --- servers like those there are


def named_suites(*names: str) -> tuple[int, ...]:
    codes = {one.openssl_name: one.code for one in cipher_suites() if one.openssl_name}
    codes |= {one.name: one.code for one in cipher_suites()}
    return tuple(codes[name] for name in names)


def named(*names: str) -> tuple[int, ...]:
    found = [group_named(name) for name in names]
    return tuple(each.code for each in found if each is not None)


def rsa_schemes(*but: str) -> tuple[int, ...]:
    return tuple(
        one.code
        for one in signature_schemes()
        if one.name.startswith(("rsa_pss_rsae", "rsa_pkcs1")) and one.in_tls12
        if not any(each in one.name for each in (*but, "md5"))
    )


TLS13 = named_suites(
    "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"
)
#: What `openssl ciphers -s -tls1_2 aNULL:-aNULL:HIGH:MEDIUM:+RC4:@STRENGTH:@SECLEVEL=0` lists of
#: OpenSSL 3.0 for an RSA certificate, which is Postfix's default for port 25.
STOCK_12 = tuple(
    one.code
    for one in cipher_suites()
    if one.openssl_name
    and one.registered
    and one.key_exchange in ("RSA", "DHE", "ECDHE")
    and one.authentication in ("RSA", "anon")
    and one.cipher in ("AES", "CHACHA20", "CAMELLIA", "ARIA")
    and not one.is_tls13
    and not (one.authentication == "anon" and one.cipher == "ARIA")
    and not (one.key_exchange == "RSA" and one.cipher == "CHACHA20")
)
STOCK_10 = tuple(code for code in STOCK_12 if (one := cipher_suite(code)) and one.mac == "SHA1")
CURVES = named("x25519", "secp256r1", "x448", "secp521r1", "secp384r1")
STOCK = Server(
    {TLS1_0: STOCK_10, TLS1_1: STOCK_10, TLS1_2: STOCK_12, TLS1_3: TLS13},
    groups=CURVES,
    groups_13=CURVES,
    schemes={"RSA": rsa_schemes()},
    server_decides_groups=False,
    tickets=True,
)
HARDENED_12 = named_suites(
    "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"
)
HARDENED = Server(
    {TLS1_2: HARDENED_12, TLS1_3: TLS13},
    groups=CURVES[:2] + CURVES[-1:],
    groups_13=CURVES[:2] + CURVES[-1:],
    schemes={"RSA": rsa_schemes("sha1", "sha224")},
    tickets=True,
)
INTERMEDIATE = Demands(
    versions=frozenset({"TLSv1.2", "TLSv1.3"}),
    cipher_suites=frozenset(map(suite_name, (*HARDENED_12, *TLS13))),
    groups=frozenset({"x25519", "secp256r1", "secp384r1", "X25519MLKEM768"}),
    signature_schemes=frozenset(
        one.name for one in signature_schemes() if one.hash not in ("md5", "sha1", "sha224")
    ),
)


@pytest.mark.parametrize(
    ("server", "depth", "most"),
    [
        # One more connection is the first full handshake. ROBOT is counted with ten at most here,
        # of which a server that answers every padding alike takes five.
        (STOCK, Depth.VERDICT, 11),
        (STOCK, Depth.STANDARD, 39),
        (STOCK, Depth.FULL, 114 + 5),
        (HARDENED, Depth.VERDICT, 9),
        (HARDENED, Depth.STANDARD, 20),
        (HARDENED, Depth.FULL, 34),
    ],
    ids=lambda value: value if isinstance(value, Depth) else "",
)
def test_connections_are_few(server: Server, depth: Depth, most: int) -> None:
    demands = INTERMEDIATE if depth is Depth.VERDICT else None
    facts, simulation = examine(server, depth, demands)
    asked = ", ".join(ask.key for ask in simulation.asked)
    assert facts.connections <= most, f"{depth}: {facts.connections} connections: {asked}"


def test_a_stock_server_in_full() -> None:
    facts, _ = examine(STOCK)
    for version, listed in STOCK.suites.items():
        protocol = facts.protocol(version_name(version))
        assert protocol is not None
        assert set(protocol.cipher_suites) == set(map(suite_name, listed))
        assert protocol.complete
        assert protocol.order is Order.CLIENT
    faults = {fault.id: fault.present for fault in facts.known_faults}
    assert faults["drown"] is False and faults["poodle"] is False and faults["freak"] is False
    assert faults["beast"] is True and faults["lucky13"] is True and faults["dheat"] is True
    assert {chain.sni for chain in facts.chains} == {NAME, None}
    assert facts.behaviour.fallback_scsv is True
    assert facts.left_out == ()


# --- verdicts


def allowed_only(facts: TlsFacts, demands: Demands) -> bool:
    versions = all(
        protocol.offered is False or protocol.name in demands.versions
        for protocol in facts.protocols
    )
    listed = {suite for protocol in facts.protocols for suite in protocol.cipher_suites}
    seen_groups = {group for each in facts.groups for group in each.groups}
    schemes = {scheme for _, each in facts.signature_schemes for scheme in each}
    return (
        versions
        and listed <= demands.cipher_suites
        and seen_groups <= demands.groups
        and schemes <= demands.signature_schemes
    )


def test_a_hardened_server_is_not_refuted_and_all_that_is_forbidden_was_offered() -> None:
    facts, _ = examine(HARDENED, Depth.VERDICT, INTERMEDIATE)
    assert allowed_only(facts, INTERMEDIATE)
    for version in (TLS1_2, TLS1_3):
        protocol = facts.protocol(version_name(version))
        forbidden = {suite_name(code) for code in INTERMEDIATE.forbidden(version).suites}
        assert protocol is not None and set(protocol.refused) == forbidden
    for each, version in zip(facts.groups, (TLS1_2, TLS1_3), strict=True):
        assert set(each.refused) == {
            group_name(code) for code in INTERMEDIATE.forbidden(version).groups
        }
    assert dict(facts.refused_schemes)["TLSv1.2"]


@pytest.mark.parametrize(
    "change",
    [
        {"suites": {**HARDENED.suites, TLS1_0: STOCK_10}},
        {"suites": {**HARDENED.suites, TLS1_2: (*HARDENED_12, STOCK_12[0])}},
        {
            "suites": {
                **HARDENED.suites,
                TLS1_3: (*TLS13, *named_suites("TLS_AES_128_CCM_8_SHA256")),
            }
        },
        {"groups": (*HARDENED.groups, *named("secp521r1"))},
        {"groups_13": (*HARDENED.groups_13, *named("ffdhe2048"))},
        {"schemes": {"RSA": rsa_schemes("sha224")}},
        {"sslv2": True},
    ],
    ids=["version", "suite", "suite of 1.3", "group", "group of 1.3", "SHA-1", "SSLv2"],
)
@pytest.mark.parametrize("server_decides", [True, False])
def test_each_breach_is_found(change: dict[str, object], server_decides: bool) -> None:
    server = replace(
        HARDENED,
        server_decides=server_decides,
        server_decides_groups=server_decides,
        **change,  # type: ignore[arg-type]
    )
    facts, _ = examine(server, Depth.VERDICT, INTERMEDIATE)
    assert not allowed_only(facts, INTERMEDIATE)


# --- any server at all

SIGNING = ("RSA", "ECDSA")
COMMON = [
    code
    for code in suites.universe(TLS1_2)
    if (one := cipher_suite(code))
    and one.key_exchange in ("RSA", "DHE", "ECDHE")
    and one.authentication in (*SIGNING, "anon")
    and not (one.key_exchange == "RSA" and one.authentication == "anon")
]


def some(values: object, least: int = 0, most: int = 8) -> st.SearchStrategy[tuple[int, ...]]:
    listed = st.sampled_from(list(values))  # type: ignore[call-overload]
    return st.lists(listed, min_size=least, max_size=most, unique=True).map(tuple)


@st.composite
def servers(draw: st.DrawFn) -> Server:
    """Any server whose certificates can be used: an ECDSA suite needs a key, and a scheme."""
    decides = draw(st.booleans())
    keys = draw(st.sampled_from([("RSA",), ("ECDSA",), SIGNING]))
    schemes = {key: draw(some(signatures.universe(TLS1_2, key), 1, 5)) for key in keys}
    usable = [code for code in COMMON if suites.suite(code).authentication in (*keys, "anon")]
    listed = {version: draw(some(usable, 0, 9)) for version in BELOW if draw(st.booleans())}
    curves = draw(some(groups.universe(TLS1_2), 1, 5))
    tls13 = draw(some(suites.universe(TLS1_3), 0, 3))
    signs_13 = any(
        set(each) & set(signatures.universe(TLS1_3)) and signs_in_tls13(each)
        for each in schemes.values()
    )
    if tls13 and signs_13:
        listed[TLS1_3] = tls13
    flag = st.booleans()
    return Server(
        {version: each for version, each in listed.items() if each},
        groups=curves,
        groups_13=draw(some(groups.universe(TLS1_3), 1, 6)),
        schemes=schemes,
        server_decides=decides,
        server_decides_groups=draw(flag),
        compression=draw(flag),
        renegotiation_info=draw(flag),
        extended_master_secret=draw(flag),
        heartbeat=draw(flag),
        tickets=draw(flag),
        session_ids=draw(flag),
        fallback_scsv=draw(flag),
        tolerates_grease=draw(flag),
        tolerates_future=draw(flag),
        tolerates_large=draw(flag),
        strict_sni=draw(flag),
        strict_alpn=draw(flag),
        needs_name=draw(flag),
        reuses=draw(flag),
        sslv2=draw(flag),
        hangs_up=draw(flag),
    )


def signs_in_tls13(codes: tuple[int, ...]) -> bool:
    return any(
        one.code in codes and one.in_tls13 and one.signature not in ("rsa", "dsa")
        for one in signature_schemes()
    )


def names(codes: tuple[int, ...]) -> set[str]:
    return set(map(suite_name, codes))


def in_order(found: tuple[str, ...], order: object, truth: tuple[int, ...], ours: bool) -> bool:
    """Whether what is said of the order is so; one alone has none."""
    if len(truth) == 1:
        return isinstance(order, Unknown)
    if ours:
        return order is Order.SERVER and found == tuple(map(suite_name, truth))
    return order is Order.CLIENT


@settings(max_examples=40, deadline=None)
@given(servers())
def test_the_truth_is_found(server: Server) -> None:
    facts, simulation = examine(server)
    for version in (*BELOW, TLS1_3):
        truth = server.suites.get(version, ())
        protocol = facts.protocol(version_name(version))
        assert protocol is not None
        if server.versions or not server.hangs_up:
            assert protocol.offered is bool(truth), protocol
        else:
            assert isinstance(protocol.offered, Unknown)
        assert set(protocol.cipher_suites) == names(truth)
        if server.versions:
            assert protocol.complete
        if truth:
            assert set(protocol.refused) == names(suites.universe(version)) - names(truth)
            assert in_order(protocol.cipher_suites, protocol.order, truth, server.server_decides), (
                protocol.order,
                truth,
            )
    assert len({ask.key for ask in simulation.asked}) == len(simulation.asked)
    assert facts.left_out == ()


@settings(max_examples=40, deadline=None)
@given(servers())
def test_the_number_of_connections_is_bounded(server: Server) -> None:
    """One for each thing found, one to end each list, one for each question of tolerance that is
    answered by a refusal (and once more without it); scripts are counted apart."""
    _, simulation = examine(server)
    hellos = sum(isinstance(ask.what, Hello) for ask in simulation.asked)
    listed = sum(len(each) + 2 for each in server.suites.values())
    tls12 = len(server.groups) + 2 + sum(len(each) + 2 for each in server.schemes.values())
    schemes_13 = 2 * sum(len(each) for each in server.schemes.values()) * 6
    tls13 = (len(server.groups_13) + 3 + schemes_13) if TLS1_3 in server.suites else 0
    assert hellos <= listed + tls12 + tls13 + 2 * 7 + 4


@settings(max_examples=40, deadline=None)
@given(servers())
def test_groups_and_schemes_are_found(server: Server) -> None:
    facts, _ = examine(server)
    below = [version for version in server.suites if TLS1_0 <= version < TLS1_3]
    with_curve = [
        version
        for version in below
        if any(suites.with_curve(suites.suite(code)) for code in server.suites[version])
    ]
    seen = {
        group for each in facts.groups if "TLSv1.3" not in each.used_in for group in each.groups
    }
    if with_curve and max(below) in with_curve:
        assert seen == set(map(group_name, server.groups))
    if TLS1_3 in server.suites:
        newest = [each for each in facts.groups if "TLSv1.3" in each.used_in]
        assert set(newest[0].groups) == set(map(group_name, server.groups_13))
        assert newest[0].complete
        if server.server_decides_groups and len(server.groups_13) > 1:
            assert newest[0].order is Order.SERVER
            assert newest[0].groups == tuple(map(group_name, server.groups_13))
    signed = {
        suites.suite(code).authentication
        for code in server.suites.get(TLS1_2, ())
        if suites.signs(suites.suite(code))
    }
    truth = {scheme_name(code) for key in signed for code in server.schemes[key]}
    assert set(dict(facts.signature_schemes).get("TLSv1.2", ())) == truth


@settings(max_examples=40, deadline=None)
@given(servers())
def test_behaviour_is_found(server: Server) -> None:
    facts, _ = examine(server)
    below = [version for version in server.suites if TLS1_0 <= version < TLS1_3]
    how = facts.behaviour
    if below:
        assert how.compression is server.compression
        assert how.secure_renegotiation is server.renegotiation_info
        assert how.extended_master_secret is server.extended_master_secret
        assert how.heartbeat is server.heartbeat
        assert how.resumption.session_id is server.session_ids
        assert how.resumption.ticket is server.tickets
    if below or TLS1_3 in server.suites:
        assert how.tolerates_grease is server.tolerates_grease
        assert how.tolerates_large_hello is server.tolerates_large
        assert how.strict_sni is server.strict_sni
        assert how.strict_alpn is server.strict_alpn
    if below and len([version for version in server.suites if version > SSL3]) > 1:
        assert how.fallback_scsv is server.fallback_scsv
    unnamed = any(chain.sni is None for chain in facts.chains)
    if server.needs_name:
        assert not unnamed


@settings(max_examples=40, deadline=None)
@given(servers(), st.sets(st.integers(1, 60), max_size=8))
def test_failures_never_become_falsehoods(server: Server, spoil: set[int]) -> None:
    answer = Simulation(server)
    planner = Planner(HERE, NAME, Depth.FULL, reader=Reading())
    put(planner, answer, spoil)
    facts = planner.facts()
    for version in (*BELOW, TLS1_3):
        truth = server.suites.get(version, ())
        protocol = facts.protocol(version_name(version))
        assert protocol is not None
        assert isinstance(protocol.offered, Unknown) or protocol.offered is bool(truth)
        assert set(protocol.cipher_suites) <= names(truth)
        assert not set(protocol.refused) & names(truth)
        assert not protocol.complete or set(protocol.cipher_suites) == names(truth)
        assert protocol.order is not (Order.CLIENT if server.server_decides else Order.SERVER)
    how = facts.behaviour
    for told, truth_of_it in (
        (how.compression, server.compression),
        (how.strict_sni, server.strict_sni),
        (how.strict_alpn, server.strict_alpn),
        (how.tolerates_grease, server.tolerates_grease),
        (how.tolerates_large_hello, server.tolerates_large),
        (how.fallback_scsv, server.fallback_scsv),
        (how.secure_renegotiation, server.renegotiation_info),
    ):
        below = any(TLS1_0 <= each < TLS1_3 for each in server.suites)
        assert isinstance(told, Unknown) or told is truth_of_it or not below
    truths = {
        "poodle": any(suites.is_cbc(suites.suite(code)) for code in server.suites.get(SSL3, ())),
        "drown": server.sslv2,
    }
    for fault in facts.known_faults:
        if fault.id in truths:
            assert isinstance(fault.present, Unknown) or fault.present is truths[fault.id]


# --- budgets


def test_a_budget_buys_what_matters_most() -> None:
    for most in range(40):
        answer = Simulation(STOCK)
        planner = Planner(HERE, NAME, Depth.FULL, reader=Reading(), max_connections=most)
        put(planner, answer)
        facts = planner.facts(connections=answer.connections)
        assert answer.connections <= most
        if most >= 2:
            tls12, tls13 = facts.protocol("TLSv1.2"), facts.protocol("TLSv1.3")
            assert tls12 and tls12.offered is True and tls13 and tls13.offered is True
        if most >= 6:
            assert all(not isinstance(each.offered, Unknown) for each in facts.protocols)
        assert facts.left_out
        crime = next(fault for fault in facts.known_faults if fault.id == "robot")
        assert isinstance(crime.present, Unknown) and crime.present.cause is Cause.BUDGET


# --- single things


def test_asks_are_handed_out_once_and_more_come_with_answers() -> None:
    planner = Planner(HERE, NAME, Depth.FULL, reader=Reading())
    first = planner.ready()
    assert planner.ready() == ()
    assert not planner.done
    answer = Simulation(STOCK)
    planner.learn(first[0], answer(first[0]))
    second = planner.ready()
    assert second and not {ask.key for ask in second} & {ask.key for ask in first}


def test_a_silent_server_leaves_everything_open() -> None:
    def nothing(ask: Ask) -> Outcome:
        return Unknown("timed out", Cause.TIMEOUT)

    planner = Planner(HERE, NAME, Depth.FULL, reader=Reading())
    while asks := planner.ready():
        for ask in asks:
            planner.learn(ask, nothing(ask))
    facts = planner.facts()
    assert all(isinstance(protocol.offered, Unknown) for protocol in facts.protocols)
    assert all(isinstance(fault.present, Unknown) for fault in facts.known_faults)


def test_a_tls13_only_server_shows_its_certificates_in_full_handshakes() -> None:
    server = replace(
        HARDENED,
        suites={TLS1_3: TLS13},
        schemes={
            "RSA": rsa_schemes("pkcs1"),
            "ECDSA": signatures.universe(TLS1_2, "ECDSA")[-4:],
        },
    )
    answer, reader = Simulation(server), Reading()
    planner = Planner(HERE, NAME, Depth.STANDARD, reader=reader)
    put(planner, answer)
    facts = planner.facts()
    assert {(chain, each.sni) for chain, each in zip(reader.chains, facts.chains, strict=True)} == {
        ((b"RSA",), NAME),
        ((b"ECDSA",), NAME),
        ((b"RSA",), None),
    }
    assert facts.behaviour.compression is False
    assert facts.behaviour.client_renegotiation is False


def test_two_key_types_show_two_certificates() -> None:
    server = replace(
        HARDENED,
        suites={TLS1_2: (*HARDENED_12, *named_suites("ECDHE-ECDSA-AES128-GCM-SHA256"))},
        schemes={
            "RSA": rsa_schemes(),
            "ECDSA": signatures.universe(TLS1_2, "ECDSA")[-4:],
        },
    )
    reader = Reading()
    planner = Planner(HERE, NAME, Depth.STANDARD, reader=reader)
    put(planner, Simulation(server))
    named_chains = {
        chain
        for chain, each in zip(reader.chains, planner.facts().chains, strict=False)
        if each.sni == NAME
    }
    assert named_chains == {(b"RSA",), (b"ECDSA",)}


def test_implicit_tls_has_no_dialogue_to_ask_about() -> None:
    endpoint = Endpoint("127.0.0.1", 465, SUBMISSIONS)
    facts, simulation = examine(STOCK, Depth.STANDARD, endpoint=endpoint)
    assert not [ask for ask in simulation.asked if "starttls" in ask.key]
    assert isinstance(facts.dialogue.injection, Unknown)


def test_values_sent_twice_are_noticed() -> None:
    facts, _ = examine(replace(STOCK, reuses=True), Depth.STANDARD)
    assert facts.behaviour.reuses_dh_value is True
    assert facts.behaviour.reuses_ecdh_value is True
    facts, _ = examine(STOCK, Depth.STANDARD)
    assert facts.behaviour.reuses_dh_value is False
    assert facts.behaviour.reuses_ecdh_value is False
