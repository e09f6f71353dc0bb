"""What a user can cause, and how it ends: one sentence on stderr and exit code 2 for wrong use, never a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """The message is one sentence: what is wrong, where (file or key), and what to do."""

    exit_code = 2


def first_line(error: BaseException) -> str:
    """What an exception of a library says, as a part of a sentence: later lines of it are for programmers."""
    return (str(error).splitlines() or [type(error).__name__])[0]


@contextmanager
def needing(extra: str, what: str) -> Iterator[None]:
    """Where a package of others cannot be imported inside, raise UserError with the extra that installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("portrait_cartoons"):
            raise
        raise UserError(
            f"{error.name} is not installed, which {what} needs: run pip install 'portrait-cartoons[{extra}]'"
        ) from error


@contextmanager
def reported() -> Iterator[None]:
    """End the program with the sentence and the exit code of a `UserError` raised inside."""
    try:
        yield
    except UserError as error:
        # What a loader's worker raises arrives with the worker's traceback before the sentence.
        sentence = str(error).rpartition(f"{type(error).__name__}: ")[2]
        print(f"error: {sentence.strip()}", file=sys.stderr)
        sys.exit(error.exit_code)
