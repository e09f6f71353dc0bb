"""Which pictures go where: decided by each picture's own hash, so that adding or removing others moves none."""

import hashlib
import os
from pathlib import Path, PurePath

SPLITS = ("train", "val", "test")


def share(purpose: str, key: str) -> float:
    """A number in [0, 1), evenly spread over keys and independent for every purpose."""
    return int.from_bytes(hashlib.sha256(f"{purpose} {key}".encode()).digest()[:8]) / 2**64


def person(source: Path, sha256: str, people: str) -> str:
    """What stands for the person that a picture shows: the name of its folder, or else the picture alone."""
    return os.fsencode(source.parent.name).hex() if people == "folder" else sha256


def by_hash(key: str, val: float, test: float) -> str:
    """The split of a person; `val` and `test` are the shares of these splits. Changing `val` moves no one from test."""
    number = share("split", key)
    if number < test:
        return "test"
    return "val" if number < test + val else "train"


def by_folder(name: PurePath, key: str, val: float) -> str:
    """The split that one of the folders in a relative path names, "" where none does; `val` is cut from train."""
    named = next((part for part in name.parts[:-1] if part in SPLITS), "")
    return "val" if named == "train" and share("split", key) < val else named
