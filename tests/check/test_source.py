import ast
import inspect
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import get_object
from omegaconf import OmegaConf

from portrait_cartoons.check.annotations import kinds
from portrait_cartoons.check.keys import nodes
from portrait_cartoons.check.source import definition, lookup, signature
from portrait_cartoons.cli.config import CONF

TARGETS = {
    node["_target_"]
    for file in CONF.rglob("*.yaml")
    for node in nodes({file.stem: OmegaConf.to_container(OmegaConf.load(file))}).values()
    if isinstance(node, dict) and "_target_" in node
}


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_signature_read_from_source_is_the_true_one(target: str) -> None:
    read, true = signature(target), [*inspect.signature(get_object(target)).parameters.values()]
    assert read is not None
    if any(p.kind is p.VAR_KEYWORD for p in true) and not read.open:  # which it passes on to its base class
        (base,) = (c for c in get_object(target).__mro__ if c.__name__ == "Translator")
        true = [*(p for p in true if p.kind is not p.VAR_KEYWORD), *inspect.signature(base).parameters.values()]
    named = [p for p in true if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    assert list(read.arguments) == [p.name for p in named]
    assert list(read.defaults) == [p.name for p in named if p.default is not p.empty]
    assert read.open == any(p.kind is p.VAR_KEYWORD for p in true)
    for parameter in named:
        if (default := read.defaults.get(parameter.name)) is not None:
            assert default == parameter.default


def test_nothing_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "forbidden" / "inner"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("from forbidden.inner.nets import Net\nraise ImportError")
    (package / "nets.py").write_text(
        "class Base:\n    def __init__(self, width: int, *, bias=True): ...\nclass Net(Base):\n    depth = 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for target in ("forbidden.Net", "forbidden.inner.Net", "forbidden.inner.nets.Net"):
        found = signature(target)
        assert found is not None
        assert list(found.arguments) == ["width", "bias"]
        assert found.defaults == {"bias": True}
    assert not any(name.startswith("forbidden") for name in sys.modules)


@pytest.mark.parametrize(
    "target", ["", ".", "x", "src", "src.nothing.X", "src..X", "portrait_cartoons.image/x.Y", "math.sqrt", 3, None]
)
def test_what_is_no_class_or_function_is_not_found(target: Any) -> None:
    assert definition(target) is None


@pytest.mark.parametrize(
    ("annotation", "fitting", "others", "words"),
    [
        ("int", [1, -1, 10**400], [1.0, True, None, "1"], ["a whole number"]),
        ("float", [1, 0.5, 10**400], [float("nan"), float("inf"), False, "1"], ["a number"]),
        ("bool", [True], [1, "true"], ["true or false"]),
        ("str | None", ["", None], [1], ["a text", "null"]),
        ("Optional[list[int]]", [[], None], [{}], ["a list", "null"]),
        ("Union[int, Mapping[str, int]]", [1, {}], ["a"], ["a whole number", "a mapping"]),
        ("Literal['a', 'b']", ["a", "b"], ["c", None], ["a", "b"]),
        ("Literal['a']", ["a"], ["b"], ["a"]),
        ("Callable[[], int]", [{"_target_": "x", "_partial_": True}], [{"_target_": "x"}, {}], None),
    ],
)
def test_annotations_tell_which_values_fit(
    annotation: str, fitting: list[Any], others: list[Any], words: list[str] | None
) -> None:
    found = kinds(ast.parse(annotation, mode="eval").body, "portrait_cartoons.image")
    assert words is None or [kind.words for kind in found] == words
    assert all(any(kind.fits(value) for kind in found) for value in fitting)
    assert not any(kind.fits(value) for kind in found for value in others)


def test_annotations_that_a_configuration_cannot_tell_allow_everything() -> None:
    assert kinds(None, "portrait_cartoons.image") == ()
    assert kinds(ast.parse("int | Path", mode="eval").body, "portrait_cartoons.image") == ()


def test_an_alias_means_what_it_stands_for() -> None:
    assert lookup("portrait_cartoons.data.toy", "Domain") is not None
    alias = kinds(ast.Name("Domain"), "portrait_cartoons.data.toy")
    assert [kind.words for kind in alias] == ["photo", "cartoon"]
