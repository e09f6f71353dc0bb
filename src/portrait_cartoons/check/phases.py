"""The phases of a model's training."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from portrait_cartoons.check.keys import Problem, Tree
from portrait_cartoons.check.numbers import POSITIVE, SHARE, Number
from portrait_cartoons.check.players import declared

SETTINGS = {"epochs": Number(0), "decay_share": SHARE, "gamma": Number(0, 1, whole=False), "lr": None}


def phase_problems(tree: Tree) -> Iterator[Problem]:
    earlier, players = declared(tree, "phases"), declared(tree, "terms")
    earlier = earlier[:-1] if isinstance(earlier, tuple) else ()
    given = tree["model"].get("phases", {})
    if not isinstance(given, dict):
        return
    for name in earlier:
        if not isinstance(given.get(name), dict) or "epochs" not in given[name]:
            key = f"model.phases.{name}"
            yield key, f"{key} has no length: give it one, 0 to leave the phase out, +{key}.epochs=0"
    for name, settings in given.items():
        key = f"model.phases.{name}"
        if name not in earlier:
            near = get_close_matches(name, earlier, 1) or [" and ".join(earlier) or "none before its only one"]
            yield key, f"{key}: the model has no such phase; did you mean {near[0]}?"
        elif isinstance(settings, dict):
            yield from _setting_problems(key, settings, players if isinstance(players, dict) else {})


def _setting_problems(path: str, settings: Mapping[str, Any], players: Mapping[str, Any]) -> Iterator[Problem]:
    for name, value in settings.items():
        key = f"{path}.{name}"
        if name not in SETTINGS:
            near = get_close_matches(name, SETTINGS, 1) or [", ".join(SETTINGS)]
            yield key, f"{key}: a phase has no such setting; did you mean {near[0]}?"
        elif (number := SETTINGS[name]) and value not in number:
            yield key, f"{key}={value} must be {number}"
    rates = settings.get("lr")
    for player, rate in rates.items() if isinstance(rates, dict) else ():
        if player not in players:
            yield f"{path}.lr.{player}", f"{path}.lr.{player}: the model has no such player, only {', '.join(players)}"
        elif rate not in POSITIVE:
            yield f"{path}.lr.{player}", f"{path}.lr.{player}={rate} must be {POSITIVE}"
