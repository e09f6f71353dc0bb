"""The files of one picture in the data set: the square itself and what is made from it."""

from dataclasses import dataclass
from pathlib import Path

from portrait_cartoons.image import ImageError, load_rgb, reason, save_image
from portrait_cartoons.preparation.manifest import Facts
from portrait_cartoons.preparation.squares import needed_side, square


@dataclass(frozen=True)
class Task:
    """What to read, how to cut it, and which files to write: their paths by what they show."""

    source: Path
    facts: Facts
    size: int
    crop: str
    files: dict[Path, str]


def produce(task: Task) -> str:
    """Write the files; why that failed, or "". Raises OSError where the disk refuses."""
    facts, face = task.facts, task.facts.box
    try:
        image = load_rgb(task.source, needed_side(facts.width, facts.height, task.size, task.crop, face))
    except ImageError as error:
        return reason(error.__cause__ or error)
    picture = square(image, task.size, task.crop, face)
    for path in task.files:
        save_image(picture, path)
    return ""
