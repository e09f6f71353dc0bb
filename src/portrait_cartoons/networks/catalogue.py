"""Which options of a model are networks, and the names of classes, by which checkpoint files call them."""

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

PACKAGES = ("portrait_cartoons.networks", "portrait_cartoons.models")


def network_nodes(model: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The options of a model that say how a network is made: those that name a class and are `_partial_`."""
    return {name: node for name, node in model.items() if isinstance(node, dict) and node.get("_partial_")}


def named(model: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a model in which its class and those of its networks are called by their names alone.

    What lies outside this package keeps its Python path.
    """
    nodes = {name: {**node, "_target_": _name(node["_target_"])} for name, node in network_nodes(model).items()}
    return {**model, **nodes, "_target_": _name(model["_target_"])}


def class_named(name: object, package: str, base: type[T]) -> type[T]:
    """The subclass of `base` that a module of the package defines under this name.

    The modules are searched as text, so that no other one is imported. Raises LookupError where there is no such
    class, or more than one.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        raise LookupError(f"{name!r} is not the name of a class of {package}")
    folder = Path(str(import_module(package).__file__)).parent
    head = re.compile(rf"^class {name}\b", re.MULTILINE)
    files = [file for file in sorted(folder.rglob("*.py")) if head.search(file.read_text(encoding="utf-8"))]
    if len(files) != 1:
        found = f"{len(files)} modules of {package} define" if files else f"no module of {package} defines"
        raise LookupError(f"{found} a class {name}")
    module = ".".join((package, *files[0].relative_to(folder).with_suffix("").parts))
    found_class = getattr(import_module(module), name, None)
    if not (isinstance(found_class, type) and issubclass(found_class, base) and found_class.__module__ == module):
        raise LookupError(f"{module}.{name} is not a subclass of {base.__name__}")
    return found_class


def _name(target: str) -> str:
    return target.rpartition(".")[2] if target.startswith(tuple(f"{package}." for package in PACKAGES)) else target
