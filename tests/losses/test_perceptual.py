import pytest
import torch

from portrait_cartoons.losses import perceptual


def test_value_worked_out_by_hand() -> None:
    output, photo = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, 1.0]])
    assert perceptual.content(output, photo).item() == pytest.approx((0.5 + 3) / 2)
    assert perceptual.content(photo, photo).item() == 0


def test_it_does_not_grow_with_batch_or_size() -> None:
    one = perceptual.content(torch.ones(1, 2, 3, 3), torch.zeros(1, 2, 3, 3))
    assert one == perceptual.content(torch.ones(4, 2, 6, 6), torch.zeros(4, 2, 6, 6)) == 1
