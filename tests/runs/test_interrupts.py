"""Ctrl-C in any hook is what SIGTERM is: the run continues to the same weights."""

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.runs.test_faults import LONG, signalled
from tests.runs.test_resume import (
    assert_same_run,
    batches,
    resume,
    uninterrupted,  # noqa: F401 - a fixture
)
from tests.runs.test_stopping import output


def with_ctrl_c(hook: str, time: int) -> None:
    """In the child: what `signalled` sends is Ctrl-C."""
    kill = os.kill
    setattr(os, "kill", lambda process, _: kill(process, signal.SIGINT))  # noqa: B010
    signalled(hook, time)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hook", "time"),
    [("on_validation_batch_end", 2), ("on_save_checkpoint", 1)],
)
def test_ctrl_c_in_a_hook_costs_nothing(
    command: Command,
    uninterrupted: Path,  # noqa: F811
    tmp_path: Path,
    hook: str,
    time: int,
) -> None:
    child = command("train", *LONG, folder=tmp_path, prepare=partial(with_ctrl_c, hook, time))
    assert child.exitcode == 128 + signal.SIGINT, output(tmp_path)
    resume(command, tmp_path)
    assert batches(tmp_path) == batches(uninterrupted)
    assert_same_run(tmp_path, uninterrupted)
