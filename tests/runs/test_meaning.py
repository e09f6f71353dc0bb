import csv
from pathlib import Path

import pytest

from portrait_cartoons.cli.config import composed
from portrait_cartoons.cli.usage import groups
from portrait_cartoons.runs.meaning import meaning
from tests.conftest import TINY, TOY, Command


@pytest.mark.parametrize("model", groups()["model"])
def test_every_term_of_every_model_is_explained(model: str) -> None:
    for player, terms in composed("train", [f"model={model}"]).loss.items():
        assert all(meaning(f"train/{player}/{term}") for term in (*terms, "total"))


def test_every_number_of_a_run_is_explained(command: Command, tmp_path: Path) -> None:
    run = ("model=cyclegan", *TOY, *TINY, "model.epochs=1", "run_dir=run", "~callbacks.samples")
    assert command("train", *run, folder=tmp_path).exitcode == 0
    with (tmp_path / "run" / "metrics.csv").open() as file:
        names = [name for name in next(csv.reader(file)) if name not in ("step", "epoch")]
    assert {"val/content/psnr", "time/images_per_second", "train/g/cycle"} <= set(names)
    assert [name for name in names if not meaning(name)] == []


def test_explanations_are_one_short_line_each() -> None:
    names = ("val/cycle/psnr", "val/fid", "val/random_fd", "val/iou", "train/d_score/real", "train/phase")
    lines = [meaning(name) for name in names]
    assert len(set(lines)) == len(names)
    assert all(0 < len(line) < 110 for line in lines)


def test_an_unknown_number_is_not_explained() -> None:
    assert meaning("mine") == meaning("val/strange/psnr") == ""
