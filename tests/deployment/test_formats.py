"""Exported generators draw what PyTorch draws, for photos of any size."""

import copy
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors import torch as safetensors
from torch import Tensor

from portrait_cartoons import styles
from portrait_cartoons.deployment import contract, onnx_file, onnx_network, onnx_small, parity, slim
from portrait_cartoons.deployment.reading import load
from portrait_cartoons.networks.padding import Padded
from tests.deployment.conftest import GENERATORS, data, draw, padded, trained

SIZES = [(8, 8), (64, 64), (65, 67), (96, 64), (257, 255), (1, 70)]
FORMATS = ["onnx", "torch_export", "safetensors"]
PUBLISHED = ("cyclegan", "camgan", "cartoongan", "artifygan")
ALL = [
    pytest.param(name, marks=() if name in PUBLISHED else pytest.mark.slow) for name in (*GENERATORS, *styles.names())
]


def noise(count: int, height: int, width: int) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(height)) * 2 - 1


def compared(name: str, form: str, photos: Tensor) -> float:
    with torch.inference_mode():
        output, expected = draw(name, form)(photos), padded(name)(photos)
    assert output.shape == photos.shape == expected.shape
    return (output - expected).abs().max().item()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ALL)
def test_every_generator_draws_the_same_at_every_size(name: str, form: str) -> None:
    for height, width in SIZES:
        assert compared(name, form, noise(1, height, width)) < 1e-4, (height, width)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ALL)
def test_every_generator_draws_the_same_in_large(name: str, form: str) -> None:
    assert compared(name, form, noise(1, 1024, 512)) < 1e-4


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ALL)
def test_a_batch_is_as_many_single_photos(name: str, form: str) -> None:
    photos = noise(3, 65, 67)
    with torch.inference_mode():
        together, singly = draw(name, form)(photos), [draw(name, form)(photo[None]) for photo in photos]
    assert (together - torch.cat(singly)).abs().max() < 1e-5


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ALL)
def test_one_pixel_keeps_its_size(name: str, form: str) -> None:
    """Under instance norm its colour is a matter of rounding, because it has no contrast; batch norm knows it."""
    difference = compared(name, form, noise(1, 1, 1))
    assert difference <= 2
    if "batch norm" in name or name == "artifygan":
        assert difference < 1e-4


def test_an_onnx_file_says_what_it_is() -> None:
    model = onnx.load_model_from_string(data("camgan", "onnx"))
    onnx.checker.check_model(model, full_check=True)
    found = {entry.key: entry.value for entry in model.metadata_props}
    assert found["weights"] == "float32"
    assert found["colour_order"] == "RGB"
    assert found["range"] == "[-1, 1]"
    assert (found["size"], found["size_divisor"], found["licence"]) == ("64", "16", "mine")
    for value in (model.graph.input[0], model.graph.output[0]):
        sides = value.type.tensor_type.shape.dim
        assert [side.dim_param or side.dim_value for side in sides] == ["batch", 3, "height", "width"]


@pytest.mark.parametrize("change", [2e-4, np.nan])
def test_a_difference_is_refused(change: float) -> None:
    def wrong(photos: Tensor) -> Tensor:
        return padded("artifygan")(photos) + (change if photos.shape[2] == 65 else 0)

    with pytest.raises(parity.ExportError, match=r"differs from PyTorch by .* 65 x 67, .*nothing was written"):
        parity.measured(padded("artifygan"), wrong)
    with pytest.raises(parity.ExportError, match="for photos of 2 x 3 x 8 x 8; nothing was written"):
        parity.measured(padded("artifygan"), lambda photos: padded("artifygan")(photos)[..., 1:])


def test_half_the_bits_are_half_the_bytes_and_nearly_the_same_picture() -> None:
    whole = trained("cyclegan")
    names = (
        slim.encoded(whole.network, contract.metadata(whole, "mine", 100)),
        slim.encoded(whole.network, contract.metadata(whole, "mine", 100, weights="float16")),
    )
    tensors = [sum(value.nbytes for value in safetensors.load(data).values()) for data in names]
    assert tensors[1] == tensors[0] / 2
    small = slim.decoded(names[1])
    assert {value.dtype for value in small.network.state_dict().values()} == {torch.float32}
    photo = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        difference = (small.network(photo) - whole.network(photo)).abs().max()
    assert 0 < difference < 0.02


def test_weights_of_16_bits_in_onnx_change_nothing_but_the_size() -> None:
    """They are rounded before the file is made, so that storing them is exact."""
    network = copy.deepcopy(trained("cartoongan").network).half().float()
    rounded = Padded(network, network.size_divisor).eval()  # type: ignore[arg-type]
    whole = onnx_file.encoded(rounded, contract.metadata(trained("cartoongan"), "mine", 100, "float16"))
    small = onnx_small.halved(whole)
    onnx.checker.check_model(onnx.load_model_from_string(small), full_check=True)
    weights = sum(value.numel() for value in network.state_dict().values())
    assert len(whole) - len(small) > 1.8 * weights
    photo = noise(1, 65, 67)
    draws = [onnx_network.OnnxNetwork(data, "the export") for data in (whole, small)]
    assert torch.equal(draws[0](photo), draws[1](photo))


def test_convolutions_in_8_bits_draw_nearly_the_same(tmp_path: Path) -> None:
    file = tmp_path / "small.onnx"
    file.write_bytes(data("cartoongan", "onnx", "int8"))
    model = onnx.load(file)
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in model.graph.node}
    assert {entry.key: entry.value for entry in model.metadata_props}["weights"] == "int8"
    for height, width in ((65, 67), (96, 64)):
        photo = noise(1, height, width)
        with torch.inference_mode():
            output, expected = load(file).network(photo), padded("cartoongan")(photo)
        assert 25 < parity.psnr(lambda _, y=output: y, lambda _, y=expected: y, [photo]) < 80  # type: ignore[misc]


def test_what_smaller_weights_change_is_measured() -> None:
    def changed(photos: Tensor) -> Tensor:
        return photos + 0.02

    assert parity.psnr(lambda x: x, changed, [noise(1, 8, 8), noise(1, 9, 9)]) == pytest.approx(40, abs=1e-3)
