"""Pictures for tests, and a way to run the command inside the test's own process."""

import csv
from pathlib import Path

import cv2
import numpy as np

from portrait_cartoons.image import save_image
from portrait_cartoons.prepare import main


def picture(number: int, height: int = 80, width: int = 80) -> np.ndarray:
    """Coloured clouds, other ones for each number, with coarse and fine structure as photos have."""
    rng, clouds = np.random.default_rng(number), np.zeros((height, width, 3), np.float32)
    for octave in (4, 8, 16, 32):
        noise = rng.standard_normal((octave, octave, 3), np.float32) / octave
        clouds += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.rint(128 + 250 * clouds).clip(0, 255).astype(np.uint8)


def write_pictures(folder: Path, numbers: range) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        save_image(picture(number), folder / f"{number}.png")


def prepare(*arguments: str, size: int = 32) -> int:
    return main([f"size={size}", "workers=0", *arguments])


def rows(output: Path, domain: str = "photo") -> dict[str, dict[str, str]]:
    """The manifest's rows by the name of the source."""
    with (output / f"{domain}.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return {Path(row["source"]).name: row for row in csv.DictReader(file)}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
