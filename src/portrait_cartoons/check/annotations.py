"""The values that the annotation of an argument allows, as far as a configuration can tell."""

import ast
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from portrait_cartoons.check.source import lookup


class Kind(NamedTuple):
    """One alternative of an annotation."""

    words: str
    fits: Callable[[Any], bool]


NULL = Kind("null", lambda value: value is None)
KINDS = {
    "int": Kind("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "float": Kind(
        "a number",
        lambda value: isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value < math.inf,
    ),
    "bool": Kind("true or false", lambda value: isinstance(value, bool)),
    "str": Kind("a text", lambda value: isinstance(value, str)),
    "list": Kind("a list", lambda value: isinstance(value, list)),
    "Mapping": Kind("a mapping", lambda value: isinstance(value, dict)),
    "Callable": Kind(
        "a node with a _target_ and _partial_: true",
        lambda value: isinstance(value, dict) and "_target_" in value and value.get("_partial_") is True,
    ),
}


def kinds(annotation: ast.expr | None, module: str) -> tuple[Kind, ...]:
    """The alternatives that an annotation in a module allows; none where a configuration cannot tell one of them."""
    match annotation:
        case ast.Constant(value=None):
            return (NULL,)
        case ast.Name(id="int" | "float" | "bool" | "str" | "list" | "Mapping" as name):
            return (KINDS[name],)
        case ast.Subscript(value=ast.Name(id="Callable" | "Mapping" | "list" as name)):
            return (KINDS[name],)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=ast.Tuple(elts=values)):
            return tuple(_literal(value) for value in values)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=value):
            return (_literal(value),)
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return _joined([kinds(inner, module), (NULL,)])
        case ast.Subscript(value=ast.Name(id="Union"), slice=ast.Tuple(elts=members)):
            return _joined([kinds(member, module) for member in members])
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _joined([kinds(left, module), kinds(right, module)])
        case ast.Name(id=name) if (found := lookup(module, name)) and isinstance(found.node, ast.expr):
            return kinds(found.node, found.module)
    return ()


def _literal(node: ast.expr) -> Kind:
    allowed = ast.literal_eval(node)
    return Kind(str(allowed), lambda value: value == allowed)


def _joined(members: list[tuple[Kind, ...]]) -> tuple[Kind, ...]:
    return tuple(kind for member in members for kind in member) if all(members) else ()
