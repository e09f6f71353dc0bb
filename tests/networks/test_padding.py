import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from portrait_cartoons.networks.padding import Padded


class Seen(nn.Module):
    """The picture unchanged; keeps what it was given."""

    def forward(self, x: Tensor) -> Tensor:
        self.input = x
        return x


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from([1, 4, 16, 24]), st.sampled_from([1, 7, 64]))
def test_the_network_sees_a_mirrored_picture_that_fits(height: int, width: int, divisor: int, least: int) -> None:
    network = Seen()
    x = torch.randn(2, 3, height, width)
    assert torch.equal(Padded(network, divisor, least)(x), x)
    seen = network.input
    for side, original in zip(seen.shape[2:], (height, width), strict=True):
        assert side % divisor == 0
        assert max(original, least) <= side < max(original, least) + divisor
    before = [(padded - side) // 2 for padded, side in zip(seen.shape[2:], (height, width), strict=True)]
    around = [(b, p - s - b) for b, p, s in zip(before, seen.shape[2:], (height, width), strict=True)]
    assert np.array_equal(seen.numpy(), np.pad(x.numpy(), [(0, 0), (0, 0), *around], mode="reflect"))


@pytest.mark.parametrize("side", [64, 128])
def test_a_fitting_picture_is_left_alone(side: int) -> None:
    network = Seen()
    x = torch.randn(1, 3, side, side)
    Padded(network, 16)(x)
    assert torch.equal(network.input, x)
