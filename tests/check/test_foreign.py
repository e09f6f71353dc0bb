"""A run folder of another person must not decide what code runs here."""

import json
from pathlib import Path

import pytest

from portrait_cartoons import train, validate
from portrait_cartoons.check import ConfigError
from portrait_cartoons.check.resume import resumed
from portrait_cartoons.errors import UserError
from tests.conftest import TINY, TOY

TOUCH = "{_target_: pathlib.Path.touch, _args_: [{_target_: pathlib.Path, _args_: [MARKER]}]}"
HOSTILE = {
    "model._target_=pathlib.Path.touch": "names pathlib.Path.touch",
    "model._target_=portrait_cartoons.networks.features.VGG19_Weights": "names portrait_cartoons.networks.features",
    "model._target_=portrait_cartoons.files.write": "names portrait_cartoons.files.write",
    "model._target_=${run_dir}": "names ${run_dir}",
    "model._target_={a: 1}": "names",
    f"+callbacks.x={TOUCH}": "names pathlib.Path.touch",
    f"+trainer.plugins=[{TOUCH}]": "names pathlib.Path.touch",
    f"loss.g.cycle={TOUCH}": "names pathlib.Path.touch",
    f"+loss.g.x={TOUCH}": "names pathlib.Path.touch",
    f"++model.generator={TOUCH}": "names pathlib.Path.touch",
    f"++data.source={TOUCH}": "names pathlib.Path.touch",
    f"++seed={TOUCH}": "names pathlib.Path.touch",
    f"model.objective='${{oc.create:{TOUCH}}}'": "not the plain name of another key",
    "model.objective=${oc.env:HOME}": "not the plain name of another key",
    "model.objective='${a${oc.env:HOME}}'": "holds a ${...}",
    "hydra.searchpath=[file:///tmp]": "not about the model",
    "hydra/launcher=basic": "not about the model",
    "+hydra.callbacks.x._target_=os.getcwd": "not about the model",
    "run_dir=/tmp": "not about the model",
    "++resume=/tmp": "not about the model",
    "model@loss=cyclegan": "not about the model",
    "model=/etc/passwd": "the choices are",
    "--config-dir=/tmp": "cannot be read",
    "--multirun": "cannot be read",
}


def run_folder(folder: Path, *overrides: str) -> Path:
    run = folder / "run"
    run.mkdir(exist_ok=True)
    (run / "overrides.yaml").write_text(json.dumps([*TINY, *TOY, *overrides]))
    return run


@pytest.mark.parametrize("override", HOSTILE)
def test_overrides_of_a_run_folder_run_no_code(override: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    run = run_folder(tmp_path, override.replace("MARKER", str(marker)))
    for read in (validate.main, train.checked):
        with pytest.raises(UserError) as caught:
            read([f"resume={run}"])
        assert HOSTILE[override] in str(caught.value)
    assert not marker.exists()


def test_overrides_of_an_honest_run_are_followed(tmp_path: Path) -> None:
    run = run_folder(tmp_path, "model.optimizers.g.lr=0.1", "model.optimizers.d.lr=${..g.lr}", "~callbacks.health")
    assert resumed([f"resume={run}", "seed=3"])[-4:] == [
        "model.optimizers.d.lr=${..g.lr}", "~callbacks.health", "seed=3", f"resume={run}"
    ]  # fmt: skip


def test_a_class_of_the_users_own_must_be_named_by_the_user(tmp_path: Path) -> None:
    run = run_folder(tmp_path, "model._target_=mine.Net", "+model.optimizer._target_=torch.optim.SGD")
    with pytest.raises(ConfigError, match=r"mine.Net, .* give model._target_=mine.Net yourself$"):
        resumed([f"resume={run}"])
    assert "model._target_=mine.Net" in resumed([f"resume={run}", "model._target_=mine.Net"])
