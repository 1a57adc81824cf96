#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""`letterlock secure` as a module."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tls
short_description: Put a certificate on a host's Postfix and Dovecot, harden them, prove it works
version_added: 0.1.0
description:
  - Runs C(letterlock secure) on the host. What is needed is planned from the host's own
    configuration in the words of its versions, rehearsed there in private namespaces, applied as
    one transaction, and seen on every mail port with a full TLS handshake. If any port is not as
    it should be, everything is rolled back and the task fails.
  - Nothing that is set stricter is weakened. A second run changes nothing.
  - A handler that reloads the servers is not needed.
options:
  host:
    description:
      - The name that mail clients use for the server.
      - Needed, but with O(modernize).
    type: str
    aliases: [name]
  certificate:
    description:
      - Files on the host with the certificate in PEM, DER, PKCS#7 or PKCS#12; the chain may be in
        the same file. Two of them, one with an RSA key and one with an ECDSA key, are served
        together.
      - With O(root) too these are paths where the module runs.
    type: list
    elements: path
  certificate_content:
    description:
      - The same as text (PEM).
      - As it holds a key where the file holds one, it is treated as secret.
    type: list
    elements: str
  key:
    description: Files on the host with the private keys, in any order.
    type: list
    elements: path
  key_content:
    description:
      - The private keys as text (PEM). They are written with mode 0600 into the task's own
        temporary folder on the host, which is removed in the end.
      - How Ansible itself brings the task's arguments to the host is Ansible's matter. Without
        C(pipelining) they lie for that time in a file that only the remote user reads.
    type: list
    elements: str
  chain:
    description: Files on the host with intermediate certificates, in any order.
    type: list
    elements: path
  chain_content:
    description: Intermediate certificates as text (PEM).
    type: list
    elements: str
  password:
    description: The password of the key or the PKCS#12 file. It goes to letterlock by environment.
    type: str
  ca_file:
    description: Believe the root certificates in this file of the host instead of the system's.
    type: path
  allow_self_signed:
    description: Take a certificate that no trust anchor vouches for (laboratories).
    type: bool
    default: false
  with_root:
    description: Keep the root certificate at the chain's end.
    type: bool
    default: false
  fetch_missing:
    description: Fetch a missing intermediate from the URL that its certificate gives.
    type: bool
    default: false
  profile:
    description: V(modern), V(intermediate), V(old), or a TOML file on the host.
    type: str
    default: intermediate
  cert_layout:
    description: Certificate and key in files of their own, or one file with both.
    type: str
    choices: [separate, combined]
    default: separate
  cert_dir:
    description: Put certificates here, not in C(/etc/ssl/letterlock).
    type: path
  key_dir:
    description: Put keys here; goes with O(cert_dir).
    type: path
  single:
    description: Serve this certificate alone, do not keep the one of the other key type.
    type: bool
    default: false
  require_tls:
    description: Users' ports refuse to work without TLS (port 25 does not).
    type: bool
    default: false
  min_protocol:
    description: On users' ports at least this version.
    type: str
    choices: [TLSv1.2, TLSv1.3]
  exclude_ciphers:
    description: On users' ports none of these, in OpenSSL's words.
    type: list
    elements: str
  server_preference:
    description: The server's cipher order decides.
    type: bool
    default: false
  wrapper_ports:
    description: Submission with TLS from the first byte on these ports too.
    type: list
    elements: int
  dh_size:
    description: Diffie-Hellman parameters of this many bits (RFC 7919).
    type: int
  sasl:
    description: Let this server answer AUTH for Postfix.
    type: str
    choices: [dovecot]
  also:
    description: Further names that the certificate is for and clients use.
    type: list
    elements: str
  placing:
    description:
      - V(default) serves the certificate to clients that name no host or another one, V(sni) only
        to those that name O(host). Left out, letterlock decides by what is there.
    type: str
    choices: [default, sni]
  instance:
    description: Only this Postfix instance, V(-) for the default one. Left out, all of them.
    type: str
  modernize:
    description:
      - Only bring TLS settings to the names that the host's versions know. No certificate goes
        with it.
    type: bool
    default: false
  rehearse:
    description: Try the plan in private namespaces of the host first.
    type: bool
    default: true
  start:
    description: Start a server that is stopped, and verify it. Else it stays stopped.
    type: bool
    default: false
  wait:
    description: Wait this many seconds for another run of letterlock on the host to end.
    type: float
    default: 60
  root:
    description:
      - The system below this folder of the host, not the host itself, such as a container or a
        chroot. letterlock then is needed on the host only.
    type: path
  executable:
    description:
      - The letterlock program on the host, as a path, or as a name that is looked up in PATH,
        C(/opt/letterlock/bin) and C(/usr/local/bin).
    type: str
    default: letterlock
attributes:
  check_mode:
    description: Plans (C(--dry-run)) and changes nothing.
    support: full
  diff_mode:
    description: Shows a unified diff of every file. Contents of keys never appear.
    support: full
  platform:
    description: Debian and its derivatives are what letterlock is tested on.
    support: full
    platforms: posix
requirements:
  - letterlock on the host, which needs Python 3.11 (the module itself runs on 3.8)
notes:
  - Needs root, so C(become).
  - To undo a run, C(letterlock rollback RUN) on the host; its id is RV(run).
seealso:
  - module: letterlock.mail.tls_facts
author:
  - the letterlock project (@letterlock)
"""

EXAMPLES = r"""
- name: TLS on every mail port, with files that are on the host
  letterlock.mail.tls:
    host: mail.example.com
    certificate: [/etc/ssl/delivered/mail.crt]
    chain: [/etc/ssl/delivered/ca-bundle.crt]
    key: [/etc/ssl/delivered/mail.key]
    sasl: dovecot

- name: A certificate of each host's own, the key from the vault
  letterlock.mail.tls:
    host: "{{ inventory_hostname }}"
    certificate_content: ["{{ lookup('file', inventory_hostname ~ '.pem') }}"]
    key_content: ["{{ mail_key }}"]
    require_tls: true

- name: RSA and ECDSA together, to modern clients only
  letterlock.mail.tls:
    host: mail.example.com
    certificate: [rsa.pem, ecdsa.pem]
    key: [rsa.key, ecdsa.key]
    min_protocol: TLSv1.3

- name: What an upgrade left under old names
  letterlock.mail.tls:
    modernize: true
"""

RETURN = r"""
run:
  description: The run's id, for C(letterlock rollback); null where nothing was changed.
  returned: success
  type: str
  sample: 20261127-201309.436-1e2a
changes:
  description: What was changed, or in check mode would be, without the diffs.
  returned: success
  type: list
  elements: dict
  contains:
    kind: {description: "file, link or folder", type: str}
    path: {description: where, type: str}
    action: {description: "create, edit or remove", type: str}
    reasons: {description: "why, with each reason's source", type: list, elements: dict}
commands:
  description: What validates and reloads.
  returned: success
  type: list
  elements: str
rehearsal:
  description: Whether the plan was tried in private namespaces first.
  returned: success
  type: dict
  contains:
    state: {description: "passed, impossible or not asked for", type: str}
    reason: {description: only where it was impossible, type: str}
notices:
  description: What the reader should know.
  returned: success
  type: list
  elements: str
endpoints:
  description: What was seen on every port afterwards, as C(letterlock check --json) tells it.
  returned: success, not in check mode
  type: list
  elements: dict
findings:
  description: What there is to say of it.
  returned: success, not in check mode
  type: list
  elements: dict
exit_code:
  description: letterlock's, 2 input error, 3 could not be determined, 4 refused or rolled back.
  returned: when letterlock fails
  type: int
"""

import os
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.letterlock.mail.plugins.module_utils import program

_PASSWORD = "LETTERLOCK_ANSIBLE_PASSWORD"

#: Parameter → option, by how the parameter's value becomes words.
_FLAGS = {
    "allow_self_signed": "--allow-self-signed",
    "with_root": "--with-root",
    "fetch_missing": "--fetch-missing",
    "single": "--single",
    "require_tls": "--require-tls",
    "server_preference": "--server-preference",
    "modernize": "--modernize",
    "start": "--start",
}
_VALUES = {
    "ca_file": "--ca-file",
    "profile": "--profile",
    "cert_layout": "--cert-layout",
    "cert_dir": "--cert-dir",
    "key_dir": "--key-dir",
    "min_protocol": "--min-protocol",
    "dh_size": "--dh-size",
    "sasl": "--sasl",
    "instance": "--instance",
    "wait": "--wait",
}
_LISTS = {
    "certificate": "--cert",
    "key": "--key",
    "chain": "--chain",
    "wrapper_ports": "--wrapper-port",
    "also": "--also",
}


def argument_spec():
    """The options; DOCUMENTATION says what each means."""
    flags = {name: {"type": "bool", "default": False} for name in _FLAGS}
    spec = {
        "host": {"type": "str", "aliases": ["name"]},
        "certificate": {"type": "list", "elements": "path"},
        "certificate_content": {"type": "list", "elements": "str", "no_log": True},
        "key": {"type": "list", "elements": "path", "no_log": False},
        "key_content": {"type": "list", "elements": "str", "no_log": True},
        "chain": {"type": "list", "elements": "path"},
        "chain_content": {"type": "list", "elements": "str"},
        "password": {"type": "str", "no_log": True},
        "profile": {"type": "str", "default": "intermediate"},
        "cert_layout": {
            "type": "str",
            "choices": ["separate", "combined"],
            "default": "separate",
        },
        "cert_dir": {"type": "path"},
        "key_dir": {"type": "path", "no_log": False},
        "min_protocol": {"type": "str", "choices": ["TLSv1.2", "TLSv1.3"]},
        "exclude_ciphers": {"type": "list", "elements": "str"},
        "wrapper_ports": {"type": "list", "elements": "int"},
        "dh_size": {"type": "int"},
        "sasl": {"type": "str", "choices": ["dovecot"]},
        "also": {"type": "list", "elements": "str"},
        "placing": {"type": "str", "choices": ["default", "sni"]},
        "instance": {"type": "str"},
        "rehearse": {"type": "bool", "default": True},
        "wait": {"type": "float", "default": 60},
    }
    spec.update(flags)
    spec.update(program.COMMON)
    return spec


def main():
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[
            ("modernize", False, ("host",)),
            ("modernize", False, ("certificate", "certificate_content"), True),
        ],
        required_by={"key_dir": ("cert_dir",)},
    )
    folder = tempfile.mkdtemp(prefix="letterlock-", dir=module.tmpdir)
    try:
        document = _secure(module, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    module.exit_json(**_result(module, document))


def _secure(module, folder):
    words = _words(module.params) + _written(module.params, folder)
    words.append("--dry-run" if module.check_mode else "--yes")
    if module.params["host"]:
        words += ["--", module.params["host"]]
    password = module.params["password"]
    environment = {_PASSWORD: password} if password is not None else None
    return program.run(module, "secure", words, environment)


def _words(given):
    words = [option for name, option in sorted(_FLAGS.items()) if given[name]]
    for name, option in sorted(_VALUES.items()):
        if given[name] is not None:
            words += [option, str(given[name])]
    for name, option in sorted(_LISTS.items()):
        for each in given[name] or ():
            words += [option, str(each)]
    if given["exclude_ciphers"]:
        words += ["--exclude-ciphers", " ".join(given["exclude_ciphers"])]
    if given["placing"]:
        words.append("--" + given["placing"])
    if not given["rehearse"]:
        words.append("--no-rehearse")
    if given["password"] is not None:
        words += ["--password-env", _PASSWORD]
    return words


def _written(given, folder):
    """The options for what is given as text, put into files that only we can read."""
    words = []
    for name in ("certificate", "key", "chain"):
        for number, text in enumerate(given[name + "_content"] or ()):
            path = os.path.join(folder, f"{name}-{number + 1}.pem")
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode("utf-8"))
            words += [_LISTS[name], path]
    return words


def _result(module, document):
    plan = document["plan"]
    changes = [
        {name: value for name, value in change.items() if name != "diff"}
        for change in plan["changes"]
    ]
    if document["rehearsal"]["state"] == "impossible":
        module.warn("not rehearsed: {}".format(document["rehearsal"]["reason"]))
    result = {
        "changed": bool(plan["changes"]) if module.check_mode else document["changed"],
        "run": document["run"],
        "changes": changes,
        "commands": document["commands"],
        "rehearsal": document["rehearsal"],
        "notices": _unique(document["notices"] + plan["notices"]),
    }
    if not module.check_mode:
        result.update(endpoints=document["endpoints"], findings=document["findings"])
    if module._diff:
        result["diff"] = [{"prepared": change["diff"]} for change in plan["changes"]]
    return result


def _unique(lines):
    return list(dict.fromkeys(lines))


if __name__ == "__main__":
    main()
