"""Classes, functions and their arguments, read from source without importing it: Lightning alone takes seconds."""

import ast
from functools import cache
from importlib.abc import InspectLoader
from importlib.machinery import PathFinder
from importlib.util import find_spec
from typing import Any, NamedTuple


class Found(NamedTuple):
    """A class, a function or the value of an assignment, and the module whose names it uses."""

    node: ast.AST
    module: str


class Signature(NamedTuple):
    """How a class or function is called.

    arguments: their annotations.
    defaults: of those that have one; None where it is no literal.
    open: whether it takes any further argument.
    module: where its annotations are written.
    """

    arguments: dict[str, ast.expr | None]
    defaults: dict[str, Any]
    open: bool
    module: str


def definition(target: Any) -> Found | None:
    """The class or function that a `_target_` names."""
    if not isinstance(target, str):
        return None
    module, _, name = target.rpartition(".")
    found = lookup(module, name)
    return found if found and isinstance(found.node, ast.ClassDef | ast.FunctionDef) else None


def signature(target: str) -> Signature | None:
    """How a target is called; None where its source does not tell."""
    found = definition(target)
    return _signature(found) if found else None


def _signature(found: Found) -> Signature | None:
    is_class = isinstance(found.node, ast.ClassDef)
    called = member(found, "__init__") if is_class else found
    if called is None or not isinstance(called.node, ast.FunctionDef):
        return None
    spec = called.node.args
    positional = (spec.posonlyargs + spec.args)[1 if is_class else 0 :]  # without self
    with_default = positional[len(positional) - len(spec.defaults) :]
    defaults = [*zip(with_default, spec.defaults, strict=True), *zip(spec.kwonlyargs, spec.kw_defaults, strict=True)]
    own = Signature(
        {argument.arg: argument.annotation for argument in (*positional, *spec.kwonlyargs)},
        {argument.arg: literal(default) for argument, default in defaults if default is not None},
        spec.kwarg is not None,
        called.module,
    )
    base = _base_called(found, called.node) if is_class and spec.kwarg else None
    if base is None:
        return own
    arguments, defaults_of_all = {**own.arguments, **base.arguments}, {**own.defaults, **base.defaults}
    return Signature(arguments, defaults_of_all, base.open, called.module)


def _base_called(found: Found, constructor: ast.FunctionDef) -> Signature | None:
    """How the base class is called, where all further arguments of a constructor are passed on to it."""
    further = constructor.args.kwarg.arg if constructor.args.kwarg else ""
    passed = ast.parse(f"super().__init__(**{further})", mode="eval").body
    if not any(ast.dump(node) == ast.dump(passed) for node in ast.walk(constructor)):
        return None
    while isinstance(found.node, ast.ClassDef):
        owned = constructor in found.node.body
        bases = [lookup(found.module, base.id) for base in found.node.bases if isinstance(base, ast.Name)]
        if not bases or bases[0] is None:
            return None
        found = bases[0]
        if owned:
            return _signature(found)
    return None


def member(found: Found, name: str) -> Found | None:
    """The method or attribute of a class, its own or inherited, as far as sources tell."""
    if not isinstance(found.node, ast.ClassDef):
        return None
    for node in found.node.body:
        match node:
            case ast.FunctionDef(name=defined) if defined == name:
                return Found(node, found.module)
            case ast.Assign(targets=[ast.Name(id=defined)], value=value) if defined == name:
                return Found(value, found.module)
    for base in found.node.bases:
        inherited = lookup(found.module, base.id) if isinstance(base, ast.Name) else None
        if inherited and (found_there := member(inherited, name)):
            return found_there
    return None


@cache
def lookup(module: str, name: str) -> Found | None:
    """What `name` means at the top level of a module, followed through its imports."""
    if (tree := _parsed(module)) is None:
        return None
    for node in tree.body:
        match node:
            case ast.ClassDef(name=defined) | ast.FunctionDef(name=defined) if defined == name:
                return Found(node, module)
            case ast.Assign(targets=[ast.Name(id=defined)], value=value) if defined == name:
                return Found(value, module)
            case ast.ImportFrom(module=str(source), names=aliases, level=0):
                for alias in aliases:
                    if (alias.asname or alias.name) == name and source != module:
                        return lookup(source, alias.name)
    return None


def literal(node: ast.AST) -> Any:
    """The value of an expression; None where it is no literal."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


@cache
def _parsed(module: str) -> ast.Module | None:
    """The source of a module; None where there is none."""
    top, *rest = module.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    for name in rest:  # find_spec would import the packages on the way
        spec = PathFinder.find_spec(name, spec.submodule_search_locations or []) if spec else None
    source = spec.loader.get_source(spec.name) if spec and isinstance(spec.loader, InspectLoader) else None
    return None if source is None else ast.parse(source)
