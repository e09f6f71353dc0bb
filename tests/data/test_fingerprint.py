import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from portrait_cartoons.data.fingerprint import fingerprint, identities
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


def test_identities_are_those_of_the_pictures_whatever_their_names(tmp_path: Path) -> None:
    first = folder(tmp_path / "here")
    renamed = change_name(folder(tmp_path / "there"))
    assert identities(first).dtype == torch.int64
    assert len(identities(first)) == 3
    assert torch.equal(identities(first), identities(renamed))
    assert torch.equal(identities(first), identities(first.without(mask=True, target=True)))
    change_photo(renamed)
    assert len(identities(renamed)) == 2  # two files hold the same picture now
    assert set(identities(renamed).tolist()) < set(identities(first).tolist())
    renamed.paths[2].unlink()
    assert len(identities(renamed)) == 1


@pytest.mark.parametrize("place", [0, 500_000, 999_999])
def test_large_files_are_told_apart_by_their_beginning_middle_and_end(tmp_path: Path, place: int) -> None:
    data = bytearray(1_000_000)
    for n in range(2):
        data[place] = n
        (tmp_path / f"{n}.png").write_bytes(data)
    paths = [tmp_path / f"{n}.png" for n in range(2)]
    assert len(identities(FolderPictures(tmp_path, paths, None, None, 8))) == 2


def test_a_face_is_the_same_at_every_size_and_in_both_domains() -> None:
    faces = identities(ToyImages("photo", range(5), size=16, seed=0, paired=True))
    assert torch.equal(faces, identities(ToyImages("cartoon", range(5), size=72, seed=0)))
    assert not set(faces.tolist()) & set(identities(ToyImages("photo", range(5), size=16, seed=1)).tolist())
