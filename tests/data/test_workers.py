"""How many processes load batches where nobody says so, and what they say where training breaks off."""

import os
from multiprocessing import current_process, get_context
from multiprocessing.connection import Client, Connection
from multiprocessing.resource_sharer import DupFd
from pathlib import Path
from types import SimpleNamespace

import pytest

from portrait_cartoons.data import workers
from portrait_cartoons.data.toy import toy_pictures
from tests.data.test_datamodule import broken_among_good, in_folder, portraits


@pytest.mark.parametrize(
    ("cores", "ranks", "expected"), [(1, 1, 1), (2, 1, 2), (6, 2, 3), (4, 8, 1), (128, 8, 8), (64, 1, 8)]
)
def test_the_ranks_of_a_machine_share_its_cores(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cores: int, ranks: int, expected: int
) -> None:
    monkeypatch.setattr(workers, "cores", lambda: cores)
    data = portraits(broken_among_good(tmp_path, 0), num_workers="auto")
    data.trainer = SimpleNamespace(**vars(in_folder(tmp_path)), num_devices=ranks)  # type: ignore[assignment]
    assert data.num_workers == data.train_dataloader().num_workers == data.val_dataloader().num_workers == expected


def test_drawings_are_made_in_the_process_that_trains_and_numbers_are_kept(tmp_path: Path) -> None:
    assert portraits(toy_pictures(4, 2, 2, 16, 0), num_workers="auto").train_dataloader().num_workers == 0
    assert portraits(toy_pictures(4, 2, 2, 16, 0), num_workers=3).num_workers == 3
    assert portraits(broken_among_good(tmp_path, 0), num_workers=0).num_workers == 0


def offer_files(training: Connection) -> None:
    """As a worker that hands over two tensors, each through an open file."""
    workers.start(0)
    training.send([DupFd(file) for file in (1, 1)])
    training.recv()


def test_a_worker_says_nothing_where_training_breaks_off_while_it_takes_a_batch(
    capfd: pytest.CaptureFixture[str],
) -> None:
    here, there = get_context("fork").Pipe()
    child = get_context("fork").Process(target=offer_files, args=(there,))
    child.start()
    first, second = here.recv()
    address, _ = first._id
    Client(address, authkey=current_process().authkey).close()
    os.close(second.detach())  # it still serves, and so is done with the first
    here.send("enough")
    child.join(30)
    assert child.exitcode == 0
    assert capfd.readouterr().err == ""
