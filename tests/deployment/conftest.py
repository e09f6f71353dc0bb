"""Small generators as they are after a training, and a checkpoint of one."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from portrait_cartoons import styles
from portrait_cartoons.cli.build import build_model
from portrait_cartoons.cli.config import composed
from portrait_cartoons.deployment import contract, onnx_file, onnx_network, onnx_small, reading, slim, torch_program
from portrait_cartoons.networks.animegan import AnimeGenerator
from portrait_cartoons.networks.artifygan import ArtifyGenerator
from portrait_cartoons.networks.cartoongan import CartoonGenerator
from portrait_cartoons.networks.ganilla import GanillaGenerator
from portrait_cartoons.networks.padding import Padded
from portrait_cartoons.networks.pix2pix import PixGenerator
from portrait_cartoons.networks.resnet import ResnetGenerator
from portrait_cartoons.networks.whitebox import WhiteboxGenerator
from portrait_cartoons.runs.checkpoint import Trained, write
from tests.conftest import TINY, TOY

Draw = Callable[[Tensor], Tensor]

GENERATORS: dict[str, tuple[Callable[..., nn.Module], dict[str, Any]]] = {
    "cyclegan": (ResnetGenerator, {"width": 4, "blocks": 1}),
    "ganilla": (GanillaGenerator, {"width": 4, "attention": "none"}),
    "camgan": (GanillaGenerator, {"width": 4, "attention": "skips"}),
    "camgan, pyramid": (GanillaGenerator, {"width": 4, "attention": "pyramid"}),
    "cartoongan": (CartoonGenerator, {"width": 4, "blocks": 1, "norm": "affine"}),
    "cartoongan, batch norm": (CartoonGenerator, {"width": 4, "blocks": 1, "norm": "batch"}),
    "artifygan": (ArtifyGenerator, {"width": 4, "blocks": 1}),
    "animeganv2": (AnimeGenerator, {"width": 4, "blocks": 1}),
    "whitebox": (WhiteboxGenerator, {"width": 4, "blocks": 1}),
    "pix2pix": (PixGenerator, {"width": 4, "levels": 4}),
}


@cache
def trained(name: str) -> Trained:
    """A generator whose weights and running means are no longer those of its start, or a style that was trained."""
    if name in styles.names():
        return reading.load(styles.file(name))
    make, options = GENERATORS[name]
    torch.manual_seed(0)
    network = make(**options).eval()
    for value in network.state_dict().values():
        if value.is_floating_point():
            value += 0.05 * torch.rand_like(value)
    return Trained(network, 64, "CycleGAN", {"_target_": type(network).__name__, **options})


@cache
def padded(name: str) -> Padded:
    network = trained(name).network
    return Padded(network, network.size_divisor).eval()  # type: ignore[arg-type]


@cache
def data(name: str, format: str, weights: str = "float32") -> bytes:  # noqa: A002
    """The bytes of an exported file."""
    described = contract.metadata(trained(name), "mine", 100, weights)
    if weights == "int8":
        photos = [torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(n)).numpy() * 2 - 1 for n in (1, 2)]
        return onnx_small.quantized(data(name, format), photos, described)
    if format == "safetensors":
        return slim.encoded(trained(name).network, described)
    return (onnx_file if format == "onnx" else torch_program).encoded(padded(name), described)


@cache
def draw(name: str, format: str) -> Draw:  # noqa: A002
    """What an exported file draws."""
    if format == "onnx":
        return onnx_network.OnnxNetwork(data(name, format), "the export")
    if format == "torch_export":
        return torch_program.opened(data(name, format))
    network = slim.decoded(data(name, format)).network
    return Padded(network, network.size_divisor)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run of a tiny CycleGAN saves, as far as its generator is concerned."""
    model = build_model(composed("train", ["model=cyclegan", "run_dir=run", *TOY, *TINY]))
    file = tmp_path_factory.mktemp("private") / "a.ckpt"
    with file.open("w+b") as opened:
        content = {"state_dict": model.state_dict(), "hyper_parameters": dict(model.hparams)}
        write({**content, "generator_prefix": "g.xy."}, opened)
    return file
