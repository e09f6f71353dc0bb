"""Which pictures go where: decided by each picture's own hash, so that adding or removing others moves none."""

import hashlib
from pathlib import PurePath

SPLITS = ("train", "val", "test")


def share(purpose: str, key: str) -> float:
    """A number in [0, 1), evenly spread over keys and independent for every purpose."""
    return int.from_bytes(hashlib.sha256(f"{purpose} {key}".encode()).digest()[:8]) / 2**64


def by_hash(sha256: str, val: float, test: float) -> str:
    """The split of a picture; `val` and `test` are the shares of these splits. Changing `val` moves no test picture."""
    number = share("split", sha256)
    if number < test:
        return "test"
    return "val" if number < test + val else "train"


def by_folder(name: PurePath, sha256: str, val: float) -> str:
    """The split that one of the folders in a relative path names, "" where none does; `val` is cut from train."""
    named = next((part for part in name.parts[:-1] if part in SPLITS), "")
    return "val" if named == "train" and share("split", sha256) < val else named
