"""How the target of a node is called: its arguments, and the values that their types allow in a configuration."""

import inspect
import math
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin


class Signature(NamedTuple):
    """Named parameters, their types where these can be told, and whether any further argument is taken."""

    parameters: dict[str, inspect.Parameter]
    types: dict[str, Any]
    open: bool


@cache
def target(path: str) -> Any:
    """The class or function that a `_target_` names. Raises LookupError, which says why there is none."""
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name, None)
    except (ImportError, ValueError, TypeError) as error:
        # A module that is there but fails has a fault of its own to mend.
        if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
            raise LookupError("names no class or function that exists") from error
        if not module or module.startswith("."):
            raise LookupError("names no class or function that exists") from error
        raise LookupError(f"cannot be imported ({type(error).__name__}: {error})") from error
    except Exception as error:  # whatever a user's own module raises
        raise LookupError(f"cannot be imported ({type(error).__name__}: {error})") from error
    if not callable(found):
        raise LookupError("names no class or function that exists")
    return found


@cache
def signature(path: str) -> Signature:
    """How a target is called. Raises LookupError for one that does not exist.

    What a constructor of this project takes as **options it passes on to that of its base class.
    """
    found, parameters, types = target(path), dict[str, inspect.Parameter](), dict[str, Any]()
    for called in (_constructors(found) or [found]) if isinstance(found, type) else [found]:
        try:
            own = inspect.signature(called).parameters
        except (TypeError, ValueError):  # written in C without saying
            return Signature({}, {}, True)
        try:
            hints = typing.get_type_hints(called)
        except Exception:  # one of the names exists for type checkers alone
            hints = {name: p.annotation for name, p in own.items() if not isinstance(p.annotation, str)}
        named = {name: p for name, p in own.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
        parameters, types = {**named, **parameters}, {**hints, **types}
        if not any(p.kind is p.VAR_KEYWORD for p in own.values()):
            return Signature({name: p for name, p in parameters.items() if name != "self"}, types, False)
    return Signature({name: p for name, p in parameters.items() if name != "self"}, types, True)


def _constructors(found: type) -> list[Any]:
    """That of a class and, for models and other parts of this project, of its bases: what else a class of another
    project takes as **options can go anywhere."""
    owned = [vars(base)["__init__"] for base in found.__mro__ if "__init__" in vars(base) and base is not object]
    ours = any(base.__module__.startswith("portrait_cartoons.") for base in found.__mro__)
    return owned if ours else owned[:1]


def is_node(value: Any) -> bool:
    """Whether the value describes an object to be made."""
    return isinstance(value, dict) and "_target_" in value


SIMPLE: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    NoneType: ("null", lambda value: value is None),
    bool: ("true or false", lambda value: isinstance(value, bool)),
    int: ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    float: (
        "a number",
        lambda value: isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value),
    ),
    str: ("a text", lambda value: isinstance(value, str)),
}


def fits(value: Any, kind: Any) -> bool:
    """Whether a value of a configuration can be of this type; True where a configuration cannot tell."""
    origin, members = get_origin(kind), get_args(kind)
    if kind in SIMPLE:
        return SIMPLE[kind][1](value)
    if origin in (Union, UnionType):
        return any(fits(value, member) for member in members)
    if origin is Literal:
        return any(value == member and type(value) is type(member) for member in members)
    if kind is Callable or origin is Callable:
        return is_node(value) and value.get("_partial_") is True
    if origin in (list, tuple, Sequence):
        inner = members[:1] if origin is not tuple or members[1:] == (...,) else ()
        return isinstance(value, list) and all(fits(item, inner[0]) for item in value if inner)
    if origin in (dict, Mapping):
        return isinstance(value, dict) and all(fits(item, members[1]) for item in value.values())
    if isinstance(kind, type) and kind not in (Any, object, inspect.Parameter.empty):
        return is_node(value) or (kind is Path and isinstance(value, str))
    return True


def words(kind: Any) -> str:
    """The type in words: "a whole number or null"."""
    origin, members = get_origin(kind), get_args(kind)
    if kind in SIMPLE:
        return SIMPLE[kind][0]
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(words(member) for member in members))
    if origin is Literal:
        return " or ".join(map(str, members))
    if kind is Callable or origin is Callable:
        return "a node with a _target_ and _partial_: true"
    if origin in (dict, Mapping):
        return f"a mapping whose values are {words(members[1])}"
    if origin is Sequence:
        return f"a list of {words(members[0])}"
    return "a list" if origin in (list, tuple) else "a node with a _target_"
