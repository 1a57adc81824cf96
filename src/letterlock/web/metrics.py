"""What the service tells Prometheus; nothing of who asked or what was looked at."""

from __future__ import annotations

import resource

from letterlock import __version__
from letterlock.web.service import Service
from letterlock.web.store.checks import State


def metrics(service: Service) -> str:
    counts = service.checks.counts()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    lines = [
        "# HELP letterlock_checks Checks that are kept, by state.",
        "# TYPE letterlock_checks gauge",
        *(f'letterlock_checks{{state="{each.value}"}} {counts.get(each, 0)}' for each in State),
        "# HELP letterlock_page_memory_peak_bytes The most memory that the page had.",
        "# TYPE letterlock_page_memory_peak_bytes gauge",
        f"letterlock_page_memory_peak_bytes {usage.ru_maxrss * 1024}",
        "# HELP letterlock_page_cpu_seconds_total Processor time of the page.",
        "# TYPE letterlock_page_cpu_seconds_total counter",
        f"letterlock_page_cpu_seconds_total {usage.ru_utime + usage.ru_stime:.2f}",
        "# HELP letterlock_info The version.",
        "# TYPE letterlock_info gauge",
        f'letterlock_info{{version="{__version__}"}} 1',
        "",
    ]
    return "\n".join(lines)
