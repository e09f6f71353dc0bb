"""Every model of conf/model, discovered there, trains, validates, resumes in each phase and translates."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.checkpoint import read
from src.config import CONF, composed
from src.inference import Cartoonizer
from src.metrics_log import read_metrics
from tests.conftest import Command

MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))


def tiny(model: str) -> list[str]:
    """Overrides that make a model of any kind small: only those that its configuration knows."""
    cfg = composed("train", [f"model={model}"])
    wanted = {
        "generator.width": 4,
        "generator.blocks": 1,
        "discriminator.width": 4,
        "segmenter.width": 4,
        "features.weights": "random",
        "content_epochs": 1,
        "segment_epochs": 1,
        "epochs": 3,
    }
    known = []
    for key, value in wanted.items():
        node = cfg.model
        for name in key.split("."):
            node = node.get(name) if node is not None and name in node else None
        if node is not None:
            known.append(f"model.{key}={value}")
    return [
        f"model={model}",
        *known,
        "data=toy",
        "data.source.train=4",
        "data.source.test=2",
        "data.size=32",
        "data.load_size=36",
        "data.batch_size=2",
        "trainer.accelerator=cpu",
        "trainer.log_every_n_steps=1",
        "run_dir=run",
    ]


@pytest.mark.parametrize("model", MODELS)
def test_a_run_resumed_after_each_epoch_equals_the_uninterrupted_one(
    command: Command, tmp_path: Path, model: str
) -> None:
    import torch

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    assert command("train", *tiny(model), folder=whole).exitcode == 0, (whole / "output.txt").read_text()
    for epochs in (1, 2, 3):
        arguments = tiny(model) if epochs == 1 else ["resume=run"]
        child = command("train", *arguments, f"trainer.max_epochs={epochs}", folder=parts)
        assert child.exitcode == 0, (parts / "output.txt").read_text()
    ours, theirs = (read(folder / "run/checkpoints/last.ckpt")["state_dict"] for folder in (parts, whole))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[k], theirs[k]) for k in theirs if isinstance(theirs[k], torch.Tensor))
    rows = read_metrics(whole / "run/metrics.csv")
    assert sum("val/target/psnr" in row for row in rows) == 3
    image = Cartoonizer.load(whole / "run").translate(Image.new("RGB", (33, 50), "red"))
    assert image.shape == (50, 33, 3)
    assert image.dtype == np.uint8
