"""Nodes that become objects: whether their `_target_` exists and takes the arguments that are given."""

from collections.abc import Iterator
from typing import Any

from portrait_cartoons.check.annotations import kinds
from portrait_cartoons.check.keys import Problem, Tree, nodes, unknown
from portrait_cartoons.check.source import definition, signature
from portrait_cartoons.check.trainer import UNSUITABLE

HANDED_OVER = {"model": ("weights",), "data": ("smooth_edges",)}  # by the code, not by the node


def call_problems(tree: Tree) -> Iterator[Problem]:
    given = nodes(tree)
    expected = ["model", "data", "data.source", "trainer", "metrics"]
    expected += [f"{group}.{name}" for group in ("callbacks", "logger") for name in tree[group]]
    for path in expected:
        if not _is_call(given.get(path)):
            yield path, f"{path} has no _target_, the class or function it is made by; see conf/{path.split('.')[0]}"
    for path, node in given.items():
        if isinstance(node, dict):
            yield from _special_problems(path, node)
        if _is_call(node):
            yield from _argument_problems(path, node, list(given))


def _special_problems(path: str, node: dict[str, Any]) -> Iterator[Problem]:
    """Of Hydra's own keys a node has `_target_`, and inside the model `_partial_: true`. The others change the call."""
    special = {name for name in node if str(name).startswith("_")} - {"_target_"}
    if path.startswith("model.") and node.get("_partial_") is True:
        special -= {"_partial_"}
    for name in sorted(map(str, special)):
        key = f"{path}.{name}"
        yield key, f"{key}={_short(node[name])}: this key of Hydra's is not for this project; leave it out"


def _is_call(node: Any) -> bool:
    return isinstance(node, dict) and "_target_" in node


def _argument_problems(path: str, node: dict[str, Any], known: list[str]) -> Iterator[Problem]:
    target = node["_target_"]
    if definition(target) is None:
        sentence = f"{path}._target_={target} names no class or function that exists; correct it or leave it out"
        yield f"{path}._target_", sentence
        return
    if (called := signature(target)) is None:
        return
    name_of_target = target.rpartition(".")[2]
    arguments = dict(called.arguments)
    for name in ("params",) if path.startswith("model.optimizers.") else HANDED_OVER.get(path, ()):
        arguments.pop(name, None)
    # What the trainer could take but should not is explained with the trainer.
    unsuitable = UNSUITABLE if path == "trainer" else {}
    given = {name for name in node if not name.startswith("_")}
    for name in sorted(given - arguments.keys() - unsuitable.keys()) if not called.open else ():
        key = f"{path}.{name}"
        valid = [f"{path}.{argument}" for argument in sorted(arguments.keys() - unsuitable.keys())]
        yield key, unknown(key, [*valid, *known]).replace("unknown key", f"{name_of_target} has no argument", 1)
    for name, annotation in arguments.items():
        key = f"{path}.{name}"
        if name not in given:
            if name not in called.defaults:
                yield key, f"{key} is missing, and {name_of_target} needs it; give it a value, +{key}=<value>"
        elif (allowed := kinds(annotation, called.module)) and not any(kind.fits(node[name]) for kind in allowed):
            words = " or ".join(dict.fromkeys(kind.words for kind in allowed))
            yield key, f"{key}={_short(node[name])} must be {words}"


def _short(value: Any) -> str:
    return text if len(text := str(value)) < 60 else f"{text[:57]}..."
