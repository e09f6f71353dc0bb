"""Pictures kept in memory: the same batches, without their files."""

import shutil
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from portrait_cartoons.data.datamodule import Portraits
from portrait_cartoons.data.folder import folder_pictures
from portrait_cartoons.data.memory import GB, Kept, Memory
from portrait_cartoons.data.picture import Picture
from portrait_cartoons.errors import UserError
from portrait_cartoons.image import save_image
from tests.data.test_datamodule import ALL, portraits
from tests.data.test_folder import DEFAULTS

ONE = 20 * 30 * (3 + 1 + 3) + 100  # bytes of a photo of 30 x 20 pixels with its mask, its target and its name


def noise(folder: Path, count: int, kind: str, channels: int) -> str:
    """A folder of noisy pictures of several sizes, in three splits."""
    for split in ("train", "val", "test"):
        (folder / kind / split).mkdir(parents=True)
        for n in range(count):
            shape = 40 + 2 * (n % 3), 60, channels
            pixels = np.random.default_rng([n, len(kind)]).integers(256, size=shape, dtype=np.uint8)
            save_image(pixels.repeat(3 // channels, 2), folder / kind / split / f"{n}.png")
    return str(folder / kind)


def folder_data(folder: Path, **options: Any) -> Portraits:
    kinds = {"photo": 3, "cartoon": 3, "photo_mask": 1, "cartoon_mask": 1, "target": 3}
    paths = {kind: str(folder / kind) for kind in kinds}
    if not (folder / "photo").exists():
        paths = {kind: noise(folder, 7, kind, channels) for kind, channels in kinds.items()}
    source = folder_pictures(**{**DEFAULTS, "min_side": 18, **paths})
    drawn = {"background": "random", "fields": ALL, "smooth_noise": 0.1}
    return portraits(source, **drawn, **options)


def epochs(data: Portraits, *numbers: int) -> list[dict[str, Any]]:
    """The training batches of these epochs and then the validation's, from the same workers."""
    loader = data.train_dataloader()
    batches = []
    for number in numbers:
        loader.sampler.set_epoch(number)  # type: ignore[attr-defined]
        batches += list(loader)
    validation = data.val_dataloader()
    return [*batches, *validation, *validation]


def assert_same(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    for our, their in zip(ours, theirs, strict=True):
        assert our.keys() == their.keys()
        assert all(torch.equal(our[name], their[name]) for name in our if name != "unreadable")
        assert our["unreadable"] == their["unreadable"]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("cache_gb", [8 * ONE / GB, 1.0])
def test_batches_are_the_same_with_and_without_memory(tmp_path: Path, workers: int, cache_gb: float) -> None:
    plain = epochs(folder_data(tmp_path), 0, 1, 2)
    kept = folder_data(tmp_path, cache_gb=cache_gb, num_workers=workers)
    assert_same(epochs(kept, 0, 1, 2), plain)
    assert_same(epochs(kept, 0, 1, 2), plain)  # and once more from what is there by now


@pytest.mark.parametrize("workers", [0, 2])
def test_what_was_read_once_needs_its_file_no_more_in_any_process(tmp_path: Path, workers: int) -> None:
    data = folder_data(tmp_path, cache_gb=0.1, num_workers=workers)
    before = epochs(data, *range(6))
    shutil.rmtree(tmp_path / "photo")
    assert_same(epochs(data, *range(6)), before)


def test_memory_that_is_full_takes_no_more_and_keeps_what_it_has() -> None:
    reads: list[int] = []

    class Counted(list[Picture]):
        def __getitem__(self, index: int) -> Picture:  # type: ignore[override]
            reads.append(index)
            picture = super().__getitem__(index)
            return picture._replace(image=picture.image.copy())

    images = [np.full((10, 10, 3), n, np.uint8) for n in range(6)]
    pictures = Counted(Picture(image, None, None, f"ü {n}") for n, image in enumerate(images))
    memory = Memory(3 * 360 / GB)  # a picture takes 300 bytes and some 50 for its shape and name
    kept = Kept(pictures, lambda **arrays: arrays, memory)
    for index in chain(range(6), range(6), reversed(range(6))):
        found = kept[index]
        assert found.name == f"ü {index}"
        assert np.array_equal(found.image, images[index])
        found.image[:] = 99  # one's own
    assert [reads.count(n) for n in range(6)] == [1, 1, 1, 3, 3, 3]
    assert len(memory.bytes) == 3 * 360


def test_more_memory_than_there_is_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.cache_gb=50000 is more than this machine's \d+ GB of memory: use less"):
        folder_data(tmp_path, cache_gb=50_000)
