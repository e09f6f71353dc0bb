"""What goes through the frozen networks in a step: each picture once, and a photo without a graph for gradients."""

from typing import Any

import pytest
from torch import Tensor, nn

from portrait_cartoons.speed.steps import fit, made_up
from tests.speed.test_reference import SIZE, options, small


def pictures(network: nn.Module) -> list[bool]:
    """For each picture that goes through it from now on, whether gradients will come back to it."""
    seen: list[bool] = []

    def watch(_: nn.Module, given: tuple[Tensor, ...], __: Any) -> None:
        seen.extend([given[0].requires_grad] * len(given[0]))

    network.register_forward_hook(watch)
    return seen


@pytest.mark.parametrize("name", ["cartoongan", "selfiegan", "artifygan"])
def test_features_of_the_photo_are_taken_once_and_without_gradient(name: str) -> None:
    model = small(name)
    seen = pictures(model.features)  # type: ignore[arg-type]
    fit(model, [made_up(model, SIZE, 1)], options())
    assert sorted(seen) == [False, True]


def test_the_frozen_unet_sees_each_picture_once() -> None:
    model = small("selfiegan")
    seen = pictures(model.u)  # type: ignore[arg-type]
    fit(model, [made_up(model, SIZE, 1)], options())
    assert sorted(seen) == [False, False, True]  # cartoon and smoothed cartoon, and what the generator drew
