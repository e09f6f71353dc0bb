import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from portrait_cartoons.data.folder import DataError, folder_pictures

DEFAULTS: dict[str, Any] = {
    "min_side": 16,
    "root": None,
    "photo": None,
    "cartoon": None,
    "photo_mask": None,
    "cartoon_mask": None,
    "target": None,
    "photo_glob": "*",
    "cartoon_glob": "*",
    "test_share": 0.25,
    "origin": None,
}


def pictures(**options: Any) -> Any:
    return folder_pictures(**{**DEFAULTS, **{k: str(v) if isinstance(v, Path) else v for k, v in options.items()}})


def draw(path: Path, size: tuple[int, int] = (24, 20)) -> Path:
    """A picture whose colour tells its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = zlib.crc32(path.stem.encode()) % 256
    Image.new("L", size, grey).convert("RGB" if path.suffix != ".gif" else "P").save(path)
    return path


def names(split: Any) -> set[str]:
    return {picture.name for picture in split}


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for n in range(40):
        draw(tmp_path / "photos" / f"über {n % 3}" / f"p {n}.{('jpg', 'PNG', 'webp', 'bmp')[n % 4]}")
        draw(tmp_path / "cartoons" / f"c{n}.png")
    return tmp_path


def test_nested_folders_of_any_format_are_split_by_a_hash_of_the_relative_path(folders: Path) -> None:
    splits = pictures(photo=folders / "photos", cartoon=folders / "cartoons")
    train, test = names(splits.train_photos), names(splits.test_photos)
    assert len(train | test) == 40
    assert not train & test
    assert 3 <= len(test) <= 18
    # Elsewhere, and with other files beside, every file stays in its split.
    (folders / "photos").rename(folders / "moved")
    for n in range(40, 60):
        draw(folders / "moved" / "über 1" / f"p {n}.png")
    more = pictures(photo=folders / "moved", cartoon=folders / "cartoons")
    assert train <= names(more.train_photos)
    assert test <= names(more.test_photos)


def test_train_and_test_folders_are_the_splits(tmp_path: Path) -> None:
    for n in range(4):
        draw(tmp_path / "photos/train" / f"a{n}.png")
        draw(tmp_path / "cartoons" / f"c{n}.png")
    draw(tmp_path / "photos/test/b.png")
    splits = pictures(photo=tmp_path / "photos", cartoon=tmp_path / "cartoons")
    assert names(splits.train_photos) == {f"train/a{n}.png" for n in range(4)}
    assert names(splits.test_photos) == {"test/b.png"}


def test_classic_layout(tmp_path: Path) -> None:
    for folder, name in (("trainA", "p"), ("trainB", "c"), ("testA", "q"), ("testB", "d")):
        draw(tmp_path / folder / f"{name}.png")
    splits = pictures(root=tmp_path)
    found = [names(s) for s in (splits.train_photos, splits.train_cartoons, splits.test_photos, splits.test_cartoons)]
    assert found == [{"trainA/p.png"}, {"trainB/c.png"}, {"testA/q.png"}, {"testB/d.png"}]


def test_every_folder_has_at_least_one_test_picture(tmp_path: Path) -> None:
    for n in range(3):
        draw(tmp_path / "p" / f"{n}.png")
        draw(tmp_path / "c" / f"{n}.png")
    splits = pictures(photo=tmp_path / "p", cartoon=tmp_path / "c", test_share=1e-9)
    assert [len(s) for s in (splits.train_photos, splits.test_photos)] == [2, 1]


def test_globs_choose_a_style(folders: Path) -> None:
    splits = pictures(photo=folders / "photos", cartoon=folders / "cartoons", cartoon_glob="c1*")
    assert all(name.startswith("c1") for name in names(splits.train_cartoons))
    assert len(splits.train_cartoons) + len(splits.test_cartoons) == 11


def test_masks_and_targets_are_found_by_relative_path_or_name_whatever_their_suffix(folders: Path) -> None:
    for n in range(40):
        mask = Image.fromarray(np.full((20, 24), n * 5, np.uint8))
        path = folders / "masks" / f"über {n % 3}" / f"p {n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        mask.save(path)
        draw(folders / "targets" / f"p {n}.webp")
    splits = pictures(
        photo=folders / "photos", cartoon=folders / "cartoons", photo_mask=folders / "masks", target=folders / "targets"
    )
    for picture in splits.test_photos:
        number = int(Path(picture.name).stem.split()[1])
        assert np.all(picture.mask == number * 5)
        assert abs(int(picture.target[0, 0, 0]) - zlib.crc32(f"p {number}".encode()) % 256) <= 2
    assert splits.train_cartoons[0].mask is None


def test_a_big_jpeg_decoded_at_a_reduced_size_keeps_a_fitting_mask(tmp_path: Path) -> None:
    for n in range(2):
        draw(tmp_path / "p" / f"{n}.jpg", (640, 480))
        draw(tmp_path / "m" / f"{n}.png", (640, 480))
        draw(tmp_path / "c" / f"{n}.png")
    picture = pictures(photo=tmp_path / "p", cartoon=tmp_path / "c", photo_mask=tmp_path / "m").train_photos[0]
    assert picture.image.shape[:2] == picture.mask.shape
    assert 16 <= picture.mask.shape[0] < 480


def test_all_problems_are_reported_at_once_with_their_keys(folders: Path) -> None:
    (folders / "empty").mkdir()
    with pytest.raises(DataError) as caught:
        pictures(photo=folders / "nowhere", cartoon=folders / "empty")
    photo, cartoon = caught.value.problems
    assert photo.startswith("data.source.photo: ")
    assert "nowhere" in photo
    assert cartoon.startswith("data.source.cartoon: ")
    assert "holds no image" in cartoon


@pytest.mark.parametrize(
    ("options", "key", "said"),
    [
        ({"photo": None}, "data.source.photo", "is missing"),
        ({"photo_glob": "x*"}, "data.source.photo", "photo_glob=x*"),
        ({"photo": "broken"}, "data.source.photo", "images can be read"),
        ({"photo": "single"}, "data.source.photo", "one image only"),
        ({"photo_mask": "single"}, "data.source.photo_mask", "have no mask"),
        ({"target": "nowhere"}, "data.source.target", "nowhere"),
        ({"photo": "photos/p.txt"}, "data.source.photo", "p.txt"),
    ],
)
def test_what_is_wrong_with_the_folders(folders: Path, options: dict[str, Any], key: str, said: str) -> None:
    draw(folders / "single/one.png")
    (folders / "photos/p.txt").write_text("no folder")
    (folders / "broken").mkdir()
    for name in ("a.png", "b.jpg"):
        (folders / "broken" / name).write_bytes(b"\x89PNG\r\n")
    given = {"photo": "photos", "cartoon": "cartoons", **options}
    paths = ("photo", "cartoon", "photo_mask", "target")
    with pytest.raises(DataError) as caught:
        pictures(**{k: folders / v if k in paths and v is not None else v for k, v in given.items()})
    assert any(problem.startswith(key) and said in problem for problem in caught.value.problems)
