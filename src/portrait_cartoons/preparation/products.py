"""The files of one picture: the square cut from it, and what is made of that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from portrait_cartoons.data.edges import smooth_edges
from portrait_cartoons.data.fields import outline
from portrait_cartoons.image import ImageError, load_rgb, reason, save_image
from portrait_cartoons.preparation.abstraction import abstraction
from portrait_cartoons.preparation.layout import File
from portrait_cartoons.preparation.manifest import Facts
from portrait_cartoons.preparation.masks import person_mask
from portrait_cartoons.preparation.networks import cartoonizer, segmenter
from portrait_cartoons.preparation.squares import needed_side, square


@dataclass(frozen=True)
class Makers:
    """How squares are cut, and by which checkpoints cartoons and masks are made, where not by OpenCV."""

    size: int
    crop: str
    cartoons_by: str | None
    masks_by: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """A picture and which of its files are to be written below `output`, in this order."""

    source: Path
    facts: Facts
    output: Path
    files: Sequence[File]


def produce(task: Task, makers: Makers) -> str:
    """Write the files and give "", or why the picture cannot be read. Raises OSError where the disk refuses."""
    picture = cache(partial(_square, task, makers))
    cartoon = cache(lambda: _cartoon(makers)(picture()))
    for file in task.files:
        try:
            match file.kind:
                case "square":
                    image = picture()
                case "cartoon":
                    image = cartoon()
                case "mask":
                    image = _mask(makers)(picture())
                case "outline":
                    image = outline(load_rgb(task.output / str(file.base)))
                case "smooth":
                    image = smooth_edges(load_rgb(task.output / str(file.base)), 0.0, np.random.default_rng(0))
        except ImageError as error:
            return reason(error.__cause__ or error)
        save_image(image, task.output / file.path)
    return ""


def _square(task: Task, makers: Makers) -> np.ndarray:
    facts = task.facts
    side = needed_side(facts.width, facts.height, makers.size, makers.crop, facts.box)
    return square(load_rgb(task.source, side), makers.size, makers.crop, facts.box)


def _cartoon(makers: Makers) -> Callable[[np.ndarray], np.ndarray]:
    return cartoonizer(makers.cartoons_by).translate if makers.cartoons_by else abstraction


def _mask(makers: Makers) -> Callable[[np.ndarray], np.ndarray]:
    return segmenter(makers.masks_by) if makers.masks_by else person_mask
