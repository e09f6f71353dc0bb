"""What is prepared can be trained on: the layout of `src.prepare` is the one that `data=portraits` reads."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.utils import instantiate

from portrait_cartoons.cli.config import composed
from portrait_cartoons.data.encoded import DataError
from tests.preparation.pictures import prepare, write_pictures


def source(data: str, *overrides: str) -> Any:
    config = composed("train", ["model=camgan", f"data={data}", "data.load_size=32", *overrides])
    return instantiate(config.data.source)


def test_photos_go_in_and_three_splits_with_targets_and_masks_come_out(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", range(24))
    output = tmp_path / "set"
    prepare(f"input={tmp_path}/in", f"output={output}", "make=cartoons,masks", "val=0.25", "test=0.25")
    keys = ("photo", "cartoon", "target", "photo_mask", "cartoon_mask")
    splits = source("portraits", *(f"data.source.{key}={output / key}" for key in keys))
    for split in ("val", "test"):
        photos = getattr(splits, f"{split}_photos")
        cartoons = {picture.name: picture.image for picture in getattr(splits, f"{split}_cartoons")}
        assert len(photos) == len(cartoons) > 0
        for photo in photos:
            assert photo.mask.shape == photo.image.shape[:2]
            np.testing.assert_array_equal(photo.target, cartoons[photo.name])
    assert len(splits.train_photos) == len(list((output / "photo/train").iterdir()))
    assert not {p.name for p in splits.train_photos} & {p.name for p in splits.train_cartoons}


def test_pairs_are_photos_and_their_own_cartoons_in_every_split(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", range(12))
    prepare(f"input={tmp_path}/in", f"output={tmp_path}/set", "make=targets", "val=0.25", "test=0.25")
    folders = {"photo": "photo", "cartoon": "target", "target": "target"}
    splits = source("pairs", *(f"data.source.{key}={tmp_path}/set/{folder}" for key, folder in folders.items()))
    for split in ("train", "val", "test"):
        cartoons = {picture.name: picture.image for picture in getattr(splits, f"{split}_cartoons")}
        photos = list(getattr(splits, f"{split}_photos"))
        assert photos
        for photo in photos:
            np.testing.assert_array_equal(photo.target, cartoons[photo.name])


MAKING = "python -m src.prepare input=<folder of photos> output=data/portraits make=cartoons"


@pytest.mark.parametrize(
    ("data", "way"),
    [
        ("portraits", MAKING),
        ("ffhq_whitebox", MAKING),
        ("shards", "python -m src.prepare ... shards=true"),
        ("horse2zebra", "python -m src.prepare download=horse2zebra output=data/horse2zebra"),
        ("monet2photo", "python -m src.prepare download=monet2photo output=data/monet2photo"),
        ("selfie2anime", "taki0112/UGATIT on GitHub: fetch it in a browser and unpack it into data/selfie2anime"),
    ],
)
def test_without_pictures_the_last_line_names_the_way_to_them(
    data: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match="data/") as caught:
        source(data)
    error = caught.value if isinstance(caught.value, DataError) else caught.value.__cause__
    assert isinstance(error, DataError)
    assert way in error.problems[-1]
