"""The styles that come with the package."""

from pathlib import Path

import numpy as np
import pytest

from portrait_cartoons import styles
from portrait_cartoons.data.toy import portrait
from portrait_cartoons.errors import UserError
from portrait_cartoons.image import load_rgb, save_image
from portrait_cartoons.inference import Cartoonizer
from portrait_cartoons.translate import main

CARD = (styles.FOLDER / "README.md").read_text(encoding="utf-8")


def test_they_are_few_and_small_and_each_is_on_the_card() -> None:
    sizes = [styles.file(name).stat().st_size for name in styles.names()]
    assert max(sizes) <= 3e6
    assert sum(sizes) <= 8e6
    assert styles.DEFAULT in styles.names()
    assert all(f"## {name}\n" in CARD for name in styles.names())


@pytest.mark.parametrize("name", styles.names())
def test_each_draws_a_face_that_keeps_its_place(name: str) -> None:
    photo = portrait(0, 0, 96).photo
    cartoon = Cartoonizer.load(styles.file(name), "cpu").translate(photo)
    assert cartoon.shape == photo.shape
    assert np.corrcoef(photo.ravel(), cartoon.ravel())[0, 1] > 0.6
    assert np.abs(cartoon.astype(int) - photo).mean() > 3


def test_without_a_checkpoint_the_default_style_draws(tmp_path: Path) -> None:
    photo = portrait(0, 0, 40).photo
    save_image(photo, tmp_path / "me.png")
    places = [f"input={tmp_path}/me.png", "device=cpu"]
    assert main([*places, f"output={tmp_path}/a.png"]) == 0
    assert main([*places, f"output={tmp_path}/b.png", f"style={styles.DEFAULT}"]) == 0
    np.testing.assert_array_equal(load_rgb(tmp_path / "a.png"), load_rgb(tmp_path / "b.png"))


def test_a_style_is_loaded_by_its_name_unless_a_file_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    photo = portrait(0, 0, 40).photo
    drawn = [Cartoonizer.load(path, "cpu").translate(photo) for path in (styles.DEFAULT, styles.file(styles.DEFAULT))]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    Path(styles.DEFAULT).write_bytes(b"no network")
    with pytest.raises(UserError, match=styles.DEFAULT):
        Cartoonizer.load(styles.DEFAULT, "cpu")


def test_an_unknown_style_is_one_sentence(tmp_path: Path) -> None:
    save_image(portrait(0, 0, 40).photo, tmp_path / "me.png")
    with pytest.raises(UserError, match=f"style=cubist: it must be one of .*{styles.DEFAULT}"):
        main([f"input={tmp_path}/me.png", f"output={tmp_path}/a.png", "style=cubist"])
