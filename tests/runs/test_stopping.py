"""Whatever stops a training ends in one sentence, and what was learnt is on the disk."""

import os
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from portrait_cartoons.runs.checkpoint import read
from portrait_cartoons.runs.lock import locked
from portrait_cartoons.runs.metrics_csv import read_metrics
from portrait_cartoons.runs.names import CHECKPOINTS, LAST, PREVIOUS
from tests.conftest import TINY, TOY, Command

RUN = ("run_dir=run", "model=cyclegan", *TOY, *TINY, "model.epochs=2")


def output(folder: Path) -> str:
    return (folder / "output.txt").read_text()


def at_step(number: int, action: Callable[[], None]) -> None:
    """In the child: do something in the n-th step of training."""
    from portrait_cartoons.models.cyclegan import CycleGAN

    training_step, steps = CycleGAN.training_step, iter(range(1, 1000))

    def step(self: CycleGAN, batch: Any, batch_idx: int) -> Any:
        if next(steps) == number:
            action()
        return training_step(self, batch, batch_idx)

    CycleGAN.training_step = step  # type: ignore[method-assign]


def raised(number: signal.Signals, times: int = 1) -> None:
    for _ in range(times):
        signal.raise_signal(number)  # os.kill may reach another thread first, and two of them may become one


def under_slurm() -> None:
    os.environ |= {"SLURM_NTASKS": "1", "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "train", "SLURM_LOCALID": "0"}
    os.environ |= {"SLURM_NODEID": "0", "SLURM_PROCID": "0"}
    at_step(2, partial(raised, signal.SIGUSR1))


def test_the_signal_of_slurm_saves_what_resuming_looks_for(command: Command, tmp_path: Path) -> None:
    child = command("train", *RUN, folder=tmp_path, prepare=under_slurm)
    assert child.exitcode == 128 + signal.SIGUSR1, output(tmp_path)
    assert read(tmp_path / "run" / CHECKPOINTS / LAST)["epoch"] == 0
    assert not list(tmp_path.rglob("hpc_ckpt*"))
    assert "continue with python -m src.train resume=run" in output(tmp_path)
    assert "Traceback" not in output(tmp_path)


def on_a_disk_with(free: int) -> None:
    import shutil

    setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))  # noqa: B010


def test_checkpoints_that_would_not_fit_are_refused_before_training(command: Command, tmp_path: Path) -> None:
    assert command("train", *RUN, folder=tmp_path, prepare=partial(on_a_disk_with, 10**5)).exitcode == 2
    assert "error: run is on a disk with 0.00 GB left, and the run's checkpoints need 0.00 GB: make" in output(tmp_path)
    assert not (tmp_path / "run" / CHECKPOINTS).exists()
    assert command("train", *RUN, folder=tmp_path, prepare=partial(on_a_disk_with, 10**9)).exitcode == 0
    size = sum((tmp_path / "run" / CHECKPOINTS / name).stat().st_size for name in (LAST, PREVIOUS))
    assert size < 2 * 10**6


def twice(number: signal.Signals) -> None:
    at_step(2, partial(raised, number, 2))


def test_a_second_ctrl_c_stops_at_once_but_a_second_sigterm_is_one_too_many(command: Command, tmp_path: Path) -> None:
    assert command("train", *RUN, folder=tmp_path, prepare=partial(twice, signal.SIGINT)).exitcode == 130
    assert not (tmp_path / "run" / CHECKPOINTS / LAST).exists()
    assert "stopped by Ctrl-C" in output(tmp_path)
    assert command("train", *RUN, folder=tmp_path, prepare=partial(twice, signal.SIGTERM)).exitcode == 143
    assert read(tmp_path / "run" / CHECKPOINTS / LAST)["epoch"] == 0


def test_a_time_limit_saves_and_ends_well(command: Command, tmp_path: Path) -> None:
    limit = (*RUN, "trainer=exact", "trainer.max_time=00:00:00:01", "model.epochs=2000")
    assert command("train", *limit, folder=tmp_path).exitcode == 0, output(tmp_path)
    assert "trainer.max_time is over: saved run/checkpoints/last.ckpt; continue with" in output(tmp_path)
    before = read(tmp_path / "run" / CHECKPOINTS / LAST)
    assert command("train", "resume=run", folder=tmp_path).exitcode == 0, output(tmp_path)
    after = read(tmp_path / "run" / CHECKPOINTS / LAST)
    assert after["global_step"] > before["global_step"]  # the limit counts anew


def into_a_dead_pipe() -> None:
    """In the child: nobody reads what is printed any more, and Ctrl-C comes in the third step."""
    reading, writing = os.pipe()
    os.close(reading)
    os.dup2(writing, 1)
    os.dup2(writing, 2)
    at_step(3, partial(raised, signal.SIGINT))


def test_a_dead_pipe_costs_no_state(command: Command, tmp_path: Path) -> None:
    assert command("train", *RUN, folder=tmp_path, prepare=into_a_dead_pipe).exitcode == 130
    assert read(tmp_path / "run" / CHECKPOINTS / LAST)["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]


def interrupted_at(module: str, name: str) -> None:
    from importlib import import_module
    from operator import attrgetter

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    owner, _, attribute = name.rpartition(".")
    place = import_module(module)
    setattr(attrgetter(owner)(place) if owner else place, attribute, interrupt)


@pytest.mark.parametrize(
    ("entry", "module", "name"),
    [
        ("train", "portrait_cartoons.training", "build"),
        ("train", "portrait_cartoons.train", "checked_config"),
        ("train", "portrait_cartoons.data.datamodule", "Portraits.train_dataloader"),
        ("validate", "portrait_cartoons.validate", "checked_config"),
        ("evaluate", "portrait_cartoons.evaluate", "main"),
        ("translate", "portrait_cartoons.translate", "main"),
    ],
)
def test_ctrl_c_is_one_line_wherever_it_comes(
    command: Command, tmp_path: Path, entry: str, module: str, name: str
) -> None:
    child = command(entry, *RUN, folder=tmp_path, prepare=partial(interrupted_at, module, name))
    assert child.exitcode == 130, output(tmp_path)
    assert "stopped by Ctrl-C" in output(tmp_path)
    assert "Traceback" not in output(tmp_path)


def test_a_run_folder_that_is_deleted_ends_the_training_in_one_sentence(command: Command, tmp_path: Path) -> None:
    delete = partial(shutil.rmtree, tmp_path / "run")
    child = command("train", *RUN, folder=tmp_path, prepare=partial(at_step, 3, delete))
    assert child.exitcode == 2, output(tmp_path)
    assert "error: the run folder run was deleted during the training" in output(tmp_path)
    assert "Traceback" not in output(tmp_path)


def test_a_table_that_is_deleted_begins_anew(command: Command, tmp_path: Path) -> None:
    delete = partial(os.remove, tmp_path / "run/metrics.csv")
    child = command("train", *RUN, folder=tmp_path, prepare=partial(at_step, 3, delete))
    assert child.exitcode == 0, output(tmp_path)
    assert read_metrics(tmp_path / "run/metrics.csv")[-1]["epoch"] == 1


def test_two_trainings_of_one_run_are_one_too_many(command: Command, tmp_path: Path) -> None:
    assert command("train", *RUN, "trainer.max_epochs=1", folder=tmp_path).exitcode == 0, output(tmp_path)
    before = (tmp_path / "run" / CHECKPOINTS / LAST).read_bytes()
    with locked(tmp_path / "run"):
        child = command("train", "resume=run", "trainer.max_epochs=2", folder=tmp_path)
    assert child.exitcode == 2
    assert "error: another process is at work in run" in output(tmp_path)
    assert (tmp_path / "run" / CHECKPOINTS / LAST).read_bytes() == before


def some_fail() -> None:
    """In the child: the run of seed 0 is refused, that of seed 1 meets a mistake in the code, the others are well."""
    from portrait_cartoons import train, training
    from portrait_cartoons.errors import UserError

    def fake(cfg: Any) -> None:
        if cfg.seed == 0:
            raise UserError("no luck")
        Path(f"trained {1 // (cfg.seed - 1)} {cfg.seed}").touch()

    training.train = fake
    setattr(train, "checked_sweep", lambda *_: None)  # noqa: B010


def test_a_run_that_fails_does_not_end_the_others(command: Command, tmp_path: Path) -> None:
    child = command("train", "--multirun", "seed=0,1,2", folder=tmp_path, prepare=some_fail)
    assert child.exitcode == 1
    text = output(tmp_path)
    assert (tmp_path / "trained 1 2").exists()
    assert "error: no luck" in text
    assert "ZeroDivisionError" in text
    assert text.endswith("some of the runs failed, each for the reason printed above\n  - seed=0\n  - seed=1\n")
    assert [path.relative_to(tmp_path).parts[:2] for path in tmp_path.rglob("multirun.yaml")] == [("runs", "multirun")]
