import pytest
import torch

from portrait_cartoons.losses.colour import colour, total_variation

F64 = torch.float64


def image(*rgb: float) -> torch.Tensor:
    return torch.tensor(rgb, dtype=F64).view(1, 3, 1, 1).expand(1, 3, 2, 2)


def test_colour_worked_out_by_hand() -> None:
    # In [0, 1] red has Y 0.299, U -0.147, V 0.615, and blue 0.114, 0.436, -0.100.
    expected = 0.185 + 0.583**2 / 2 + 0.715**2 / 2
    assert colour(image(1, -1, -1), image(-1, -1, 1)).item() == pytest.approx(expected)


def test_greys_differ_in_luminance_alone() -> None:
    assert colour(image(0.5, 0.5, 0.5), image(-0.5, -0.5, -0.5)).item() == pytest.approx(0.5)


def test_a_colour_that_is_far_off_counts_linearly() -> None:
    # Red of 10 in [0, 1], against black: Y 2.99, U -1.47, V 6.15; Huber of a difference d above 1 is d - 1/2.
    assert colour(image(19, -1, -1), image(-1, -1, -1)).item() == pytest.approx(2.99 + 0.97 + 5.65)


def test_total_variation_worked_out_by_hand() -> None:
    picture = torch.tensor([[[[0, 1], [3, 7]]]], dtype=F64)
    assert total_variation(picture).item() == pytest.approx(((3**2 + 6**2) / 2 + (1**2 + 4**2) / 2) / 2)
    assert total_variation(image(0.3, 0.1, -0.2)).item() == 0
