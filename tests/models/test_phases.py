"""Which phase an epoch belongs to, and the learning rates in it, of every published plan."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from portrait_cartoons.cli.build import build_model
from portrait_cartoons.cli.config import composed, plain, total_epochs
from portrait_cartoons.models.schedules import Phase, place

PLANS: dict[str, dict[int, tuple[str, dict[str, float]]]] = {
    "model=cyclegan": {
        1: ("", {"g": 2e-4, "d": 2e-4}),
        100: ("", {"g": 2e-4, "d": 2e-4}),
        101: ("", {"g": 2e-4 * 100 / 101, "d": 2e-4 * 100 / 101}),
        200: ("", {"g": 2e-4 / 101, "d": 2e-4 / 101}),
    },
    "model=cartoongan": {
        1: ("content", {"g": 2e-4, "d": 1e-5}),
        10: ("content", {"g": 2e-4, "d": 1e-5}),
        11: ("content", {"g": 2e-4 * 10 / 11, "d": 1e-5 * 10 / 11}),
        20: ("content", {"g": 2e-4 / 11, "d": 1e-5 / 11}),
        21: ("adversarial", {"g": 1e-5, "d": 1e-5}),
        120: ("adversarial", {"g": 1e-5, "d": 1e-5}),
        121: ("adversarial", {"g": 1e-5 * 100 / 101, "d": 1e-5 * 100 / 101}),
        220: ("adversarial", {"g": 1e-5 / 101, "d": 1e-5 / 101}),
    },
    "model=selfiegan": {
        1: ("content", {"g": 2e-4, "d": 2e-4, "u": 2e-4}),
        2: ("segment", {"g": 2e-4, "d": 2e-4, "u": 2e-4}),
        21: ("segment", {"g": 2e-4, "d": 2e-4, "u": 2e-4}),
        22: ("adversarial", {"g": 2e-4, "d": 2e-4, "u": 2e-4}),
        41: ("adversarial", {"g": 2e-4, "d": 2e-4, "u": 2e-4}),
    },
    "model=artifygan": {
        10: ("content", {"g": 1e-3, "d": 1e-3}),
        11: ("adversarial", {"g": 1e-3, "d": 1e-3}),
        79: ("adversarial", {"g": 1e-3, "d": 1e-3}),
    },
    "experiment=artifygan_round2": {
        1: ("adversarial", {"g": 0.1, "d": 0.1}),
        2: ("adversarial", {"g": 0.097, "d": 0.097}),
        210: ("adversarial", {"g": 0.1 * 0.97**209, "d": 0.1 * 0.97**209}),
    },
    "model=cartoongan model.phases.content.epochs=0 model.optimizers.g.lr=3e-4 model.epochs=2": {
        1: ("adversarial", {"g": 3e-4, "d": 3e-4}),
        2: ("adversarial", {"g": 3e-4 / 2, "d": 3e-4 / 2}),
    },
}


@pytest.mark.parametrize("overrides", PLANS)
def test_phase_and_learning_rates_of_each_epoch(overrides: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = composed("train", [*overrides.split(), "model.generator.width=4", "model.discriminator.width=4"])
    OmegaConf.set_struct(cfg, False)
    if "features" in cfg.model:
        cfg.model.features = {"_target_": "torch.nn.Identity", "_partial_": True}
    if "segmenter" in cfg.model:
        cfg.model.segmenter.width = 2
    model: Any = build_model(cfg)
    optimizers = model.configure_optimizers()
    monkeypatch.setattr(type(model), "trainer", type("Trainer", (), {"optimizers": optimizers}))
    for epoch, (name, rates) in PLANS[overrides].items():
        monkeypatch.setattr(type(model), "current_epoch", epoch - 1)
        model.on_train_epoch_start()
        assert model.phase == name
        found = {p: o.param_groups[0]["lr"] for p, o in zip(model.terms, optimizers, strict=True)}
        assert found == pytest.approx(rates), epoch
    assert total_epochs(plain(cfg)) == max(PLANS[overrides])


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.integers(0, 30))
def test_every_epoch_has_its_place(lengths: list[int], epoch: int) -> None:
    plan = {str(n): Phase(length) for n, length in enumerate(lengths)}
    name, done = place(epoch, plan)
    assert sum(lengths[: int(name)]) + done == epoch
    assert done < plan[name].epochs or int(name) == len(lengths) - 1
