from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import lightning
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from portrait_cartoons.models.base import DivergenceError, Translator
from portrait_cartoons.models.cyclegan import CycleGAN
from portrait_cartoons.networks.patchgan import PatchDiscriminator
from portrait_cartoons.networks.resnet import ResnetGenerator

WEIGHTS = {"g": {"adv": 1.0, "cycle": 10.0, "identity": 5.0}, "d": {"adv": 1.0}}


def adam(lr: float) -> Callable[..., torch.optim.Optimizer]:
    return partial(torch.optim.Adam, lr=lr, betas=(0.5, 0.999), fused=True)


ADAM = adam(2e-4)


class Shift(nn.Module):
    """z + c with one learnable c: a generator whose losses can be worked out by hand."""

    def __init__(self, c: float) -> None:
        super().__init__()
        self.c = nn.Parameter(torch.tensor(c))

    def forward(self, z: Tensor) -> Tensor:
        return z + self.c


class Mean(nn.Module):
    """k times the mean of an image as its only logit."""

    def __init__(self, k: float) -> None:
        super().__init__()
        self.k = nn.Parameter(torch.tensor(k))

    def forward(self, z: Tensor) -> Tensor:
        return self.k * z.mean((1, 2, 3))


def cyclegan(weights: Mapping[str, Mapping[str, float]] = WEIGHTS, **options: Any) -> CycleGAN:
    arguments: dict[str, Any] = {
        "generator": partial(ResnetGenerator, width=4, blocks=1),
        "discriminator": partial(PatchDiscriminator, width=4, layers=2),
        "objective": "lsgan",
        "pool_size": 50,
        "weights": weights,
        "optimizers": {"g": ADAM, "d": ADAM},
        "batch_size": 1,
        "epochs": 2,
        "decay_share": 0.5,
    }
    return CycleGAN(**{**arguments, **options})


def by_hand(**options: Any) -> CycleGAN:
    model = cyclegan(**options)
    model.g = nn.ModuleDict({"xy": Shift(0.3), "yx": Shift(-0.1)})
    model.d = nn.ModuleDict({"x": Mean(2.0), "y": Mean(1.0)})
    return model


def constant(photo: float, cartoon: float, batches: int = 1) -> list[dict[str, Tensor]]:
    return [{"photo": torch.full((3, 16, 16), photo), "cartoon": torch.full((3, 16, 16), cartoon)}] * batches


class Record(lightning.Callback):
    """Every logged value of every batch."""

    def __init__(self) -> None:
        self.values: list[dict[str, float]] = []

    def on_train_batch_end(self, trainer: lightning.Trainer, *args: Any) -> None:
        self.values.append({name: value.item() for name, value in trainer.callback_metrics.items()})


def fit(
    model: Translator, samples: list[dict[str, Tensor]], epochs: int = 1, callbacks: Sequence[lightning.Callback] = ()
) -> list[dict[str, float]]:
    """Train on samples one by one; what was logged after each."""
    record = Record()
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
        callbacks=[*callbacks, record],
    )
    trainer.fit(model, DataLoader(samples, batch_size=1))  # type: ignore[arg-type]
    return record.values


def test_losses_equal_the_values_worked_out_by_hand() -> None:
    # x = 0.2, y = 0.5; G(x) = 0.5, F(y) = 0.4; F(G(x)) = 0.4, G(F(y)) = 0.7; D_Y(z) = z, D_X(z) = 2 z.
    (values,) = fit(by_hand(), constant(0.2, 0.5))
    assert values["train/g/adv"] == pytest.approx((0.5 - 1) ** 2 + (0.8 - 1) ** 2)
    assert values["train/g/cycle"] == pytest.approx(0.2 + 0.2)
    # |G(y) - y| + |F(x) - x| is 0.3 + 0.1 whatever the images: with swapped arguments it would be |G(x) - x| ...
    assert values["train/g/identity"] == pytest.approx(0.3 + 0.1)
    assert values["train/g/total"] == pytest.approx(0.25 + 0.04 + 10 * 0.4 + 5 * 0.4)
    # D sees the fakes made before G's step.
    real = (0.5 - 1) ** 2 + (0.4 - 1) ** 2
    fake = 0.5**2 + 0.8**2
    assert values["train/d/adv"] == pytest.approx(0.5 * (real + fake))


def test_relativistic_pairing_sets_each_fake_against_the_image_of_its_domain() -> None:
    (values,) = fit(by_hand(objective="rpgan", optimizers={"g": ADAM, "d": adam(0.0)}), constant(0.2, 0.5))

    def softplus(value: float) -> float:
        return torch.nn.functional.softplus(torch.tensor(value)).item()

    # D_Y: y 0.5, G(x) 0.5; D_X: x 0.4, F(y) 0.8.
    assert values["train/d/adv"] == pytest.approx(0.5 * (softplus(0.0) + softplus(0.8 - 0.4)))
    assert values["train/g/adv"] == pytest.approx(softplus(0.0) + softplus(0.4 - 0.8))


def test_identity_compares_each_generator_with_its_own_target_domain() -> None:
    model = by_hand()
    seen: dict[str, list[float]] = {"xy": [], "yx": []}
    for name, network in model.g.items():
        network.register_forward_pre_hook(
            lambda _, args, name=name: seen[name].extend(args[0].mean((1, 2, 3)).tolist())
        )
    fit(model, constant(0.2, 0.5))
    assert seen["xy"] == pytest.approx([0.2, 0.5, 0.4])  # x, y for identity, F(y)
    assert seen["yx"] == pytest.approx([0.5, 0.2, 0.5])  # y, x for identity, G(x)


def test_without_identity_it_is_not_computed() -> None:
    model = by_hand(weights={"g": {**WEIGHTS["g"], "identity": 0.0}, "d": WEIGHTS["d"]})
    (values,) = fit(model, constant(0.2, 0.5))
    assert "train/g/identity" not in values
    assert values["train/g/total"] == pytest.approx(0.25 + 0.04 + 10 * 0.4)


@pytest.mark.parametrize("player", ["g", "d"])
def test_a_player_moves_in_its_own_step_alone(player: str) -> None:
    other = {"g": "d", "d": "g"}[player]
    model = cyclegan(optimizers={player: ADAM, other: adam(0.0)})
    before = {name: value.clone() for name, value in model.named_parameters()}
    fit(model, [{"photo": torch.rand(3, 32, 32), "cartoon": torch.rand(3, 32, 32)}])
    moved = {name[0] for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert moved == {player}


def test_the_generator_step_leaves_no_gradient_on_the_discriminator_and_back() -> None:
    model = cyclegan()
    gradients: dict[str, set[str]] = {}

    def note(player: str) -> Any:
        def hook(*_: Any) -> None:
            gradients[player] = {name[0] for name, value in model.named_parameters() if value.grad is not None}

        return hook

    original = model.configure_optimizers

    def configured() -> list[torch.optim.Optimizer]:
        optimizers = original()
        for player, optimizer in zip("gd", optimizers, strict=True):
            optimizer.register_step_pre_hook(note(player))
            optimizer.register_step_post_hook(lambda optimizer, *_: optimizer.zero_grad())
        return optimizers

    model.configure_optimizers = configured  # type: ignore[method-assign]
    fit(model, [{"photo": torch.rand(3, 32, 32), "cartoon": torch.rand(3, 32, 32)}])
    assert gradients == {"g": {"g"}, "d": {"d"}}


def test_learning_rates_follow_the_epochs() -> None:
    values = fit(cyclegan(epochs=4), [{"photo": torch.rand(3, 32, 32), "cartoon": torch.rand(3, 32, 32)}], epochs=4)
    assert [v["train/lr/g"] for v in values] == pytest.approx([2e-4, 2e-4, 2e-4 * 2 / 3, 2e-4 / 3])


def test_gamma_multiplies_the_learning_rates_after_each_epoch() -> None:
    model = cyclegan(epochs=4, gamma=0.5)
    values = fit(model, [{"photo": torch.rand(3, 32, 32), "cartoon": torch.rand(3, 32, 32)}], epochs=4)
    assert [v["train/lr/g"] for v in values] == pytest.approx([2e-4, 1e-4, 2e-4 * 2 / 3 / 4, 2e-4 / 3 / 8])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_non_finite_loss_stops_before_the_step_and_names_player_and_term(bad: float) -> None:
    model = by_hand()
    before = [p.clone() for p in model.parameters()]
    with pytest.raises(DivergenceError, match=r"train/g/\w+ became (nan|inf) in epoch 1"):
        fit(model, constant(0.2, bad), epochs=1) if bad != bad else fit(model, constant(bad, 0.2))
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_gradients_are_clipped_to_the_configured_norm() -> None:
    model = cyclegan(clip={"g": 1e-3})
    norms: list[float] = []
    original = model.configure_optimizers

    def configured() -> list[torch.optim.Optimizer]:
        optimizers = original()
        gradients = list(model.g.parameters())
        optimizers[0].register_step_pre_hook(
            lambda *_: norms.append(
                torch.nn.utils.get_total_norm([p.grad for p in gradients if p.grad is not None]).item()
            )
        )
        return optimizers

    model.configure_optimizers = configured  # type: ignore[method-assign]
    fit(model, [{"photo": torch.rand(3, 32, 32), "cartoon": torch.rand(3, 32, 32)}])
    assert norms == pytest.approx([1e-3], rel=1e-3)


def test_scores_are_those_of_each_kind_of_image() -> None:
    (values,) = fit(by_hand(optimizers={"g": ADAM, "d": adam(0.0)}), constant(0.2, 0.5))
    scores = {name: values[f"train/d_score/{name}"] for name in ("real", "fake", "real_photo", "fake_photo")}
    assert scores == pytest.approx({"real": 0.5, "fake": 0.5, "real_photo": 0.4, "fake_photo": 0.8})


def test_an_undeclared_or_forgotten_term_is_an_error() -> None:
    model = cyclegan()

    def misspelt(batch: Any, batch_idx: int) -> None:
        with model.update("d") as t:
            t["advv"] = model.d["x"](batch["photo"]).mean()

    def forgotten(batch: Any, batch_idx: int) -> None:
        with model.update("d"):
            pass

    for step, message in ((misspelt, "no loss term 'advv', only adv"), (forgotten, "without its term adv")):
        model.training_step = step  # type: ignore[method-assign,assignment]
        with pytest.raises(KeyError, match=message):
            fit(model, [{"photo": torch.rand(3, 32, 32), "cartoon": torch.rand(3, 32, 32)}])


class Root(nn.Module):
    """The root of k as its only logit: at 0 it is finite and its slope is not."""

    def __init__(self) -> None:
        super().__init__()
        self.k = nn.Parameter(torch.tensor(0.0))

    def forward(self, z: Tensor) -> Tensor:
        return self.k.sqrt().expand(len(z))


def test_a_non_finite_gradient_stops_before_the_step_too() -> None:
    model = by_hand()
    model.d = nn.ModuleDict({"x": Root(), "y": Root()})
    with pytest.raises(DivergenceError, match="train/d/gradient norm became inf in epoch 1"):
        fit(model, constant(0.2, 0.5))
    assert [parameter.item() for parameter in model.d.parameters()] == [0, 0]


def test_in_validation_the_other_generator_takes_the_cartoon_back() -> None:
    # G(x) = x + 0.3, F(y) = y - 0.1
    found = by_hand().validation_step({"photo": torch.full((1, 3, 4, 4), 0.2)}, 0)
    assert {name: image.mean().item() for name, image in found.items()} == pytest.approx({"output": 0.5, "cycle": 0.4})
