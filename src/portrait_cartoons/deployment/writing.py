"""Writes a generator as one file, once it is seen to draw what PyTorch draws."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from portrait_cartoons.deployment import contract, parity, slim, web
from portrait_cartoons.deployment.card import card
from portrait_cartoons.deployment.reading import missing
from portrait_cartoons.files import write
from portrait_cartoons.networks.memory import bytes_per_pixel
from portrait_cartoons.networks.padding import Padded
from portrait_cartoons.runs.checkpoint import Trained

Encoded = tuple[bytes, Callable[[Tensor], Tensor]]  # a file's bytes, and what they draw


def export(
    trained: Trained,
    format: str,  # noqa: A002
    path: Path,
    licence: str,
    half: bool = False,
    runtime: Path | None = None,
) -> dict[str, float]:
    """Write `path`, and beside it its card and sha256. The largest differences from PyTorch, by size.

    They are measured before anything is written. With `half` the weights are rounded to 16 bits first, and a
    safetensors file stores no more of them. `runtime` is the npm package onnxruntime-web, for a web page. Raises
    ExportError where the differences are large, OSError where the disk refuses, UserError where a package is missing.
    """
    if half:
        trained.network.half().float()
    padded = _padded(trained.network)
    described = contract.metadata(trained, licence, bytes_per_pixel(padded), half)
    data, draw = _ENCODERS["onnx" if format == "web" else format](padded, described)
    if runtime and format == "web":
        data = web.page(data, described, runtime)
    differences = parity.measured(padded, draw)
    sha256 = hashlib.sha256(data).hexdigest()
    parameters = sum(parameter.numel() for parameter in padded.parameters())
    hash_file, card_file = beside(path)
    write(path, data)
    write(hash_file, f"{sha256}  {path.name}\n")
    write(card_file, card(path.name, format, described, sha256, parameters, differences))
    return differences


def beside(path: Path) -> tuple[Path, Path]:
    """The sha256 and the card of an exported file."""
    return path.with_name(f"{path.name}.sha256"), path.with_name(f"{path.name}.md")


def _padded(network: nn.Module) -> Padded:
    divisor: int = network.size_divisor  # type: ignore[assignment]
    return Padded(network, divisor).eval()


def _onnx(padded: Padded, described: dict[str, str]) -> Encoded:
    try:
        from portrait_cartoons.deployment import onnx_file, onnx_network
    except ImportError as error:
        raise missing(error) from error
    data = onnx_file.encoded(padded, described)
    return data, onnx_network.OnnxNetwork(data, "the export")


def _torch_export(padded: Padded, described: dict[str, str]) -> Encoded:
    from portrait_cartoons.deployment import torch_program

    data = torch_program.encoded(padded, described)
    return data, torch_program.opened(data)


def _safetensors(padded: Padded, described: dict[str, str]) -> Encoded:
    data = slim.encoded(padded.network, described)
    return data, _padded(slim.decoded(data).network)


_ENCODERS = {"onnx": _onnx, "torch_export": _torch_export, "safetensors": _safetensors}
