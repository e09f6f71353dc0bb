"""Translates many photos: while some are drawn, threads read the next ones and write the last ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from portrait_cartoons.errors import UserError
from portrait_cartoons.image import ImageError, load_rgb, save_image
from portrait_cartoons.inference import InferenceError
from portrait_cartoons.translation.finish import Finish

Draw = Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]


def translated(
    todo: Mapping[Path, Path], draw: Draw, finish: Finish, batch_size: int, threads: int
) -> Iterator[tuple[Path, str | None]]:
    """Each photo once it is done, with a sentence where it failed. `todo` is where each one's cartoon goes.

    At most three times `batch_size` photos are in memory. `draw` runs in the thread of the caller.
    """
    photos = list(todo)
    chunks = [photos[start : start + batch_size] for start in range(0, len(photos), batch_size)]
    with ThreadPoolExecutor(threads) as pool:

        def read(number: int) -> dict[Path, Future[np.ndarray]]:
            return {photo: pool.submit(load_rgb, photo) for photo in chunks[number]} if number < len(chunks) else {}

        reading, writing = read(0), dict[Path, Future[None]]()
        for number in range(1, len(chunks) + 1):
            pictures, failed = _results(reading)
            reading = read(number)
            cartoons, refused = _drawn(pictures, draw)
            yield from (failed | refused).items()
            yield from _written(writing)
            writing = {
                photo: pool.submit(_write, finish, pictures[photo], cartoon, todo[photo])
                for photo, cartoon in cartoons.items()
            }
        yield from _written(writing)


def _results(futures: Mapping[Path, Future[np.ndarray]]) -> tuple[dict[Path, np.ndarray], dict[Path, str | None]]:
    """What was read, and why the others could not be."""
    found: dict[Path, np.ndarray] = {}
    failed: dict[Path, str | None] = {}
    for photo, future in futures.items():
        try:
            found[photo] = future.result()
        except ImageError as error:
            failed[photo] = str(error)
    return found, failed


def _drawn(pictures: Mapping[Path, np.ndarray], draw: Draw) -> tuple[dict[Path, np.ndarray], dict[Path, str | None]]:
    """The cartoons, and why the others failed. One photo that cannot be drawn does not take its batch with it."""
    try:
        return dict(zip(pictures, draw(list(pictures.values())), strict=True)), {}
    except InferenceError as error:
        if len(pictures) == 1:
            return {}, {photo: f"cannot translate {photo}: {error}" for photo in pictures}
    cartoons: dict[Path, np.ndarray] = {}
    failed: dict[Path, str | None] = {}
    for photo, picture in pictures.items():
        drawn, refused = _drawn({photo: picture}, draw)
        cartoons |= drawn
        failed |= refused
    return cartoons, failed


def _write(finish: Finish, photo: np.ndarray, cartoon: np.ndarray, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    save_image(finish(photo, cartoon), target)


def _written(futures: Mapping[Path, Future[None]]) -> Iterator[tuple[Path, str | None]]:
    for photo, future in futures.items():
        try:
            future.result()
        except ImageError as error:
            yield photo, str(error)
        except (UserError, OSError) as error:
            yield photo, f"cannot translate {photo}: {error}"
        else:
            yield photo, None
