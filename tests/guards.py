"""What no test may do: reach other machines, or leave threads and processes behind."""

import multiprocessing
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import thread as pools
from time import monotonic, sleep
from typing import Any

import pytest

PATIENCE = 5.0  # seconds for what has been told to end
_HERE = {None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", socket.gethostname()}  # noqa: S104
_COMPILER = "InductorSubproc"  # a thread that PyTorch's compiler keeps for what it compiles next
_getaddrinfo = socket.getaddrinfo


def _stay_here(host: Any, *arguments: Any, **options: Any) -> Any:
    if (host.decode() if isinstance(host, bytes) else host) not in _HERE:
        raise socket.gaierror(socket.EAI_NONAME, "tests have no network")
    return _getaddrinfo(host, *arguments, **options)


socket.getaddrinfo = _stay_here


@pytest.fixture(autouse=True)
def leaves_nothing_running() -> Iterator[None]:
    """Fails a test after which a thread that keeps the program alive, or a child process, still runs."""
    before = _running()
    yield
    end = monotonic() + PATIENCE
    while (left := _running() - before) and monotonic() < end:
        sleep(0.05)
    assert not left, f"still running: {left}"


def _running() -> set[Any]:
    threads = {thread for thread in threading.enumerate() if not thread.daemon and thread.name != _COMPILER}
    pooled = {*pools._threads_queues}  # Python ends them itself, as those of the compiler
    return (threads - pooled) | {*multiprocessing.active_children()}
