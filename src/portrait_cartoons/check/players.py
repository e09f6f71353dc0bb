"""The loss terms and the optimizers of a model's players."""

from collections.abc import Iterator, Mapping
from typing import Any

from portrait_cartoons.check.keys import Problem, Tree, choices_by_key, hint
from portrait_cartoons.check.signatures import target


def player_problems(tree: Tree) -> Iterator[Problem]:
    """What does not fit between the model's players, their loss weights and their optimizers."""
    terms = declared(tree, "terms")
    if isinstance(terms, Mapping) and all(isinstance(names, tuple) for names in terms.values()):
        yield from _loss_problems(tree["loss"], terms)
        yield from _option_problems(tree["model"], terms)
    else:
        name = tree["model"].get("_target_")
        sentence = f"model._target_={name} is not a model of this kind; make it a subclass of Translator with terms"
        yield "model._target_", f"{sentence}, see src/portrait_cartoons/models/base.py"


def declared(tree: Tree, attribute: str) -> Any:
    """A class attribute of the model, such as its `terms` or `inputs`; None where it has none."""
    try:
        return getattr(target(str(tree["model"].get("_target_"))), attribute, None)
    except LookupError:  # which is reported with the model's arguments
        return None


def _loss_problems(loss: Mapping[str, Any], declared: Mapping[str, tuple[str, ...]]) -> Iterator[Problem]:
    for player, terms in declared.items():
        if isinstance(weights := loss.get(player), dict):
            yield from _weight_problems(f"loss.{player}", weights, terms)
        else:
            yield f"loss.{player}", f"loss.{player} is missing: it weighs {', '.join(terms)}; see conf/loss"
    for player in loss.keys() - declared.keys():
        key = f"loss.{player}"
        players = ", ".join(declared)
        yield key, f"{key}: the model has no such player, only {players}; choose the loss that belongs to the model"


def _weight_problems(path: str, weights: Mapping[str, Any], terms: tuple[str, ...]) -> Iterator[Problem]:
    for term in terms:
        if term not in weights:
            key = f"{path}.{term}"
            yield key, f"{key} is missing: write +{key}=0.0 for a loss without that term"
    for term in weights.keys() - set(terms):
        key = f"{path}.{term}"
        files = " and ".join(f"conf/loss/{choice}.yaml" for choice in choices_by_key().get(key, ()))
        written = f"{key}, written in {files}" if files else key
        way_out = hint(key, [f"{path}.{name}" for name in terms])
        yield key, f"{written}: the model has no such term, only {', '.join(terms)}; {way_out}"
    if weights and all(weight == 0 for weight in weights.values()):
        yield path, f"{path}: all weights are 0, so it would learn nothing; raise one"


def _option_problems(model: Mapping[str, Any], players: Mapping[str, Any]) -> Iterator[Problem]:
    """What is given per player: an optimizer for each, and for some a limit of their gradient."""
    optimizers = model.get("optimizers")
    for player in players.keys() - (optimizers.keys() if isinstance(optimizers, dict) else ()):
        key = f"model.optimizers.{player}"
        yield key, f"{key} is missing: every player needs an optimizer; see conf/model"
    for name in ("optimizers", "clip"):
        given = model.get(name)
        for player in given.keys() - players.keys() if isinstance(given, dict) else ():
            key = f"model.{name}.{player}"
            yield key, f"{key}: the model has no such player, only {', '.join(players)}; delete it"
