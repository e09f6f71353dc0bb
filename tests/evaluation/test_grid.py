from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from portrait_cartoons.evaluation.grid import SIDE, compare, draw
from tests.evaluation.conftest import HOSTILE, PHOTOS, report


def test_photos_are_chosen_evenly_and_stand_beside_what_belongs_to_them(folder: Path) -> None:
    comparison = compare(report(), folder, 4)
    assert comparison.titles == ["photo", "camgan", "cyclegan", "target"]
    colours = [[picture.getpixel((0, 0)) for picture in row if picture] for row in comparison.rows]
    assert colours == [[(8 * i, 60 * column, 0) for column in range(4)] for i in (0, 10, 19, 29)]


@pytest.mark.parametrize(("asked", "got"), [(100, PHOTOS), (1, 1), (0, 0)])
def test_there_are_no_more_photos_than_asked_for_and_present(folder: Path, asked: int, got: int) -> None:
    assert len(compare(report(), folder, asked).rows) == got


def test_a_picture_that_cannot_be_read_leaves_a_gap(folder: Path) -> None:
    (folder / "pictures/camgan/000.png").write_bytes(b"no picture")
    (folder / "pictures/target/000.png").unlink()
    comparison = compare(report(), folder, 1)
    assert [picture is None for picture in comparison.rows[0]] == [False, True, False, True]
    draw(comparison)


@pytest.mark.parametrize(
    ("size", "shown"),
    [((64, 64), (256, 256)), ((100, 50), (200, 100)), ((1000, 500), (256, 128)), ((200, 1), (200, 1))],
)
def test_pictures_are_reduced_or_enlarged_by_whole_factors(
    folder: Path, size: tuple[int, int], shown: tuple[int, int]
) -> None:
    Image.new("RGB", size).save(folder / "pictures/photo/000.png")
    picture = compare(report(), folder, 1).rows[0][0]
    assert picture is not None
    assert picture.size == shown


def test_the_drawing_has_each_picture_in_its_place_below_a_title(folder: Path) -> None:
    comparison = compare(report(), folder, 2)
    pixels = np.asarray(draw(comparison))
    for row, i in enumerate((0, 29)):
        for column in range(4):
            places = np.all(pixels == (8 * i, 60 * column, 0), axis=2)
            if (row, column) != (0, 0):  # black, as the letters are
                assert places.sum() == SIDE**2
                assert tuple(np.argwhere(places)[0]) == (40 + row * (SIDE + 8), 8 + column * (SIDE + 8))
    titles = pixels[:40]
    assert np.any(titles < 100)
    assert np.all(pixels[:, -1] == 255)


def test_long_titles_stay_in_their_column(folder: Path) -> None:
    comparison = compare(report(), folder, 1)
    long = type(comparison)([comparison.titles[0], "camgan " * 40, *comparison.titles[2:]], comparison.rows)
    first, last = np.asarray(draw(comparison))[:40], np.asarray(draw(long))[:40]
    column = slice(SIDE + 12, 2 * SIDE + 20)
    assert np.any(first[:, column] != last[:, column])
    outside = np.ones(first.shape[1], bool)
    outside[column] = False
    assert np.array_equal(first[:, outside], last[:, outside])


def test_systems_without_pictures_have_no_column(folder: Path) -> None:
    assert HOSTILE not in compare(report(), folder, 1).titles
