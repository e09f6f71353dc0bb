"""Which files of a folder are for training, which for validation and which for the test."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

SPLITS: tuple[Literal["train", "val", "test"], ...] = ("train", "val", "test")


class Place(NamedTuple):
    """Where a file lies: in which folder of a split, None outside of any, and its path below that."""

    split: str | None
    path: Path


def place(relative: Path) -> Place:
    """The place of a file from its path in a domain's folder: `test/anna/0.png` and `testA/anna/0.png` are in test."""
    first = relative.parts[0]
    split = first[:-1] if first[-1] in "AB" else first
    if split in SPLITS and len(relative.parts) > 1:
        return Place(split, relative.relative_to(first))
    return Place(None, relative)


def divide(given: Mapping[str, list[Path]], start: Path, shares: Mapping[str, float]) -> dict[str, list[Path]]:
    """The files of each split: those that are given, but for the shares of val and test that are not.

    These are cut from the training files, at least one each, if one is left. A hash of its path below `start` decides
    about each file, so that files that come or go move no others, but in very small folders.
    """
    hashes = {path: _hash(path.relative_to(start)) for path in given.get("train", [])}
    order = sorted(hashes, key=lambda path: hashes[path])
    test = val = 0
    if "test" not in given:
        room = len(order) - 1 - ("val" not in given)
        test = max(1, min(room, sum(number <= shares["test"] for number in hashes.values())))
    if "val" not in given:
        val = max(1, min(len(order) - 1 - test, sum(number >= 1 - shares["val"] for number in hashes.values())))
    end = max(test, len(order) - val)
    cut = {"val": sorted(order[end:]), "test": sorted(order[:test])}
    return {**cut, **given, "train": sorted(order[test:end])}


def _hash(path: Path) -> float:
    """A number in [0, 1) that is the file's alone."""
    return int.from_bytes(hashlib.sha256(path.as_posix().encode(errors="surrogateescape")).digest()[:8]) / 2**64
