"""How far a command is that works through many pictures."""

import os
import sys
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

T = TypeVar("T")

INTERVAL = 10.0  # seconds between lines where there is no terminal


def tracked(items: Iterable[T], total: int, what: str, shown: bool = True) -> Iterator[T]:
    """The items one by one, with a bar on a terminal and a line every ten seconds elsewhere.

    `shown=False` shows neither. Of the processes that torchrun started, only the first shows them.
    """
    if not shown or os.environ.get("RANK", "0") != "0":
        yield from items
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn(what, markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=Console(), redirect_stderr=sys.stderr.isatty()) as progress:
            yield from progress.track(items, total)
    else:
        last = monotonic()
        for done, item in enumerate(items, start=1):
            yield item
            if monotonic() - last >= INTERVAL:
                print(f"{what}: {done} of {total}", flush=True)
                last = monotonic()
