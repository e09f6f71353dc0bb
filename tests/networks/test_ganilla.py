import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from portrait_cartoons.networks.attention import EfficientChannelAttention
from portrait_cartoons.networks.ganilla import Attention, GanillaGenerator


@pytest.mark.parametrize(
    ("attention", "expected"),
    [("none", 7_228_419), ("skips", 7_228_437), ("bottleneck", 7_228_424), ("pyramid", 7_228_434)],
)
def test_generator_has_the_published_size(attention: Attention, expected: int) -> None:
    assert sum(p.numel() for p in GanillaGenerator(attention=attention).parameters()) == expected


def test_encoder_maps_have_the_published_shapes() -> None:
    maps = GanillaGenerator().to("meta").features(torch.empty(1, 3, 256, 256, device="meta"))
    assert [tuple(c.shape[1:]) for c in maps] == [(64, 128, 128), (128, 64, 64), (128, 32, 32), (256, 16, 16)]


@pytest.mark.parametrize(("channels", "kernel"), [(32, 3), (64, 3), (128, 5), (256, 5), (512, 5)])
def test_attention_kernel_grows_with_the_channels(channels: int, kernel: int) -> None:
    assert sum(p.numel() for p in EfficientChannelAttention(channels).parameters()) == kernel


@given(st.integers(1, 4096))
def test_attention_kernel_is_the_nearest_odd_number(channels: int) -> None:
    size = math.log2(channels) / 2 + 1 / 2
    (kernel,) = EfficientChannelAttention(channels).conv.kernel_size
    assert kernel % 2 == 1
    assert abs(kernel - size) <= 1


def test_attention_equals_values_worked_out_by_hand() -> None:
    attention = EfficientChannelAttention(8)  # kernel 3
    attention.conv.weight.data = torch.tensor([[[1.0, 2.0, -1.0]]])
    x = torch.zeros(1, 8, 2, 2)
    x[0, 0], x[0, 1] = 1.0, torch.tensor([[0.0, 2.0], [4.0, 6.0]])  # channel means 1, 3, 0, ...
    out = attention(x)

    def sigmoid(z: float) -> float:
        return 1 / (1 + math.exp(-z))

    torch.testing.assert_close(out[0, 0], x[0, 0] * sigmoid(2 * 1 - 3))
    torch.testing.assert_close(out[0, 1], x[0, 1] * sigmoid(1 + 2 * 3))
    assert torch.equal(out[0, 2:], torch.zeros(6, 2, 2))
