import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from src.losses import segmentation


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


def test_iou_is_the_mean_over_images() -> None:
    logits = torch.tensor([[[[3.0, 0.1, -1.0, -2.0]]], [[[1.0, 1.0, 1.0, 1.0]]]])
    masks = torch.tensor([[[[0.9, 0.2, 0.6, 0.0]]], [[[1.0, 1.0, 1.0, 1.0]]]])
    assert segmentation.iou(logits, masks).item() == pytest.approx((1 / 3 + 1) / 2)


def test_iou_of_two_empty_masks_is_1_and_of_one_is_0() -> None:
    nothing, something = torch.full((1, 1, 2, 2), -1.0), torch.full((1, 1, 2, 2), 1.0)
    assert segmentation.iou(nothing, torch.zeros(1, 1, 2, 2)) == 1
    assert segmentation.iou(something, torch.zeros(1, 1, 2, 2)) == 0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=16))
def test_iou_equals_that_of_sets(pixels: list[tuple[bool, bool]]) -> None:
    found = {n for n, (inside, _) in enumerate(pixels) if inside}
    true = {n for n, (_, inside) in enumerate(pixels) if inside}
    logits, masks = (torch.tensor(pixels).float().T.reshape(2, 1, 1, 1, -1) * 2 - 1).unbind()
    expected = len(found & true) / len(found | true) if found | true else 1
    assert segmentation.iou(logits, (masks + 1) / 2).item() == pytest.approx(expected)
