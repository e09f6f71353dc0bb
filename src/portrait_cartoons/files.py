"""Paths as a user writes them, and files that are written whole or not at all."""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from portrait_cartoons.errors import UserError

_TEMPORARY = ".?*.[0-9]*.tmp"  # what is being written: the file's name and the number of the process
_ABANDONED = 3600.0  # seconds after which a temporary file belongs to a program that was killed


def expanded(path: str | Path) -> Path:
    """The path that a user means, with ~ and ~name replaced. Raises UserError for one that there cannot be."""
    try:
        found = Path(path).expanduser()
        found.exists()
    except RuntimeError as error:
        raise UserError(f"{path}: there is no user of that name here; write the whole path") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{str(path)[:80]!r} cannot be the path of a file or folder ({reason}); correct it") from error
    return found


def make_output(folder: Path) -> None:
    """Make the folder that output= names, where it is missing. Raises UserError where nothing can be written to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"output={folder} cannot be created ({error.strerror}): choose another folder") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"output={folder} cannot be written to: choose another folder")


def new_output(output: Path, suffix: str, beside: Iterable[Path] = (), overwrite: bool | None = None) -> None:
    """Raise UserError unless a file of this suffix can be written at output=, and the files beside it.

    What is there already stays, unless `overwrite`; None where the command has no such key.
    """
    if output.suffix != suffix or output.is_dir():
        raise UserError(f"output={output} must be a file that ends in {suffix}")
    if not output.parent.is_dir():
        raise UserError(f"output={output}: there is no folder {output.parent}; make it, or name another")
    if not overwrite and (there := [file for file in (output, *beside) if file.exists()]):
        remedy = "choose another name" + ("" if overwrite is None else ", or overwrite=true")
        raise UserError(f"output={output}: {there[0]} is there already; {remedy}")


def walk(
    folder: str | Path, seen: set[str], refuse: Callable[[OSError], object]
) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Each folder from this one down with the names of its subfolders and its files, hidden ones left out.

    Links to folders are followed, and each folder is visited once, so that loops end: `seen` collects their real paths.
    `refuse` gets what keeps a folder from being read.
    """
    for root, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield Path(root), folders, [name for name in files if not name.startswith(".")]


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """A file to write into, which takes the place of `path` when the block ends well; else `path` stays as it was.

    It lies beside `path`, because a file can only be renamed within one file system, and is on the disk before it is
    renamed. What a killed program left in its place is cleared away. Raises OSError where the disk refuses.
    """
    temporary, stem = _temporary(path), _stem(path)
    for left in _temporaries(path.parent):
        with suppress(OSError):
            if left.name.startswith(f".{stem}.") and time.time() - left.stat().st_mtime > _ABANDONED:
                left.unlink()
    try:
        with temporary.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def write(path: Path, content: bytes | str) -> None:
    """Write bytes, or a text as UTF-8, in place of the file. Raises OSError where the disk refuses."""
    with atomic(path) as file:
        file.write(content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))


def keep(source: Path, target: Path) -> None:
    """Give what is in `source` the name `target` as well, in place of what had it. Raises OSError."""
    temporary = _temporary(target)
    try:
        temporary.unlink(missing_ok=True)
        os.link(source, temporary)
    except OSError:  # a file system without hard links
        with source.open("rb") as file, atomic(target) as copy:
            shutil.copyfileobj(file, copy)
        return
    os.replace(temporary, target)
    temporary.unlink(missing_ok=True)  # where both are one file already, replacing does nothing


def clear(folder: Path) -> None:
    """Remove what killed programs left in the folder and those below it, in which no other program may be writing."""
    for left in folder.rglob(_TEMPORARY):
        left.unlink(missing_ok=True)


@cache
def _temporaries(folder: Path) -> list[Path]:
    """What others were writing in the folder when this program first did.

    Listing a folder of thousands of files takes longer than writing one of them.
    """
    return list(folder.glob(_TEMPORARY))


def _temporary(path: Path) -> Path:
    return path.with_name(f".{_stem(path)}.{os.getpid()}.tmp")


def _stem(path: Path) -> str:
    """The beginning of the file's name, so that what is added does not make it longer than a file system takes."""
    return os.fsdecode(os.fsencode(path.name)[:200])
