"""Strategies that write configurations as people do, and worse."""

from __future__ import annotations

from hypothesis import strategies as st

ENDING = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n"])
BLANKS = st.sampled_from([b"", b" ", b"  ", b"\t", b" \t "])
INDENT = st.sampled_from([b" ", b"  ", b"\t", b"    "])
JUNK = st.sampled_from(
    [
        b"\0",
        b"\xff\xfe",
        b"\xc3\xa9",
        b"\xe9",
        b"\xc2\xa0",
        b"\r",
        b"\f",
        b"\xc2\x85",
        b"\xef\xbb\xbf",
    ]
)

POSTFIX_NAME = st.sampled_from(
    [b"smtpd_tls_cert_file", b"smtpd_tls_key_file", b"smtp_tls_security_level", b"relayhost",
     b"smtpd_use_tls", b"tls_preempt_cipherlist", b"mydestination", b"smtpd_helo_restrictions"]
)  # fmt: skip
WORD = st.sampled_from(
    [b"yes", b"may", b"/etc/ssl/a.pem", b"$mydomain", b"${name?{b}:{c}}", b"permit_mynetworks,",
     b"inline:{ {a = b} }", b"a=b", b"|x", b"#no-comment", b"$$", b"\xc3\xbc", b"\xfc"]
)  # fmt: skip
VALUE = st.lists(WORD, max_size=3).map(b" ".join)
COMMENT = st.sampled_from(
    [b"#", b"# prose = like this", b"#smtpd_tls_cert_file = /etc/x", b"  # indented", b"", b"  ",
     b"# TLS parameters", b"#smtpd_tls_key_file=", b"\t#\ttabs", b"#    permit_mynetworks"]
)  # fmt: skip


@st.composite
def main_setting(draw: st.DrawFn) -> bytes:
    """A setting, some over several lines with comments and blank lines between."""
    lines = [draw(POSTFIX_NAME) + draw(BLANKS) + b"=" + draw(BLANKS) + draw(VALUE)]
    for _ in range(draw(st.integers(0, 2))):
        lines += draw(st.lists(COMMENT, max_size=2))
        lines.append(draw(INDENT) + draw(VALUE))
    return b"".join(line + draw(ENDING) for line in lines)


@st.composite
def commented(draw: st.DrawFn) -> bytes:
    return draw(COMMENT) + draw(ENDING)


@st.composite
def odd_line(draw: st.DrawFn) -> bytes:
    return draw(st.one_of(JUNK, INDENT, st.binary(max_size=6))) + draw(VALUE) + draw(ENDING)


def _file(*parts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    whole = st.lists(st.one_of(*parts), max_size=8).map(b"".join)
    return st.one_of(whole, whole, whole.map(lambda data: data.rstrip(b"\r\n")))


#: Any main.cf; one that Postfix takes without a word; raw bytes.
MAIN_CF = _file(main_setting(), main_setting(), commented(), odd_line())
CLEAN_MAIN_CF = _file(main_setting(), commented())
RAW = st.one_of(st.binary(max_size=80), st.lists(JUNK | WORD | ENDING, max_size=30).map(b"".join))

SERVICE = st.sampled_from(
    [b"smtp inet", b"submission\tinet", b"127.0.0.1:submission inet", b"[::1]:587 inet",
     b"smtps     inet", b"465 inet", b"relay unix"]
)  # fmt: skip
OPTION = st.sampled_from(
    [b"-o smtpd_tls_security_level=may", b"-o { smtpd_milters = inet:a inet:b }", b"-v",
     b"-osmtpd_tls_wrappermode=yes", b"-o syslog_name=postfix/$service_name", b"-vo a=b",
     b"-o smtpd_client_restrictions=", b"-o {x={}}", b"-o\ta=${b?{c d}}",
     b"-o smtpd_tls_security_level=encrypt"]
)  # fmt: skip
STOCK = st.sampled_from(
    [b"#submission inet n       -       y       -       -       smtpd",
     b"#  -o syslog_name=postfix/submission", b"#  -o smtpd_tls_security_level=encrypt",
     b"#     Instead of specifying complex smtpd_<xxx>_restrictions here,", b"#-o a=b", b"",
     b"#127.0.0.1:submission inet n -   y       -       -       smtpd", b"  # indented"]
)  # fmt: skip


@st.composite
def master_entry(draw: st.DrawFn) -> bytes:
    """A service with options on the same and on following lines, and comments between."""
    words = [draw(SERVICE), b"n", b"-", b"y", b"-", b"-", b"smtpd"]
    words += draw(st.lists(OPTION, max_size=1))
    lines = [draw(st.sampled_from([b" ", b"\t", b"       "])).join(words)]
    for option in draw(st.lists(OPTION, max_size=3)):
        lines += draw(st.lists(STOCK, max_size=2))
        lines.append(draw(INDENT) + option + draw(BLANKS))
    lines += draw(st.sampled_from([[], [], [b"  user=a argv=/b -o c"]]))
    return b"".join(line + draw(ENDING) for line in lines)


@st.composite
def stock_comment(draw: st.DrawFn) -> bytes:
    return draw(STOCK) + draw(ENDING)


MASTER_CF = _file(master_entry(), master_entry(), stock_comment(), odd_line())
CLEAN_MASTER_CF = _file(master_entry(), stock_comment())

DOVECOT_NAME = st.sampled_from(
    [b"ssl", b"ssl_cert", b"ssl_key", b"ssl_min_protocol", b"auth_mechanisms", b"plugin/quota"]
)
DOVECOT_VALUE = st.sampled_from(
    [b"yes", b"</etc/a.pem", b"< /etc/b c.pem", b'"quoted \\" # text"', b"'single'", b"$ssl_cert",
     b"$SET:ssl", b"don't", b"%{user | username}", b"", b"a  b", b"\xc3\xbc", b"\xfc",
     b"\xc2\xa0x", b"a \\\n  b", b"\\\n b", b"{x}", b'"', b"a=b"]
)  # fmt: skip
TRAILING = st.sampled_from([b"", b"", b" # comment", b"#glued", b"  "])
SECTION = st.sampled_from(
    [b"local_name mail.example.com {", b"protocol imap {", b"service imap-login {", b"passdb {",
     b'mailbox "Sent Messages" {', b"inet_listener imaps {  # here", b"auth default {",
     b"group @g x {"]
)  # fmt: skip
DOVECOT_ODD = st.sampled_from(
    [b"!include conf.d/*.conf", b"!include_try local.conf", b"}", b"one { line = block }",
     b"} text after", b"glued{", b"no sense at all", b"dangling = \\", b"\\", b"#ssl = yes",
     b"  #ssl_cert = </x", b"# ssl_min_protocol = TLSv1", b"#commented {", b"#}"]
)  # fmt: skip


@st.composite
def dovecot_setting(draw: st.DrawFn) -> bytes:
    sign = draw(BLANKS) + b"=" + draw(BLANKS)
    return draw(BLANKS) + draw(DOVECOT_NAME) + sign + draw(DOVECOT_VALUE) + draw(TRAILING)


@st.composite
def dovecot_line(draw: st.DrawFn) -> bytes:
    return draw(st.one_of(dovecot_setting(), dovecot_setting(), DOVECOT_ODD)) + draw(ENDING)


@st.composite
def dovecot_block(draw: st.DrawFn) -> bytes:
    inner = draw(st.lists(st.one_of(dovecot_line(), dovecot_line()), max_size=4))
    nested = draw(st.lists(dovecot_line(), max_size=2))
    if nested:
        inner += [b"  " + draw(SECTION) + b"\n", *nested, b"  }\n"]
    return draw(SECTION) + draw(ENDING) + b"".join(inner) + b"}" + draw(TRAILING) + draw(ENDING)


DOVECOT = _file(dovecot_line(), dovecot_block(), odd_line())
