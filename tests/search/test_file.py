"""What a sweep file may say, and how it is refused."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from portrait_cartoons.cli.config import CONF
from portrait_cartoons.errors import UserError
from portrait_cartoons.search.file import read
from portrait_cartoons.search.plan import extremes, planned
from portrait_cartoons.sweep import main, shared_overrides

GRID: dict[str, Any] = {
    "method": "grid",
    "program": "src/train.py",
    "command": ["${env}", "${interpreter}", "-m", "src.train", "logger=wandb", "model=cyclegan", "${args_no_hyphens}"],
    "metric": {"name": "val/fid", "goal": "minimize"},
    "parameters": {"loss.g.cycle": {"values": [5, 10]}, "loss.g.identity": {"values": [0, 1, 2]}},
}
RANGE = {"min": 0.1, "max": 10.0, "distribution": "log_uniform_values"}


def written(folder: Path, text: str | dict[str, Any]) -> Path:
    file = folder / "sweep.yaml"
    file.write_text(text if isinstance(text, str) else yaml.safe_dump(text))
    return file


def changed(**keys: Any) -> dict[str, Any]:
    return {**GRID, **keys}


def test_every_sweep_of_the_project_can_be_run_here() -> None:
    for file in (CONF.parent / "sweeps").glob("*.yaml"):
        search = read(file, None)
        assert search.runs in (search.sweep.run_cap, search.sweep.combinations)
        assert not any("wandb" in text or "$" in text for text in search.sweep.fixed)
        assert planned(search.sweep, 1, {}).keys() == search.sweep.parameters.keys()


def test_a_grid_has_every_combination_once(tmp_path: Path) -> None:
    search = read(written(tmp_path, GRID), None)
    assert search.sweep.fixed == ["model=cyclegan"]
    runs = [planned(search.sweep, number, {}) for number in range(1, search.runs + 1)]
    assert [tuple(run.values()) for run in runs] == [(5, 0), (5, 1), (5, 2), (10, 0), (10, 1), (10, 2)]
    assert read(written(tmp_path, GRID), 4).runs == 4
    assert len(extremes(search.sweep)) == 4


@given(st.integers(1, 10_000))
def test_random_values_are_of_their_ranges_and_a_function_of_the_number(number: int) -> None:
    file = CONF.parent / "sweeps" / "selfiegan_bayes.yaml"
    sweep = read(file, None).sweep.model_copy(update={"method": "random"})
    values = planned(sweep, number, {})
    assert values == planned(sweep, number, {})
    assert values != planned(sweep, number + 1, {})
    assert 0.06 <= values["loss.g.content"] <= 6
    assert 1 <= values["loss.u.seg"] <= 100


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it holds no keys"),
        ("[1, 2]", "it holds no keys"),
        ("method: [", "while parsing"),
        ("a: &a [x, x]\nb: [*a, *a]", "it refers to itself"),
        ("!!python/object/apply:os.system ['touch hacked']", "could not determine a constructor"),
        ("[" * 5000, "recursion"),
        ("#" * 1_000_001, "larger than 1,000,000 bytes"),
        (changed(methd="grid"), "methd"),
        (changed(method="anneal"), "method"),
        (changed(parameters={}), "parameters"),
        (changed(parameters={"a": {}}), "give it value, values, or min and max"),
        (changed(parameters={"a": {"values": [1], "min": 2, "max": 3}}), "give it value, values, or min and max"),
        (changed(parameters={"a": {"min": 3, "max": 1}}), "min must be below max"),
        (changed(parameters={"a": {"min": 0, "max": 1, "distribution": "log_uniform_values"}}), "begins above 0"),
        (changed(parameters={"a": {"min": 0.0, "max": float("inf")}}), "finite"),
        (changed(parameters={"a": RANGE}), "a grid needs values of a"),
        (changed(parameters={"a": {"parameters": {"b": {"value": 1}}}}), "parameters.a.parameters"),
        (changed(parameters={n: {"values": [*range(100)]} for n in "abcd"}), "more than 10,000 runs"),
        (changed(parameters={n: {"values": [*range(1000)]} for n in map(str, range(100))}), "more than 10,000 runs"),
        (changed(parameters={"a": {"values": [*range(1001)]}}), "parameters.a.values"),
        (changed(command=["rm", "-rf", "/"]), "its command must be -m src.train"),
        (changed(command=[], program="evil.py"), "its command must be -m src.train"),
        (changed(command=["-m", "src.train", "--multirun"]), "'--multirun' of its command is not key=value"),
        (changed(early_terminate={"type": "hyperband"}), "give it min_iter or max_iter"),
        (changed(early_terminate={"type": "hyperband", "min_iter": 1}, metric=None), "need a metric"),
        (changed(method="random", parameters={"a": RANGE}), "add run_cap to it, or runs=<number>"),
    ],
)  # fmt: skip
def test_what_is_no_sweep_is_one_sentence(
    content: str | dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = written(tmp_path, content)
    with pytest.raises(UserError) as refused:
        main([str(file)])
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


KEYS = st.sampled_from(["method", "parameters", "values", "min", "max", "a"])
LEAVES = st.none() | st.booleans() | st.floats() | st.text()


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner)))
def test_nothing_but_a_sentence_comes_of_strange_files(content: Any) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.raises(UserError):
        read(written(Path(folder), yaml.safe_dump(content)), None)


@pytest.mark.parametrize(
    ("content", "typed", "said"),
    [
        (changed(command=["-m", "src.train", "model._target_=os.system"]), [], "names os.system"),
        (
            changed(
                parameters={
                    "model.generator._target_": {
                        "values": ["portrait_cartoons.networks.resnet.ResnetGenerator", "os.remove"]
                    }
                }
            ),
            [],
            "os.remove",
        ),
        (changed(parameters={"hydra.sweeper.params": {"value": 1}}), [], "is not about the model"),
        (changed(parameters={"run_dir": {"value": "/etc"}}), [], "is not about the model"),
        (changed(parameters={"seed": {"value": "${oc.env:HOME}"}}), [], "${oc.env:HOME}"),
        (changed(parameters={"loss.g.cycel": {"values": [1, 2]}}), [], "did you mean loss.g.cycle"),
        (changed(parameters={"loss.g.cycle": {"values": [1, "many"]}}), [], "loss.g.cycle=many"),
        (GRID, ["loss.g.cycle=3"], "loss.g.cycle= differs from run to run"),
        (GRID, ["run_dir=x"], "run_dir= differs from run to run"),
    ],
)
def test_no_file_decides_what_code_runs_and_every_value_is_checked_first(
    content: dict[str, Any], typed: list[str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as refused:
        shared_overrides(read(written(tmp_path, content), None), typed)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name one sweep file"),
        (["a.yaml", "b.yaml"], "name one sweep file"),
        (["--count"], "name one sweep file"),
        (["nowhere.yaml"], "there is no sweep file nowhere.yaml"),
        (["nowhere.yaml", "runs=many"], "runs must be a whole number"),
        (["nowhere.yaml", "runs=0"], "at least 1"),
    ],
)
def test_wrong_use_is_one_sentence(arguments: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        main(arguments)
