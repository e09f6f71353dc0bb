"""What is made of photos: cartoons, masks, outlines and smooth cartoons."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from portrait_cartoons.data.edges import smooth_edges
from portrait_cartoons.data.fields import outline
from portrait_cartoons.errors import UserError
from portrait_cartoons.image import load_rgb
from portrait_cartoons.preparation.abstraction import abstraction
from portrait_cartoons.preparation.masks import person_mask
from tests.preparation.pictures import contents, picture, prepare, rows, write_pictures


def names(folder: Path) -> set[str]:
    return {path.stem for path in folder.rglob("*.*")}


def test_train_shows_different_people_and_the_others_have_their_own_cartoon_as_target(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", range(30))
    output = tmp_path / "out"
    prepare(f"input={tmp_path}/in", f"output={output}", "make=cartoons", "val=0.2", "test=0.3")
    photos, cartoons = names(output / "photo/train"), names(output / "cartoon/train")
    assert photos
    assert cartoons
    assert not photos & cartoons
    assert len(photos | cartoons) == sum(row["split"] == "train" for row in rows(output).values())
    for split in ("val", "test"):
        assert names(output / "photo" / split) == names(output / "target" / split) == names(output / "cartoon" / split)
    for photo in (output / "photo/test").iterdir():
        np.testing.assert_array_equal(load_rgb(output / "target/test" / photo.name), abstraction(load_rgb(photo)))
    assert not (output / "target/train").exists()


def test_targets_belong_to_all_photos_that_stay_photos(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", range(16))
    output = tmp_path / "out"
    arguments = f"input={tmp_path}/in", f"output={output}", "val=0.2", "test=0.3"
    prepare(*arguments, "make=targets")
    for split in ("train", "val", "test"):
        assert names(output / "photo" / split) == names(output / "target" / split)
    for photo in (output / "photo/train").iterdir():
        np.testing.assert_array_equal(load_rgb(output / "target/train" / photo.name), abstraction(load_rgb(photo)))
    assert not (output / "cartoon").exists()
    prepare(*arguments, "make=cartoons")  # half of the training photos leave, and with them their targets
    assert names(output / "photo/train") == names(output / "target/train")
    assert not names(output / "photo/train") & names(output / "cartoon/train")


def test_everything_is_a_function_of_the_picture_it_lies_beside(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", range(12))
    output = tmp_path / "out"
    arguments = f"input={tmp_path}/in", f"output={output}", "val=0.3", "test=0.3", "format=webp"
    prepare(*arguments, "make=cartoons,masks")
    prepare(*arguments, "make=outlines,smooth")  # what was made before stays
    for domain in ("photo", "cartoon"):
        for path in (output / domain).glob("*/*"):
            split, image = path.parent.name, load_rgb(path)
            drawn = load_rgb(output / f"{domain}_outline" / split / f"{path.stem}.png")
            np.testing.assert_array_equal(drawn, outline(image))
            assert (output / f"{domain}_mask" / split / f"{path.stem}.png").exists()
            if domain == "cartoon":
                smooth = load_rgb(output / "cartoon_smooth" / split / f"{path.stem}.png")
                np.testing.assert_array_equal(smooth, smooth_edges(image, 0.0, np.random.default_rng(1)))
    assert len(names(output / "photo_mask") | names(output / "cartoon_mask")) == 12
    prepare(f"input={tmp_path}/in", f"output={tmp_path}/once", *arguments[2:], "make=outlines,cartoons,smooth,masks")
    assert contents(output) == contents(tmp_path / "once")


def test_a_plain_set_becomes_one_with_cartoons_and_forgets_the_photos_of_the_cartoons(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", range(12))
    prepare(f"input={tmp_path}/in", f"output={tmp_path}/out")
    prepare(f"input={tmp_path}/in", f"output={tmp_path}/out", "make=cartoons")
    prepare(f"input={tmp_path}/in", f"output={tmp_path}/once", "make=cartoons")
    assert contents(tmp_path / "out") == contents(tmp_path / "once")


def test_drawings_join_a_set_of_photos_and_neither_run_touches_the_other(tmp_path: Path) -> None:
    write_pictures(tmp_path / "photos", range(8))
    write_pictures(tmp_path / "drawings", range(20, 28))
    output = tmp_path / "out"
    prepare(f"input={tmp_path}/photos", f"output={output}")
    prepare(f"input={tmp_path}/drawings", f"output={output}", "domain=cartoon")
    before = contents(output)
    assert len(names(output / "photo")) == len(names(output / "cartoon")) == 8
    prepare(f"input={tmp_path}/photos", f"output={output}")
    assert contents(output) == before
    with pytest.raises(UserError, match="would mix cartoons"):
        prepare(f"input={tmp_path}/photos", f"output={output}", "make=cartoons")


def test_a_cartoon_is_flat_with_dark_lines_and_keeps_the_picture() -> None:
    photo = cv2.GaussianBlur(picture(3, 128, 128), (0, 0), 2)
    noisy = np.clip(photo + np.random.default_rng(0).normal(0, 6, photo.shape), 0, 255).astype(np.uint8)
    noisy[:, 64:] = noisy[:, 64:] // 3  # an edge
    cartoon = abstraction(noisy)

    def texture(image: np.ndarray) -> float:
        return float(np.median(np.abs(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_32F))))

    assert cartoon.shape == noisy.shape
    assert texture(cartoon) < texture(noisy) / 3
    dark = cartoon.astype(int).sum(2)[:, 60:70].min(1)
    assert np.median(dark) < 0.7 * np.median(noisy.astype(int).sum(2)[:, 66:])
    assert np.corrcoef(cartoon.ravel(), noisy.ravel())[0, 1] > 0.9


def test_a_mask_finds_the_person_like_shape() -> None:
    image = np.full((160, 160, 3), (70, 120, 200), np.uint8)
    truth = np.zeros((160, 160), np.uint8)
    cv2.ellipse(truth, (80, 58), (24, 30), 0, 0, 360, 255, -1)
    cv2.ellipse(truth, (80, 160), (60, 75), 0, 0, 360, 255, -1)
    image[truth > 0] = (200, 150, 120)
    image = np.clip(image + np.random.default_rng(0).normal(0, 4, image.shape), 0, 255).astype(np.uint8)
    found = person_mask(image)
    assert set(np.unique(found)) == {0, 255}
    assert (found & truth > 0).sum() / (found | truth > 0).sum() > 0.95
    np.testing.assert_array_equal(found, person_mask(image))


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
@settings(deadline=None)
def test_outlines_against_pixel_by_pixel(image: np.ndarray) -> None:
    height, width, _ = image.shape
    expected = np.zeros_like(image)
    for y in range(height):
        for x in range(width):
            near = image[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
            expected[y, x] = near.max((0, 1)) - near.min((0, 1))
    np.testing.assert_array_equal(outline(image), expected)
