"""Training takes no more memory after two thousand steps than after a few hundred."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.callbacks import LambdaCallback

from portrait_cartoons.callbacks.balance import Balance
from portrait_cartoons.callbacks.health import Health
from portrait_cartoons.callbacks.reseed import Reseed
from portrait_cartoons.speed.steps import fit, made_up
from tests.speed.test_reference import options, small

STEPS, SETTLED = 2000, 500
LARGEST_GROWTH = 16 * 2**20  # bytes: one tensor of this test's kept in each step would be more


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the system tells of a program's memory in another way")
def test_memory_does_not_grow() -> None:
    model = small("cyclegan")
    taken: list[int] = []

    def note(_: Any, __: Any, ___: Any, ____: Any, batch_idx: int) -> None:
        if batch_idx in (SETTLED, STEPS - 1):
            found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
            taken.append(1024 * int(found[1]) if found else 0)

    callbacks = Reseed(0), Balance(10), Health(100), LambdaCallback(on_train_batch_end=note)
    fit(model, [made_up(model, 32, 1)] * STEPS, options(), *callbacks)
    before, after = taken
    assert after - before < LARGEST_GROWTH
