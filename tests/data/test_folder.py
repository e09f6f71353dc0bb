import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from portrait_cartoons.data.encoded import DataError
from portrait_cartoons.data.folder import folder_pictures

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
    "val_share": 0.25,
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


def split_names(domain: str, **options: Any) -> list[set[str]]:
    """The names of a domain's training, validation and test pictures."""
    splits = pictures(**options)
    return [names(getattr(splits, f"{split}_{domain}s")) for split in ("train", "val", "test")]


def test_nested_folders_of_any_format_are_split_by_a_hash_of_the_relative_path(folders: Path) -> None:
    parts = split_names("photo", photo=folders / "photos", cartoon=folders / "cartoons")
    assert len(set.union(*parts)) == sum(map(len, parts)) == 40
    assert all(3 <= len(part) <= 18 for part in parts[1:])
    # Elsewhere, and with other files beside, every file stays in its split.
    (folders / "photos").rename(folders / "moved")
    for n in range(40, 60):
        draw(folders / "moved" / "über 1" / f"p {n}.png")
    more = split_names("photo", photo=folders / "moved", cartoon=folders / "cartoons")
    assert all(part <= larger for part, larger in zip(parts, more, strict=True))


@pytest.fixture
def loose(tmp_path: Path) -> Path:
    """Photos in a folder of no split, and cartoons."""
    for n in range(6):
        draw(tmp_path / "cartoons" / f"c{n}.png")
        draw(tmp_path / "photos" / "loose" / f"{n}.png")
    return tmp_path


def test_folders_of_splits_are_the_splits(loose: Path) -> None:
    for split in ("train", "val", "test"):
        draw(loose / "photos" / split / "deep" / f"{split}.png")
    parts = split_names("photo", photo=loose / "photos", cartoon=loose / "cartoons")
    assert parts == [{f"{split}/deep/{split}.png"} for split in ("train", "val", "test")]


def test_without_a_val_folder_validation_is_cut_from_the_training_pictures(tmp_path: Path) -> None:
    for n in range(20):
        draw(tmp_path / "photos/train" / f"{n}.png")
        draw(tmp_path / "cartoons" / f"c{n}.png")
    draw(tmp_path / "photos/test/t.png")
    train, val, test = split_names("photo", photo=tmp_path / "photos", cartoon=tmp_path / "cartoons")
    assert test == {"test/t.png"}
    assert train | val == {f"train/{n}.png" for n in range(20)}
    assert 1 <= len(val) <= 12
    assert not train & val


def test_a_test_folder_without_a_train_folder_is_the_test_split(loose: Path) -> None:
    for n in range(3):
        draw(loose / "photos/test" / f"{n}.png")
    train, val, test = split_names("photo", photo=loose / "photos", cartoon=loose / "cartoons")
    assert test == {f"test/{n}.png" for n in range(3)}
    assert train | val == {f"loose/{n}.png" for n in range(6)}


def test_test_pictures_alone_are_all_of_them(tmp_path: Path) -> None:
    for n in range(49):
        for folder in ("photos/test", "cartoons/test", "testA", "testB"):
            draw(tmp_path / folder / f"{n}.png")
    for options in ({"photo": tmp_path / "photos", "cartoon": tmp_path / "cartoons"}, {"root": tmp_path}):
        for domain in ("photo", "cartoon"):
            assert [len(part) for part in split_names(domain, **options)] == [0, 0, 49]


@pytest.mark.parametrize("folders", [("trainA", "testA"), ("trainA", "valA", "testA")])
def test_classic_layout(tmp_path: Path, folders: tuple[str, ...]) -> None:
    for folder in folders:
        for n in range(2):
            draw(tmp_path / folder / f"p{n}.png")
            draw(tmp_path / folder.replace("A", "B") / f"c{n}.png")
    train, val, test = split_names("photo", root=tmp_path)
    assert test == {"testA/p0.png", "testA/p1.png"}
    assert val == {"valA/p0.png", "valA/p1.png"} if "valA" in folders else len(val) == 1
    assert len(train | val | test) == 2 * len(folders)


def test_every_split_has_at_least_one_picture(tmp_path: Path) -> None:
    for n in range(3):
        draw(tmp_path / "p" / f"{n}.png")
        draw(tmp_path / "c" / f"{n}.png")
    parts = split_names("photo", photo=tmp_path / "p", cartoon=tmp_path / "c", test_share=1e-9, val_share=1e-9)
    assert [len(part) for part in parts] == [1, 1, 1]


def test_globs_choose_a_style(folders: Path) -> None:
    splits = pictures(photo=folders / "photos", cartoon=folders / "cartoons", cartoon_glob="c1*")
    assert all(name.startswith("c1") for name in names(splits.train_cartoons))
    assert sum(map(len, (splits.train_cartoons, splits.val_cartoons, splits.test_cartoons))) == 11


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


def layout(folder: Path, *files: str, size: tuple[int, int] = (24, 20)) -> Path:
    """Pictures at these paths, of which the first is grey 1, the second grey 2 and so on."""
    for n, file in enumerate(files):
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (n + 1,) * 3).save(path)
    return folder


PERSONS = ("test/anna/0.png", "test/bob/0.png", "train/carl/0.png", "train/dora/0.png")


@pytest.mark.parametrize("kind", ["photo_mask", "target"])
@pytest.mark.parametrize("level", [True, False])
def test_companions_are_found_with_and_without_the_folder_of_the_split(tmp_path: Path, kind: str, level: bool) -> None:
    photos = layout(tmp_path / "photos", *PERSONS)
    beside = layout(tmp_path / "beside", *(name if level else name.partition("/")[2] for name in PERSONS))
    layout(tmp_path / "cartoons", "a.png", "b.png", "c.png")
    splits = pictures(photo=photos, cartoon=tmp_path / "cartoons", **{kind: beside})
    found = [picture for part in vars(splits).values() for picture in part if picture.name in PERSONS]
    assert len(found) == 4
    for picture in found:
        companion = picture.mask if kind == "photo_mask" else picture.target
        assert companion.ravel()[0] == PERSONS.index(picture.name) + 1


@pytest.mark.parametrize(
    ("photos", "beside", "said"),
    [
        (("test/anna/0.png", "train/1.png", "train/2.png"), ("a/0.png", "b/0.png", "1.png", "2.png"), "several masks"),
        (("0.png", "1.png", "2.png"), ("0.png", "0.jpg", "1.png", "2.png"), "several masks"),
        (("test/anna/0.png", "test/bob/0.png", "train/1.png", "train/2.png"), ("0.png", "1.png", "2.png"), "fit one"),
        (("test/0.png", "train/0.png", "train/1.png"), ("0.png", "1.png"), "pictures fit one mask"),
        (("test/0.png", "train/1.png", "train/2.png"), ("train/0.png", "1.png", "2.png"), "1 of 1 test files have no"),
    ],
)
def test_a_mask_that_may_be_another_persons_is_refused(
    tmp_path: Path, photos: tuple[str, ...], beside: tuple[str, ...], said: str
) -> None:
    layout(tmp_path / "photos", *photos)
    layout(tmp_path / "masks", *beside)
    layout(tmp_path / "cartoons", "a.png", "b.png", "c.png")
    with pytest.raises(DataError, match=r"data\.source\.photo_mask: .*" + said):
        pictures(photo=tmp_path / "photos", cartoon=tmp_path / "cartoons", photo_mask=tmp_path / "masks")


@pytest.mark.parametrize("kind", ["photo_mask", "target"])
@pytest.mark.parametrize(
    ("size", "fits"), [((480, 400), True), ((60, 50), True), ((230, 200), False), ((20, 24), False)]
)
def test_a_companion_of_another_shape_is_refused(tmp_path: Path, kind: str, size: tuple[int, int], fits: bool) -> None:
    files = ("0.png", "1.png", "2.png")
    given = {
        "photo": layout(tmp_path / "photos", *files, size=(240, 200)),
        "cartoon": layout(tmp_path / "cartoons", *files),
        kind: layout(tmp_path / "beside", *files, size=size),
    }
    if fits:
        photo = pictures(**given).test_photos[0]
        companion = photo.mask if kind == "photo_mask" else photo.target
        assert companion.shape[:2] == photo.image.shape[:2]
    else:
        with pytest.raises(DataError, match="another picture's"):
            pictures(**given)


def test_splits_without_true_cartoons_do_without(tmp_path: Path) -> None:
    photos = ("train/0.png", "train/1.png", "train/2.png", "test/3.png", "test/4.png")
    given = {
        "photo": layout(tmp_path / "photos", *photos),
        "cartoon": layout(tmp_path / "cartoons", *photos),
        "target": layout(tmp_path / "targets", "3.png", "4.png"),
    }
    splits = pictures(**given)
    assert splits.train_photos[0].target is None
    assert all(picture.target is not None for picture in splits.test_photos)
    (tmp_path / "targets/4.png").unlink()
    with pytest.raises(DataError, match="1 of 2 test files have no target"):
        pictures(**given)


def test_a_big_jpeg_decoded_at_a_reduced_size_keeps_a_fitting_mask(tmp_path: Path) -> None:
    for n in range(3):
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
        ({"photo": "single"}, "data.source.photo", "holds 1 of the 3 images that its splits need"),
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
