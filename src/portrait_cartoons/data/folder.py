"""Photos and cartoons from folders: nested or flat, any mix of formats and sizes, in three splits."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Self

from portrait_cartoons.data.companions import companions
from portrait_cartoons.data.encoded import DataError, EncodedPictures, Kind
from portrait_cartoons.data.picture import Splits, read
from portrait_cartoons.data.split import SPLITS, divide
from portrait_cartoons.files import expanded
from portrait_cartoons.image import ImageError, list_images

PART = 1 << 16  # bytes; of a large file three such parts tell it from others


@dataclass(frozen=True)
class FolderPictures(EncodedPictures):
    """The pictures at `paths`; `masks` and `targets` run beside them."""

    folder: Path
    paths: Sequence[Path]
    masks: Sequence[Path] | None
    targets: Sequence[Path] | None
    min_side: int

    def __len__(self) -> int:
        return len(self.paths)

    def encoded(self, index: int, kind: Kind) -> Path | None:
        paths = {"image": self.paths, "mask": self.masks, "target": self.targets}[kind]
        return paths[index] if paths else None

    def __add__(self, other: Self) -> Self:
        def both(ours: Sequence[Path] | None, theirs: Sequence[Path] | None) -> Sequence[Path] | None:
            return None if ours is None or theirs is None else [*ours, *theirs]

        masks, targets = both(self.masks, other.masks), both(self.targets, other.targets)
        return type(self)(self.folder, [*self.paths, *other.paths], masks, targets, self.min_side)

    def without(self, mask: bool = False, target: bool = False) -> Self:
        return replace(self, masks=None if mask else self.masks, targets=None if target else self.targets)

    def identity(self, index: int) -> bytes:
        """A hash of the file's size and bytes; of large files those at its beginning, in its middle and at its end."""
        with self.paths[index].open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            digest = hashlib.sha256(size.to_bytes(8))
            for start in (0, (size - PART) // 2, size - PART):
                file.seek(max(0, start))
                digest.update(file.read(PART))
        return digest.digest()

    def name(self, index: int) -> str:
        return self.paths[index].relative_to(self.folder).as_posix()


def folder_pictures(
    min_side: int,
    root: str | None,
    photo: str | None,
    cartoon: str | None,
    photo_mask: str | None,
    cartoon_mask: str | None,
    target: str | None,
    photo_glob: str,
    cartoon_glob: str,
    val_share: float,
    test_share: float,
    origin: str | None,
) -> Splits:
    """Find the pictures of both domains.

    Args:
        min_side: large JPEGs may be decoded at a size whose shorter side is not below this, in pixels.
        root: a folder in the classic layout trainA, trainB, testA, testB, perhaps with valA, valB, A being photos;
            `photo` and `cartoon` are not needed then.
        photo, cartoon: a folder each. Folders `train`, `val` and `test` in it are the splits; what lies beside them is
            for training. Where there is no `val` or `test`, a hash of each training file's path takes `val_share` or
            `test_share` of these, whichever other files are there. A folder `test` alone can be measured.
        photo_mask, cartoon_mask, target: folders of person masks and of the photos' true cartoons. Their files have the
            pictures' paths, with or without the folder of the split, or else their names, but for the suffix. Splits
            without any true cartoon do without.
        photo_glob, cartoon_glob: which file names to take.
        origin: where the pictures come from, told with the problems.

    Raises:
        DataError: with every missing, empty or unreadable folder, every picture without its mask or target, and every
            mask or target that may be another picture's.
    """
    problems: list[str] = []
    photos = _find("photo", photo, root, "A", photo_glob, val_share, test_share, problems)
    cartoons = _find("cartoon", cartoon, root, "B", cartoon_glob, val_share, test_share, problems)
    found = photos.pictures(photo_mask, target, min_side, problems)
    painted = cartoons.pictures(cartoon_mask, None, min_side, problems)
    if problems:
        raise DataError(*dict.fromkeys(problems), *([origin] if origin else []))
    return Splits(*(domain[split] for split in SPLITS for domain in (found, painted)))


@dataclass(frozen=True)
class _Files:
    """The files of one `domain` below `folder`, by split; the configuration's `key` names it."""

    domain: str
    key: str
    folder: Path
    splits: dict[str, list[Path]]

    def pictures(
        self, masks: str | None, targets: str | None, min_side: int, problems: list[str]
    ) -> dict[str, FolderPictures]:
        mask_of = self._companions(masks, f"data.source.{self.domain}_mask", "mask", problems)
        target_of = self._companions(targets, "data.source.target", "target", problems)
        pictures = {
            split: FolderPictures(self.folder, files, mask_of[split], target_of[split], min_side)
            for split, files in self.splits.items()
        }
        for part in pictures.values():
            try:
                if part:
                    read(part, 0, [])
            except ImageError as error:
                problems.append(f"{self.key}: {error}")
            except DataError as error:
                problems.append(str(error))
        return pictures

    def _companions(
        self, folder: str | None, key: str, kind: str, problems: list[str]
    ) -> dict[str, Sequence[Path] | None]:
        if folder is None:
            return dict.fromkeys(self.splits)
        return companions(self.splits, self.folder, folder, key, kind, problems)


def _find(
    domain: str,
    folder: str | None,
    root: str | None,
    letter: str,
    pattern: str,
    val_share: float,
    test_share: float,
    problems: list[str],
) -> _Files:
    """List and split the files of one domain; what is wrong with them goes to `problems`."""
    key = f"data.source.{domain}"
    if folder is not None:
        base = expanded(folder)
        folders = {split: base / split for split in SPLITS}
    elif root is not None:
        key, base = "data.source.root", expanded(root)
        folders = {split: base / f"{split}{letter}" for split in SPLITS}
    else:
        problems.append(f"{key} is missing: name the folder of the {domain}s, {key}=<folder>")
        return _Files(domain, key, Path(), {split: [] for split in SPLITS})

    def images(place: Path) -> list[Path]:
        try:
            files = [path for path in list_images(place) if fnmatch(path.name, pattern)]
        except ImageError as error:
            problems.append(f"{key}: {error}")
            return []
        if not files:
            which = "" if pattern == "*" else f" whose name matches data.source.{domain}_glob={pattern}"
            problems.append(f"{key}: {place} holds no image{which}; put {domain}s there")
        return files

    given: dict[str, list[Path]] = {split: images(place) for split, place in folders.items() if place.is_dir()}
    start = folders["train"]
    if "train" not in given and (folder is not None or not given):
        start = base if folder is not None else start
        apart = {path for files in given.values() for path in files}
        given["train"] = [path for path in images(start) if path not in apart]
    splits = divide(given, start, {"val": val_share, "test": test_share})
    if given.get("train") and not splits["train"]:
        needed = 1 + len({"val", "test"} - given.keys())
        problems.append(
            f"{key}: {start} holds {len(given['train'])} of the {needed} images that its splits need; add some"
        )
    return _Files(domain, key, base, splits)
