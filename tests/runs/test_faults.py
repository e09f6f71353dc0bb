"""What goes wrong in long runs: each fault ends in its exit code and sentence, and the run goes on to the same weights.

Where the other faults are tested:

    kill -9 at each moment of a save           test_saving.py, test_checkpoint.py
    kill -9, SIGTERM, SIGINT between batches   test_resume.py; of one rank test_ranks.py
    full disk, deleted folders, dead pipes     test_stopping.py, test_checkpoint.py, ../test_train.py
    truncation, flipped bits, hostile pickles  test_checkpoint.py, ../networks/test_features.py
    optimizers that do not match               test_fitting.py
    corrupt and vanished pictures              ../data/test_datamodule.py, ../data/test_damaged.py, ../test_train.py
    two programs in one run folder             test_saving.py, test_stopping.py
"""

import multiprocessing
import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import Command
from tests.runs.test_ranks import CASE, DDP, last, on_two_ranks
from tests.runs.test_resume import (
    BATCHES,
    EPOCHS,
    RUN,
    assert_same_run,
    batches,
    recording,
    resume,
    uninterrupted,  # noqa: F401 - a fixture
)
from tests.runs.test_stopping import at_step, output

LONG = (*RUN, f"model.epochs={EPOCHS}")


def poisoned(where: str, step: int) -> None:
    """In the child: from the n-th step on there is a NaN in one place."""
    from portrait_cartoons.models.cyclegan import CycleGAN

    recording()
    training_step, steps = CycleGAN.training_step, iter(range(1, 1000))

    def poisoned_step(self: CycleGAN, batch: Any, batch_idx: int) -> Any:
        if next(steps) == step:
            parameter = next(self.d.parameters() if where == "d" else self.g.parameters())
            if where == "input":
                batch["cartoon"][0, 0, 0, 0] = torch.nan
            elif where == "gradient":
                parameter.register_hook(lambda gradient: gradient * torch.nan)
            else:
                parameter.data.view(-1)[0] = torch.nan
        return training_step(self, batch, batch_idx)

    CycleGAN.training_step = poisoned_step  # type: ignore[method-assign]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["g", "d", "input", "gradient"])
def test_a_nan_anywhere_stops_before_the_step(
    command: Command,
    uninterrupted: Path,  # noqa: F811
    tmp_path: Path,
    where: str,
) -> None:
    child = command("train", *LONG, folder=tmp_path, prepare=partial(poisoned, where, BATCHES + 3))
    assert child.exitcode == 1, output(tmp_path)
    named = "gradient norm" if where == "gradient" else ""
    assert f"error: train/g/{named}" in output(tmp_path)
    assert "the last good checkpoint is run/checkpoints/last.ckpt" in output(tmp_path)
    assert "Traceback" not in output(tmp_path)
    resume(command, tmp_path)
    assert_same_run(tmp_path, uninterrupted)


def signalled(hook: str, time: int, sent: signal.Signals) -> None:
    """In the child: it gets a signal in a hook of Lightning's, when that is called for the n-th time."""
    from portrait_cartoons.models.cyclegan import CycleGAN

    recording()
    before, calls = getattr(CycleGAN, hook), iter(range(1, 1000))

    def called(self: CycleGAN, *arguments: Any, **named: Any) -> Any:
        if next(calls) == time:
            os.kill(os.getpid(), sent)
        return before(self, *arguments, **named)

    setattr(CycleGAN, hook, called)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hook", "time", "sent"),
    [
        ("on_train_epoch_start", 2, signal.SIGTERM),
        ("on_train_batch_start", BATCHES + 1, signal.SIGTERM),
        ("on_train_batch_end", 2 * BATCHES, signal.SIGTERM),
        ("on_validation_start", 1, signal.SIGTERM),
        ("on_validation_batch_end", 2, signal.SIGTERM),
        ("on_validation_batch_end", 2, signal.SIGINT),
        ("on_validation_epoch_end", 2, signal.SIGTERM),
        ("on_train_epoch_end", 1, signal.SIGTERM),
        ("on_save_checkpoint", 1, signal.SIGTERM),
        ("on_save_checkpoint", 1, signal.SIGINT),
        ("on_before_optimizer_step", 3, signal.SIGTERM),
        ("on_train_end", 1, signal.SIGTERM),
    ],
)
def test_sigterm_or_ctrl_c_in_any_hook_costs_nothing(
    command: Command,
    uninterrupted: Path,  # noqa: F811
    tmp_path: Path,
    hook: str,
    time: int,
    sent: signal.Signals,
) -> None:
    child = command("train", *LONG, folder=tmp_path, prepare=partial(signalled, hook, time, sent))
    assert child.exitcode == (0 if hook == "on_train_end" else 128 + sent), output(tmp_path)
    if hook != "on_train_end":
        resume(command, tmp_path)
    assert batches(tmp_path) == batches(uninterrupted)
    assert_same_run(tmp_path, uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize("hook", ["setup", "configure_optimizers", "on_fit_start"])
def test_sigterm_before_the_first_batch_leaves_a_name_that_can_be_used_again(
    command: Command, tmp_path: Path, hook: str
) -> None:
    child = command("train", *LONG, folder=tmp_path, prepare=partial(signalled, hook, 1, signal.SIGTERM))
    assert child.exitcode == -signal.SIGTERM, output(tmp_path)
    short = (*LONG, "trainer.max_epochs=1")
    assert command("train", *short, folder=tmp_path).exitcode == 0, output(tmp_path)


def killing_a_worker() -> None:
    recording()
    at_step(BATCHES + 2, lambda: os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL))


def with_a_worker_that_hangs() -> None:
    from portrait_cartoons.data import workers
    from portrait_cartoons.data.dataset import TrainingDataset

    recording()
    workers.TIMEOUT = 2
    item = TrainingDataset.__getitem__

    def hanging(self: TrainingDataset, key: tuple[int, int]) -> Any:
        if key[0] == 1:
            time.sleep(600)
        return item(self, key)

    TrainingDataset.__getitem__ = hanging  # type: ignore[method-assign]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "said"),
    [(killing_a_worker, "a loader process was killed"), (with_a_worker_that_hangs, "have delivered nothing")],
)
def test_a_loader_process_that_dies_or_hangs_ends_the_run_which_goes_on(
    command: Command,
    uninterrupted: Path,  # noqa: F811
    tmp_path: Path,
    fault: Any,
    said: str,
) -> None:
    loaded = [text for text in LONG if not text.startswith("data.num_workers")]
    child = command("train", *loaded, "data.num_workers=2", folder=tmp_path, prepare=fault)
    assert child.exitcode == 1, output(tmp_path)
    assert said in output(tmp_path)
    assert output(tmp_path).rstrip().endswith("continue with resume=run")
    assert "Traceback" not in output(tmp_path)
    resume(command, tmp_path)
    assert batches(tmp_path)[-BATCHES:] == batches(uninterrupted)[-BATCHES:]


@pytest.mark.slow
def test_a_rank_that_is_killed_ends_the_others_and_the_run_goes_on(command: Command, tmp_path: Path) -> None:
    die = partial(recording, (signal.SIGKILL, BATCHES // 2 + 2))
    codes = on_two_ranks(command, tmp_path, *CASE, *DDP, then=(None, die))
    assert codes == (1, -signal.SIGKILL), output(tmp_path)
    assert "error: another process of this training was lost" in output(tmp_path)
    assert "Traceback" not in output(tmp_path)
    assert on_two_ranks(command, tmp_path, "resume=run") == (0, 0), output(tmp_path)
    assert last(tmp_path)["epoch"] == 1
