"""Cartoons and masks by trained networks."""

from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest
import torch

from portrait_cartoons.cli.build import build_model
from portrait_cartoons.cli.config import composed
from portrait_cartoons.errors import UserError
from portrait_cartoons.image import from_uint8, load_mask, load_rgb
from portrait_cartoons.inference import Cartoonizer
from portrait_cartoons.networks import weights
from portrait_cartoons.networks.unet import UNet
from portrait_cartoons.preparation import networks
from portrait_cartoons.runs.checkpoint import load, write
from tests.preparation.pictures import picture, prepare, write_pictures

SELFIEGAN = (
    "model=selfiegan",
    "data=toy",
    "model.generator.width=4",
    "model.generator.blocks=1",
    "model.discriminator.width=4",
    "model.segmenter.width=4",
    "model.features.weights=random",
)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A checkpoint of a SelfieGAN, trained not at all."""
    torch.manual_seed(0)
    config = composed("train", [*SELFIEGAN, "seed=0"])
    model = build_model(config)
    content = {"state_dict": model.state_dict(), "hyper_parameters": dict(model.hparams), "generator_prefix": "g."}
    file = tmp_path / "selfiegan.ckpt"
    with file.open("w+b") as opened:
        write(content, opened)
    return file


def test_a_generator_makes_the_cartoons_and_a_u_net_the_masks_in_two_commands(tmp_path: Path, trained: Path) -> None:
    write_pictures(tmp_path / "in", range(8))
    arguments = f"input={tmp_path}/in", f"output={tmp_path}/out", "val=0.3", "test=0.3"
    prepare(*arguments, "make=cartoons", f"by={trained}", size=40)
    prepare(*arguments, "make=masks", f"by={trained}", size=40)
    cartoonizer, u = Cartoonizer.load(trained, "cpu"), cast(UNet, load(trained).u)
    photos = [path for path in (tmp_path / "out/photo").glob("*/*") if path.parent.name != "train"]
    assert photos
    for photo in photos:
        below = f"{photo.parent.name}/{photo.name}"
        image = load_rgb(photo)
        np.testing.assert_array_equal(load_rgb(tmp_path / "out/target" / below), cartoonizer.translate(image))
        with torch.inference_mode():
            x = from_uint8(cv2.resize(image, (48, 48), interpolation=cv2.INTER_CUBIC)).unsqueeze(0)
            person = torch.sigmoid(u.forward(x))[0, 0].numpy()
        expected = np.rint(255 * cv2.resize(person, (40, 40)))
        np.testing.assert_array_equal(load_mask(tmp_path / "out/photo_mask" / below), expected)
    with pytest.raises(UserError, match="were made with by="):
        prepare(*arguments, "make=cartoons", size=40)


def test_deeplabv3_marks_persons_and_is_refused_without_its_genuine_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.models.segmentation import deeplabv3_resnet50

    network = deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=21, aux_loss=True).eval()
    bias = network.classifier[-1].bias
    torch.nn.init.zeros_(network.classifier[-1].weight)
    torch.nn.init.zeros_(bias)
    with torch.no_grad():
        bias[15] = 5.0  # a network that sees persons everywhere
    torch.save(network.state_dict(), tmp_path / "deeplab.pth")
    monkeypatch.setattr(weights, "published", lambda *_: tmp_path / "deeplab.pth")
    networks.segmenter.cache_clear()
    mask = networks.segmenter(networks.DEEPLAB)(picture(0, 60, 60))
    assert mask.shape == (60, 60)
    assert (mask == round(255 * np.exp(5) / (np.exp(5) + 20))).all()
    networks.segmenter.cache_clear()


def test_a_file_that_is_no_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", range(2))
    (tmp_path / "text.ckpt").write_text("nothing")
    with pytest.raises(UserError, match=r"text\.ckpt"):
        prepare(f"input={tmp_path}/in", f"output={tmp_path}/out", "make=masks", f"by={tmp_path}/text.ckpt")
