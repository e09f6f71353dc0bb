"""Every file of sweeps/: whatever W&B's agent runs with it is a valid training run."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args, load_sweep_config

from portrait_cartoons.check.static import signature_problems, static_problems
from portrait_cartoons.cli.config import CONF, composed
from portrait_cartoons.runs.metrics_csv import read_metrics
from portrait_cartoons.search.file import read as local
from tests.conftest import Command
from tests.models.test_smoke import tiny

FILES = sorted((CONF.parent / "sweeps").glob("*.yaml"))
KEYS = {"project", "program", "command", "method", "metric", "parameters", "run_cap"}

every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def read(file: Path) -> dict[str, Any]:
    config = load_sweep_config(str(file))
    assert config is not None
    return config


def values(parameter: dict[str, Any]) -> list[Any]:
    """All that a parameter can be, or the ends of its range."""
    return parameter["values"] if "values" in parameter else [parameter["min"], parameter["max"]]


def combinations(sweep: dict[str, Any]) -> list[dict[str, Any]]:
    names, choices = sweep["parameters"], map(values, sweep["parameters"].values())
    return [dict(zip(names, chosen, strict=True)) for chosen in product(*choices)]


def arguments(sweep: dict[str, Any], chosen: dict[str, Any]) -> list[str]:
    """What src.train is given by W&B's agent, whose own functions write it."""
    macros = create_sweep_command_args({"args": {name: {"value": value} for name, value in chosen.items()}})
    macros |= {"env": ["/usr/bin/env"], "interpreter": ["python"], "program": [sweep["program"]]}
    line: list[str] = []
    for word in create_sweep_command(list(sweep["command"])):
        line += macros[word[2:-1]] if word.startswith("${") else [word]
    assert line[:4] == ["/usr/bin/env", "python", "-m", "src.train"]
    return line[4:]


@every_file
def test_it_is_a_sweep_that_wandb_can_run(file: Path) -> None:
    sweep = read(file)
    assert sweep.keys() <= KEYS
    assert (CONF.parent / sweep["program"]).is_file()
    assert sweep["project"] == composed("train", ["logger=wandb"]).logger.wandb.project
    assert sweep["method"] in ("grid", "random", "bayes")
    for parameter in sweep["parameters"].values():
        if sweep["method"] == "grid":
            assert parameter.keys() == {"values"}
        elif "distribution" in parameter:
            assert parameter["distribution"] in ("uniform", "log_uniform_values")
            assert 0 < float(parameter["min"]) < float(parameter["max"])
            assert all(isinstance(value, int | float) for value in values(parameter))


@every_file
def test_every_combination_of_values_is_a_valid_run(file: Path) -> None:
    sweep = read(file)
    for chosen in combinations(sweep):
        overrides = arguments(sweep, chosen)
        assert "logger=wandb" in overrides
        cfg = composed("train", overrides)
        assert static_problems(cfg, "train") | signature_problems(cfg) == {}


@every_file
def test_the_header_gives_both_commands(file: Path) -> None:
    for command in ("wandb sweep", "python -m src.sweep"):
        assert f"#   {command} sweeps/{file.name}\n" in file.read_text()
    assert {"logger=wandb", *local(file, None).sweep.fixed} == set(arguments(read(file), {}))


@every_file
def test_it_optimises_what_may_choose_a_run(file: Path) -> None:
    metric = read(file)["metric"]
    monitors = composed("train", []).callbacks.checkpoints.monitors
    assert metric["goal"] == f"{monitors[metric['name']]}imize"
    overrides = [text.replace("=inception", "=random") for text in arguments(read(file), {})]
    cfg = composed("train", [*overrides, "data=portraits"])
    assert static_problems(cfg, "train") | signature_problems(cfg) == {}
    assert "data=portraits" in file.read_text()


@pytest.mark.slow
@every_file
def test_a_run_of_its_agent_logs_the_metric(file: Path, command: Command, tmp_path: Path) -> None:
    sweep = read(file)
    given = arguments(sweep, combinations(sweep)[0])
    assert "metrics.features=inception" in given
    cfg = composed("train", given, with_hydra=True)
    small = [*tiny(cfg.hydra.runtime.choices.model), "trainer.max_epochs=1", "metrics.features=random"]
    child = command("train", *given, *small, folder=tmp_path)
    assert child.exitcode == 0, (tmp_path / "output.txt").read_text()
    assert any((tmp_path / "run/wandb").rglob("*.wandb"))
    logged = {name.replace("random_fd", "fid") for row in read_metrics(tmp_path / "run/metrics.csv") for name in row}
    assert sweep["metric"]["name"] in logged
    assert "/target/" not in sweep["metric"]["name"], "the published data has no true cartoons"


@pytest.mark.slow
def test_what_is_measured_sees_w2_too(command: Command, tmp_path: Path) -> None:
    # All else that the files vary is in the generator or its own loss.
    varied = {name for file in FILES for name in read(file)["parameters"]}
    assert {name for name in varied if not name.startswith(("loss.g.", "model.generator.", "experiment"))} == {
        "loss.u.seg"
    }
    small = [*tiny("selfiegan"), "model.phases.content.epochs=0", "model.phases.segment.epochs=0", "model.epochs=1"]
    small = [text for text in small if not text.startswith("run_dir=")]
    joint = [text for text in local(CONF.parent / "sweeps/selfiegan_grid.yaml", None).sweep.fixed if "joint" in text]
    measured = []
    for weight in (1, 100):
        given = [*small, *joint, f"loss.u.seg={weight}", f"run_dir=w{weight}", "metrics.features=random"]
        assert command("train", *given, folder=tmp_path).exitcode == 0, (tmp_path / "output.txt").read_text()
        measured.append(read_metrics(tmp_path / f"w{weight}/metrics.csv")[-1]["val/random_fd"])
    assert measured[0] != measured[1]


@pytest.mark.slow
def test_a_multirun_trains_once_with_each_value(command: Command, tmp_path: Path) -> None:
    small = [argument for argument in tiny("cyclegan") if not argument.startswith("run_dir=")]
    child = command("train", "--multirun", *small, "trainer.max_epochs=1", "loss.g.cycle=5,10", folder=tmp_path)
    assert child.exitcode == 0, (tmp_path / "output.txt").read_text()
    runs = sorted((tmp_path / "runs/cyclegan-toy").iterdir())
    assert [OmegaConf.load(run / "config.yaml").loss.g.cycle for run in runs] == [5, 10]
    assert all((run / "checkpoints/last.ckpt").is_file() for run in runs)
