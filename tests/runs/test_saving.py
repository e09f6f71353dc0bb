"""Checkpoints are kept through kills at any moment, and one training alone works in a run folder."""

import os
import signal
from collections.abc import Callable
from math import inf, isfinite, nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from portrait_cartoons import files
from portrait_cartoons.callbacks.checkpoint import AtomicCheckpointIO, Checkpoints
from portrait_cartoons.cli.config import composed
from portrait_cartoons.errors import UserError
from portrait_cartoons.runs.checkpoint import CheckpointError, read
from portrait_cartoons.runs.folder import last_good, newest_checkpoint
from portrait_cartoons.runs.lock import locked
from portrait_cartoons.runs.names import BEST, CHECKPOINTS, LAST, PREVIOUS
from tests.runs.test_checkpoint import forked

Operation = Callable[..., Any]


def content(epoch: int) -> dict[str, Any]:
    return {"state_dict": {}, "hyper_parameters": {"model": {"_target_": "CycleGAN"}}, "epoch": epoch}


def trainer(run: Path, epoch: int, resumed: str | None) -> Any:
    def save(path: Path) -> None:
        AtomicCheckpointIO().save_checkpoint(content(epoch), path)

    ckpt_path = run / CHECKPOINTS / resumed if resumed else None
    return SimpleNamespace(
        default_root_dir=str(run), is_global_zero=True, save_checkpoint=save, ckpt_path=ckpt_path, current_epoch=epoch
    )


def begun(run: Path, epoch: int, resumed: str | None) -> tuple[Checkpoints, Any]:
    """The callback of a session that has just begun."""
    checkpoints, training = Checkpoints({}), trainer(run, epoch, resumed)
    checkpoints.on_train_start(training, None)  # type: ignore[arg-type]
    return checkpoints, training


def killed_at(operation: int, action: Callable[[], None]) -> int:
    """Run in a child that kills itself before its n-th operation on files; its exit code."""

    def child() -> None:
        left = operation

        def counting(function: Operation) -> Operation:
            def counted(*arguments: Any, **named: Any) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*arguments, **named)

            return counted

        for name in ("replace", "link", "unlink", "fsync"):
            setattr(os, name, counting(getattr(os, name)))
        action()
        os._exit(0)

    return forked(child)


@pytest.mark.parametrize("improved", [False, True])
@pytest.mark.parametrize("damaged", [False, True])
def test_a_kill_at_any_moment_leaves_the_newest_whole_checkpoint(tmp_path: Path, improved: bool, damaged: bool) -> None:
    code, operation = -signal.SIGKILL, 0
    while code == -signal.SIGKILL:
        run = tmp_path / str(operation)
        run.mkdir()
        checkpoints, training = begun(run, 1, None)
        checkpoints._save(training, improved=True)
        checkpoints._save(trainer(run, 2, None))
        if damaged:
            (run / CHECKPOINTS / LAST).write_bytes(b"damaged")
        checkpoints, training = begun(run, 3, PREVIOUS if damaged else LAST)

        code = killed_at(operation, lambda: checkpoints._save(training, improved))  # noqa: B023
        found = newest_checkpoint(run)[1]["epoch"]
        assert found in ((1, 3) if damaged else (2, 3)), operation
        assert read(run / CHECKPOINTS / BEST)["epoch"] in ((1, 3) if improved else (1,))
        if damaged:
            assert read(run / CHECKPOINTS / PREVIOUS)["epoch"] == 1
        checkpoints, training = begun(run, 3, newest_checkpoint(run)[0].name)
        checkpoints._save(training, improved)
        assert read(run / CHECKPOINTS / LAST)["epoch"] == 3
        assert read(run / CHECKPOINTS / BEST)["epoch"] == (3 if improved else 1)
        assert read(run / CHECKPOINTS / PREVIOUS)
        operation += 1
    assert code == 0
    assert operation > 3
    assert {file.name for file in (run / CHECKPOINTS).iterdir()} == {BEST, LAST, PREVIOUS}


@pytest.mark.parametrize("better", [max, min])
def test_the_best_checkpoint_is_of_the_first_epoch_with_the_best_value(
    tmp_path: Path, better: Callable[[list[float]], float]
) -> None:
    checkpoints = Checkpoints({"absent": "max", "val/x": better.__name__, "val/y": "max"})  # type: ignore[dict-item]
    values = [nan, 1.0, 3.0, 3.0, 0.5, 0.5, inf]
    for epoch, value in enumerate(values):
        training = trainer(tmp_path, epoch, None)
        training.strategy = SimpleNamespace(reduce_boolean_decision=lambda decision, **_: decision)
        training.callback_metrics = {"val/x": torch.tensor(value), "val/y": torch.tensor(float(epoch))}
        checkpoints.on_train_epoch_end(training, SimpleNamespace(phases=(), phase=None))  # type: ignore[arg-type]
        assert read(tmp_path / CHECKPOINTS / LAST)["epoch"] == epoch
        if finite := [earlier for earlier in values[: epoch + 1] if isfinite(earlier)]:
            assert read(tmp_path / CHECKPOINTS / BEST)["epoch"] == values.index(better(finite))
        else:
            assert not (tmp_path / CHECKPOINTS / BEST).exists()


def test_without_monitors_no_epoch_is_the_best(tmp_path: Path) -> None:
    checkpoints = Checkpoints(composed("train", ["experiment=cartoongan_portraits"]).callbacks.checkpoints.monitors)
    training = trainer(tmp_path, 3, None)
    training.strategy = SimpleNamespace(reduce_boolean_decision=lambda decision, **_: decision)
    training.callback_metrics = {"val/target/psnr": torch.tensor(20.0)}
    checkpoints.on_train_epoch_end(training, SimpleNamespace(phases=(), phase=None))  # type: ignore[arg-type]
    assert {file.name for file in (tmp_path / CHECKPOINTS).iterdir()} == {LAST}


def test_the_best_checkpoint_is_the_last_resort(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoints, training = begun(tmp_path, 1, None)
    checkpoints._save(training, improved=True)
    for name in (LAST, PREVIOUS):
        files.write(tmp_path / CHECKPOINTS / name, b"damaged")
    file, found = newest_checkpoint(tmp_path)
    assert (file.name, found["epoch"]) == (BEST, 1)
    assert capsys.readouterr().err.count("warning") == 2


def test_a_named_file_is_that_file_or_nothing(tmp_path: Path) -> None:
    checkpoints, training = begun(tmp_path, 1, None)
    checkpoints._save(training, improved=True)
    checkpoints._save(trainer(tmp_path, 2, None))
    assert newest_checkpoint(tmp_path / CHECKPOINTS / BEST)[1]["epoch"] == 1
    files.write(tmp_path / CHECKPOINTS / LAST, b"damaged")
    with pytest.raises(CheckpointError, match=LAST):
        newest_checkpoint(tmp_path / CHECKPOINTS / LAST)


def test_a_checkpoint_that_draws_nothing_finite_is_not_called_good(tmp_path: Path) -> None:
    from tests.test_evaluate import save

    def diverge(found: dict[str, Any]) -> None:
        found["state_dict"]["g.xy.1.weight"].fill_(torch.nan)

    assert last_good(tmp_path) is None
    save(tmp_path / CHECKPOINTS / PREVIOUS, "model=cyclegan")
    save(tmp_path / CHECKPOINTS / LAST, "model=cyclegan", change=diverge)
    assert last_good(tmp_path) == tmp_path / CHECKPOINTS / PREVIOUS


def test_one_process_alone_has_a_run_folder_until_it_dies(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        lock = locked(tmp_path)
        os.write(writing, b"x")
        signal.pause()
        lock.close()
    os.read(reading, 1)
    with pytest.raises(UserError, match=f"another process is at work in {tmp_path}: wait"):
        locked(tmp_path)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    locked(tmp_path).close()
