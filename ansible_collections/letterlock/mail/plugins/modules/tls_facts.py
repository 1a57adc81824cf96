#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""`letterlock status` as facts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_facts
short_description: Facts about the certificates of a host's Postfix and Dovecot
version_added: 0.1.0
description:
  - Runs C(letterlock status) on the host. It reads every certificate that the servers are
    configured with, and looks at every port with a TLS handshake, whoever
    set the host up. Is what is served what is on disk, how long does it live, does the key fit, who
    may read it.
  - Findings do not fail the task. What to make of them is for a later task to say.
options:
  server_name:
    description: The default certificates must be for this name.
    type: str
  ca_file:
    description: Believe the root certificates in this file of the host instead of the system's.
    type: path
  root:
    description: The system below this folder of the host, such as a container or a chroot.
    type: path
  executable:
    description:
      - The letterlock program on the host, as a path, or as a name that is looked up in PATH,
        C(/opt/letterlock/bin) and C(/usr/local/bin).
    type: str
    default: letterlock
attributes:
  check_mode:
    description: Changes nothing anyway.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
  facts:
    description: Sets C(ansible_facts.letterlock).
    support: full
  platform:
    description: Debian and its derivatives are what letterlock is tested on.
    support: full
    platforms: posix
requirements:
  - letterlock on the host, which needs Python 3.11 (the module itself runs on 3.8)
notes:
  - Needs root, to read keys, so C(become).
seealso:
  - module: letterlock.mail.tls
author:
  - the letterlock project (@letterlock)
"""

EXAMPLES = r"""
- name: What is on disk, what is served
  letterlock.mail.tls_facts:
    server_name: mail.example.com

- name: No stale certificate anywhere
  ansible.builtin.assert:
    that:
      - ansible_facts.letterlock.determined
      - ansible_facts.letterlock.served | selectattr('stale', 'sameas', true) | list | length == 0
    fail_msg: "{{ ansible_facts.letterlock.findings | map(attribute='title') | list }}"
"""

RETURN = r"""
ansible_facts:
  description: The facts that are set.
  returned: success
  type: dict
  contains:
    letterlock:
      description:
        - The document of C(letterlock status --json); C(letterlock schema status) describes all
          of it.
      returned: success
      type: dict
      contains:
        determined: {description: everything that was asked got an answer, type: bool}
        unknown: {description: what could not be found out, type: list, elements: str}
        pending: {description: what could not be deployed yet, type: list, elements: dict}
        servers: {description: "name, version, running", type: list, elements: dict}
        certificates: {description: what the configuration leads to, type: list, elements: dict}
        sni_maps: {description: built SNI maps against their sources, type: list, elements: dict}
        exposed_keys: {description: keys that every user may read, type: list, elements: dict}
        served: {description: what each endpoint serves, type: list, elements: dict}
        findings: {description: what there is to say, type: list, elements: dict}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.letterlock.mail.plugins.module_utils import program

#: Fine; findings; something (a stopped server, say) could not be determined: the document says so.
_ACCEPTED = (0, 1, 3)


def argument_spec():
    """The options; DOCUMENTATION says what each means."""
    spec = {"server_name": {"type": "str"}}
    spec.update(program.COMMON)
    return spec


def main():
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    words = []
    for name, option in (("server_name", "--name"), ("ca_file", "--ca-file")):
        if module.params[name]:
            words += [option, module.params[name]]
    document = program.run(module, "status", words, accepted=_ACCEPTED)
    module.exit_json(changed=False, ansible_facts={"letterlock": document})


if __name__ == "__main__":
    main()
