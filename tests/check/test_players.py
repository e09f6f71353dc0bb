from pathlib import Path

import pytest

from portrait_cartoons.check import keys
from portrait_cartoons.check.players import loss_problems


def test_a_wrong_loss_term_is_found_in_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loss").mkdir()
    (tmp_path / "loss" / "right.yaml").write_text("g: {adv: 1, cycle: 10, identity: 5}\nd: {adv: 1}")
    (tmp_path / "loss" / "mine.yaml").write_text("g: {adv: 1, cylce: 10, identity: 5}\nd: {adv: 1}")
    monkeypatch.setattr(keys, "CONF", tmp_path)
    monkeypatch.setattr(keys, "groups", lambda: {"loss": {"mine": "", "right": ""}})
    loss = {"g": {"adv": 1, "cycle": 10, "identity": 5, "cylce": 10, "aadv": 1}, "d": {"adv": 1}}
    assert dict(loss_problems({"model": {"_target_": "portrait_cartoons.models.cyclegan.CycleGAN"}, "loss": loss})) == {
        "loss.g.cylce": "loss.g.cylce, written in conf/loss/mine.yaml: the model has no such term; did you mean cycle?",
        "loss.g.aadv": "loss.g.aadv: the model has no such term; did you mean adv?",
    }
