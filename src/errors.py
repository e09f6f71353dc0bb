"""What a user can cause, and how it ends: one sentence on stderr and exit code 2 for wrong use, never a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """The message is one sentence: what is wrong, where (file or key), and what to do."""

    exit_code = 2


@contextmanager
def reported() -> Iterator[None]:
    """End the program with the sentence and the exit code of a `UserError` raised inside."""
    try:
        yield
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
