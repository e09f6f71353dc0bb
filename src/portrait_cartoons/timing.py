"""How long work takes on a device that runs ahead of the program."""

from collections.abc import Callable
from itertools import pairwise
from time import perf_counter

import torch


def repeated(run: Callable[[], object], repetitions: int, device: torch.device) -> list[float]:
    """Seconds of each run but the first, which warms up."""
    ends: list[float] = []
    for _ in range(1 + repetitions):
        run()
        synchronize(device)
        ends.append(perf_counter())
    return laps(ends)


def laps(ends: list[float]) -> list[float]:
    """Seconds between each moment and the next."""
    return [end - start for start, end in pairwise(ends)]


def synchronize(device: torch.device) -> None:
    """Wait for what the device has been given to do."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
