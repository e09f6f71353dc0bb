"""One process at a time in a folder."""

import errno
from pathlib import Path
from typing import BinaryIO

from portrait_cartoons.errors import UserError
from portrait_cartoons.runs.names import LOCK


class LockedError(UserError):
    """Another process is at work there."""


def locked(folder: Path, name: str = LOCK) -> BinaryIO:
    """A file that holds the folder's lock of that name as long as it is open and this process lives; its children do
    not.

    Raises LockedError where another process has the lock. A file system without locks gives one that holds nothing.
    """
    import fcntl

    file = (folder / name).open("ab")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            return file
        file.close()
        raise LockedError(f"another process is at work in {folder}: wait for its end, or name another one") from error
    return file
