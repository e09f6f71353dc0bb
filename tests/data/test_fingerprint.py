import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portrait_cartoons.data.fingerprint import fingerprint
from portrait_cartoons.data.folder import FolderPictures
from portrait_cartoons.data.toy import ToyImages
from portrait_cartoons.image import save_image


def folder(place: Path) -> FolderPictures:
    """Three photos with masks and targets."""
    rng = np.random.default_rng(0)
    paths: dict[str, list[Path]] = {}
    for kind in ("photo", "mask", "target"):
        paths[kind] = [place / kind / "deep" / f"{n}.png" for n in range(3)]
        for path in paths[kind]:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_image(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8), path)
    return FolderPictures(place / "photo", paths["photo"], paths["mask"], paths["target"], 8)


def test_it_is_the_same_wherever_the_files_lie_and_whenever_they_were_written(tmp_path: Path) -> None:
    here, there = folder(tmp_path / "here"), folder(tmp_path / "there" / "still")
    os.utime(there.paths[0], (0, 0))
    assert fingerprint(here, range(3)) == fingerprint(there, range(3))


def change_photo(pictures: FolderPictures) -> FolderPictures:
    shutil.copy(pictures.paths[0], pictures.paths[1])
    return pictures


def change_mask(pictures: FolderPictures) -> FolderPictures:
    assert pictures.masks
    shutil.copy(pictures.masks[0], pictures.masks[1])
    return pictures


def change_target(pictures: FolderPictures) -> FolderPictures:
    assert pictures.targets
    pictures.targets[1].unlink()
    return pictures


def change_name(pictures: FolderPictures) -> FolderPictures:
    renamed = pictures.paths[1].rename(pictures.paths[1].with_name("other.png"))
    return FolderPictures(
        pictures.folder, [pictures.paths[0], renamed, pictures.paths[2]], pictures.masks, pictures.targets, 8
    )


@pytest.mark.parametrize("change", [change_photo, change_mask, change_target, change_name])
def test_every_file_and_name_counts(change: Callable[[FolderPictures], FolderPictures], tmp_path: Path) -> None:
    first = fingerprint(folder(tmp_path), range(3))
    assert fingerprint(change(folder(tmp_path)), range(3)) != first


def test_only_the_chosen_pictures_count_in_their_order(tmp_path: Path) -> None:
    pictures = folder(tmp_path)
    first = fingerprint(pictures, range(1))
    change_photo(pictures)
    assert fingerprint(pictures, range(1)) == first
    assert fingerprint(pictures, [0, 2]) != fingerprint(pictures, [2, 0])


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"size": 17}, {"faces": range(1, 4)}, {"domain": "cartoon"}, {"paired": True}]
)
def test_drawn_pictures_are_told_apart_by_what_is_drawn(change: dict[str, Any]) -> None:
    options: dict[str, Any] = {"domain": "photo", "faces": range(3), "size": 16, "seed": 0}
    first = fingerprint(ToyImages(**options), range(2))
    assert first == fingerprint(ToyImages(**options), range(2))
    assert fingerprint(ToyImages(**{**options, **change}), range(2)) != first
