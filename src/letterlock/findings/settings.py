"""What remedies call things in Postfix and Dovecot.

Findings may not ask `servers` for its version tables; tests/findings/test_settings.py holds every
name and every value here to them, so that no remedy names a setting that `secure` does not know."""

from __future__ import annotations

from letterlock.model.wording import Wording

#: Concept of the version tables → how a remedy names it, newest spelling first.
POSTFIX = {
    "chain-files": "smtpd_tls_chain_files",
    "certificate": "smtpd_tls_cert_file",
    "key": "smtpd_tls_key_file",
    "minimum-protocol-mandatory": "smtpd_tls_mandatory_protocols",
    "minimum-protocol-opportunistic": "smtpd_tls_protocols",
    "cipher-grade-mandatory": "smtpd_tls_mandatory_ciphers",
    "exclude-ciphers-mandatory": "smtpd_tls_mandatory_exclude_ciphers",
    "exclude-ciphers-opportunistic": "smtpd_tls_exclude_ciphers",
    "named-groups": "tls_eecdh_auto_curves",
    "ffdhe-groups": "tls_ffdhe_auto_groups",
    "server-preference": "tls_preempt_cipherlist",
    "dh-file": "smtpd_tls_dh1024_param_file",
    "cleartext-auth": "smtpd_tls_auth_only",
}
DOVECOT = {
    "certificate": "ssl_cert (2.4: ssl_server_cert_file)",
    "key": "ssl_key (2.4: ssl_server_key_file)",
    "alternative-certificate": "ssl_alt_cert (2.4: ssl_server_alt_cert_file)",
    "minimum-protocol": "ssl_min_protocol",
    "cipher-list": "ssl_cipher_list",
    "tls13-cipher-suites": "ssl_cipher_suites",
    "named-groups": "ssl_curve_list",
    "server-preference": "ssl_prefer_server_ciphers = yes (2.4: ssl_server_prefer_ciphers = "
    "server)",
    "dh-file": "ssl_dh (2.4: ssl_server_dh_file)",
    "cleartext-auth": "disable_plaintext_auth = yes (2.4: auth_allow_cleartext = no)",
}
#: Names in remedies that are in no version table, since `secure` leaves them alone.
OTHERS = frozenset(
    {
        "inet_interfaces",
        "inet_protocols",
        "smtpd_sasl_auth_enable",
        "smtpd_tls_loglevel",
        "smtpd_tls_session_cache_timeout",
        "smtpd_tls_wrappermode",
        "tls_config_file",
        "tls_server_sni_maps",
        "tls_ssl_options",
        "log_debug",
        "mail_max_userip_connections",
        "ssl_options",
        "verbose_ssl",
    }
)

_EXCLUSIONS = {
    "TLSv1": "!SSLv2, !SSLv3",
    "TLSv1.2": "!SSLv2, !SSLv3, !TLSv1, !TLSv1.1",
}


def postfix_floor(users: str, mx: str = "TLSv1") -> str:
    """The lowest version: for users' ports, and for port 25 where it may be lower."""
    mandatory = POSTFIX["minimum-protocol-mandatory"]
    opportunistic = POSTFIX["minimum-protocol-opportunistic"]
    return Wording(
        "Postfix: {mandatory} = >={users} (before 3.6: {users_before}); for port 25 "
        "{opportunistic} = >={mx} (before 3.6: {mx_before}).",
        mandatory=mandatory,
        users=users,
        users_before=_EXCLUSIONS[users],
        opportunistic=opportunistic,
        mx=mx,
        mx_before=_EXCLUSIONS[mx],
    )


#: Dovecot 2.2 dies of `!SSLv2` where its OpenSSL has none: those to use are named instead.
_LISTS = {"TLSv1": "TLSv1 TLSv1.1 TLSv1.2", "TLSv1.2": "TLSv1.2"}


def dovecot_floor(version: str) -> str:
    return Wording(
        "Dovecot: {setting} = {version} (before 2.3: ssl_protocols = {versions}).",
        setting=DOVECOT["minimum-protocol"],
        version=version,
        versions=_LISTS[version],
    )


def postfix_exclude(*words: str, port_25: bool = True) -> str:
    """Suites to exclude by OpenSSL's words; on port 25 too where nobody is served by them."""
    listed, mandatory = ", ".join(words), POSTFIX["exclude-ciphers-mandatory"]
    if not port_25:
        return Wording("Postfix: add {words} to {setting}.", words=listed, setting=mandatory)
    return Wording(
        "Postfix: add {words} to {setting}, on port 25 to {opportunistic}.",
        words=listed,
        setting=mandatory,
        opportunistic=POSTFIX["exclude-ciphers-opportunistic"],
    )


def dovecot_exclude(*words: str) -> str:
    return Wording(
        "Dovecot: append {words} to {setting}.",
        words="".join(f":!{word}" for word in words),
        setting=DOVECOT["cipher-list"],
    )


def groups(names: str) -> tuple[str, str]:
    """Named groups, in Postfix's words and Dovecot's; `names` with blanks between them."""
    postfix, dovecot = POSTFIX["named-groups"], DOVECOT["named-groups"]
    return (
        Wording("Postfix: {setting} = {value}.", setting=postfix, value=names),
        Wording("Dovecot: {setting} = {value}.", setting=dovecot, value=names.replace(" ", ":")),
    )
