"""A picture that cannot be read, wherever it stands in an epoch and whoever reads it, costs the run itself alone."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from portrait_cartoons.data.encoded import DataError
from portrait_cartoons.data.toy import toy_pictures
from tests.data.test_datamodule import broken_among_good, in_folder, portraits


def epoch(folder: Path, workers: int, broken: int | None) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
    """The photos of an epoch, 8 x 3 x 16 x 16 in [-1, 1], the cartoons, and the names of files listed as unreadable."""
    folder.mkdir()
    source = broken_among_good(folder, 0)
    if broken is not None:
        (folder / f"photos/train/p{broken}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    data = portraits(source, num_workers=workers)
    data.trainer = in_folder(folder)
    batches = [data.on_before_batch_transfer(batch, 0) for batch in data.train_dataloader()]
    listing = folder / "unreadable.txt"
    lines = listing.read_text().splitlines() if listing.exists() else []
    photos, cartoons = (torch.cat([batch[name] for batch in batches]) for name in ("photo", "cartoon"))
    return photos, cartoons, lines


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("broken", [0, 3, 7])
def test_a_damaged_picture_changes_its_own_place_alone(tmp_path: Path, broken: int, workers: int) -> None:
    photos, cartoons, listed = epoch(tmp_path / "whole", 0, None)
    found, drawn, lines = epoch(tmp_path / "damaged", workers, broken)
    assert listed == []
    assert len(lines) == 1
    assert f"p{broken}.png" in lines[0]
    assert (found != photos).any(dim=(1, 2, 3)).sum() <= 1
    assert torch.equal(drawn, cartoons)


def test_fewer_pictures_than_devices_is_one_sentence(tmp_path: Path) -> None:
    data = portraits(toy_pictures(3, 2, 2, 18, 0))
    trainer: Any = SimpleNamespace(**{**vars(in_folder(tmp_path)), "world_size": 4})
    data.trainer = trainer
    with pytest.raises(DataError, match="3 training pictures cannot be shared by 4 devices: use fewer"):
        data.train_dataloader()
