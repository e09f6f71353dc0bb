"""Writes a generator as one file, once it is seen to draw what PyTorch draws."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from portrait_cartoons.deployment import contract, parity, slim, web
from portrait_cartoons.deployment.card import card
from portrait_cartoons.deployment.parity import Draw
from portrait_cartoons.deployment.places import beside
from portrait_cartoons.errors import needing
from portrait_cartoons.files import write
from portrait_cartoons.networks.memory import bytes_per_pixel
from portrait_cartoons.networks.padding import Padded
from portrait_cartoons.runs.checkpoint import Trained

CALIBRATING = 2 / 3  # of the photos: they find the ranges of 8 bits, and the others measure what that changes


@dataclass(frozen=True)
class Measured:
    """What was measured of an export before it was written.

    Attributes:
        differences: the largest ones from PyTorch of a range of 2, by size. Of weights that are rounded to 16 bits,
            from PyTorch with the same weights.
        psnr: dB between what it draws and what PyTorch draws with weights of 32 bits; the mean of photos.
        speed: how many times as fast it is as the same kind of file with weights of 32 bits.
    """

    differences: dict[str, float]
    psnr: float
    speed: float

    def __str__(self) -> str:
        return f"PSNR {self.psnr:.1f} dB to float32, {self.speed:.2f} times as fast on the CPU that exported it"


def export(
    trained: Trained,
    format: str,  # noqa: A002
    path: Path,
    licence: str,
    photos: Sequence[Tensor],
    weights: str = "float32",
    runtime: Path | None = None,
) -> Measured:
    """Write `path`, and beside it its card and sha256.

    Everything is measured before anything is written. `photos`, 1 x 3 x H x W in [-1, 1], at least two, measure what
    smaller weights change: "float16" rounds them first, and with "int8", of ONNX alone, convolutions compute in 8 bits.
    `runtime` is the npm package onnxruntime-web, for a web page. Raises ExportError where the differences from PyTorch
    are large, OSError where the disk refuses, UserError where a package is missing.
    """
    exact = _padded(deepcopy(trained.network))
    if weights == "float16":
        trained.network.half().float()
    padded = _padded(trained.network)
    described = contract.metadata(trained, licence, bytes_per_pixel(padded), weights)
    calibrating = max(1, int(CALIBRATING * len(photos)))
    data, draw, whole = _ENCODERS["onnx" if format == "web" else format](padded, described, photos[:calibrating])
    if runtime and format == "web":
        data = web.page(data, described, runtime)
    others = photos[calibrating:]
    measured = Measured(
        parity.measured(padded, draw, math.inf if weights == "int8" else parity.LIMIT),
        parity.psnr(exact, draw, others),
        parity.times_as_fast(whole, draw, others[0]),
    )
    sha256 = hashlib.sha256(data).hexdigest()
    parameters = sum(parameter.numel() for parameter in padded.parameters())
    hash_file, card_file = beside(path)
    write(path, data)
    write(hash_file, f"{sha256}  {path.name}\n")
    stored = weights if weights == "float32" else f"{weights}: {measured}"
    write(
        card_file, card(path.name, format, {**described, "weights": stored}, sha256, parameters, measured.differences)
    )
    return measured


def _padded(network: nn.Module) -> Padded:
    divisor: int = network.size_divisor  # type: ignore[assignment]
    return Padded(network, divisor).eval()


Encoded = tuple[bytes, Draw, Draw]  # a file's bytes, what they draw, and what they would with weights of 32 bits


def _onnx(padded: Padded, described: Mapping[str, str], photos: Sequence[Tensor]) -> Encoded:
    with needing("export", "ONNX"):
        from portrait_cartoons.deployment import onnx_file, onnx_network, onnx_small
    whole = data = onnx_file.encoded(padded, described)
    if described["weights"] == "float16":
        data = onnx_small.halved(whole)
    if described["weights"] == "int8":
        data = onnx_small.quantized(whole, [photo.numpy() for photo in photos], described)
    return data, onnx_network.OnnxNetwork(data, "the export"), onnx_network.OnnxNetwork(whole, "the export")


def _torch_export(padded: Padded, described: Mapping[str, str], _: Sequence[Tensor]) -> Encoded:
    from portrait_cartoons.deployment import torch_program

    data = torch_program.encoded(padded, described)
    return data, torch_program.opened(data), padded


def _safetensors(padded: Padded, described: Mapping[str, str], _: Sequence[Tensor]) -> Encoded:
    data = slim.encoded(padded.network, described)
    return data, _padded(slim.decoded(data).network), padded


_ENCODERS = {"onnx": _onnx, "torch_export": _torch_export, "safetensors": _safetensors}
