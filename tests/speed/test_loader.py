from typing import Any

import pytest

from portrait_cartoons.data import fields, picture
from portrait_cartoons.data.picture import Picture
from portrait_cartoons.data.toy import ToyImages, toy_pictures
from portrait_cartoons.speed import loader
from tests.data.test_datamodule import portraits

LOADER = loader.__name__


def test_each_stage_has_its_own_time_for_both_pictures_of_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def slow(function: Any, seconds: float) -> Any:
        def after(*arguments: Any) -> Any:
            now[0] += seconds
            return function(*arguments)

        return after

    reads: list[int] = []

    class Counted(ToyImages):
        def __getitem__(self, item: int) -> Picture:  # type: ignore[override]
            reads.append(item)
            return super().__getitem__(item)

    monkeypatch.setattr(f"{LOADER}.perf_counter", lambda: now[0])
    monkeypatch.setattr(f"{LOADER}.read", slow(picture.read, 5.0))
    monkeypatch.setattr(f"{LOADER}.transformed", slow(picture.transformed, 2.0))
    monkeypatch.setattr(fields, "make", slow(fields.make, 1.0))
    data = portraits(toy_pictures(3, 1, 1, 18, 0), fields=("photo", "cartoon", "cartoon_smooth"))
    data.train.pictures["photo"] = Counted("photo", range(3), 18, 0)
    assert loader.stages(data, 4) == {loader.READ: 10.0, loader.CROP: 4.0, loader.FIELDS: 3.0}
    assert reads == [0, 1, 2, 0]
