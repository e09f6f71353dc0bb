import pytest
import torch

from portrait_cartoons.losses.style import gram, style

F64 = torch.float64


def test_value_worked_out_by_hand() -> None:
    features = torch.tensor([[[[1, 2]], [[3, 4]]]], dtype=F64)  # two channels of two positions
    assert gram(features)[0].tolist() == [[5 / 4, 11 / 4], [11 / 4, 25 / 4]]
    other = torch.tensor([[[[1]], [[0]]]], dtype=F64)  # of one position: [[1 / 2, 0], [0, 0]]
    assert style(features, other).item() == pytest.approx((3 / 4 + 11 / 4 + 11 / 4 + 25 / 4) / 4)


def test_it_forgets_where_things_are_and_each_picture_has_its_own() -> None:
    features = torch.rand(2, 3, 4, 6, dtype=F64)
    assert style(features, features.flip(2, 3)).item() == pytest.approx(0)
    assert style(features, features.flip(1)).item() > 1e-3
    assert style(features, features.flip(0)).item() > 1e-3
