"""Every model of conf/model, discovered there, trains, validates, resumes from inside each phase and translates."""

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from portrait_cartoons.cli.config import CONF, composed
from portrait_cartoons.inference import Cartoonizer
from portrait_cartoons.runs.checkpoint import read
from tests.conftest import Command
from tests.runs.test_resume import assert_same_run, rows

# GANILLA is CAMGAN without attention.
MODELS = sorted({path.stem for path in (CONF / "model").glob("*.yaml")} - {"ganilla"})
# What any model can be given.
EVERYTHING = (
    "generator=light",
    "discriminator=projected",
    "model.discriminator.weights=random",
    "model.discriminator.channels=6",  # of pix2pix, with which it is tried
    "model.ema=0.9",
    "model.augment=[color,translation,cutout]",
    "loss.d.r1=1",
)


def tiny(model: str, *more: str) -> list[str]:
    """Overrides that make a model of any kind small: only those that its configuration knows."""
    cfg = composed("train", [f"model={model}", *more])
    wanted = {
        "generator.width": 4,
        "generator.blocks": 1,
        "generator.levels": 3,
        "discriminator.width": 4,
        "segmenter.width": 4,
        "features.weights": "random",
        "phases.content.epochs": 1,
        "phases.segment.epochs": 1,
        "batch_size": 2,
    }
    known = []
    for key, value in wanted.items():
        node = cfg.model
        for name in key.split("."):
            node = node.get(name) if node is not None and name in node else None
        if node is not None:
            known.append(f"model.{key}={value}")
    earlier = len(cfg.model.get("phases", {}))
    return [
        f"model={model}",
        *more,
        *known,
        f"model.epochs={3 - earlier}",
        "data=toy",
        "data.source.train=3",  # with batches of 2, the last one of an epoch is smaller
        "data.source.val=2",
        "data.source.test=2",
        "data.size=32",
        "data.load_size=36",
        "trainer.accelerator=cpu",
        "trainer.log_every_n_steps=1",
        "run_dir=run",
    ]


def stopping(step: int) -> None:
    """In the child: it gets SIGTERM in its n-th batch."""
    from portrait_cartoons.callbacks.reseed import Reseed

    on_train_batch_start, steps = Reseed.on_train_batch_start, iter(range(1, 1000))

    def counted(self: Reseed, *arguments: Any) -> None:
        on_train_batch_start(self, *arguments)
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGTERM)

    Reseed.on_train_batch_start = counted  # type: ignore[assignment,method-assign]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "more"), [*((model, ()) for model in MODELS), ("pix2pix", EVERYTHING)])
def test_a_run_stopped_inside_each_phase_equals_the_uninterrupted_one(
    command: Command, tmp_path: Path, model: str, more: tuple[str, ...]
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    assert command("train", *tiny(model, *more), folder=whole).exitcode == 0, (whole / "output.txt").read_text()
    options = composed("train", [f"model={model}"]).model
    earlier = len(options.get("phases", {}))
    # An epoch, which is a phase where the model has some, is two batches: each is stopped in its first.
    stops = [1, *[2] * earlier] if earlier else [3]
    for number, step in enumerate([*stops, None]):
        arguments = ["resume=run"] if number else tiny(model, *more)
        child = command("train", *arguments, folder=parts, prepare=partial(stopping, step) if step else None)
        expected = 128 + signal.SIGTERM if step else 0
        assert child.exitcode == expected, (parts / "output.txt").read_text()
    assert_same_run(parts, whole)
    text = (whole / "output.txt").read_text()
    assert ("content loss: " in text) == ("weights random" in text) == ("features" in options)
    logged = rows(whole)
    assert sum("val/target/psnr" in row for row in logged) == 3
    assert {row["train/phase"] for row in logged if "train/phase" in row} == (
        set(range(earlier + 1)) if earlier else set()
    )
    assert read(whole / "run/checkpoints/best.ckpt")["epoch"] >= earlier

    image = Cartoonizer.load(whole / "run").translate(Image.new("RGB", (33, 50), "red"))
    assert image.shape == (50, 33, 3)
    assert image.dtype == np.uint8
