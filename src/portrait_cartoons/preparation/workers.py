"""Work on many files in several processes: results come in order, memory does not depend on the number of files."""

import gc
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from threading import Thread
from typing import TypeVar

from portrait_cartoons.errors import UserError

T = TypeVar("T")
R = TypeVar("R")


class WorkerError(UserError):
    """A process that ended while it worked on a file."""


class Pool:
    """A `map` that works in several processes, or in this one if there are to be none."""

    def __init__(self, executor: ProcessPoolExecutor | None, ahead: int) -> None:
        self._executor, self._ahead = executor, ahead

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """What `function` makes of each item, in order. It and the items travel to other processes."""
        if self._executor is None:
            yield from map(function, items)
            return
        under_way: deque[tuple[T, Future[R]]] = deque()
        try:
            for item in items:
                under_way.append((item, self._executor.submit(function, item)))
                if len(under_way) == self._ahead:
                    yield under_way.popleft()[1].result()
            while under_way:
                yield under_way.popleft()[1].result()
        except BrokenProcessPool as error:
            raise WorkerError(
                "a worker process was killed, by lack of memory or by a damaged file; use fewer of them, for example"
                " workers=1, and start the same command again: it goes on where it stopped"
            ) from error
        finally:
            for _, future in under_way:
                future.cancel()


@contextmanager
def pool(workers: int) -> Iterator[Pool]:
    """As many processes until the block ends."""
    if workers == 0:
        yield Pool(None, 1)
        return
    # The processes share what is in memory now until one of them writes to it, as looking for garbage would.
    gc.freeze()
    try:
        with ProcessPoolExecutor(workers, initializer=_start) as executor:
            executor.submit(os.getpid).result()  # now: no process should be forked once a progress bar runs a thread
            yield Pool(executor, 4 * workers)
    finally:
        gc.unfreeze()


def _start() -> None:
    import cv2

    cv2.setNumThreads(0)  # the processes are the parallelism; 1 would wait for threads that a fork has left behind
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes, but the command itself ends them
    if parent := multiprocessing.parent_process():
        Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """Leave as soon as the command is gone: a killed one cannot end its workers."""
    wait([sentinel])
    os._exit(1)
