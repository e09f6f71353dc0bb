"""How far a pass over many pictures is."""

import sys
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

from portrait_cartoons.evaluation import ranks

T = TypeVar("T")

INTERVAL = 10.0  # seconds between lines where there is no terminal


def tracked(items: Iterable[T], total: int, what: str, shown: bool = True) -> Iterator[T]:
    """The items, with a bar on a terminal and a line every ten seconds elsewhere, if `shown`; rank 0 tells."""
    if not shown or ranks.rank() > 0:
        yield from items
    elif sys.stdout.isatty():
        from rich.progress import track

        yield from track(items, what, total)
    else:
        last = monotonic()
        for done, item in enumerate(items, start=1):
            yield item
            if monotonic() - last >= INTERVAL:
                print(f"{what}: {100 * done // total} %", flush=True)
                last = monotonic()
