"""One training at a time in a run folder."""

import errno
from pathlib import Path
from typing import BinaryIO

from portrait_cartoons.errors import UserError
from portrait_cartoons.runs.names import LOCK


def locked(run: Path) -> BinaryIO:
    """A file that holds the run folder's lock as long as it is open and this process lives; its children do not.

    Raises UserError where another process has the lock. A file system without locks gives one that holds nothing.
    """
    import fcntl

    file = (run / LOCK).open("ab")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            return file
        file.close()
        raise UserError(f"another process is training in {run}: wait for its end, or name another run") from error
    return file
