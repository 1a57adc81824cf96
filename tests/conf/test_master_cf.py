"""master.cf: each construct that people write, read and edited."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

import pytest

from letterlock.conf.errors import ConfError
from letterlock.conf.master_cf import MasterCf, MasterService

HEAD = "smtp      inet  n       -       y       -       -       smtpd\n"
PROTO = Path("/etc/postfix/master.cf.proto")


def master_cf(text: str) -> MasterCf:
    return MasterCf.parse(text.encode(), "master.cf")


def only(text: str) -> MasterService:
    document = master_cf(text)
    assert document.faults() == ()
    (service,) = document.services()
    return service


def test_columns() -> None:
    service = only("tlsmgr unix - n y 1000? 1 tlsmgr -v a=b\n")
    assert (service.name, service.type, service.private) == ("tlsmgr", "unix", "-")
    assert (service.unprivileged, service.chroot) == ("n", "y")
    assert (service.wakeup, service.maxproc, service.command) == ("1000?", "1", "tlsmgr")
    assert (service.arguments, service.overrides, service.line) == (("-v", "a=b"), (), 1)


@pytest.mark.parametrize(
    ("name", "host", "port"),
    [
        ("smtp", None, "smtp"),
        ("465", None, "465"),
        ("127.0.0.1:submission", "127.0.0.1", "submission"),
        ("[::1]:587", "::1", "587"),
        ("[127.0.0.1]:10025", "127.0.0.1", "10025"),
        ("localhost:smtps", "localhost", "smtps"),
        (":25", None, "25"),
    ],
)
def test_names(name: str, host: str | None, port: str) -> None:
    service = only(f"{name} inet n - y - - smtpd\n")
    assert (service.name, service.host, service.port_name) == (name, host, port)


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ("-o a=b", "b"),
        ("\n  -o a=b", "b"),
        ("\n  -o\n  a=b", "b"),
        ("-oa=b", "b"),
        ("-vo a=b", "b"),
        ("-v -o x=y -o a=b", "b"),
        ("\n  -o a=b\n  -o a=c", "c"),
        ("-o a=", ""),
        ("-o { a = b, c }", "b, c"),
        ("-o {a=b}", "b"),
        ("-o { a = {b} {c} }", "{b} {c}"),
        ("-o a=${x?{b c}:{d}}", "${x?{b c}:{d}}"),
        ("\n# column 0\n  # indented\n\n  -o a=b", "b"),
        ("-- -o a=b", None),
        ("argv=/x -o a=b", None),
        ("\n#  -o a=b", None),
    ],
)
def test_overrides(options: str, value: str | None) -> None:
    assert only(f"smtp inet n - y - - smtpd {options}\n").override("a") == value


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("smtp inet n - y - -", "8 columns, this line 7"),
        ("smtp tcp n - y - - smtpd", "no service type: tcp"),
        ("smtp inet - - y - - smtpd", "cannot be private"),
        ("smtp inet n x y - - smtpd", "unprivileged is y, n or -"),
        ("smtp inet n - y 5m - smtpd", "wakeup"),
        ("smtp inet n - y - x smtpd", "maxproc"),
        ("smtp inet n - y - - smtpd -o", "-o has no name=value"),
        ("smtp inet n - y - - smtpd -o x", "missing '='"),
        ("smtp inet n - y - - smtpd -o {x=y", "unbalanced braces"),
        (" smtp inet n - y - - smtpd", "must not begin with white space"),
    ],
)
def test_faults(entry: str, message: str) -> None:
    faults = master_cf(f"# first line\n{entry}\n").faults()
    assert len(faults) == 1
    assert str(faults[0]).startswith("master.cf:2: ")
    assert message in str(faults[0])


def test_the_same_port_on_several_hosts_and_doubled_services() -> None:
    entry = " inet n - y - - smtpd"
    text = f"25{entry}\n127.0.0.1:25{entry} -v\n25{entry} -o a=b\n"
    document = master_cf(text)
    assert [each.port_name for each in document.services()] == ["25"] * 3
    doubled = document.service("25", "inet")
    assert doubled is not None
    assert doubled.line == 3
    first = document.services()[0]
    assert bytes(document.with_override(first, "a", "c")).decode() == text.replace(
        f"25{entry}\n", f"25{entry}\n  -o a=c\n", 1
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("-o a=b", "-o a=new"),
        ("-v -o a=b -o c=d", "-v -o a=new -o c=d"),
        ("\n\t-o a=b\n\t-o c=d", "\n\t-o a=new\n\t-o c=d"),
        ("\n  -o\n  a=b", "\n  -o\n  a=new"),
        ("-oa=b", "-oa=new"),
        ("-o a=", "-o a=new"),
        ("-o { a = b, c }", "-o { a = new }"),
        ("-o {a=b}", "-o {a=new}"),
        ("-o { a = }", "-o { a = new }"),
        ("\n  -o a=1\n  -o a=b", "\n  -o a=1\n  -o a=new"),
        # Added in the style of the others, after the last.
        ("", "\n  -o a=new"),
        ("\n\t-o c=d", "\n\t-o c=d\n\t-o a=new"),
        ("\n    -o c=d\n#    -o e=f", "\n    -o c=d\n    -o a=new\n#    -o e=f"),
        ("-o c=d", "-o c=d -o a=new"),
        ("\n  -o { c = d }", "\n  -o { c = d }\n  -o { a = new }"),
        # Before the arguments that are no options.
        ("argv=/x", "-o a=new argv=/x"),
        ("\n  user=x argv=/y", "\n  -o a=new\n  user=x argv=/y"),
        ("\n  -o c=d user=x", "\n  -o c=d -o a=new user=x"),
    ],
)
def test_setting_an_override(before: str, after: str) -> None:
    text = f"smtp inet n - y - - smtpd {before}".rstrip() + "\nqmgr unix n - n 300 1 qmgr\n"
    wanted = f"smtp inet n - y - - smtpd {after}".replace("smtpd \n", "smtpd\n")
    document = master_cf(text)
    edited = bytes(document.with_override(document.services()[0], "a", "new")).decode()
    assert edited.replace("smtpd \n", "smtpd\n") == wanted + "\nqmgr unix n - n 300 1 qmgr\n"


def test_a_value_with_blanks_is_put_in_braces() -> None:
    document = master_cf("smtp inet n - y - - smtpd\n  -o a=b\n")
    edited = document.with_override(document.services()[0], "a", "b, c")
    assert bytes(edited).decode() == "smtp inet n - y - - smtpd\n  -o { a = b, c }\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("-o a=b", ""),
        ("-v -o a=b -o c=d", "-v -o c=d"),
        ("\n  -o a=b\n  -o c=d", "\n  -o c=d"),
        ("\n  -o a=b -o c=d", "\n  -o c=d"),
        ("\n  -o c=d\n  # why\n  -o { a = b }", "\n  -o c=d\n  # why"),
        ("\n  -o a=1\n  -o c=d\n  -o a=2", "\n  -o c=d"),
        ("\n  -o\n  a=b\n  -o c=d", "\n  -o c=d"),
    ],
)
def test_removing_an_override(before: str, after: str) -> None:
    start = "smtp inet n - y - - smtpd"
    document = master_cf(f"{start}{before if before.startswith(chr(10)) else ' ' + before}\n")
    edited = bytes(document.without_override(document.services()[0], "a")).decode()
    space = "" if after.startswith("\n") or not after else " "
    assert edited == f"{start}{space}{after}\n"


@pytest.mark.skipif(not PROTO.exists(), reason="no stock master.cf here")
def test_the_stock_submission_is_uncommented_in_place() -> None:
    before = MasterCf.parse(PROTO.read_bytes(), "master.cf")
    for name in ("submission", "submissions"):
        named = ["syslog_name", "smtpd_sasl_auth_enable", "smtpd_recipient_restrictions"]
        after = before.with_uncommented(name, "inet", named)
        assert after is not None
        diff = [
            line
            for line in unified_diff(
                bytes(before).decode().splitlines(), bytes(after).decode().splitlines(), n=0
            )
            if line[:1] in "+-" and line[:3] not in ("+++", "---")
        ]
        came = [line[1:] for line in diff if line[0] == "+"]
        assert [f"#{line}" for line in came] == [line[1:] for line in diff if line[0] == "-"]
        assert [line.split()[0] for line in came] == [name, "-o", "-o", "-o"]
        service = after.service(name, "inet")
        assert service is not None
        assert sorted(each.name for each in service.overrides) == sorted(named)
        assert len(after.services()) == len(before.services()) + 1


STOCK = "#submission inet n       -       y       -       -       smtpd\n"


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        HEAD + STOCK.replace("submission", "127.0.0.1:submission"),
        # What follows belongs to the service above: uncommenting would take it away.
        HEAD + STOCK + "  -o smtpd_sasl_auth_enable=yes\n",
        HEAD + STOCK + "#  -o a=b\n  -o smtpd_sasl_auth_enable=yes\n",
        STOCK + "  -o smtpd_sasl_auth_enable=yes\n",
        HEAD + "# submission of mail is on port 587, see there\n",
    ],
)
def test_what_is_not_uncommented(text: str) -> None:
    assert master_cf(text).with_uncommented("submission", "inet", ["a"]) is None


def test_overrides_of_the_next_stock_service_are_left() -> None:
    text = STOCK + STOCK.replace("submission", "smtps") + "#  -o a=b\n" + HEAD
    after = master_cf(text).with_uncommented("submission", "inet", ["a"])
    assert bytes(after or b"").decode() == text[1:]


def test_a_line_that_sets_more_than_was_named_stays_commented() -> None:
    text = STOCK + "#  -o a=b -o c=d\n#-o a=1\n"
    after = master_cf(text).with_uncommented("submission", "inet", ["a"])
    assert bytes(after or b"").decode() == STOCK[1:] + "#  -o a=b -o c=d\n  -o a=1\n"


def test_a_new_service_stands_in_its_neighbours_columns() -> None:
    text = HEAD + "    -o a=b\n#    -o c=d\nqmgr unix n - n 300 1 qmgr\n"
    after = master_cf(text).with_service(
        "submissions", "inet", chroot="y", overrides=[("x", "1"), ("y", "2, 3")], after="smtp"
    )
    assert bytes(after).decode() == (
        HEAD
        + "    -o a=b\n#    -o c=d\n"
        + "submissions inet n      -       y       -       -       smtpd\n"
        + "    -o x=1\n    -o { y = 2, 3 }\n"
        + "qmgr unix n - n 300 1 qmgr\n"
    )


def test_a_service_that_is_not_there() -> None:
    service = only(HEAD)
    with pytest.raises(ConfError, match=r"^master\.cf: there is no service smtp/inet"):
        master_cf("qmgr unix n - n 300 1 qmgr\n").with_override(service, "a", "b")
