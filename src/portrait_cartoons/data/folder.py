"""Photos and cartoons from folders: nested or flat, any mix of formats and sizes, split into training and test."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import cv2
import numpy as np

from portrait_cartoons.data.picture import Picture, Splits, read
from portrait_cartoons.errors import UserError
from portrait_cartoons.image import ImageError, list_images, load_mask, load_rgb


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
        mask = _resized(load_mask(self.masks[index]), image) if self.masks else None
        target = load_rgb(self.targets[index], self.min_side) if self.targets else None
        return Picture(image, mask, target, self.name(index))

    def name(self, index: int) -> str:
        """The path of picture `index` relative to its folder."""
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
    test_share: float,
    origin: str | None,
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
        origin: where the pictures come from, told with the problems.

    Raises:
        DataError: with every missing, empty or unreadable folder and every picture without its mask or target.
    """
    problems: list[str] = []
    photos = _find("photo", photo, root, "A", photo_glob, test_share, problems)
    cartoons = _find("cartoon", cartoon, root, "B", cartoon_glob, test_share, problems)
    splits = Splits(
        photos.pictures(photos.train, photo_mask, None, min_side, problems),
        cartoons.pictures(cartoons.train, cartoon_mask, None, min_side, problems),
        photos.pictures(photos.test, photo_mask, target, min_side, problems),
        cartoons.pictures(cartoons.test, cartoon_mask, None, min_side, problems),
    )
    if problems:
        raise DataError(*dict.fromkeys(problems), *([origin] if origin else []))
    return splits


@dataclass(frozen=True)
class _Files:
    """The files of one `domain` below `folder`, which the configuration's `key` names."""

    domain: str
    key: str
    folder: Path
    train: list[Path]
    test: list[Path]

    def pictures(
        self, files: list[Path], masks: str | None, targets: str | None, min_side: int, problems: list[str]
    ) -> FolderPictures:
        pictures = FolderPictures(
            self.folder,
            files,
            self._companions(files, masks, f"data.source.{self.domain}_mask", "mask", problems),
            self._companions(files, targets, "data.source.target", "target", problems),
            min_side,
        )
        try:
            if files:
                read(pictures, 0, [])
        except ImageError as error:
            problems.append(f"{self.key}: {error}")
        return pictures

    def _companions(
        self, files: list[Path], folder: str | None, key: str, kind: str, problems: list[str]
    ) -> list[Path] | None:
        """The mask or target of each file: the one with its relative path or, failing that, its name."""
        if folder is None:
            return None
        try:
            base = Path(folder).expanduser()
            candidates = list_images(base)
        except ImageError as error:
            problems.append(f"{key}: {error}")
            return None
        by_name = {path.stem: path for path in candidates}
        by_path = {path.relative_to(base).with_suffix(""): path for path in candidates}
        found = [by_path.get(file.relative_to(self.folder).with_suffix(""), by_name.get(file.stem)) for file in files]
        companions = [companion for companion in found if companion is not None]
        if without := len(files) - len(companions):
            problems.append(
                f"{key}: {without} of {len(files)} {self.domain}s have no {kind} in {folder}, for example"
                f" {files[found.index(None)].name}; add them or leave {key} empty"
            )
            return None
        return companions


def _find(
    domain: str,
    folder: str | None,
    root: str | None,
    letter: str,
    pattern: str,
    test_share: float,
    problems: list[str],
) -> _Files:
    """List and split the files of one domain; what is wrong with them goes to `problems`."""
    key = f"data.source.{domain}"
    if folder is not None:
        base = Path(folder).expanduser()
        train, test = base / "train", base / "test"
    elif root is not None:
        key, base = "data.source.root", Path(root).expanduser()
        train, test = base / f"train{letter}", base / f"test{letter}"
    else:
        problems.append(f"{key} is missing: name the folder of the {domain}s, {key}=<folder>")
        return _Files(domain, key, Path(), [], [])

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

    if folder is not None and not train.is_dir():
        train = base
    files = images(train)
    if train != base and test.is_dir():
        return _Files(domain, key, base, files, images(test))
    if len(files) == 1:
        problems.append(f"{key}: {train} holds one image only, but training and test need one each")
    hashes = {path: _hash(path.relative_to(train).as_posix()) for path in files}
    last = max(test_share, min(hashes.values(), default=0.0))
    return _Files(
        domain,
        key,
        base,
        [path for path in files if hashes[path] > last],
        [path for path in files if hashes[path] <= last],
    )


def _resized(mask: np.ndarray, image: np.ndarray) -> np.ndarray:
    """The mask at the size of its image, which may have been decoded at a reduced one."""
    height, width = image.shape[:2]
    return cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)


def _hash(relative_path: str) -> float:
    """A number in [0, 1) that is the file's alone, so that adding files moves none between the splits."""
    return int.from_bytes(hashlib.sha256(relative_path.encode(errors="surrogateescape")).digest()[:8]) / 2**64
