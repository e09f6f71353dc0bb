"""A command of this project as a process of its own, which a search outlives, and which does not outlive the search."""

import ctypes
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from portrait_cartoons.cli.command import module

PR_SET_PDEATHSIG = 1  # of Linux's prctl
INTERVAL = 2.0  # seconds between two looks at a run


def ran(arguments: list[str], log: Path, hopeless: Callable[[], bool] = lambda: False) -> int:
    """Run `portrait-cartoons <arguments>` with its output in `log`; its exit code, negative for a signal.

    Where it turns out to be `hopeless`, or this process is to end, the command gets SIGTERM, on which it saves its
    state. A second Ctrl-C ends it at once.
    """
    command, *rest = arguments
    line, environment = module(command)
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: S603 - no shell reads it
            [*line, *rest],
            env={**environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the search
            preexec_fn=_die_with_the_search if sys.platform == "linux" else None,
        )
    try:
        while True:
            try:
                return child.wait(INTERVAL)
            except subprocess.TimeoutExpired:
                if hopeless():
                    child.terminate()
                    return child.wait()
    except BaseException:
        child.terminate()
        try:
            child.wait()
        finally:
            child.kill()
        raise


def _die_with_the_search() -> None:
    """In the child: ask for SIGTERM when the search is killed, which would else leave a training behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def last_words(log: Path) -> str:
    """The error that the command has printed last, or its last line."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return ([*lines[-1:], *errors] or [""])[-1]
