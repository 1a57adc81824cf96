"""An edit of main.cf or master.cf changes the lines it must and no other byte."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from letterlock.conf.errors import ConfError
from letterlock.conf.main_cf import MainCf
from letterlock.conf.master_cf import MasterCf, MasterService
from tests.conf import grammar
from tests.conf.lines import changed, comments

NAMES = st.sampled_from(
    ["smtpd_tls_cert_file", "smtpd_tls_key_file", "tls_preempt_cipherlist", "relayhost", "new"]
)
VALUES = st.sampled_from(["may", "", "/etc/ssl/a.pem", "a, b", "$x", "ü", "#x", "a = b"])


def main_cf(data: bytes) -> MainCf:
    return MainCf.parse(data, "main.cf")


def master_cf(data: bytes) -> MasterCf:
    return MasterCf.parse(data, "master.cf")


def others(document: MainCf, name: str) -> list[tuple[str, str]]:
    return [(each.name, each.value) for each in document.settings() if each.name != name]


@settings(max_examples=250)
@given(grammar.MAIN_CF, NAMES, VALUES)
def test_a_setting(data: bytes, name: str, value: str) -> None:
    before = main_cf(data)
    after = before.with_setting(name, value)
    assert after.get(name) == value
    assert others(after, name) == others(before, name)
    assert [str(each.what) for each in after.faults()] == [
        str(each.what) for each in before.faults()
    ]
    assert comments(bytes(after)) == comments(data)
    assert after.with_setting(name, value) is after
    gone, came = changed(data, bytes(after))
    if before.get(name) is None:
        assert (len(gone), len(came)) == (0, 1)
    elif before.get(name) == value:
        assert bytes(after) == data
    else:
        count = sum(each.name == name for each in before.settings())
        assert sum(each.name == name for each in after.settings()) == count
        assert len([line for line in came if line not in gone]) <= 1


@settings(max_examples=100)
@given(grammar.MAIN_CF)
def test_a_setting_to_what_it_is(data: bytes) -> None:
    document = main_cf(data)
    for each in document.settings():
        held = document.get(each.name)
        assert held is not None
        assert bytes(document.with_setting(each.name, held)) == data


@settings(max_examples=100)
@given(grammar.MAIN_CF, NAMES)
def test_without_a_setting(data: bytes, name: str) -> None:
    before = main_cf(data)
    after = before.without(name)
    assert after.get(name) is None
    assert others(after, name) == others(before, name)
    assert comments(bytes(after)) == comments(data)
    _, came = changed(data, bytes(after))
    assert set(came) <= {line.removesuffix(b"\r") for line in data.split(b"\n")} | set(
        data.split(b"\n")
    )


OPTIONS = st.sampled_from(
    ["smtpd_tls_security_level", "smtpd_milters", "a", "x", "smtpd_tls_wrappermode", "new"]
)
OPTION_VALUES = st.sampled_from(
    ["may", "", "a b", "${a?{b c}:{d}}", "permit_sasl_authenticated, reject", "ü", "{ a } b"]
)


def shape(service: MasterService, name: str) -> tuple[object, ...]:
    """All of a service but its `-o name` options."""
    kept = tuple((each.name, each.value) for each in service.overrides if each.name != name)
    columns = (service.name, service.type, service.private, service.chroot, service.command)
    arguments = [each for each in service.arguments if each in ("-v", "user=a", "argv=/b", "-vo")]
    return (*columns, kept, len(arguments))


def others_services(document: MasterCf, service: MasterService) -> list[tuple[object, ...]]:
    return [
        (*shape(each, ""), each.arguments)
        for each in document.services()
        if (each.name, each.type) != (service.name, service.type)
    ]


@settings(max_examples=250)
@given(grammar.MASTER_CF, st.integers(0, 9), OPTIONS, OPTION_VALUES)
def test_an_override(data: bytes, index: int, name: str, value: str) -> None:
    # A form feed continues a line but separates no words: such a line is refused, not edited.
    assume(b"\f" not in data)
    before = master_cf(data)
    if not before.services():
        return
    service = before.services()[index % len(before.services())]
    after = before.with_override(service, name, value)
    edited = next(each for each in after.services() if each.line == service.line)
    assert edited.override(name) == value
    assert shape(edited, name) == shape(service, name)
    assert len(after.services()) == len(before.services())
    assert others_services(after, service) == others_services(before, service)
    assert comments(bytes(after)) == comments(data)
    assert after.with_override(edited, name, value) is after
    gone, came = changed(data, bytes(after))
    assert len(gone) <= 1 or service.override(name) is not None
    assert len(came) <= 1 or service.override(name) is not None


@settings(max_examples=200)
@given(grammar.MASTER_CF, st.integers(0, 9), OPTIONS)
def test_without_an_override(data: bytes, index: int, name: str) -> None:
    before = master_cf(data)
    if not before.services():
        return
    service = before.services()[index % len(before.services())]
    after = before.without_override(service, name)
    edited = next(each for each in after.services() if each.line == service.line)
    assert edited.override(name) is None
    kept = [(each.name, each.value) for each in service.overrides if each.name != name]
    assert [(each.name, each.value) for each in edited.overrides] == kept
    assert others_services(after, service) == others_services(before, service)
    assert comments(bytes(after)) == comments(data)
    if service.override(name) is None:
        assert bytes(after) == data


@settings(max_examples=150)
@given(grammar.MASTER_CF)
def test_uncommenting(data: bytes) -> None:
    before = master_cf(data)
    after = before.with_uncommented("submission", "inet", ["syslog_name"])
    if after is None:
        return
    old = [(*shape(each, ""), each.arguments) for each in before.services()]
    new = [(*shape(each, ""), each.arguments) for each in after.services()]
    assert len(new) == len(old) + 1
    came = next(at for at in range(len(new)) if at == len(old) or new[at] != old[at])
    assert new[:came] + new[came + 1 :] == old
    added = after.services()[came]
    assert (added.name, added.type, added.host) == ("submission", "inet", None)
    assert {each.name for each in added.overrides} <= {"syslog_name"}
    assert len(bytes(after).split(b"\n")) == len(data.split(b"\n"))


@settings(max_examples=150)
@given(grammar.MASTER_CF, st.sampled_from([None, "smtp", "submission"]))
def test_a_new_service(data: bytes, after_name: str | None) -> None:
    before = master_cf(data)
    overrides = [("smtpd_tls_wrappermode", "yes"), ("smtpd_client_restrictions", "a, b")]
    after = before.with_service("submissions", "inet", overrides=overrides, after=after_name)
    added = after.service("submissions", "inet")
    assert added is not None
    assert [(each.name, each.value) for each in added.overrides] == overrides
    new = [each.arguments for each in after.services() if each.line != added.line]
    assert new == [each.arguments for each in before.services()]
    gone, came = changed(data, bytes(after))
    assert (len(gone), len(came)) == (0, 3)
    with pytest.raises(ConfError, match="already"):
        after.with_service("submissions", "inet")


@pytest.mark.parametrize("value", ["a\nb", "a\0", " a", "a ", "\r", "\ud800"])
def test_values_that_no_line_holds(value: str) -> None:
    document = main_cf(b"a = b\n")
    with pytest.raises(ConfError, match=r"^main\.cf:1: "):
        document.with_setting("a", value)
    service = master_cf(b"smtp inet n - y - - smtpd\n").services()[0]
    with pytest.raises(ConfError, match=r"^master\.cf:1: "):
        master_cf(b"smtp inet n - y - - smtpd\n").with_override(service, "a", value)


@pytest.mark.parametrize("name", ["", "a b", "#a", "a=", "a\n"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ConfError, match="not a parameter name"):
        main_cf(b"a = b\n").with_setting(name, "x")


@pytest.mark.parametrize("value", ["{", "a {b", "} {"])
def test_unbalanced_overrides_are_refused(value: str) -> None:
    document = master_cf(b"smtp inet n - y - - smtpd\n  -o a=b\n")
    with pytest.raises(ConfError, match="unbalanced braces"):
        document.with_override(document.services()[0], "a", value)
