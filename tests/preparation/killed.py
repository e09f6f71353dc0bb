"""SIGKILL at any point of what a function does, in a process forked for it."""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

import cv2


def calls(action: Callable[[], object]) -> int:
    """How many calls to functions written in C it makes: opening, writing and renaming files are among them."""
    count = 0

    def counted(_: FrameType, event: str, __: object) -> None:
        nonlocal count
        count += event == "c_call"

    sys.setprofile(counted)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


def killed(action: Callable[[], object], number: int) -> bool:
    """Whether SIGKILL came, before the call of that number, while a fork of this process did it."""
    if (child := os.fork()) == 0:
        left = number

        def kill(_: FrameType, event: str, __: object) -> None:
            nonlocal left
            left -= event == "c_call"
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            cv2.setNumThreads(0)  # its threads stayed behind
            sys.setprofile(kill)
            action()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL
