"""CartoonGAN, ArtifyGAN and SelfieGAN against values worked out by hand, and who moves in which phase."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import LambdaCallback
from torch import Tensor, nn

from portrait_cartoons.errors import UserError
from portrait_cartoons.models.artifygan import ArtifyGAN
from portrait_cartoons.models.cartoongan import CartoonGAN
from portrait_cartoons.models.selfiegan import SelfieGAN
from tests.models.test_cyclegan import ADAM, Mean, Shift, adam, fit

WEIGHTS = {"g": {"adv": 1.0, "content": 0.5}, "d": {"adv": 1.0}, "u": {"adv": 1.0, "seg": 10.0}}


class Double(nn.Module):
    """Features that are twice the image."""

    def forward(self, z: Tensor) -> Tensor:
        return 2 * z


class Segmenter(nn.Module):
    """Sure of a person wherever the red channel is below its threshold: what is red is not a face."""

    def __init__(self) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(0.5))

    def forward(self, z: Tensor) -> Tensor:
        return 1e4 * (self.threshold - z[:, :1])


def model(kind: type[CartoonGAN | SelfieGAN], **options: Any) -> Any:
    arguments: dict[str, Any] = {
        "generator": lambda: Shift(0.3),
        "discriminator": lambda: Mean(1.0),
        "features": Double,
        "objective": "lsgan",
        "batch_size": 1,
        "phases": {name: {"epochs": 0} for name in kind.phases[:-1]},
        "optimizers": dict.fromkeys(kind.terms, ADAM),
        "weights": {player: WEIGHTS[player] for player in kind.terms},
        "epochs": 4,
        "decay_share": 0.0,
    }
    if kind is SelfieGAN:
        arguments |= {
            "segmenter": Segmenter,
            "background": "white",
            "joint": "none",
        }
    else:
        arguments["pool_size"] = 0
    return kind(**{**arguments, **options})


JOINT = {"joint": "discriminator"}


def phases(**epochs: int) -> dict[str, Any]:
    return {"phases": {name: {"epochs": count} for name, count in epochs.items()}}


def sample(photo: float, cartoon: float, smooth: float) -> dict[str, Tensor]:
    images = {"photo": photo, "cartoon": cartoon, "cartoon_smooth": smooth}
    batch = {name: torch.full((3, 8, 8), value) for name, value in images.items()}
    return {**batch, "photo_mask": torch.ones(1, 8, 8)}


@pytest.mark.parametrize("kind", [CartoonGAN, ArtifyGAN])
def test_losses_equal_the_values_worked_out_by_hand(kind: Any) -> None:
    # x = 0.1, y = 0.6, e = 0.4, G(x) = 0.4; D(z) = z. The terms: y real, e and G(x) fake.
    (values,) = fit(model(kind, optimizers={"g": ADAM, "d": adam(0.0)}), [sample(0.1, 0.6, 0.4)])
    assert values["train/d/adv"] == pytest.approx((0.6 - 1) ** 2 + 0.4**2 + 0.4**2)
    assert values["train/g/adv"] == pytest.approx((0.4 - 1) ** 2)
    assert values["train/g/content"] == pytest.approx(2 * 0.3)
    assert values["train/g/total"] == pytest.approx(0.36 + 0.5 * 0.6)
    scores = {name: values[f"train/d_score/{name}"] for name in ("real", "smooth", "fake")}
    assert scores == pytest.approx({"real": 0.6, "smooth": 0.4, "fake": 0.4})


def test_generator_and_discriminator_share_one_objective() -> None:
    # Not least squares on one side and cross-entropy on the other.
    (values,) = fit(
        model(CartoonGAN, objective="vanilla", optimizers={"g": ADAM, "d": adam(0.0)}),
        [sample(0.1, 0.6, 0.4)],
    )

    def softplus(value: float) -> float:
        return torch.nn.functional.softplus(torch.tensor(value)).item()

    assert values["train/d/adv"] == pytest.approx(softplus(-0.6) + 2 * softplus(0.4))
    assert values["train/g/adv"] == pytest.approx(softplus(-0.4))


def test_relativistic_pairing_sets_each_fake_against_the_cartoon_of_its_batch() -> None:
    system = model(CartoonGAN, objective="rpgan", optimizers={"g": ADAM, "d": adam(0.0)})
    (values,) = fit(system, [sample(0.1, 0.6, 0.3)])

    def softplus(value: float) -> float:
        return torch.nn.functional.softplus(torch.tensor(value)).item()

    assert values["train/d/adv"] == pytest.approx(softplus(0.3 - 0.6) + softplus(0.4 - 0.6))
    assert values["train/g/adv"] == pytest.approx(softplus(0.6 - 0.4))


def parameters(system: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in system.named_parameters()}


def moved(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> set[str]:
    return {name[0] for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        (CartoonGAN, phases(content=2), [{"g"}, {"g"}, {"g", "d"}]),
        (ArtifyGAN, phases(content=1), [{"g"}, {"g", "d"}, {"g", "d"}]),
        (SelfieGAN, phases(content=1, segment=1), [{"g"}, {"u"}, {"g", "d"}]),
        (SelfieGAN, JOINT | phases(content=0, segment=1), [{"u"}, {"g", "d", "u"}, {"g", "d", "u"}]),
        (SelfieGAN, {"joint": "generator"}, [{"g", "d", "u"}, {"g", "d", "u"}]),
        (SelfieGAN, {}, [{"g", "d"}, {"g", "d"}, {"g", "d"}]),
    ],
)
def test_each_phase_changes_just_the_players_it_should(
    kind: Any, options: dict[str, Any], expected: list[set[str]]
) -> None:
    system = model(kind, **options)
    states = [parameters(system)]
    batch = sample(0.1, 0.2, 0.3)
    batch["photo"] = torch.linspace(-1, 1, 3 * 64).reshape(3, 8, 8)
    if kind is SelfieGAN:
        system.u.forward = lambda z: system.u.threshold - z[:, :1]  # a soft one, whose gradient does not vanish
    fit(
        system,
        [batch],
        epochs=len(expected),
        callbacks=[LambdaCallback(on_train_epoch_end=lambda *_: states.append(parameters(system)))],
    )
    assert [moved(a, b) for a, b in pairwise(states)] == expected


@pytest.mark.parametrize(("background", "value"), [("white", 1.0), ("grey", 0.0), ("black", -1.0)])
def test_outside_a_hard_mask_the_discriminator_sees_exactly_the_background(background: str, value: float) -> None:
    system = model(SelfieGAN, background=background)
    z = torch.zeros(1, 3, 8, 8)
    z[:, 0, :, 4:] = 0.9  # the right half turned red: no face
    seen = system.cut_out(z)
    assert (seen[..., 4:] == value).all()
    assert torch.equal(seen[..., :4], z[..., :4])


def test_in_validation_the_mask_is_the_person_of_the_photo() -> None:
    z = torch.zeros(1, 3, 8, 8)
    z[:, 0, :, 4:] = 0.9
    found = model(SelfieGAN).validation_step({"photo": z}, 0)
    assert torch.equal(found["output"], z + 0.3)
    assert torch.equal(found["mask"], (z[:, :1] < 0.5).float())


def test_outside_a_hard_mask_there_is_no_adversarial_gradient_and_inside_there_is() -> None:
    system = model(SelfieGAN)
    z = torch.zeros(1, 3, 8, 8)
    z[:, 0, :, 4:] = 0.9
    z.requires_grad_()
    (gradient,) = torch.autograd.grad((system.seen(z) - 1).square().mean(), z)
    assert (gradient[..., 4:] == 0).all()
    assert (gradient[..., :4] != 0).all()


def test_gradients_flow_through_the_segmenter_to_the_generator_but_do_not_move_it() -> None:
    system = model(SelfieGAN)
    system.u.forward = lambda z: 3 * (system.u.threshold - z[:, :1])
    z = torch.full((1, 3, 8, 8), 0.4, requires_grad=True)
    (through,) = torch.autograd.grad(system.cut_out(z).sum(), z)
    person = torch.sigmoid(torch.tensor(3 * (0.5 - 0.4)))
    # M = s z + (1 - s): the red channel moves the mask of all three, ds/dz = -3 s (1 - s).
    red = person + (-3 * person * (1 - person)) * 3 * (0.4 - 1)
    assert torch.allclose(through[:, 0], red)
    assert torch.allclose(through[:, 1:], person)


def test_without_a_background_it_is_cartoongan() -> None:
    batch = sample(0.1, 0.6, 0.4)
    ours, theirs = (fit(m, [batch])[0] for m in (model(SelfieGAN, background="none"), model(CartoonGAN)))
    losses = [name for name in theirs if name.startswith(("train/g/", "train/d/"))]
    assert len(losses) == 5
    assert [ours[name] for name in losses] == pytest.approx([theirs[name] for name in losses])


def test_the_discriminator_judges_fakes_of_the_pool() -> None:
    system = model(CartoonGAN, pool_size=1, optimizers={"g": adam(0.0), "d": adam(0.0)})
    system.pool.images = [torch.full((3, 8, 8), 0.9)]
    system.pool.forward = lambda _: torch.stack([system.pool.images[0]])
    (values,) = fit(system, [sample(0.1, 0.6, 0.4)])
    assert values["train/d_score/fake"] == pytest.approx(0.9)
    assert values["train/g/adv"] == pytest.approx((0.4 - 1) ** 2), "G answers for its own output"


@pytest.mark.parametrize("weight", [0.0, 3.0])
def test_content_alone_keeps_its_weight_so_that_adam_meets_no_jump_and_needs_none(weight: float) -> None:
    weights = {"g": {"adv": 1.0, "content": weight}, "d": {"adv": 1.0}, "u": {"adv": 1.0, "seg": 1.0}}
    still = {"g": adam(0.0), "d": adam(0.0), "u": adam(0.0)}
    system = model(SelfieGAN, weights=weights, optimizers=still, **phases(content=1, segment=0))
    first, second = fit(system, [sample(0.1, 0.6, 0.4)], epochs=2)
    assert first["train/g/total"] == pytest.approx((weight or 1.0) * 2 * 0.3)
    assert second["train/g/total"] == pytest.approx((0.4 - 1) ** 2 + weight * 2 * 0.3)


class Constant(nn.Module):
    """The same logit everywhere: a mask whose losses can be worked out by hand."""

    def __init__(self, mask: float) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.tensor(mask).logit())

    def forward(self, z: Tensor) -> Tensor:
        return self.logit.expand(len(z), 1, *z.shape[2:])


STILL = {player: adam(0.0) for player in "gdu"}


def joint(side: str, w2: float, **options: Any) -> Any:
    weights = WEIGHTS | {"u": {"adv": 1.0, "seg": w2}}
    return model(
        SelfieGAN, joint=side, weights=weights, segmenter=lambda: Constant(0.75), background="black", **options
    )


@pytest.mark.parametrize("w2", [0.0, 1.0, 10.0])
def test_the_segmenter_minimises_the_adversarial_loss_of_its_side_and_w2_times_its_own(w2: float) -> None:
    # x = 0.1, y = 0.6, e = 0.4, G(x) = 0.4; S = 0.75; D(M(z)) = 0.75 z - 0.25: 0.2 for y, 0.05 for e and G(x).
    seg = -torch.tensor(0.75).log().item()
    for side, adv in {"discriminator": (0.2 - 1) ** 2 + 2 * 0.05**2, "generator": (0.05 - 1) ** 2}.items():
        (values,) = fit(joint(side, w2, optimizers=STILL), [sample(0.1, 0.6, 0.4)])
        assert values["train/u/adv"] == pytest.approx(adv)
        assert values["train/u/seg"] == pytest.approx(seg)
        assert values["train/u/total"] == pytest.approx(adv + w2 * seg)
    (values,) = fit(joint("none", w2, optimizers=STILL), [sample(0.1, 0.6, 0.4)])
    assert not any(name.startswith("train/u/") for name in values)


def test_the_mean_masks_of_all_pictures_are_logged() -> None:
    (values,) = fit(joint("generator", 1.0, optimizers=STILL), [sample(0.1, 0.6, 0.4)])
    assert [values[f"train/mask/{name}"] for name in ("photo", "output", "cartoon")] == pytest.approx([0.75] * 3)


@pytest.mark.parametrize(("side", "differ"), [("none", False), ("discriminator", True), ("generator", True)])
def test_w2_matters_in_the_joint_modes_and_nowhere_else(side: str, differ: bool) -> None:
    ends = []
    for w2 in (1.0, 100.0):
        torch.manual_seed(0)
        system = joint(side, w2, **phases(content=0, segment=2))
        fit(system, [sample(0.1, 0.6, 0.4)], epochs=8)
        ends.append(parameters(system))
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0]) is not differ
    assert torch.equal(ends[0]["u.logit"], ends[1]["u.logit"]) is not differ


@pytest.mark.parametrize("side", ["discriminator", "generator"])
def test_without_w2_the_mask_is_lost(side: str) -> None:
    masks = {}
    for w2 in (0.0, 10.0):
        optimizers = {"g": adam(0.0), "d": adam(0.0), "u": adam(0.2)}
        batch = sample(0.1, 0.6, 0.4) | {"photo_mask": torch.cat([torch.ones(1, 6, 8), torch.zeros(1, 2, 8)], 1)}
        system = joint(side, w2, optimizers=optimizers)
        system.background = "white"  # which D takes for real
        fit(system, [batch] * 50)
        masks[w2] = torch.sigmoid(system.u.logit).item()
    assert masks[10.0] == pytest.approx(0.75, abs=0.15), "as much as is person"
    assert not 0.1 < masks[0.0] < 0.9


def test_a_joint_mode_without_a_background_is_refused() -> None:
    with pytest.raises(UserError, match=r"model\.joint=generator .*model\.background=none"):
        model(SelfieGAN, joint="generator", background="none")
