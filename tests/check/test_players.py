from typing import Any, ClassVar

import pytest

from portrait_cartoons.check import keys
from portrait_cartoons.check.players import player_problems
from portrait_cartoons.models.cartoongan import CartoonGAN
from portrait_cartoons.models.cyclegan import CycleGAN

CYCLEGAN = "portrait_cartoons.models.cyclegan.CycleGAN"
OPTIMIZERS: dict[str, Any] = {"g": {}, "d": {}}


class Annotated(CycleGAN):
    terms: ClassVar[dict[str, tuple[str, ...]]] = {"g": ("adv", "style"), "d": ("adv",)}


class Extended(CartoonGAN):
    terms = {**CartoonGAN.terms, "e": tuple(f"edge{n}" for n in range(2))}  # noqa: RUF012


def found(target: str, loss: Any) -> dict[str, str]:
    return dict(player_problems({"model": {"_target_": target, "optimizers": OPTIMIZERS}, "loss": loss}))


def test_a_wrong_loss_term_is_found_in_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "choices_by_key", lambda: {"loss.g.cylce": ["mine"]})
    monkeypatch.setattr("portrait_cartoons.check.players.choices_by_key", keys.choices_by_key)
    loss = {"g": {"adv": 1, "cycle": 10, "identity": 5, "cylce": 10, "aadv": 1}, "d": {"adv": 1, "r1": 0}}
    only = "the model has no such term, only adv, cycle, identity"
    assert found(CYCLEGAN, loss) == {
        "loss.g.cylce": f"loss.g.cylce, written in conf/loss/mine.yaml: {only}; did you mean loss.g.cycle?",
        "loss.g.aadv": f"loss.g.aadv: {only}; did you mean loss.g.adv?",
    }


@pytest.mark.parametrize("model", [Annotated, Extended])
def test_terms_are_those_of_the_class_however_it_writes_them(model: type[CycleGAN | CartoonGAN]) -> None:
    name = f"{__name__}.{model.__name__}"
    right = {player: dict.fromkeys(terms, 1.0) for player, terms in model.terms.items()}
    assert [key for key in found(name, right) if key.startswith("loss")] == []
    wrong = {**right, "g": {**right["g"], "stlye": 1.0}}
    assert [key for key in found(name, wrong) if key.startswith("loss")] == ["loss.g.stlye"]


def test_a_class_that_is_no_model_is_refused() -> None:
    assert "not a model of this kind" in found("pathlib.Path", {})["model._target_"]


def test_the_term_that_a_paper_calls_otherwise_is_hinted_at() -> None:
    loss = {"g": {"adv": 1, "content": 10, "w1": 5}, "d": {"adv": 1}}
    assert "did you mean loss.g.content?" in found("portrait_cartoons.models.cartoongan.CartoonGAN", loss)["loss.g.w1"]
