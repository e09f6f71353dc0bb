"""A run that was stopped, in any way and at any place, and resumed is the uninterrupted run, to the last bit."""

import hashlib
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from portrait_cartoons.runs.checkpoint import read
from portrait_cartoons.runs.metrics_csv import read_metrics
from tests.conftest import TINY, TOY, Command

RUN = ("run_dir=run", "model=cyclegan", "model.pool_size=3", *TOY, *TINY)
EPOCHS, BATCHES = 3, 6


def recording(kill: tuple[signal.Signals, int] | None = None) -> None:
    """In the child: write the hash of every training batch to batches.txt, and send itself a signal in the n-th."""
    from portrait_cartoons.models.cyclegan import CycleGAN

    os.setpgrp()
    training_step = CycleGAN.training_step
    steps = 0

    def recorded(self: CycleGAN, batch: Any, batch_idx: int) -> None:
        nonlocal steps
        digest = hashlib.sha256(batch["photo"].numpy().tobytes() + batch["cartoon"].numpy().tobytes()).hexdigest()
        with open("batches.txt", "a") as file:
            file.write(f"{self.current_epoch} {batch_idx} {digest}\n")
        training_step(self, batch, batch_idx)
        steps += 1
        if kill and steps == kill[1]:
            os.killpg(0, kill[0])  # loader workers get it too, as from Ctrl-C or a batch system

    CycleGAN.training_step = recorded  # type: ignore[method-assign,assignment]


def batches(folder: Path) -> list[str]:
    return (folder / "batches.txt").read_text().splitlines()


def rows(folder: Path) -> list[dict[str, float]]:
    return [
        {name: value for name, value in row.items() if not name.startswith("time/")}
        for row in read_metrics(folder / "run/metrics.csv")
    ]


def assert_same(a: Any, b: Any, key: str = "") -> None:
    assert type(a) is type(b), key
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b), key
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), key
        for name in a:
            assert_same(a[name], b[name], f"{key}.{name}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), key
        for n, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{key}.{n}")
    else:
        assert a == b, key


def assert_same_run(folder: Path, uninterrupted: Path) -> None:
    ours, theirs = (read(f / "run/checkpoints/last.ckpt") for f in (folder, uninterrupted))
    for part in ("epoch", "state_dict", "optimizer_states", "callbacks", "Portraits", "hyper_parameters"):
        assert_same(ours[part], theirs[part], part)
    assert rows(folder) == rows(uninterrupted)
    heads = [(f / "run/metrics.csv").read_text().splitlines()[0] for f in (folder, uninterrupted)]
    assert heads[0] == heads[1]  # the columns stand in the same order


@pytest.fixture(scope="module")
def uninterrupted(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    child = command("train", *RUN, f"model.epochs={EPOCHS}", folder=folder, prepare=recording)
    assert child.exitcode == 0, (folder / "output.txt").read_text()
    assert len(batches(folder)) == EPOCHS * BATCHES
    assert any("pools" in name for name in read(folder / "run/checkpoints/last.ckpt")["state_dict"])
    return folder


def interrupted(command: Command, folder: Path, number: signal.Signals, step: int) -> int | None:
    arguments = (*RUN, f"model.epochs={EPOCHS}")
    return command("train", *arguments, folder=folder, prepare=partial(recording, (number, step))).exitcode


def resume(command: Command, folder: Path, *arguments: str) -> None:
    child = command("train", "resume=run", *arguments, folder=folder, prepare=recording)
    assert child.exitcode == 0, (folder / "output.txt").read_text()


@pytest.mark.slow
def test_one_epoch_and_then_the_others(command: Command, uninterrupted: Path, tmp_path: Path) -> None:
    first = command("train", *RUN, f"model.epochs={EPOCHS}", "trainer.max_epochs=1", folder=tmp_path, prepare=recording)
    assert first.exitcode == 0
    resume(command, tmp_path, f"trainer.max_epochs={EPOCHS}")
    assert batches(tmp_path) == batches(uninterrupted)
    assert_same_run(tmp_path, uninterrupted)


@pytest.mark.parametrize(
    "step", [BATCHES + 4, *(pytest.param(step, marks=pytest.mark.slow) for step in (2, BATCHES, 2 * BATCHES + 5))]
)
def test_sigterm_saves_at_once_and_no_batch_is_lost(
    command: Command, uninterrupted: Path, tmp_path: Path, step: int
) -> None:
    assert interrupted(command, tmp_path, signal.SIGTERM, step) == 128 + signal.SIGTERM
    assert len(batches(tmp_path)) == step
    resume(command, tmp_path)
    assert batches(tmp_path) == batches(uninterrupted)
    assert_same_run(tmp_path, uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize("step", [4, 6])
def test_with_fewer_batches_per_epoch_than_there_are(command: Command, tmp_path: Path, step: int) -> None:
    limit = "trainer.limit_train_batches=4"
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for folder, kill in ((whole, None), (stopped, (signal.SIGTERM, step))):
        folder.mkdir()
        command("train", *RUN, f"model.epochs={EPOCHS}", limit, folder=folder, prepare=partial(recording, kill))
    resume(command, stopped)
    assert [line.rsplit(" ", 1)[0] for line in batches(whole)] == [f"{e} {n}" for e in range(EPOCHS) for n in range(4)]
    assert batches(stopped) == batches(whole)
    assert_same_run(stopped, whole)
    assert len([row for row in rows(whole) if row.get("val/target/psnr") is not None]) == EPOCHS


@pytest.mark.slow
def test_sigint_twice_in_one_epoch(command: Command, uninterrupted: Path, tmp_path: Path) -> None:
    assert interrupted(command, tmp_path, signal.SIGINT, 2) == 128 + signal.SIGINT
    again = command("train", "resume=run", folder=tmp_path, prepare=partial(recording, (signal.SIGINT, 2)))
    assert again.exitcode == 128 + signal.SIGINT
    resume(command, tmp_path)
    assert batches(tmp_path) == batches(uninterrupted)
    assert_same_run(tmp_path, uninterrupted)


@pytest.mark.slow
def test_with_loader_workers_which_get_the_signal_too(command: Command, uninterrupted: Path, tmp_path: Path) -> None:
    overrides = [o for o in RUN if not o.startswith("data.num_workers")]
    code = command(
        "train",
        *overrides,
        f"model.epochs={EPOCHS}",
        "data.num_workers=2",
        folder=tmp_path,
        prepare=partial(recording, (signal.SIGTERM, BATCHES + 2)),
    ).exitcode
    assert code == 128 + signal.SIGTERM, (tmp_path / "output.txt").read_text()
    resume(command, tmp_path)
    assert batches(tmp_path) == batches(uninterrupted)


@pytest.mark.slow
def test_sigkill_repeats_the_work_since_the_last_epoch(command: Command, uninterrupted: Path, tmp_path: Path) -> None:
    assert interrupted(command, tmp_path, signal.SIGKILL, BATCHES + 3) == -signal.SIGKILL
    resume(command, tmp_path)
    lines = batches(tmp_path)
    assert lines[: BATCHES + 3] == batches(uninterrupted)[: BATCHES + 3]
    assert lines[BATCHES + 3 :] == batches(uninterrupted)[BATCHES:]
    assert_same_run(tmp_path, uninterrupted)


@pytest.mark.slow
def test_damaged_last_checkpoint_falls_back_to_the_one_before(
    command: Command, uninterrupted: Path, tmp_path: Path
) -> None:
    assert interrupted(command, tmp_path, signal.SIGKILL, 2 * BATCHES + 1) == -signal.SIGKILL
    last = tmp_path / "run/checkpoints/last.ckpt"
    last.write_bytes(last.read_bytes()[:-1000])
    resume(command, tmp_path)
    assert "warning" in (tmp_path / "output.txt").read_text()
    assert batches(tmp_path)[2 * BATCHES + 1 :] == batches(uninterrupted)[BATCHES:]
    assert_same_run(tmp_path, uninterrupted)
