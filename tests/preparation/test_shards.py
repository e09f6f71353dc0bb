"""Packed sets: the same batches as from folders, from a disk and from a web server, and nothing from a bad index."""

import json
import tarfile
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import torch

from portrait_cartoons.data import shards
from portrait_cartoons.data.encoded import DataError
from portrait_cartoons.data.fingerprint import fingerprint, identities
from portrait_cartoons.data.folder import folder_pictures
from portrait_cartoons.data.picture import Splits
from portrait_cartoons.data.sampler import EpochSampler, Position
from portrait_cartoons.data.shards import shard_pictures
from portrait_cartoons.errors import UserError
from portrait_cartoons.image import ImageError
from portrait_cartoons.preparation.pack import pack
from tests.data.test_datamodule import ALL, portraits
from tests.data.test_folder import DEFAULTS
from tests.data.test_memory import assert_same, epochs
from tests.preparation.pictures import prepare, write_pictures
from tests.server import serving

DRAWN = {"background": "random", "fields": [field for field in ALL if field != "target"], "smooth_noise": 0.1}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set with masks and targets, packed."""
    folder = tmp_path_factory.mktemp("packed")
    write_pictures(folder / "in", range(24))
    arguments = f"input={folder}/in", f"output={folder}/set", "make=cartoons,masks", "val=0.25", "test=0.25"
    assert prepare(*arguments, "shards=true") == 0
    return folder / "set"


def from_folder(output: Path) -> Splits:
    kinds = ("photo", "cartoon", "photo_mask", "cartoon_mask", "target")
    return folder_pictures(**{**DEFAULTS, **{kind: str(output / kind) for kind in kinds}})


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_those_of_the_folder(prepared: Path, workers: int) -> None:
    expected = epochs(portraits(from_folder(prepared), **DRAWN), 0, 1)
    packed = shard_pictures(16, str(prepared / "shards"))
    assert_same(epochs(portraits(packed, num_workers=workers, **DRAWN), 0, 1), expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_from_a_server_in_parts_whichever_process_asks(prepared: Path, workers: int) -> None:
    expected = epochs(portraits(from_folder(prepared), **DRAWN), 0)
    with serving(prepared / "shards") as server:
        packed = shard_pictures(16, server.address)
        _ = packed.train_photos[0]  # the parent has connections of its own before its workers start
        assert_same(epochs(portraits(packed, num_workers=workers, **DRAWN), 0), expected)
        assert all(part for path, part in server.requests if path.endswith(".tar"))


def test_pictures_come_from_object_storage_which_may_fail_now_and_then(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fsspec's storage in memory stands for S3, which is reached by the same calls."""
    monkeypatch.setattr(shards, "STORAGE", (*shards.STORAGE, "memory"))
    storage = fsspec.filesystem("memory")
    storage.put(str(prepared / "shards"), "/bucket/set", recursive=True)
    read, asked = storage.cat_file, []

    def failing(path: str, **part: Any) -> bytes:
        asked.append(path)
        if len(asked) % 3:
            raise TimeoutError("slow down")
        return read(path, **part)

    expected = epochs(portraits(from_folder(prepared), **DRAWN), 0)
    try:
        monkeypatch.setattr(storage, "cat_file", failing)
        assert_same(epochs(portraits(shard_pictures(16, "memory://bucket/set"), **DRAWN), 0), expected)
        monkeypatch.setattr(storage, "cat_file", lambda *_, **__: b"short")
        with pytest.raises(DataError, match=r"memory://bucket/set/index\.json is damaged"):
            shard_pictures(16, "memory://bucket/set")
        storage.rm("/bucket", recursive=True)
        monkeypatch.undo()
        monkeypatch.setattr(shards, "STORAGE", ("memory",))
        with pytest.raises(DataError, match=r"memory://bucket/set/index\.json cannot be read"):
            shard_pictures(16, "memory://bucket/set")
    finally:
        storage.store.clear()


def test_it_is_the_same_data_set(prepared: Path) -> None:
    folder, packed = from_folder(prepared), shard_pictures(16, str(prepared / "shards"))
    for name in vars(folder):
        ours, theirs = getattr(packed, name), getattr(folder, name)
        assert len(ours) == len(theirs) > 0
        assert torch.equal(identities(ours), identities(theirs))
        assert fingerprint(ours, range(len(ours))) == fingerprint(theirs, range(len(theirs)))
        both = ours + ours.without(target=True)
        assert both[len(ours)].name == ours[0].name
        assert both[0].target is None
        assert ours.without(mask=True)[0].mask is None


def test_ranks_see_disjoint_pictures_of_a_packed_set(prepared: Path) -> None:
    photos = shard_pictures(16, str(prepared / "shards")).train_photos
    shares = [
        {photos[index].name for _, index in EpochSampler(len(photos), 0, Position(), 1, rank, 2)} for rank in (0, 1)
    ]
    assert not shares[0] & shares[1]
    assert len(shares[0]) == len(shares[1]) == len(photos) // 2


def test_the_tar_files_are_webdatasets_and_the_same_every_time(prepared: Path) -> None:
    first = {path.name: path.read_bytes() for path in (prepared / "shards").iterdir()}
    (prepared / "shards" / "photo-train-00009.tar").write_bytes(b"of an earlier, larger set")
    assert pack(prepared) == 6
    assert {path.name: path.read_bytes() for path in (prepared / "shards").iterdir()} == first
    with tarfile.open(prepared / "shards" / "photo-test-00000.tar") as tar:
        names = tar.getnames()
    samples = {name.partition(".")[0] for name in names}
    assert sorted(names) == sorted(
        f"{sample}.{kind}" for sample in samples for kind in ("png", "mask.png", "target.png")
    )
    assert {f"{sample}.png" for sample in samples} == {f"test/{p.name}" for p in (prepared / "photo/test").iterdir()}


def test_a_tar_file_that_is_full_is_followed_by_another(prepared: Path) -> None:
    expected = {path.name: path.read_bytes() for path in (prepared / "shards").iterdir()}
    whole = [picture.image for picture in shard_pictures(16, str(prepared / "shards")).train_photos]
    try:
        assert pack(prepared, largest=10_000) > 6
        parts = [picture.image for picture in shard_pictures(16, str(prepared / "shards")).train_photos]
        assert all(np.array_equal(ours, theirs) for ours, theirs in zip(parts, whole, strict=True))
    finally:
        pack(prepared)
    assert {path.name: path.read_bytes() for path in (prepared / "shards").iterdir()} == expected


def changed(index: dict[str, Any], change: str) -> Any:
    part = index["pictures"]["photo"]["train"]
    match change:
        case "outside":
            index["shards"][0] = "../../etc/passwd"
        case "another number":
            part["image"][0] = [99, 0, 10]
        case "negative":
            part["image"][0] = [0, -5, 10]
        case "huge":
            part["image"][0] = [0, 0, 10**12]
        case "shorter":
            part["identities"].pop()
        case "split":
            del index["pictures"]["photo"]["val"]
        case "version":
            index["version"] = 2
        case "text":
            return "no index"
    return index


@pytest.mark.parametrize(
    "change", ["outside", "another number", "negative", "huge", "shorter", "split", "version", "text"]
)
def test_an_index_that_makes_no_sense_is_one_sentence(prepared: Path, tmp_path: Path, change: str) -> None:
    index = changed(json.loads((prepared / "shards/index.json").read_text()), change)
    (tmp_path / "index.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match=r"index\.json is damaged \(.+\): pack the set anew$"):
        shard_pictures(16, str(tmp_path))


def test_a_picture_whose_tar_file_is_cut_off_or_missing_cannot_be_read(prepared: Path, tmp_path: Path) -> None:
    for path in (prepared / "shards").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    photos = shard_pictures(16, str(tmp_path)).train_photos
    tar = tmp_path / "photo-train-00000.tar"
    tar.write_bytes(tar.read_bytes()[:2000])
    with pytest.raises(ImageError, match=r"cannot read train/.*photo-train-00000\.tar: it has \d+ of \d+ bytes"):
        list(photos)
    tar.unlink()
    with pytest.raises(ImageError, match=r"cannot read train/.*photo-train-00000\.tar: no such file"):
        list(photos)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("{}/none", r"data\.source\.path: .*none/index\.json cannot be read \(no such file.*shards=true wrote"),
        ("github://a:b@/c", r"data\.source\.path=github://a:b@/c cannot be read: use a folder, or one of s3://"),
    ],
)
def test_a_place_without_a_set_is_one_sentence(tmp_path: Path, path: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        shard_pictures(16, path.format(tmp_path))


def test_a_place_where_nothing_can_be_packed_is_one_sentence(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", range(12))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/shards").write_text("a file of the user's own")
    with pytest.raises(
        UserError, match=r"out cannot be written to \(File exists\): make room or choose another folder"
    ):
        prepare(f"input={tmp_path}/in", f"output={tmp_path}/out", "make=cartoons", "shards=true", "val=0.3", "test=0.3")


def test_photos_alone_are_not_packed(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", range(12))
    with pytest.raises(UserError, match=r"(?s)cartoon.*shards=true packs photos and cartoons: add make=cartoons"):
        prepare(f"input={tmp_path}/in", f"output={tmp_path}/out", "val=0.3", "test=0.3", "shards=true")
    assert not (tmp_path / "out/shards/index.json").exists()
