"""The planned `main.cf` and `master.cf` while the rules of the plan work on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from letterlock.conf.main_cf import MainCf
from letterlock.conf.master_cf import MasterCf, MasterService
from letterlock.model.plan import FileChange, Reason
from letterlock.model.service import Endpoint
from letterlock.profiles.profile import RoleProfile
from letterlock.servers.postfix_configuration import Listener, PostfixConfiguration
from letterlock.servers.spelling_form import Value
from letterlock.servers.vocabulary import Spelling, vocabulary

#: The parameters that say which certificate smtpd serves.
CERTIFICATE_NAMES = (
    "smtpd_tls_cert_file",
    "smtpd_tls_key_file",
    "smtpd_tls_chain_files",
    "smtpd_tls_eccert_file",
    "smtpd_tls_eckey_file",
    "smtpd_tls_dcert_file",
    "smtpd_tls_dkey_file",
)


@dataclass(slots=True)
class PostfixDraft:
    """Both documents, why each line changed, and what the reader should know besides.

    `before` stays as read; `now` is what stands planned so far."""

    before: PostfixConfiguration
    main: MainCf = field(init=False)
    master: MasterCf = field(init=False)
    main_reasons: list[Reason] = field(default_factory=list)
    master_reasons: list[Reason] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    #: SNI tables: sources and indexes.
    table_changes: list[FileChange] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.main = self.before.main
        self.master = self.before.master

    @property
    def now(self) -> PostfixConfiguration:
        return self.before.with_documents(self.main, self.master)

    def spelling(self, concept: str) -> Spelling | None:
        """How this version says a concept."""
        return vocabulary("postfix").spelling(concept, self.before.version)

    def able(self, ability: str) -> bool:
        return vocabulary("postfix").able(ability, self.before.version)

    def exclusions(self, role: RoleProfile) -> tuple[str, ...]:
        """The suites that a profile excludes, but for those without which a Postfix that cannot
        do ECDHE, or one of the time before TLS 1.2 and its AEAD suites, may have none left."""
        row = self.spelling("minimum-protocol-mandatory")
        needed: tuple[str, ...] = ()
        if not self.able("ECDHE"):
            needed = ("kRSA", "kDHE", "SHA1")
        elif row is None or not row.reaches("TLSv1.2"):
            needed = ("SHA1",)
        return tuple(word for word in role.exclude_ciphers if word not in needed)

    def level_override(self, level: str) -> tuple[str, str]:
        """The `-o` that says `may` or `encrypt`, as this version says it (postconf(5)
        smtpd_enforce_tls)."""
        row = self.spelling("tls")
        if row is not None and row.name == "smtpd_use_tls":
            return ("smtpd_enforce_tls" if level == "encrypt" else row.name), "yes"
        return "smtpd_tls_security_level", level

    def knows(self, name: str) -> bool:
        """Whether this version has a setting of the table under that name."""
        rows = vocabulary("postfix").spellings
        return any(row.name == name and row.known_to(self.before.version) for row in rows)

    def say(self, concept: str, value: Value, why: str) -> None:
        """Set what this version calls a concept; a version without a word for it is told of."""
        row = self.spelling(concept)
        if row is None:
            self.notices.append(
                f"Postfix {self.before.version} has no setting for {concept.replace('-', ' ')}"
            )
            return
        self.set_main(row.name, row.write(value), why, row.source)

    def set_main(self, name: str, value: str, why: str, source: str) -> None:
        if self.main.get(name) == value:
            return
        self.main = self.main.with_setting(name, value)
        self.main_reasons.append(Reason(f"{name}: {why}", source))

    def drop_main(self, name: str, why: str, source: str) -> None:
        if self.main.get(name) is None:
            return
        self.main = self.main.without(name)
        self.main_reasons.append(Reason(f"{name} removed: {why}", source))

    def say_master(self, text: str, source: str) -> None:
        self.master_reasons.append(Reason(text, source))

    def entry(self, listener: Listener) -> MasterService:
        """A listener's entry as it stands planned now."""
        entry = self.master.service(listener.entry.name, listener.entry.type)
        return listener.entry if entry is None else entry

    def set_override(
        self, listener: Listener, name: str, value: str, why: str, source: str
    ) -> None:
        entry = self.entry(listener)
        if any(o.name == name and o.value == value for o in entry.overrides):
            return
        self.master = self.master.with_override(entry, name, value)
        self.say_master(f"{entry.name}: -o {name}: {why}", source)

    def drop_override(self, listener: Listener, name: str, why: str, source: str) -> None:
        entry = self.entry(listener)
        if not any(o.name == name for o in entry.overrides):
            return
        self.master = self.master.without_override(entry, name)
        self.say_master(f"{entry.name}: -o {name} removed: {why}", source)

    def served_endpoints(self) -> tuple[Endpoint, ...]:
        """Where the installed certificate must be seen: not at a listener on an address of its
        own that has a certificate of its own."""
        now = self.now
        others = {
            (listener.host, listener.port)
            for listener in now.listeners()
            if listener.host is not None
            and any(o.name in CERTIFICATE_NAMES for o in listener.entry.overrides)
        }
        return tuple(e for e in now.endpoints() if (e.address, e.port) not in others)

    def changes(self) -> tuple[FileChange, ...]:
        """The documents that differ from what was read."""
        folder = Path(self.before.folder)
        documents = (
            ("main.cf", self.before.main, self.main, self.main_reasons),
            ("master.cf", self.before.master, self.master, self.master_reasons),
        )
        edited = tuple(
            FileChange(folder / name, bytes(before), bytes(after), reasons=tuple(reasons))
            for name, before, after, reasons in documents
            if bytes(before) != bytes(after)
        )
        return (*self.table_changes, *edited)
