"""The files that a data set is made from, found without trusting the folders they lie in."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from portrait_cartoons.files import walk
from portrait_cartoons.image import FORMATS, UNREAD, reason

FORMAT_UNREAD = "its format is not read here"  # so begins the reason of a picture that other programs can read


@dataclass(frozen=True, slots=True)
class Source:
    """A file named like a picture: its path, that relative to its input folder and, where it can be none, why."""

    path: Path
    name: PurePath
    reason: str = ""


def find_sources(folders: Iterable[Path]) -> list[Source]:
    """All files with a picture's suffix below the folders, sorted, and the folders that cannot be read.

    Hidden ones are left out. Links to folders are followed, each folder once, so that loops end.
    """
    found: dict[Path, Source] = {}
    seen: set[str] = set()
    for folder in folders:
        for source in _walk(folder, seen):
            found.setdefault(source.path, source)
    return [found[path] for path in sorted(found)]


def _walk(folder: Path, seen: set[str]) -> Iterator[Source]:
    unreadable: list[Source] = []

    def refuse(error: OSError) -> None:
        path = Path(error.filename)
        unreadable.append(Source(path, path.relative_to(folder), f"the folder cannot be read: {reason(error)}"))

    for root, folders, files in walk(folder, seen, refuse):
        for path in (root / name for name in folders):
            if path.suffix.lower() in FORMATS:
                yield Source(path, path.relative_to(folder), "it is a folder")
        for path in (root / name for name in files):
            if path.suffix.lower() in FORMATS:
                yield Source(path, path.relative_to(folder), _unusable(path))
            elif path.suffix.lower() in UNREAD:
                yield Source(path, path.relative_to(folder), f"{FORMAT_UNREAD}: convert it to JPEG or PNG")
    yield from unreadable


def _unusable(path: Path) -> str:
    """Why a file cannot be opened without harm: a pipe, for example, would wait for ever."""
    try:
        if not path.is_file():
            return "the link leads nowhere" if not path.exists() else "it is no regular file"
        return "" if path.stat().st_size else "the file is empty"
    except OSError as error:
        return reason(error)


def sha256(source: Source) -> tuple[str, str]:
    """The hash of the file's bytes and no reason, or no hash and the reason why it cannot be read."""
    if source.reason:
        return "", source.reason
    try:
        with source.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), ""
    except OSError as error:
        return "", reason(error)
