"""Photos and cartoons from folders: nested or flat, any mix of formats and sizes, split into training and test."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import cv2
import numpy as np

from src.data.dataset import Splits, read
from src.data.picture import Picture
from src.errors import UserError
from src.image import ImageError, list_images, load_mask, load_rgb


class DataError(UserError):
    """Folders that cannot be trained on: one sentence per problem, a line each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class FolderPictures(Sequence[Picture]):
    """The pictures at `paths`, read when asked for; big JPEGs at a reduced size not below `min_side`.

    `masks` and `targets` run beside `paths`. Reading raises ImageError.
    """

    folder: Path
    paths: Sequence[Path]
    masks: Sequence[Path] | None
    targets: Sequence[Path] | None
    min_side: int

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Picture:  # type: ignore[override]
        path = self.paths[index]
        image = load_rgb(path, self.min_side)
        mask = self._mask(index, image) if self.masks else None
        target = load_rgb(self.targets[index], self.min_side) if self.targets else None
        return Picture(image, mask, target, path.relative_to(self.folder).as_posix())

    def _mask(self, index: int, image: np.ndarray) -> np.ndarray | None:
        height, width = image.shape[:2]
        return cv2.resize(load_mask(self.masks[index]), (width, height), interpolation=cv2.INTER_NEAREST)


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
    test_share: float,
) -> Splits:
    """Find the pictures of both domains.

    Args:
        min_side: large JPEGs may be decoded at a size whose shorter side is not below this, in pixels.
        root: a folder in the classic layout trainA, trainB, testA, testB, A being photos; `photo` and `cartoon` are
            not needed then.
        photo, cartoon: a folder each. If it has a folder `train`, that and `test` are the splits; otherwise a hash of
            each file's relative path puts `test_share` of the files, whichever else are there, into the test split.
        photo_mask, cartoon_mask, target: folders of person masks and of the test photos' true cartoons, whose files
            have the pictures' relative paths, or else their names, but for the suffix.
        photo_glob, cartoon_glob: which file names to take.

    Raises:
        DataError: with every missing, empty or unreadable folder and every picture without its mask or target.
    """
    problems: list[str] = []
    photos = _Domain("photo", root and Path(root), "A", photo, photo_glob, test_share, problems)
    cartoons = _Domain("cartoon", root and Path(root), "B", cartoon, cartoon_glob, test_share, problems)
    splits = Splits(
        photos.pictures("train", photo_mask, None, min_side),
        cartoons.pictures("train", cartoon_mask, None, min_side),
        photos.pictures("test", photo_mask, target, min_side),
        cartoons.pictures("test", cartoon_mask, None, min_side),
    )
    if problems:
        raise DataError(*dict.fromkeys(problems))
    return splits


class _Domain:
    """The files of one domain; what is wrong with them goes to `problems`, naming the configuration's key."""

    def __init__(
        self,
        name: str,
        root: Path | None,
        letter: str,
        folder: str | None,
        pattern: str,
        test_share: float,
        problems: list[str],
    ) -> None:
        self.name, self.pattern, self.problems = name, pattern, problems
        self.key = f"data.source.{name}"
        self.files: dict[str, list[Path]] = {"train": [], "test": []}
        if folder is None and root is None:
            problems.append(f"{self.key} is missing: name the folder of the {name}s, {self.key}=<folder>")
            return
        if folder is None:
            self.key, self.folder = "data.source.root", root
            train, test = root / f"train{letter}", root / f"test{letter}"
        else:
            self.folder = Path(folder)
            train, test = self.folder / "train", self.folder / "test"
            if not train.is_dir():
                train, test = self.folder, None
        self._find(train, test if test and test.is_dir() else None, test_share)

    def _find(self, train: Path, test: Path | None, test_share: float) -> None:
        files = self._images(train)
        if test is None:
            shares = {path: _hash(path.relative_to(train).as_posix()) for path in files}
            held_out = {path for path in files if shares[path] < test_share} or set(sorted(files, key=shares.get)[:1])
            self.files = {
                "train": [path for path in files if path not in held_out],
                "test": [path for path in files if path in held_out],
            }
            if len(files) == 1:
                self.problems.append(f"{self.key}: {train} holds one image only, but training and test need one each")
        else:
            self.files = {"train": files, "test": self._images(test)}

    def _images(self, folder: Path) -> list[Path]:
        if not folder.is_dir():
            self.problems.append(f"{self.key}: there is no folder {folder}; give the folder of the {self.name}s")
            return []
        try:
            files = [path for path in list_images(folder) if fnmatch(path.name, self.pattern)]
        except ImageError as error:
            self.problems.append(f"{self.key}: {error}")
            return []
        if not files:
            which = "" if self.pattern == "*" else f" whose name matches data.source.{self.name}_glob={self.pattern}"
            self.problems.append(f"{self.key}: {folder} holds no image{which}; put {self.name}s there")
        return files

    def pictures(self, split: str, masks: str | None, targets: str | None, min_side: int) -> FolderPictures | None:
        files = self.files[split]
        if not files:
            return None
        pictures = FolderPictures(
            self.folder,
            files,
            self._companions(files, masks, f"data.source.{self.name}_mask", "mask"),
            self._companions(files, targets, "data.source.target", "target"),
            min_side,
        )
        try:
            read(pictures, 0, [])
        except ImageError as error:
            self.problems.append(f"{self.key}: {error}")
        return pictures

    def _companions(self, files: Sequence[Path], folder: str | None, key: str, kind: str) -> list[Path] | None:
        """The mask or target of each file: the one with its relative path or, failing that, its name."""
        if folder is None:
            return None
        try:
            candidates = list_images(folder)
        except ImageError as error:
            self.problems.append(f"{key}: {error}")
            return None
        by_name = {path.stem: path for path in candidates}
        by_path = {path.relative_to(folder).with_suffix(""): path for path in candidates}
        found = [by_path.get(file.relative_to(self.folder).with_suffix(""), by_name.get(file.stem)) for file in files]
        without = [file for file, companion in zip(files, found, strict=True) if companion is None]
        if without:
            self.problems.append(
                f"{key}: {len(without)} of {len(files)} {self.name}s have no {kind} in {folder}, for example"
                f" {without[0].name}; add them or leave {key} empty"
            )
            return None
        return [companion for companion in found if companion is not None]


def _hash(relative_path: str) -> float:
    """A number in [0, 1) that is the file's alone, so that adding files moves none between the splits."""
    return int.from_bytes(hashlib.sha256(relative_path.encode(errors="surrogateescape")).digest()[:8]) / 2**64
