"""Training on several ranks is training on one with their batches put together; checked on CPUs, by gloo."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from portrait_cartoons.cli import launch
from portrait_cartoons.cli.config import PACKAGE
from portrait_cartoons.runs.checkpoint import read
from portrait_cartoons.runs.metrics_csv import read_metrics
from tests.conftest import TINY, TOY, Command
from tests.runs.test_resume import assert_same, recording

CASE = ("run_dir=run", "model=cyclegan", *TOY, *TINY, "data.source.val=5", "model.epochs=2", "trainer.max_epochs=2")
DDP = ("trainer=ddp", "trainer.devices=2")


def rank(number: int, port: int, then: Callable[[], None] | None = None) -> None:
    """In the child: it is one of two that torchrun would have started."""
    os.environ |= {"WORLD_SIZE": "2", "RANK": str(number), "LOCAL_RANK": str(number), "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    if then:
        then()


def on_two_ranks(
    command: Command, folder: Path, *arguments: str, then: tuple[Any, Any] = (None, None)
) -> tuple[int | None, int | None]:
    """The exit codes of both; the second writes into output_1.txt."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = [
        command("train", *arguments, folder=folder, prepare=partial(rank, n, port, then[n]), wait=False) for n in (0, 1)
    ]
    for child in children:
        child.join(120)
    return children[0].exitcode, children[1].exitcode


def last(folder: Path) -> dict[str, Any]:
    return read(folder / "run/checkpoints/last.ckpt")


def output(folder: Path) -> str:
    return (folder / "output.txt").read_text()


def values(folder: Path, prefix: str) -> list[float]:
    rows = read_metrics(folder / "run/metrics.csv")
    return [value for row in rows for name, value in row.items() if name.startswith(prefix)]


def test_two_ranks_do_what_one_does_with_the_batch_of_both(command: Command, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    exact = ("model.pool_size=0", "model.epochs=2")
    whole = command("train", *CASE, *exact, "data.batch_size=2", folder=one)
    assert whole.exitcode == 0, output(one)
    codes = on_two_ranks(
        command,
        two,
        *CASE,
        *exact,
        *DDP,
        "data.batch_size=1",
    )
    assert codes == (0, 0), output(two)
    # The gradients of both ranks' batches, step by step; a rank logs the losses of its own share.
    assert values(two, "train/grad_norm/") == pytest.approx(values(one, "train/grad_norm/"), rel=1e-3)
    assert len(values(two, "train/grad_norm/")) == 2 * 2 * 3
    assert values(two, "val/") == pytest.approx(values(one, "val/"), rel=1e-3)
    assert values(two, "baseline/") == pytest.approx(values(one, "baseline/"), rel=1e-6)
    assert len(values(two, "val/")) > 10
    assert output(two).count("training cyclegan on toy in run") == 1
    assert "sync_dist" not in output(two)
    assert output(two).count("epoch 2/2  batch 3/3") == 1


@pytest.mark.slow
def test_each_rank_has_its_own_pool_back(command: Command, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    case = (*CASE, *DDP, "model.pool_size=2")
    assert on_two_ranks(command, whole, *case) == (0, 0), output(whole)
    stopped = on_two_ranks(command, parts, *case, then=(None, partial(recording, (signal.SIGTERM, 2))))
    assert stopped == (143, 143), output(parts)
    assert last(parts)["epoch"] == 0
    assert on_two_ranks(command, parts, "resume=run") == (0, 0), output(parts)
    for part in ("state_dict", "optimizer_states", "callbacks", "ranks", "Portraits"):
        assert_same(last(parts)[part], last(whole)[part], part)
    own, other = last(whole)["state_dict"], last(whole)["ranks"][1]
    pools = [name for name in other if "pools" in name]
    assert len(pools) == 2
    assert all(len(other[name]) == 2 and not torch.equal(other[name][0], own[name][0]) for name in pools)

    alone = command(
        "train",
        "resume=run",
        "trainer=exact",
        "trainer.devices=1",
        "model.epochs=3",
        "trainer.max_epochs=3",
        folder=parts,
    )
    assert alone.exitcode == 0, output(parts)
    assert "note: the checkpoint is of a training on 2 devices, and this one has 1" in output(parts)
    again = on_two_ranks(command, parts, "resume=run", *DDP, "model.epochs=4", "trainer.max_epochs=4")
    assert again == (0, 0), output(parts)


@pytest.mark.parametrize(
    "who",
    [
        (None, signal.SIGTERM),
        pytest.param((signal.SIGTERM, None), marks=pytest.mark.slow),
        pytest.param((signal.SIGTERM, signal.SIGTERM), marks=pytest.mark.slow),
    ],
)
def test_a_signal_to_any_of_them_saves_and_ends_all(
    command: Command, tmp_path: Path, who: tuple[signal.Signals | None, ...]
) -> None:
    then = tuple(partial(recording, (number, 2)) if number else None for number in who)
    assert on_two_ranks(command, tmp_path, *CASE, *DDP, then=then) == (143, 143), output(tmp_path)  # type: ignore[arg-type]
    assert last(tmp_path)["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]["ready"] == 2
    assert output(tmp_path).count("continue with python -m src.train resume=run") == 1
    assert "Traceback" not in output(tmp_path)


def test_wrong_use_is_told_of_once(command: Command, tmp_path: Path) -> None:
    assert on_two_ranks(command, tmp_path, *CASE, *DDP, "modle=x") == (2, 2)
    assert output(tmp_path).count("error: unknown key modle") == 1
    assert on_two_ranks(command, tmp_path, *CASE, "trainer=ddp", "trainer.devices=3") == (2, 2)
    assert "trainer.devices=3 on trainer.num_nodes=1 machines need as many processes, but 2 were started" in output(
        tmp_path
    )


@pytest.mark.slow
def test_torchrun_and_the_command_alone_start_the_ranks(tmp_path: Path) -> None:
    module, case = ("-m", "portrait_cartoons", "train"), (*CASE, *DDP, "model.epochs=1", "trainer.max_epochs=1")
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", *module)
    for name, program in (("torchrun", torchrun), ("alone", module)):
        (tmp_path / name).mkdir()
        done = subprocess.run(
            [sys.executable, *program, *case], cwd=tmp_path / name, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("trained for") == 1
        assert "error" not in done.stderr
    assert_same(last(tmp_path / "torchrun")["state_dict"], last(tmp_path / "alone")["state_dict"])
    assert len(last(tmp_path / "alone")["ranks"]) == 2


def task(number: int) -> None:
    """In the child: it is one of two tasks of a SLURM job."""
    told = {"JOB_ID": os.getppid() % 9000 + 1000, "JOB_NAME": "train", "NTASKS": 2, "NTASKS_PER_NODE": 2, "NODEID": 0}
    told |= {"PROCID": number, "LOCALID": number, "NODELIST": "localhost", "NNODES": 1}
    os.environ |= {f"SLURM_{name}": str(value) for name, value in told.items()} | {"MASTER_ADDR": "127.0.0.1"}


@pytest.mark.slow
def test_the_tasks_of_a_slurm_job_are_the_ranks(command: Command, tmp_path: Path) -> None:
    short = (*CASE, *DDP, "model.epochs=1", "trainer.max_epochs=1")
    tasks = [command("train", *short, folder=tmp_path, prepare=partial(task, n), wait=False) for n in (0, 1)]
    for child in tasks:
        child.join(120)
    assert [child.exitcode for child in tasks] == [0, 0], output(tmp_path)
    assert len(last(tmp_path)["ranks"]) == 2
    assert output(tmp_path).count("trained for") == 1


@pytest.mark.slow
def test_a_signal_to_the_command_reaches_all_its_ranks(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYTHONUNBUFFERED": "1"}
    arguments = [
        sys.executable,
        "-m",
        "portrait_cartoons",
        "train",
        *CASE,
        *DDP,
        "model.epochs=2000",
        "trainer.max_epochs=2000",
    ]
    with subprocess.Popen(arguments, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout
        lines = iter(started.stdout.readline, "")
        assert any(line.startswith("epoch 1/") for line in lines)
        started.send_signal(signal.SIGTERM)
        assert any("SIGTERM: saved run/checkpoints/last.ckpt" in line for line in lines)
        assert started.wait() == 143
    assert len(last(tmp_path)["ranks"]) == 2


def test_a_rank_that_is_lost_ends_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = tmp_path / "ranks.py"
    ranks.write_text(
        "import os, sys, time\nif os.environ['RANK'] == '1':\n    sys.exit(7)\n"
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)\n"
    )
    monkeypatch.setattr(launch, "module", lambda _: ([sys.executable, str(ranks)], dict(os.environ)))
    monkeypatch.setattr(launch, "PATIENCE", 0.5)
    assert launch.launched(2, "train", []) == 7
