"""Training on several devices of one machine: a process for each, started as torchrun would start them.

What torchrun and srun start themselves is only recognised here. Nothing here needs torch before it is needed.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

from portrait_cartoons.cli.command import module

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
PATIENCE = 60.0  # seconds that the others get to end by themselves once one has failed


def together() -> int:
    """How many processes this one was started with, itself included."""
    return int(os.environ.get("WORLD_SIZE") or os.environ.get("SLURM_NTASKS") or 1)


def processes(trainer: Mapping[str, Any]) -> int:
    """How many processes a training with this trainer's configuration has, on all machines."""
    return max(together(), to_start(trainer) * (trainer.get("num_nodes") or 1))


def first() -> bool:
    """Whether this is the process that speaks for all."""
    return together() == 1 or int(os.environ.get("RANK") or os.environ.get("SLURM_PROCID") or 0) == 0


def to_start(trainer: Mapping[str, Any]) -> int:
    """How many processes have to be started here for a trainer's configuration; 1 where others have done it."""
    if together() > 1:
        return 1
    devices = trainer["devices"]
    if devices == "auto":
        import torch

        return max(1, torch.cuda.device_count()) if trainer.get("accelerator") in ("auto", "gpu", "cuda") else 1
    return int(devices)


def launched(count: int, command: str, arguments: Sequence[str]) -> int:
    """Run the command in `count` processes, rank 0 to count - 1; the exit code of the first that fails, or 0.

    Each signal is passed on to all. A failure ends the others, after `PATIENCE` by force.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    line, environment = module(command)
    children = [
        subprocess.Popen(  # noqa: S603 - no shell reads it
            [*line, *arguments],
            env={**environment, **{name: str(value) for name, value in {**shared, "RANK": n, "LOCAL_RANK": n}.items()}},
            start_new_session=True,  # Ctrl-C comes from here, once
        )
        for n in range(count)
    ]

    def forward(number: int, _: FrameType | None) -> None:
        for child in children:
            child.send_signal(number)

    before = {number: signal.signal(number, forward) for number in SIGNALS}
    try:
        return _awaited(children)
    finally:
        for child in children:
            child.kill()
        for number, handler in before.items():
            signal.signal(number, handler)


def _awaited(children: Sequence[subprocess.Popen[bytes]]) -> int:
    failed, since = 0, 0.0
    while True:
        codes = [child.poll() for child in children]
        if not failed and (failed := next((code for code in codes if code), 0)):
            since = time.monotonic()
        if None not in codes:
            return 128 - failed if failed < 0 else failed
        if failed and time.monotonic() - since > PATIENCE:
            sys.stderr.write("a process of this training failed, and the others are ended\n")
            return 128 - failed if failed < 0 else failed
        time.sleep(0.1)
