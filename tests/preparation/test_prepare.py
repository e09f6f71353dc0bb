import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from portrait_cartoons.errors import UserError
from portrait_cartoons.image import load_rgb, save_image
from portrait_cartoons.preparation import examine
from portrait_cartoons.preparation.faces import Box
from portrait_cartoons.preparation.squares import square
from portrait_cartoons.runs.lock import locked
from tests.conftest import Command
from tests.preparation.pictures import contents, picture, prepare, rows, write_pictures


def test_pictures_become_squares_in_three_splits_with_a_list_and_contact_sheets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pictures(tmp_path / "in", range(40))
    before = contents(tmp_path / "in")
    assert prepare(f"input={tmp_path}/in", f"output={tmp_path}/out", "val=0.2", "test=0.3") == 0
    listed = rows(tmp_path / "out")
    assert len(listed) == 40
    for name, row in listed.items():
        written = load_rgb(tmp_path / "out" / row["file"])
        assert row["file"].startswith(f"photo/{row['split']}/")
        np.testing.assert_array_equal(written, square(load_rgb(tmp_path / "in" / name), 32, "centre"))
    counts = {split: sum(row["split"] == split for row in listed.values()) for split in ("train", "val", "test")}
    assert all(counts.values())
    assert (
        f"40 pictures: {counts['train']} train, {counts['val']} val, {counts['test']} test" in capsys.readouterr().out
    )
    assert all(load_rgb(tmp_path / "out/sheets" / f"photo-{split}.jpg").size for split in counts)
    assert contents(tmp_path / "in") == before


@given(st.sets(st.integers(0, 60), min_size=3, max_size=12), st.sets(st.integers(0, 60), max_size=12))
@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_adding_pictures_moves_none_and_makes_what_a_fresh_run_makes(
    tmp_path: Path, first: set[int], second: set[int]
) -> None:
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    source, output = f"input={tmp_path}/in", tmp_path / "out"
    for number in first:
        write_pictures(tmp_path / "in", range(number, number + 1))
    prepare(source, f"output={output}")
    before = {row["source"]: row["file"] for row in rows(output).values()}
    for number in second:
        save_image(picture(number), tmp_path / "in" / f"more-{number}.png")
    prepare(source, f"output={output}")
    after = {row["source"]: row["file"] for row in rows(output).values()}
    assert {source: after[source] for source in before} == before
    prepare(source, f"output={tmp_path}/fresh")
    assert contents(output) == contents(tmp_path / "fresh")
    hashes = [row["phash"] for row in rows(output).values() if row["file"]]
    assert len(set(hashes)) == len(hashes) == len(first | second)


def test_copies_and_near_duplicates_go_across_splits_too(tmp_path: Path) -> None:
    for number in range(12):
        image = picture(number)
        save_image(image, tmp_path / f"{number}.png")
        save_image(image, tmp_path / f"{number}-recoded.jpg")
        save_image(np.ascontiguousarray(image[:, ::-1]), tmp_path / f"{number}-mirrored.png")
        shutil.copy(tmp_path / f"{number}.png", tmp_path / f"{number}-copy.png")
    output = tmp_path.parent / f"{tmp_path.name}-out"
    prepare(f"input={tmp_path}", f"output={output}", "val=0.3", "test=0.3")
    listed = rows(output)
    for number in range(12):
        family = [row for name, row in listed.items() if name.split(".")[0].split("-")[0] == str(number)]
        assert len(family) == 4
        assert sum(bool(row["file"]) for row in family) == 1
        assert all(row["file"] or row["reason"].startswith(("the same file as", "looks like")) for row in family)
    again = tmp_path.parent / f"{tmp_path.name}-all"
    prepare(f"input={tmp_path}", f"output={again}", "near_duplicates=true")
    assert sum(bool(row["file"]) for row in rows(again).values()) == 36


def test_a_limit_takes_a_sample_that_a_smaller_one_is_a_part_of(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", range(30))
    taken = []
    for limit in (20, 8):
        prepare(f"input={tmp_path}/in", f"output={tmp_path}/out", f"limit={limit}", "test=0.3")
        taken.append({row["file"] for row in rows(tmp_path / "out").values()} - {""})
        assert len(taken[-1]) == limit
        assert {
            path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out/photo").glob("*/*")
        } == taken[-1]
    assert taken[1] < taken[0]
    assert len({file.split("/")[1] for file in taken[0]}) > 1


def test_the_inputs_own_splits_are_kept_and_validation_is_cut_from_train(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in/train", range(20))
    write_pictures(tmp_path / "in/test", range(20, 26))
    write_pictures(tmp_path / "in", range(26, 27))
    prepare(f"input={tmp_path}/in", f"output={tmp_path}/out", "splits=folders", "val=0.3")
    listed = rows(tmp_path / "out")
    assert all(row["split"] == "test" for name, row in listed.items() if 20 <= int(Path(name).stem) < 26)
    assert {row["split"] for name, row in listed.items() if int(Path(name).stem) < 20} == {"train", "val"}
    assert "splits=folders" in listed["26.png"]["reason"]


def test_other_colours_are_converted_by_the_profile(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    xyz_like = picture(1)
    pixels = Image.fromarray(xyz_like)
    pixels.save(tmp_path / "plain.png")
    pixels.save(tmp_path / "odd.png", icc_profile=lab.tobytes())  # a profile that does not fit is left aside
    np.testing.assert_array_equal(load_rgb(tmp_path / "odd.png"), xyz_like)
    np.testing.assert_array_equal(load_rgb(tmp_path / "plain.png"), xyz_like)


def test_a_person_with_a_folder_stays_in_one_split_and_one_domain(tmp_path: Path) -> None:
    for number in range(60):
        person = tmp_path / "in" / f"person {number % 15}"
        person.mkdir(parents=True, exist_ok=True)
        save_image(picture(number), person / f"{number}.png")
    options = "val=0.25", "test=0.25", "make=cartoons", "people=folder"
    prepare(f"input={tmp_path}/in", f"output={tmp_path}/out", *options)
    places: dict[str, set[str]] = {}
    for row in rows(tmp_path / "out").values():
        places.setdefault(Path(row["source"]).parent.name, set()).add(str(Path(row["file"]).parent))
    assert len(places) == 15
    assert all(len(folders) == 1 for folders in places.values())
    assert len(set.union(*places.values())) == 4  # photo/train, cartoon/train, photo/val, photo/test


def test_a_face_is_centred_and_its_absence_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = {number: picture(number, 80, 160) for number in range(2)}
    faces = {
        int(image.sum()): face for image, face in zip(pictures.values(), (Box(0.7, 0.3, 0.1, 0.2), None), strict=True)
    }
    monkeypatch.setattr(examine, "find_face", lambda image: faces[int(image.sum())])
    (tmp_path / "in").mkdir()
    for number, image in pictures.items():
        save_image(image, tmp_path / "in" / f"{number}.png")
    prepare(f"input={tmp_path}/in", f"output={tmp_path}/out", "crop=face")
    listed = rows(tmp_path / "out")
    assert listed["0.png"]["note"] == ""
    assert "no face" in listed["1.png"]["note"]
    found = load_rgb(tmp_path / "out" / listed["0.png"]["file"])
    around = pictures[0][16:48, 104:136]  # the face of 16 pixels, in the middle of a square twice as long
    np.testing.assert_array_equal(found, around)
    np.testing.assert_array_equal(
        load_rgb(tmp_path / "out" / listed["1.png"]["file"]), square(pictures[1], 32, "centre")
    )


def test_two_at_once_in_one_output_are_one_too_many(command: Command, tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", range(4))
    prepare(f"input={tmp_path}/in", f"output={tmp_path}/out", "make=cartoons")
    before = contents(tmp_path / "out")
    with locked(tmp_path / "out"):
        child = command("prepare", "input=in", "output=out", "size=32", "domain=photo", folder=tmp_path)
    assert child.exitcode == 2
    said = (tmp_path / "output.txt").read_text().splitlines()[-1]
    assert said == "error: another process is at work in out: wait for its end, or name another one"
    assert contents(tmp_path / "out") == before


def test_files_of_others_in_the_output_stay(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", range(6))
    prepare(f"input={tmp_path}/in", f"output={tmp_path}/out")
    own = tmp_path / "out/photo/train/mine.png"
    own.write_bytes(b"mine")
    (tmp_path / "in/0.png").unlink()
    prepare(f"input={tmp_path}/in", f"output={tmp_path}/out")
    assert own.read_bytes() == b"mine"
    assert sum(path.is_file() for path in (tmp_path / "out/photo").rglob("*")) == 6


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "input is missing"),
        (["input={0}/in"], "output is missing"),
        (["input={0}/none", "output={0}/out"], "no such folder"),
        (["input={0}/in", "output={0}/in/out"], "inside the input"),
        (["input={0}/in", "output={0}"], "inside the output"),
        (["input={0}/in", "output={0}/out", "crop=round"], "crop=round: it must be one of centre, face, pad"),
        (["input={0}/in", "output={0}/out", "val=0.6", "test=0.5"], "leave nothing for training"),
        (["input={0}/in", "output={0}/out", "workers=many"], "workers=many"),
        (["input={0}/empty", "output={0}/out"], "holds no pictures"),
        (["input={0}/in", "output={0}/made", "crop=pad"], "were made with crop=centre"),
        (["input={0}/in", "output={0}/out", "make=magic"], "make=magic: it must be some of cartoons,targets,masks"),
        (["input={0}/in", "output={0}/out", "make=smooth"], "add make=cartoons,smooth"),
        (["input={0}/in", "output={0}/out", "make=cartoons", "domain=cartoon"], "needs photos"),
        (["input={0}/in", "output={0}/out", "make=targets", "domain=cartoon"], "make=targets needs photos"),
        (["input={0}/in", "output={0}/out", "make=outlines", "by={0}/in"], "by= makes cartoons or masks"),
        (["input={0}/in", "output={0}/out", "make=cartoons", "by={0}/none.ckpt"], "there is no checkpoint"),
    ],
)
def test_wrong_use_is_one_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    write_pictures(tmp_path / "in", range(2))
    (tmp_path / "empty").mkdir()
    prepare(f"input={tmp_path}/in", f"output={tmp_path}/made")
    with pytest.raises(UserError, match=sentence):
        prepare(*(argument.format(tmp_path) for argument in arguments))
