"""Exported generators draw what PyTorch draws, for photos of any size."""

import numpy as np
import onnx
import pytest
import torch
from safetensors import torch as safetensors
from torch import Tensor

from portrait_cartoons.deployment import contract, parity, slim
from tests.deployment.conftest import GENERATORS, data, draw, padded, trained

SIZES = [(8, 8), (64, 64), (65, 67), (96, 64), (257, 255), (1, 70)]
FORMATS = ["onnx", "torch_export", "safetensors"]
PUBLISHED = ("cyclegan", "camgan", "cartoongan", "artifygan")
ALL = [pytest.param(name, marks=() if name in PUBLISHED else pytest.mark.slow) for name in GENERATORS]


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
        slim.encoded(whole.network, contract.metadata(whole, "mine", 100, half=True)),
    )
    tensors = [sum(value.nbytes for value in safetensors.load(data).values()) for data in names]
    assert tensors[1] == tensors[0] / 2
    small = slim.decoded(names[1])
    assert {value.dtype for value in small.network.state_dict().values()} == {torch.float32}
    photo = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        difference = (small.network(photo) - whole.network(photo)).abs().max()
    assert 0 < difference < 0.02
