"""What a user can cause, and how it ends: one sentence on stderr and exit code 2, never a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """Wrong use. The message is one sentence: what is wrong, where (file or key), and what to do."""


@contextmanager
def reported() -> Iterator[None]:
    """End the program with exit code 2 and the sentence of a `UserError` raised inside."""
    try:
        yield
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
