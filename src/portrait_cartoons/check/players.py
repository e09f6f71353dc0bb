"""The loss terms and the optimizers of a model's players."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from portrait_cartoons.check.keys import Problem, Tree, choices_with, nodes
from portrait_cartoons.check.numbers import POSITIVE, Number
from portrait_cartoons.check.source import definition, literal, member

WEIGHT = Number(whole=False)
NUMBERS = {"lr": POSITIVE, "eps": POSITIVE, "weight_decay": WEIGHT}
CLIP = POSITIVE
BETA = Number(0, 0.9999999999, whole=False)


def loss_problems(tree: Tree) -> Iterator[Problem]:
    declared, loss = _terms(tree), tree["loss"]
    for name, value in nodes(loss).items():
        if "." in name and value not in WEIGHT:
            yield f"loss.{name}", f"loss.{name}={value} must be {WEIGHT}"
    for player, terms in declared.items():
        if isinstance(weights := loss.get(player), dict):
            yield from _weight_problems(f"loss.{player}", weights, terms)
        else:
            yield f"loss.{player}", f"loss.{player} is missing: it weighs {', '.join(terms)}; see conf/loss"
    for player in loss.keys() - declared.keys() if declared else ():
        key = f"loss.{player}"
        players = ", ".join(declared)
        yield key, f"{key}: the model has no such player, only {players}; choose the loss that belongs to the model"


def _weight_problems(path: str, weights: Mapping[str, Any], terms: tuple[str, ...]) -> Iterator[Problem]:
    for term in terms:
        if term not in weights:
            key = f"{path}.{term}"
            yield key, f"{key} is missing: write +{key}=0.0 for a loss without that term"
    for term in weights:
        key = f"{path}.{term}"
        if term not in terms:
            near = get_close_matches(term, terms, 1) or [", ".join(terms)]
            files = " and ".join(f"conf/loss/{choice}.yaml" for choice in choices_with(key))
            written = f"{key}, written in {files}" if files else key
            yield key, f"{written}: the model has no such term; did you mean {near[0]}?"
    if weights and all(weight == 0 for weight in weights.values()):
        yield path, f"{path}: all weights are 0, so it would learn nothing; raise one"


def optimizer_problems(tree: Tree) -> Iterator[Problem]:
    terms, optimizers = _terms(tree), tree["model"].get("optimizers")
    if not terms or not isinstance(optimizers, dict):
        return
    for player in terms.keys() - optimizers.keys():
        key = f"model.optimizers.{player}"
        yield key, f"{key} is missing: give it a learning rate, +{key}.lr=2e-4"
    for player, options in optimizers.items():
        key = f"model.optimizers.{player}"
        if player not in terms:
            yield key, f"{key}: the model has no such player, only {', '.join(terms)}; delete it"
        elif not isinstance(options, dict) or "lr" not in options:
            yield key, f"{key} has no learning rate: give it one, {key}.lr=2e-4"
        else:
            yield from _number_problems(key, options)
    clip = tree["model"].get("clip")
    for player, norm in clip.items() if isinstance(clip, dict) else ():
        key = f"model.clip.{player}"
        if player not in terms:
            yield key, f"{key}: the model has no such player, only {', '.join(terms)}; delete it"
        elif norm not in CLIP:
            yield key, f"{key}={norm} must be {CLIP}"


def _number_problems(path: str, options: Mapping[str, Any]) -> Iterator[Problem]:
    for name, value in options.items():
        key = f"{path}.{name}"
        if name in NUMBERS and value not in NUMBERS[name]:
            yield key, f"{key}={value} must be {NUMBERS[name]}"
        elif name == "betas" and not _are_betas(value):
            yield key, f"{key}={value} must be two numbers from 0 to below 1, such as [0.5,0.999]"


def _are_betas(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(beta in BETA for beta in value)


def inputs(tree: Tree) -> tuple[str, ...]:
    """What the model's class declares that its batches must hold, if it does so itself."""
    value = declared(tree, "inputs")
    return value if isinstance(value, tuple) else ()


def _terms(tree: Tree) -> dict[str, tuple[str, ...]]:
    """The players and loss terms that the model's class declares; none where it is not known."""
    value = declared(tree, "terms")
    return value if isinstance(value, dict) else {}


def declared(tree: Tree, attribute: str) -> Any:
    """The value of a class attribute of the model, as far as its source tells; None where it does not."""
    found = definition(tree["model"].get("_target_"))
    value = member(found, attribute) if found else None
    return literal(value.node) if value else None
