"""How a step is computed: what options settle, what a checkpoint restores, and what a compiled network keeps."""

from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import LambdaCallback
from torch import nn

from portrait_cartoons.cli.build import build_model
from portrait_cartoons.cli.config import composed, plain
from portrait_cartoons.errors import UserError
from portrait_cartoons.models.base import Translator
from portrait_cartoons.speed.steps import made_up, timed_steps
from portrait_cartoons.speed.trainer import InThisWay, networks
from portrait_cartoons.speed.way import PLAIN, Way, restored
from tests.conftest import TINY, TOY

FAST = Way("bf16-mixed", compile=True, memory_format="channels_last")


def options(*overrides: str) -> dict[str, Any]:
    return plain(composed("train", list(overrides)))["trainer"]


@pytest.fixture
def model() -> Translator:
    return build_model(composed("train", ["model=cyclegan", *TOY, *TINY]))


def test_exact_is_the_plain_way_and_auto_leaves_all_open() -> None:
    assert restored(FAST.to_dict(), options("trainer=exact")) == PLAIN
    assert restored(FAST.to_dict(), options()) == FAST


def test_what_is_given_counts_more_than_what_was() -> None:
    assert restored(FAST.to_dict(), options("trainer.compile=false")) == Way(
        "bf16-mixed", memory_format="channels_last"
    )


@pytest.mark.parametrize(
    "content", [None, 3, {}, {**FAST.to_dict(), "precision": "16-mixed"}, {**FAST.to_dict(), "compile": [1]}]
)
def test_a_checkpoint_that_says_nonsense_is_refused(content: object) -> None:
    with pytest.raises(UserError, match="how its steps were computed"):
        restored(content, options())
    assert restored(content, options("trainer=exact")) == PLAIN


def test_words() -> None:
    assert str(PLAIN) == "float32, eager"
    assert str(FAST) == "bf16, compiled, channels_last"


def test_finds_every_network_and_not_the_pools(model: Translator) -> None:
    model.features = nn.Conv2d(3, 3, 1).requires_grad_(False)
    assert [*networks(model)] == [*model.g.values(), *model.d.values(), model.features]  # type: ignore[operator]


def test_compiled_networks_keep_their_names_and_their_layout(model: Translator) -> None:
    names = [*model.state_dict()]
    InThisWay(FAST).setup(None, model, "fit")  # type: ignore[arg-type]
    assert [*model.state_dict()] == names
    weights = [weight for weight in model.parameters() if weight.ndim == 4 and min(weight.shape) > 1]
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)


def test_ctrl_c_in_a_trial_is_ctrl_c(model: Translator) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    callback = LambdaCallback(on_train_batch_start=interrupt)
    with pytest.raises(KeyboardInterrupt):
        timed_steps(model, made_up(model, 16, 1), options("trainer=exact"), PLAIN, 2, [callback])
