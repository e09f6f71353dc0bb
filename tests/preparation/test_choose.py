"""Which pictures are taken."""

import shutil
from pathlib import Path

import cv2
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portrait_cartoons.cli.options import parse_options
from portrait_cartoons.image import save_image
from portrait_cartoons.preparation.choose import choose, unreadable
from portrait_cartoons.preparation.manifest import Journal, Row
from portrait_cartoons.preparation.options import Options
from portrait_cartoons.preparation.sources import find_sources
from portrait_cartoons.preparation.workers import Pool
from portrait_cartoons.prepare import OPTIONS
from tests.preparation.pictures import picture

CHANGES = {
    "same": lambda image: image,
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "brighter": lambda image: cv2.convertScaleAbs(image, alpha=1.1),
    "half": lambda image: cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA),
}


def chosen(folder: Path) -> list[Row]:
    options = parse_options(Options, OPTIONS, ["val=0.3", "test=0.3"], {})
    return choose(find_sources([folder]), options, folder / "none.csv", Journal(folder / "facts"), Pool(None, 1))


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(sorted(CHANGES))), max_size=14))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_two_pictures_show_the_same_in_whichever_split(tmp_path: Path, files: list[tuple[int, str]]) -> None:
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    for place, (number, change) in enumerate(files):
        save_image(CHANGES[change](picture(number)), tmp_path / f"{place}-{number}.png")
    rows = chosen(tmp_path)
    assert sorted(row.source for row in rows) == sorted(map(str, tmp_path.glob("*.png")))
    taken = [Path(row.source).stem.partition("-")[2] for row in rows if row.split]
    assert sorted(taken) == sorted({str(number) for number, _ in files})


def test_pictures_of_formats_that_are_not_read_are_listed_and_count_as_no_broken_ones(tmp_path: Path) -> None:
    save_image(picture(0), tmp_path / "a.png")
    for name in ("a.CR2", "b.avif", "notes.txt"):
        (tmp_path / name).write_bytes(b"bytes")
    reasons = {Path(row.source).name: row.reason for row in chosen(tmp_path)}
    unread = "its format is not read here: convert it to JPEG or PNG"
    assert reasons == {"a.png": "", "a.CR2": unread, "b.avif": unread}
    assert not any(map(unreadable, chosen(tmp_path)))
