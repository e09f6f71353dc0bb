import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from portrait_cartoons.errors import UserError
from portrait_cartoons.image import save_image
from portrait_cartoons.preparation.abstraction import abstraction
from portrait_cartoons.preparation.look import measure
from portrait_cartoons.preparation.remarks import remarks
from portrait_cartoons.preparation.report import Report, examine_set, place
from portrait_cartoons.preparation.workers import Pool
from portrait_cartoons.prepare import main
from tests.preparation.pictures import contents, picture, prepare, write_pictures


def looked_at(folder: Path) -> Report:
    return examine_set(folder, Pool(None, 1))


def faults(folder: Path) -> str:
    return " ".join(sentence for sentence, fault in remarks(looked_at(folder)) if fault)


@pytest.mark.parametrize(
    ("name", "folder", "split"),
    [
        ("photo/train/a.png", "photo", "train"),
        ("cartoons/test/deep/a.png", "cartoon", "test"),
        ("trainA/a.png", "photo", "train"),
        ("testB/a.png", "cartoon", "test"),
        ("cartoon_mask/val/a.png", "cartoon_mask", "val"),
        ("sheets/photo-train.jpg", "sheets", ""),
        ("holiday/a.png", "", ""),
    ],
)
def test_a_path_tells_folder_and_split(name: str, folder: str, split: str) -> None:
    assert place(name) == (folder, split)


def test_a_picture_in_two_splits_is_found_recoded_or_mirrored_too(tmp_path: Path) -> None:
    for folder, numbers in {
        "trainA": range(5),
        "testA": range(5, 8),
        "trainB": range(9, 12),
        "testB": range(12, 15),
    }.items():
        write_pictures(tmp_path / folder, numbers)
    assert "two splits" not in faults(tmp_path)
    shutil.copy(tmp_path / "trainA/1.png", tmp_path / "testA/copy.png")
    save_image(np.ascontiguousarray(picture(2)[:, ::-1]), tmp_path / "testA/mirrored.jpg")
    save_image(picture(3), tmp_path / "trainB/also.png")
    found = {(one.name, other.name, leaks) for one, other, leaks in looked_at(tmp_path).pairs}
    assert found == {
        ("trainA/1.png", "testA/copy.png", True),
        ("trainA/2.png", "testA/mirrored.jpg", True),
        ("trainA/3.png", "trainB/also.png", False),
    }
    assert "2 pairs of pictures show the same in two splits" in faults(tmp_path)


def test_a_prepared_set_has_no_leak_and_the_page_is_whole_and_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pictures(tmp_path / "in", range(16))
    (tmp_path / "in" / "<script>bad.jpg").write_text("text")
    shutil.copy(tmp_path / "in/1.png", tmp_path / "in/again.png")
    arguments = f"input={tmp_path}/in", f"output={tmp_path}/out", "val=0.2", "test=0.3"
    prepare(*arguments, "make=cartoons,masks", size=64)
    before = contents(tmp_path / "out")
    assert main([f"report={tmp_path}/out", "workers=0"]) == 0
    assert "No picture was found in two splits." in capsys.readouterr().out
    page = (tmp_path / "out/report.html").read_text()
    assert contents(tmp_path / "out") == before | {"report.html": page.encode()}
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    for text in ("&lt;script&gt;bad.jpg", "the same file as", "cartoon_mask", "side by side", "saturation"):
        assert text in page
    assert page.count("data:image/webp") == 6  # a strip of each domain and split


def test_what_is_wrong_with_a_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pictures(tmp_path / "set/photo/train", range(4))
    (tmp_path / "set/photo/train/broken.jpg").write_bytes(b"\xff\xd8\xff")
    save_image(cv2.GaussianBlur(picture(8, 300, 300), (0, 0), 9), tmp_path / "set/photo/train/soft.png")
    write_pictures(tmp_path / "set/photo_mask/train", range(3, 6))
    main([f"report={tmp_path}/set", f"output={tmp_path}/page.html", "workers=0"])
    told = capsys.readouterr().out
    for sentence in (
        "1 files cannot be read",
        "1 pictures are worth a look",
        "2 masks or other files have no picture",
        "The photos have no val and no test split",
        "Only 5 photos",
        "There is no folder of cartoons",
    ):
        assert sentence in told
    assert not (tmp_path / "set/report.html").exists()
    with pytest.raises(UserError, match="no such folder"):
        main([f"report={tmp_path}/none"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no pictures"):
        main([f"report={tmp_path}/empty", "workers=0"])


def test_the_measures_tell_a_cartoon_from_its_photo() -> None:
    photo = cv2.GaussianBlur(picture(3, 256, 256), (0, 0), 3)
    noisy = np.clip(photo + np.random.default_rng(0).normal(0, 5, photo.shape), 0, 255).astype(np.uint8)
    of_photo, _ = measure(noisy)
    of_cartoon, histograms = measure(abstraction(noisy))
    assert of_cartoon["flat"] > of_photo["flat"] + 20
    assert of_cartoon["saturation"] > of_photo["saturation"]
    assert all(abs(histogram.sum() - 1) < 0.01 for histogram in histograms.values())
    black, _ = measure(np.zeros((50, 70, 3), np.uint8))
    assert black == {"lightness": 0, "contrast": 0, "saturation": 0, "edges": 0, "flat": 100, "dark lines": 0}
