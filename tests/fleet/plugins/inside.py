# For Ansible alone, in its own venv.
"""A connection into a throw-away system: as `local`, but every command is run by `inside_prefix`,
and files are put below `inside_root`."""

from __future__ import annotations

DOCUMENTATION = """
name: inside
short_description: a throw-away system of the tests
description: Runs commands by a prefix.
author: the tests
extends_documentation_fragment: [connection_pipelining]
options:
  prefix:
    description: words before each command
    vars: [{name: inside_prefix}]
    type: list
    elements: str
  root:
    description: its root, from outside
    vars: [{name: inside_root}]
"""

import shlex
import shutil

from ansible.plugins.connection.local import Connection as LocalConnection


class Connection(LocalConnection):
    transport = "inside"

    def exec_command(self, cmd, in_data=None, sudoable=True):
        words = [*self.get_option("prefix"), "/bin/sh", "-c", cmd]
        return super().exec_command(shlex.join(words), in_data=in_data, sudoable=sudoable)

    def put_file(self, in_path, out_path):
        shutil.copyfile(in_path, self.get_option("root") + out_path)

    def fetch_file(self, in_path, out_path):
        shutil.copyfile(self.get_option("root") + in_path, out_path)
