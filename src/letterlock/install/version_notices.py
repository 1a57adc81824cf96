"""What the reader should know of how a configuration was read, by the version it is for."""

from __future__ import annotations

from collections.abc import Iterator

from letterlock.servers.dovecot_configuration import DovecotConfiguration
from letterlock.servers.postfix_configuration import PostfixConfiguration
from letterlock.servers.version import Version
from letterlock.servers.vocabulary import ServerName, vocabulary


def version_notices(
    postfix: PostfixConfiguration | None, dovecot: DovecotConfiguration | None
) -> Iterator[str]:
    """One line each."""
    if postfix is not None:
        yield from _of("postfix", postfix.version, "postfix check", on_paper=postfix.on_paper)
    if dovecot is not None:
        yield from _of("dovecot", dovecot.version, "doveconf", on_paper=dovecot.on_paper)
        yield from _outdated(dovecot)


def _of(server: ServerName, version: Version, checker: str, *, on_paper: bool) -> Iterator[str]:
    words = vocabulary(server)
    if on_paper:
        yield (
            f"{words.title} {version} was read from its files alone, with the defaults known of "
            "that version: nothing of this plan was seen by its own programs"
        )
    if words.newer(version):
        last = "only its own checker can tell" if on_paper else f"`{checker}` has the last word"
        yield (
            f"{words.title} {version} is newer than {words.newest.short}, the newest known here: "
            f"settings are spelt as {words.newest.short} does, and {last}"
        )


def _outdated(dovecot: DovecotConfiguration) -> Iterator[str]:
    if dovecot.outdated:
        yield (
            f"Dovecot {dovecot.version} refuses its present configuration because of TLS settings "
            "under old names, which this plan brings up to date"
        )
    for line in dovecot.refused:
        yield f"{line} (this stops Dovecot too; it is not about TLS, and left to you)"
