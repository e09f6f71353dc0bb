"""The processes that load batches: how many, what each needs, and how they end."""

import multiprocessing
import resource
import signal
import sys
from types import TracebackType

import cv2

from portrait_cartoons.cores import cores
from portrait_cartoons.errors import UserError

TIMEOUT = 300  # seconds for a batch: a worker that hangs would otherwise hang training for ever
MOST = 8  # deliver hundreds of pictures a second, more than training of these networks takes


def automatic(ranks: int) -> int:
    """A process per core, shared out among the `ranks` that train on this machine; at least 1, at most `MOST`."""
    return max(1, min(cores() // ranks, MOST))


def allow_open_files(num_workers: int, fields: int) -> None:
    """Raise the limit of open files to what so many workers need. Raises UserError where the system allows fewer."""
    needed = 64 + num_workers * (8 + 2 * fields)  # pipes, and each tensor of the two batches that a worker is ahead
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise UserError(
            f"data.num_workers={num_workers} needs {needed} open files, but the limit here is {hard}: use fewer workers"
            " or raise the limit with ulimit -n"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def start(_: int) -> None:
    """What a worker does first."""
    cv2.setNumThreads(0)  # the workers are the parallelism
    # Ctrl-C and batch systems signal all processes at once, but training still needs its workers to save its state.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.excepthook = _unless_nobody_listens


def _unless_nobody_listens(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a traceback, but not of the thread that hands over a batch: training broke off, and itself says why."""
    if not issubclass(kind, (EOFError, ConnectionError)):
        sys.__excepthook__(kind, error, trace)


def kill_all() -> None:
    """End the workers that an exception left behind: Python would send them SIGTERM and wait for ever."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch's handler raises for a worker that is killed
    for child in multiprocessing.active_children():
        if child.daemon:
            child.kill()
