from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from omegaconf import OmegaConf

from portrait_cartoons.check.calls import call_problems
from portrait_cartoons.check.keys import nodes
from portrait_cartoons.check.signatures import fits, signature, target, words
from portrait_cartoons.cli.config import CONF
from portrait_cartoons.models.cyclegan import CycleGAN

TARGETS = {
    node["_target_"]
    for file in CONF.rglob("*.yaml")
    if file.name != "train.yaml"  # Hydra's own nodes, which it makes before any check
    for node in nodes({file.stem: OmegaConf.to_container(OmegaConf.load(file))}).values()
    if isinstance(node, dict) and "_target_" in node
}


@pytest.mark.parametrize("path", sorted(TARGETS))
def test_every_target_of_the_configuration_has_arguments_whose_types_are_known(path: str) -> None:
    called = signature(path)
    assert called.parameters
    assert set(called.types) & set(called.parameters)


@pytest.mark.parametrize(
    "path", ["", ".", "x", "src", "src.nothing.X", "src..X", "portrait_cartoons.image/x.Y", "os.path"]
)
def test_what_is_no_class_or_function_is_not_found(path: str) -> None:
    with pytest.raises(LookupError, match="names no class or function that exists"):
        target(path)


def test_a_module_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_model.py").write_text("import nosuchpackage")
    (tmp_path / "raising_model.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(LookupError, match=r"cannot be imported .*nosuchpackage"):
        target("broken_model.Net")
    with pytest.raises(LookupError, match=r"cannot be imported .ZeroDivisionError"):
        target("raising_model.Net")


@pytest.mark.parametrize(
    ("kind", "fitting", "others", "said"),
    [
        (int, [1, -1, 10**400], [1.0, True, None, "1"], "a whole number"),
        (float, [1, 0.5], [float("nan"), float("inf"), False, "1"], "a number"),
        (bool, [True], [1, "true"], "true or false"),
        (str | None, ["", None], [1], "a text or null"),
        (list[int] | None, [[], [1], None], [{}, ["a"]], "a list or null"),
        (int | Mapping[str, int], [1, {}, {"a": 1}], ["a", {"a": "b"}], None),
        (tuple[float, float], [[0.5, 1]], [0.5], "a list"),
        (Literal["a", "b"], ["a", "b"], ["c", None], "a or b"),
        (Literal[1], [1], [True, 1.0], "1"),
        (Mapping[str, Literal["min", "max"]], [{"x": "min"}], [{"x": "most"}], "a mapping whose values are min or max"),
        (Sequence[Literal["a", "b"]], [[], ["a"]], [["c"], "a"], "a list of a or b"),
        (Callable[[], int], [{"_target_": "x", "_partial_": True}], [{"_target_": "x"}, {}], None),
        (Path, ["x", {"_target_": "x"}], [1], None),
        (Any, [1, None, {}], [], None),
    ],
)
def test_types_tell_which_values_fit(kind: Any, fitting: list[Any], others: list[Any], said: str | None) -> None:
    assert said is None or words(kind) == said
    assert all(fits(value, kind) for value in fitting)
    assert not any(fits(value, kind) for value in others)


def test_a_target_that_takes_anything_is_still_of_the_wrong_kind() -> None:
    parts = {name: {"_target_": "builtins.dict"} for name in ("model", "trainer", "metrics")}
    data = {"_target_": "builtins.dict", "source": {"_target_": "builtins.dict"}}
    tree = {**parts, "data": data, "callbacks": {"x": {"_target_": "builtins.dict", "any": 1}}, "logger": {}}
    assert {key for key, _ in call_problems(tree)} == {
        "data._target_",
        "trainer._target_",
        "metrics._target_",
        "callbacks.x._target_",
    }


class Passing(CycleGAN):
    def __init__(self, own: int, **options: Any) -> None:
        super().__init__(**options)
        self.own = own


def test_options_that_are_passed_on_are_those_of_the_base() -> None:
    called, base = signature(f"{__name__}.Passing"), signature("portrait_cartoons.models.cyclegan.CycleGAN")
    assert called.parameters.keys() == {"own", *base.parameters}
    assert called.types["objective"] == base.types["objective"]
    assert not called.open


def test_options_of_another_project_can_be_anything() -> None:
    called = signature("lightning.pytorch.loggers.TensorBoardLogger")
    assert called.open
    assert "root_dir" not in called.parameters
