"""The phases of a model's training."""

from collections.abc import Iterator
from difflib import get_close_matches

from portrait_cartoons.check.keys import Problem, Tree
from portrait_cartoons.check.players import declared

SETTINGS = ("epochs", "decay_share", "gamma", "lr")


def phase_problems(tree: Tree) -> Iterator[Problem]:
    earlier, players, given = declared(tree, "phases"), declared(tree, "terms"), tree["model"].get("phases", {})
    if not isinstance(earlier, tuple) or not isinstance(given, dict):
        return
    for name in earlier[:-1]:
        if not isinstance(given.get(name), dict) or "epochs" not in given[name]:
            key = f"model.phases.{name}"
            yield key, f"{key} has no length: give it one, 0 to leave the phase out, +{key}.epochs=0"
    for name, settings in given.items():
        key = f"model.phases.{name}"
        if name not in earlier[:-1]:
            there = ", ".join(earlier[:-1]) or "none"
            yield key, f"{key}: the model has no such phase before its last one; there is {there}"
            continue
        for setting in settings if isinstance(settings, dict) else ():
            if setting not in SETTINGS:
                near = get_close_matches(setting, SETTINGS, 1) or [", ".join(SETTINGS)]
                sentence = f"{key}.{setting}: a phase has no such setting; did you mean {near[0]}?"
                yield f"{key}.{setting}", sentence
        rates = settings.get("lr") if isinstance(settings, dict) else None
        for player in rates.keys() - (players or {}) if isinstance(rates, dict) else ():
            yield f"{key}.lr.{player}", f"{key}.lr.{player}: the model has no such player, only {', '.join(players)}"
