"""A mail server as Debian installs it, put up in a private system: what `demo` plays on.

Everything here writes to absolute paths, so it must run inside: `system.call(…, files=True)`.
The files are made from the packages' own templates, as their postinst scripts make them (postfix
3.7.11-0+deb12u1, dovecot-core 2.3.19.1); nothing of the machine's own configuration is used.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from letterlock.cli.demo_ca import self_signed
from letterlock.install.namespace import Layout, PrivateFolder, let_cool
from letterlock.install.state import FOLDER
from letterlock.model.errors import InputError, Location

HOSTNAME = "mail.example.com"
#: Where the demo's server is reached, and where its visitors come from (RFC 5737).
ADDRESS = "192.0.2.25"
VISITOR = "192.0.2.99"

POSTFIX = Path("/etc/postfix")
DOVECOT = Path("/etc/dovecot")
QUEUE = Path("/var/spool/postfix")
_POSTFIX_TEMPLATES = Path("/usr/share/postfix")
_DOVECOT_TEMPLATES = Path("/usr/share/dovecot")
_SNAKEOIL = (Path("/etc/ssl/certs/ssl-cert-snakeoil.pem"),
             Path("/etc/ssl/private/ssl-cert-snakeoil.key"))  # fmt: skip

#: What Postfix's postinst appends by `postconf -e` for an "Internet Site".
_INTERNET_SITE = """\
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
myhostname = {hostname}
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
mydestination = $myhostname, {domain}, localhost.{domain}, localhost
relayhost = 
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = all
inet_protocols = all
"""
#: Of /etc/postfix, what the package ships: programs and their tables, no configuration.
_PACKAGED = frozenset({
    "dynamicmaps.cf", "dynamicmaps.cf.d", "makedefs.out", "post-install", "postfix-files",
    "postfix-files.d", "postfix-script", "sasl",
})  # fmt: skip
#: What Debian's configure-instance.sh copies into the chroot of Postfix's services.
_CHROOT_FILES = (
    "/etc/hosts", "/etc/services", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/localtime",
)  # fmt: skip


def layout(
    *, writable: tuple[str, ...] = (), hostname: str = HOSTNAME, addresses: tuple[str, ...] = ()
) -> Layout:
    """A private system where the whole of /etc may be changed, and both servers' state."""
    folders = (
        PrivateFolder("/etc"),
        PrivateFolder("/var/lib", overlay=True),
        PrivateFolder("/var/mail"),
        *(PrivateFolder.of_server(path) for path in ("/var/lib/postfix", "/var/lib/dovecot")),
        PrivateFolder.of_server(str(QUEUE)),
    )
    return Layout(
        folders=folders,
        empty=(*Layout().empty, "/root"),
        writable=writable,
        hostname=hostname,
        addresses=addresses,
    )


def put_up(hostname: str = HOSTNAME, address: str = "127.0.0.1") -> None:
    """Replace both servers' configuration by Debian's stock one, for a host of that name and
    address.

    Raises InputError where a server's templates are missing."""
    name, _, _ = hostname.partition(".")
    hosts = f"127.0.0.1\tlocalhost\n::1\tlocalhost\n{address}\t{hostname} {name}\n"
    _write(Path("/etc/hosts"), hosts)
    _write(Path("/etc/mailname"), f"{hostname}\n")
    shutil.rmtree(FOLDER, ignore_errors=True)  # the machine's own runs are none of this server's
    _put_up_snakeoil(hostname)
    put_up_postfix(hostname)
    put_up_dovecot()


def put_up_postfix(hostname: str) -> None:
    for entry in POSTFIX.iterdir():
        if entry.name not in _PACKAGED:
            _remove(entry)
    _, _, domain = hostname.partition(".")
    settings = _INTERNET_SITE.format(hostname=hostname, domain=domain or "localdomain")
    template = _template(_POSTFIX_TEMPLATES / "main.cf.debian")
    tls = _template(_POSTFIX_TEMPLATES / "main.cf.tls")
    _write(POSTFIX / "main.cf", f"{template}{tls}{settings}")
    _write(POSTFIX / "master.cf", _template(_POSTFIX_TEMPLATES / "master.cf.dist"))
    for path in map(Path, _CHROOT_FILES):
        if path.exists():
            place = QUEUE / path.relative_to("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def put_up_dovecot() -> None:
    for entry in DOVECOT.iterdir():
        _remove(entry)
    (DOVECOT / "conf.d").mkdir(mode=0o755)
    (DOVECOT / "private").mkdir(mode=0o700)
    for template in sorted(_DOVECOT_TEMPLATES.glob("conf.d/*")):
        _write(DOVECOT / "conf.d" / template.name, _template(template))
    _write(DOVECOT / "dovecot.conf", _template(_DOVECOT_TEMPLATES / "dovecot.conf"))
    for template in sorted(_DOVECOT_TEMPLATES.glob("*.conf.ext")):
        place = DOVECOT / template.name
        _write(place, _template(template), 0o640)
        shutil.chown(place, group="dovecot")
    certificate, key = _SNAKEOIL
    (DOVECOT / "private/dovecot.pem").symlink_to(certificate)
    (DOVECOT / "private/dovecot.key").symlink_to(key)


def _put_up_snakeoil(hostname: str) -> None:
    """A self-signed certificate, as Debian's package ssl-cert makes for a new host."""
    certificate, key = _SNAKEOIL
    until = datetime.now(UTC) + timedelta(days=3650)
    pem, key_pem = self_signed(hostname, until)
    key.parent.mkdir(mode=0o710, parents=True, exist_ok=True)
    _write(certificate, pem.decode())
    _write(key, key_pem.decode(), 0o600)


def _template(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise InputError(
            f"a package's template cannot be read: {error.strerror}", where=Location(str(path))
        ) from None


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.write_text(text, "utf-8")
    path.chmod(mode)
    let_cool(path)


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()
