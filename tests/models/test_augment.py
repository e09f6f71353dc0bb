"""DiffAugment and R1: what they do to pictures, and that every system gives them to its discriminators."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from portrait_cartoons.errors import UserError
from portrait_cartoons.models.animegan import AnimeGANv2
from portrait_cartoons.models.augment import Augment, Kind
from portrait_cartoons.models.cartoongan import CartoonGAN
from portrait_cartoons.models.cyclegan import CycleGAN
from portrait_cartoons.models.pix2pix import Pix2Pix
from portrait_cartoons.models.selfiegan import SelfieGAN
from tests.models.test_cyclegan import Mean, Shift, fit
from tests.models.test_steps import Features, system

KINDS: tuple[Kind, ...] = ("color", "translation", "cutout")


def pictures(seed: int = 0) -> Tensor:
    return torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_changed_alike_until_the_next_draw_and_each_of_a_batch_in_its_own_way(kind: Kind) -> None:
    torch.manual_seed(0)
    augment, first = Augment([kind]), pictures()[:1].expand(2, -1, -1, -1)
    changed = augment(first)
    assert changed.shape == first.shape
    assert torch.equal(augment(first), changed)
    assert not torch.equal(changed[0], changed[1])
    assert not torch.equal(augment(pictures(1)), changed)
    augment.redraw()
    assert not torch.equal(augment(first), changed)


def test_what_is_cut_out_and_what_comes_in_is_grey() -> None:
    torch.manual_seed(0)
    white = torch.ones(8, 3, 16, 16)
    assert [int((picture == 0).sum()) for picture in Augment(["cutout"])(white)] == [3 * 8 * 8] * 8
    moved = Augment(["translation"])(white)
    assert moved.min() == 0
    assert ((moved > 0.99).float().mean((1, 2, 3)) >= (1 - 3 / 16) ** 2).all()


@pytest.mark.parametrize("value", [-1.0, 0.0, 0.3, 1.0])
def test_gradients_pass_through_all_kinds_even_of_flat_pictures(value: float) -> None:
    torch.manual_seed(0)
    picture = torch.full((4, 3, 16, 16), value, requires_grad=True)
    Augment(KINDS)(picture).sum().backward()
    assert picture.grad is not None
    assert picture.grad.isfinite().all()
    if abs(value) < 1:
        assert (picture.grad != 0).float().mean() > 0.4


def test_nothing_asked_for_changes_nothing_and_draws_nothing() -> None:
    state = torch.get_rng_state()
    picture = pictures()
    assert Augment(())(picture) is picture
    assert torch.equal(torch.get_rng_state(), state)


def test_another_kind_is_refused() -> None:
    with pytest.raises(UserError, match=r"model\.augment holds colour: it can hold color, translation, cutout"):
        Augment(["color", "colour"])  # type: ignore[list-item]


class Seen(nn.Module):
    """A discriminator that remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.k = nn.Parameter(torch.tensor(1.0))
        self.images: list[Tensor] = []

    def forward(self, z: Tensor) -> Tensor:
        self.images += list(z.detach().split(1))
        return self.k * z.mean((1, 2, 3))


def model(kind: Any, discriminator: Any, d: dict[str, float], **options: Any) -> Any:
    needed: dict[Any, dict[str, Any]] = {
        CycleGAN: {"pool_size": 0},
        CartoonGAN: {"pool_size": 0, "features": Features, "phases": {"content": {"epochs": 0}}},
        AnimeGANv2: {"features": Features, "phases": {"content": {"epochs": 0}}},
        Pix2Pix: {},
        SelfieGAN: {
            "features": Features,
            "segmenter": partial(nn.Conv2d, 3, 1, 1),
            "background": "white",
            "joint": "none",
            "phases": {"content": {"epochs": 0}, "segment": {"epochs": 0}},
        },
    }
    weights = {"g": dict.fromkeys(kind.terms["g"], 1.0), "d": dict.fromkeys(kind.terms["d"], 1.0) | d}
    weights["u"] = {"adv": 1.0, "seg": 1.0}
    return system(
        kind,
        "gdu"[: len(kind.terms)],
        generator=lambda: Shift(0.0),
        discriminator=discriminator,
        objective="lsgan",
        weights={player: weights[player] for player in kind.terms},
        **needed[kind],
        **options,
    )


KINDS_OF_MODELS = (CycleGAN, CartoonGAN, AnimeGANv2, Pix2Pix, SelfieGAN)


def batch(kind: Any) -> dict[str, Tensor]:
    """All pictures alike, and grey, so that the generator of `model` draws cartoons already."""
    picture = pictures()[0, :1].double().expand(3, -1, -1)
    return {name: picture[:1] if name == "photo_mask" else picture for name in kind.inputs}


@pytest.mark.parametrize("kind", KINDS_OF_MODELS)
def test_a_discriminator_sees_all_pictures_of_a_step_changed_alike(kind: Any) -> None:
    drawn = model(kind, Seen, {"r1": 1.0}, augment=KINDS)
    fit(drawn, [batch(kind)] * 2)
    discriminators: Any = drawn.d.values() if isinstance(drawn.d, nn.ModuleDict) else [drawn.d]
    for discriminator in discriminators:
        shown = torch.cat(discriminator.images)
        first, second = shown.chunk(2)
        assert len(first) >= 4  # real and fake in D's step, fake in G's, real for R1
        # An Adam step of G moves its output by 0.01.
        assert (first - first[0]).abs().max() < 0.05
        assert (second - second[0]).abs().max() < 0.05
        assert (first[0] - second[0]).abs().max() > 0.1
        assert (first[0] - batch(kind)["photo"].repeat(len(first[0]) // 3, 1, 1)).abs().max() > 0.1


@pytest.mark.parametrize("kind", KINDS_OF_MODELS)
def test_r1_is_half_the_squared_gradient_of_each_discriminator(kind: Any) -> None:
    # D = k mean(z): each of the C x 16 x 24 pixels has the gradient k / (C 16 24).
    channels, discriminators = 6 if kind is Pix2Pix else 3, 2 if kind is CycleGAN else 1
    (values,) = fit(model(kind, lambda: Mean(2.0), {"r1": 10.0}), [batch(kind)])
    r1 = discriminators * 2.0**2 / (channels * 16 * 24) / 2
    assert values["train/d/r1"] == pytest.approx(r1)
    others = sum(values[f"train/d/{term}"] for term in kind.terms["d"] if term != "r1")
    assert values["train/d/total"] == pytest.approx(others + 10 * r1)
    (without,) = fit(model(kind, lambda: Mean(2.0), {"r1": 0.0}), [batch(kind)])
    assert "train/d/r1" not in without
