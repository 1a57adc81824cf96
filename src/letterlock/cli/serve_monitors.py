"""`letterlock serve --monitors FILE`: what web knows of monitors and how the watch tells people,
brought together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from letterlock.model.errors import InputError, Location

if TYPE_CHECKING:
    from letterlock.check.run import Checked
    from letterlock.report.result import Result
    from letterlock.watch.settings import Settings as WatchSettings
    from letterlock.web.monitoring import Look, Reporter
    from letterlock.web.monitors import MonitorsFile


def monitors_file(path: Path | None) -> MonitorsFile | None:
    """Raises InputError, with file and line where they are known."""
    if path is None:
        return None
    from letterlock.watch.settings import check
    from letterlock.web.monitors import read

    file = read(path)
    try:
        check(_whom(file))
    except InputError as error:
        raise InputError(error.what, where=Location(str(path)), remedy=error.remedy) from None
    return file


def reporter(file: MonitorsFile | None, ca_file: Path | None) -> Reporter | None:
    """Judges as the watch does, tells by its channels; `ca_file` is trusted in doing so."""
    if file is None:
        return None
    from letterlock.watch.channels import channels
    from letterlock.watch.monitored import Seen, consider
    from letterlock.web.monitoring import Reporter

    def judge(remembered: str, look: Look) -> tuple[str, bytes | None]:
        checked = tuple(_checked(each) for each in look.results)
        seen = Seen(look.title, look.at, checked, look.determined, look.error)
        return consider(remembered, seen, file.tell_from, look.report)

    wanted = channels(_whom(file, ca_file), Path("/"), postfix_runs=True)
    return Reporter(judge, {each.kind: each.hand_over for each in wanted})


def _whom(file: MonitorsFile, ca_file: Path | None = None) -> WatchSettings:
    from letterlock.watch.settings import Settings

    trusted = str(ca_file) if ca_file is not None else ""
    return Settings(
        mail=file.mail, smtp=file.smtp, webhook=file.webhook, command=file.command, ca_file=trusted
    )


def _checked(result: Result) -> Checked:
    from letterlock.check.run import Checked
    from letterlock.findings.reach import determined

    return Checked(result.facts, result.findings, determined(result.facts, asked_for_ports=False))
