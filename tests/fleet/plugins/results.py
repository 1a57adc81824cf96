# For Ansible alone, in its own venv.
"""Each task's result, as Ansible would show it, as a line of JSON in the file $RESULTS."""

from __future__ import annotations

DOCUMENTATION = """
name: results
type: aggregate
short_description: results for the tests
description: Writes each task's result.
"""

import json
import os

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "results"

    def _write(self, result, failed=False):
        told = json.loads(self._dump_results(result._result)) | {"failed": failed}
        line = {"host": result._host.get_name(), "task": result._task.get_name(), "result": told}
        with open(os.environ["RESULTS"], "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def v2_runner_on_ok(self, result):
        self._write(result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._write(result, failed=True)

    def v2_runner_on_unreachable(self, result):
        self._write(result)
