"""How many processors this program may use, and how many of them others leave to it."""

import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of the container: microseconds of computing time per period, or "max"


def cores() -> int:
    """The processors that the system lets this process run on, and no more than its container pays for; at least 1."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _QUOTA.read_text().split()
        return max(1, min(count, round(int(quota) / int(period))))
    except (OSError, ValueError, ZeroDivisionError):
        return count


def threads_beside_others() -> int | None:
    """How many threads are the fastest beside the programs that ran in the last minute; None where nobody needs fewer.

    Threads of a step wait for each other. One whose processor another program takes holds up all of them: on two
    processors a step was seen to take 3 to 18 times as long as on the one that was left.
    In a container the load is that of the whole machine, and says nothing.
    """
    if not hasattr(os, "getloadavg") or cores() != os.cpu_count():
        return None
    busy = round(os.getloadavg()[0])
    return max(1, cores() - busy) if busy and cores() > 1 else None
