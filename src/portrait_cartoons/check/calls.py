"""Nodes that become objects: whether their `_target_` exists and takes the arguments that are given."""

from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any

from portrait_cartoons.check.keys import Problem, Tree, nodes, unknown
from portrait_cartoons.check.signatures import fits, is_node, signature, target, words
from portrait_cartoons.check.trainer import UNSUITABLE

# Arguments that the code hands over, not the node.
HANDED_OVER = {"model": ("weights",), "data": ("fields",), "model.optimizers.*": ("params",)}

# What a part must be, so that the trainer can use it: the first pattern that matches counts.
KINDS = {
    "callbacks.checkpoints": "portrait_cartoons.callbacks.checkpoint.Checkpoints",
    "callbacks.*": "lightning.pytorch.callbacks.Callback",
    "metrics": "lightning.pytorch.callbacks.Callback",
    "logger.*": "lightning.pytorch.loggers.logger.Logger",
    "data": "portrait_cartoons.data.datamodule.Portraits",
    "trainer": "portrait_cartoons.speed.trainer.Trainer",
}


def call_problems(tree: Tree) -> Iterator[Problem]:
    given = nodes(tree)
    expected = ["model", "data", "data.source", "trainer", "metrics"]
    expected += [f"{group}.{name}" for group in ("callbacks", "logger") for name in tree[group]]
    for path in expected:
        if not is_node(given.get(path)):
            yield path, f"{path} has no _target_, the class or function it is made by; see conf/{path.split('.')[0]}"
        else:
            yield from _kind_problems(path, str(given[path]["_target_"]))
    for path, node in given.items():
        if isinstance(node, dict):
            yield from _special_problems(path, node)
        if is_node(node):
            yield from _argument_problems(path, node, list(given))


def _kind_problems(path: str, name: str) -> Iterator[Problem]:
    """A class of another kind than the part of that name must be."""
    kind = next((kind for pattern, kind in KINDS.items() if fnmatchcase(path, pattern)), None)
    with suppress(LookupError):  # for a class that does not exist, which is reported with its arguments
        found = target(name)
        if kind and not (isinstance(found, type) and issubclass(found, target(kind))):
            key, group = f"{path}._target_", path.partition(".")[0]
            yield key, f"{key}={_short(name)} must be {kind} or a class derived from it; see conf/{group}"


def _special_problems(path: str, node: dict[str, Any]) -> Iterator[Problem]:
    """Of Hydra's own keys a node has `_target_`, and inside the model `_partial_: true`. The others change the call."""
    special = {str(name) for name in node if str(name).startswith("_")} - {"_target_"}
    if path.startswith("model.") and node.get("_partial_") is True:
        special -= {"_partial_"}
    for name in sorted(special):
        key = f"{path}.{name}"
        yield key, f"{key}={_short(node[name])}: this key of Hydra's is not for this project; leave it out"


def _argument_problems(path: str, node: dict[str, Any], known: list[str]) -> Iterator[Problem]:
    name_of_target = str(node["_target_"]).rpartition(".")[2]
    try:
        called = signature(str(node["_target_"]))
    except LookupError as error:
        yield f"{path}._target_", f"{path}._target_={_short(node['_target_'])} {error}; correct it or leave it out"
        return
    handed_over = {name for pattern, names in HANDED_OVER.items() if fnmatchcase(path, pattern) for name in names}
    parameters = {name: parameter for name, parameter in called.parameters.items() if name not in handed_over}
    # What the trainer could take but should not is explained with the trainer.
    unsuitable = UNSUITABLE.keys() if path == "trainer" else set()
    given = {str(name) for name in node if not str(name).startswith("_")}
    for name in sorted(given - parameters.keys() - unsuitable) if not called.open else ():
        key = f"{path}.{name}"
        valid = [f"{path}.{argument}" for argument in sorted(parameters.keys() - unsuitable)]
        yield key, unknown(key, [*valid, *known]).replace("unknown key", f"{name_of_target} has no argument", 1)
    for name, parameter in parameters.items():
        key = f"{path}.{name}"
        if name not in given:
            if parameter.default is parameter.empty:
                yield key, f"{key} is missing, and {name_of_target} needs it; give it a value, +{key}=<value>"
        elif not fits(node[name], kind := called.types.get(name, parameter.empty)):
            yield key, f"{key}={_short(node[name])} must be {words(kind)}"


def _short(value: Any) -> str:
    return text if len(text := str(value)) < 60 else f"{text[:57]}..."
