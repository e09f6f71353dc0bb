"""The fast step computes what the reference step computes: exactly in structure, and up to rounding in bf16."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from portrait_cartoons.cli.build import build_model
from portrait_cartoons.cli.config import CONF, composed, plain
from portrait_cartoons.models.base import Translator
from portrait_cartoons.speed.reference import reference
from portrait_cartoons.speed.steps import fit, in_last_phase, made_up
from portrait_cartoons.speed.way import PLAIN, Way
from tests.models.test_smoke import tiny

MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
SIZE = 32


def with_phases(name: str) -> Translator:
    overrides = [text for text in tiny(name) if text.startswith("model")]
    features = ["model.features.size=null"] if "features" in composed("train", [f"model={name}"]).model else []
    return build_model(composed("train", [*overrides, *features]))


def small(name: str) -> Translator:
    return in_last_phase(with_phases(name))


def options(way: Way = PLAIN) -> dict[str, Any]:
    return {**plain(composed("train", ["trainer.accelerator=cpu"]))["trainer"], **way.to_dict()}


def trained(model: Translator, batches: list[Mapping[str, Tensor]], way: Way = PLAIN) -> dict[str, Tensor]:
    """What training logs, and each player's average gradient as its Adam has it."""
    torch.manual_seed(0)  # of dropout and pools
    trainer = fit(model, batches, options(way))
    state: dict[str, Any] = {}
    for player, optimizer in zip(model.terms, trainer.optimizers, strict=True):
        moments = [optimizer.state[p]["exp_avg"] for p in optimizer.param_groups[0]["params"] if optimizer.state[p]]
        state |= {f"gradient {player}": torch.cat([moment.flatten() for moment in moments])} if moments else {}
    return {name: value.detach() for name, value in {**trainer.callback_metrics, **state}.items()}


def in_double(name: str) -> tuple[Translator, list[Mapping[str, Tensor]]]:
    model = small(name).double()
    batch = made_up(model, SIZE, 2)
    return model, [{key: value.double() for key, value in batch.items()}] * 3


def assert_close(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    assert "gradient g" in ours
    for name, value in theirs.items():
        assert (ours[name] - value).norm() <= 1e-6 * value.norm() + 1e-12, name


@pytest.mark.parametrize("name", MODELS)
def test_losses_and_gradients_are_those_of_the_reference(name: str) -> None:
    model, batches = in_double(name)
    plain_model = reference(model, 2)
    assert_close(trained(model, batches), trained(plain_model, batches))


@pytest.mark.parametrize("name", MODELS)
def test_bf16_is_within_its_rounding(name: str) -> None:
    model = small(name)
    batch = made_up(model, SIZE, 2)
    exact = trained(deepcopy(model), [batch])
    rounded = trained(model, [batch], Way("bf16-mixed"))
    for key, value in exact.items():
        if key.endswith("total"):
            assert rounded[key].item() == pytest.approx(value.item(), rel=0.03, abs=0.03), key
        # GANILLA's pictures of this size end in 2 x 2 pixels, whose instance norm is a matter of signs.
        elif key.startswith("gradient") and name not in ("camgan", "ganilla"):
            assert cosine_similarity(rounded[key].float(), value, 0) > 0.8, key


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cyclegan", "selfiegan"])
def test_compiled_networks_compute_the_same(name: str) -> None:
    model, batches = in_double(name)
    plain_model = reference(model, 2)
    torch._dynamo.reset()
    compiled = trained(model, batches, Way("32-true", compile=True, memory_format="channels_last"))
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    assert_close(compiled, trained(plain_model, batches))
