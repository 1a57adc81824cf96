# SPDX-License-Identifier: Apache-2.0
"""The letterlock program of the host: found, run, and its JSON or its one line of error read."""

from __future__ import annotations

import json
import os

#: Where the documentation has it installed, besides PATH.
FOLDERS = ["/opt/letterlock/bin", "/usr/local/bin"]
FORMAT_VERSION = 1

#: What letterlock's exit codes mean to a play; the same for every verb.
MEANING = {
    1: "it has findings",
    2: "usage or input error, nothing was changed",
    3: "it could not be determined",
    4: "refused or rolled back, the host is as it was",
    130: "interrupted, a run under way was rolled back",
}

#: The options that every module has.
COMMON = {
    "executable": {"type": "str", "default": "letterlock"},
    "root": {"type": "path"},
    "ca_file": {"type": "path"},
}


def run(module, verb, arguments, environment=None, accepted=(0,)):
    """Run `letterlock VERB … --json -` and return its document. Ends the module with a failure
    where the exit code is not one of `accepted` or no document comes."""
    program = _found(module)
    command = [program, verb, "--json", "-"]
    if module.params["root"]:
        command += ["--root", module.params["root"]]
    command += arguments
    settings = {"NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    settings.update(environment or {})
    status, out, err = module.run_command(command, environ_update=settings, encoding="utf-8")
    document = _parsed(out)
    if status not in accepted or document is None:
        _fail(module, command, status, document, err)
    version = document.get("format_version")
    if version != FORMAT_VERSION:
        module.fail_json(
            msg=(
                f"{program} speaks JSON of format_version {version}, this collection reads "
                f"{FORMAT_VERSION}: bring the two to the same release"
            )
        )
    return document


def _found(module):
    wanted = module.params["executable"]
    if os.path.isabs(wanted):
        if os.access(wanted, os.X_OK) and not os.path.isdir(wanted):
            return wanted
        module.fail_json(msg=f"{wanted} is no program on this host (option executable)")
    program = module.get_bin_path(wanted, opt_dirs=FOLDERS)
    if program is None:
        places = " or ".join(FOLDERS)
        module.fail_json(
            msg=(
                f"{wanted} is not installed on this host: it is neither in PATH nor in {places}; "
                "install it there, or say where it is with the option executable"
            )
        )
    return program


def _parsed(text):
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _fail(module, command, status, document, err):
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("letterlock: ")]
    error = (document or {}).get("error")
    if not error:
        error = said[-1][len("letterlock: ") :] if said else (lines or ["it said nothing"])[-1]
    meaning = MEANING.get(status, "it ended unexpectedly")
    module.fail_json(
        msg=f"{error} (letterlock's exit code {status}: {meaning})",
        exit_code=status,
        meaning=meaning,
        command=command,
        stderr_lines=lines,
        rehearsal=(document or {}).get("rehearsal"),
        **({"changed": document["changed"]} if document and "changed" in document else {}),
    )
