"""Public data sets, fetched only when asked for: resumed after a break, checked by hash, unpacked with care."""

import errno
import hashlib
import os
import re
import shutil
import stat
import zipfile
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request, urlopen

import yaml  # type: ignore[import-untyped]

from portrait_cartoons.errors import UserError
from portrait_cartoons.files import atomic, clear
from portrait_cartoons.image import FORMATS
from portrait_cartoons.progress import tracked

_BLOCK = 1 << 20
_SILENCE = 60.0  # seconds without an answer after which a server is given up
_ENTRY = re.compile(r"[^/\\]+/(?P<split>train|val|test)(?P<domain>[AB])/(?P<name>[^/\\.][^/\\]*)")
_GROWTH = 4  # pictures are packed already: what unpacks to more times the archive's size is no set of pictures


class DownloadError(UserError):
    """A data set that cannot be fetched or is not what it should be."""


@dataclass(frozen=True)
class Archive:
    """A zip file at `url`, its `size` in bytes, its `sha256`, and which of its domains, A or B, are the `photos`."""

    url: str
    size: int
    sha256: str
    photos: str


def listed(name: str, file: Path) -> Archive:
    """The archive of that name in a YAML file. Raises DownloadError for one that nobody listed."""
    archives = yaml.safe_load(file.read_text(encoding="utf-8"))
    if name not in archives:
        raise DownloadError(f"download={name}: it must be one of {', '.join(archives)}")
    return Archive(**archives[name])


def download(archive: Archive, output: Path) -> int:
    """Fetch the archive and unpack its pictures below `output`, photo and cartoon; their number.

    Raises DownloadError.

    What has come stays in `output`/.download when the connection breaks or the program is killed, and the next call
    goes on behind it.
    """
    output.mkdir(parents=True, exist_ok=True)
    part = output / ".download"
    try:
        _fetch(archive, part)
        _check(archive, part)
        count = _unpack(archive, part, output)
    except DownloadError:
        part.unlink()  # it is of no use, however often it is looked at
        raise
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise DownloadError(
            f"{archive.url} cannot be fetched into {output} ({reason}): start the same command again, it goes on where"
            " it stopped"
        ) from error
    part.unlink()
    clear(output)
    return count


def _fetch(archive: Archive, part: Path) -> None:
    """Append to `part` what it lacks of the archive."""
    done = part.stat().st_size if part.exists() else 0
    if done >= archive.size:
        return
    request = Request(archive.url, headers={"Range": f"bytes={done}-"} if done else {})  # noqa: S310 - our own list's
    with urlopen(request, timeout=_SILENCE) as answer, part.open("ab") as file:  # noqa: S310
        if done and answer.status != 206:  # a server that gives whole files only
            file.truncate(0)
            done = 0
        blocks = iter(lambda: answer.read(_BLOCK), b"")
        for block in tracked(blocks, -(-(archive.size - done) // _BLOCK), "downloading, MiB"):
            done += len(block)
            if done > archive.size:
                break
            file.write(block)
    if done < archive.size:
        raise OSError(f"{done} of {archive.size} bytes came")


def _check(archive: Archive, part: Path) -> None:
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != archive.sha256 or part.stat().st_size != archive.size:
        raise DownloadError(
            f"{archive.url} is not the file it was: its sha256 is {found[:16]}..., not {archive.sha256[:16]}...; it was"
            " removed; try again, and do not use it if that ends the same way"
        )


def _unpack(archive: Archive, part: Path, output: Path) -> int:
    """Write the pictures of the archive's splits below `output`; their number."""
    try:
        with zipfile.ZipFile(part) as packed:
            entries = {place: entry for entry in packed.infolist() if (place := _place(entry, archive.photos))}
            total = sum(entry.file_size for entry in entries.values())
            if not entries or total > _GROWTH * archive.size:
                raise DownloadError(
                    f"{archive.url} holds {len(entries)} pictures of {total} bytes: it is no set of them"
                )
            if total > shutil.disk_usage(output).free:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            for place, entry in tracked(entries.items(), len(entries), "unpacking"):
                target = output / place
                if target.is_file() and target.stat().st_size == entry.file_size:
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(entry) as content, atomic(target) as file:
                    shutil.copyfileobj(content, file)  # never more than the size that was summed up
            return len(entries)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError) as error:
        raise DownloadError(f"{archive.url} is no zip file that can be unpacked ({error}): do not use it") from error


def _place(entry: zipfile.ZipInfo, photos: str) -> str | None:
    """Where a picture of a split goes, such as photo/train/1.jpg; None for everything else that the archive holds.

    Nothing of the entry's path is used but the split, the domain and the name, so that it cannot lead elsewhere.
    """
    found = _ENTRY.fullmatch(entry.filename)
    if not found or Path(found["name"]).suffix.lower() not in FORMATS:
        return None
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        return None
    return f"{'photo' if found['domain'] == photos else 'cartoon'}/{found['split']}/{found['name']}"
