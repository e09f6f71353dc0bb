import math

import pytest
import torch

from portrait_cartoons.losses import segmentation


def test_bce_worked_out_by_hand() -> None:
    logits, masks = torch.tensor([[[[2.0, -1.0]]]]), torch.tensor([[[[1.0, 0.25]]]])

    def log_sigmoid(z: float) -> float:
        return -math.log(1 + math.exp(-z))

    expected = -(log_sigmoid(2.0) + 0.25 * log_sigmoid(-1.0) + 0.75 * log_sigmoid(1.0)) / 2
    assert segmentation.bce(logits, masks).item() == pytest.approx(expected)


def test_bce_pulls_logits_towards_the_mask_even_where_it_is_surely_wrong() -> None:
    logits = torch.tensor([[[[-200.0, 200.0]]]], requires_grad=True)
    loss = segmentation.bce(logits, torch.tensor([[[[1.0, 0.0]]]]))
    loss.backward()
    assert loss.isfinite()
    assert logits.grad is not None
    assert torch.equal(logits.grad.sign(), torch.tensor([[[[-1.0, 1.0]]]]))
