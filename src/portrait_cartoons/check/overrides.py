"""Overrides that Hydra refuses, each explained; the others make a configuration."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from portrait_cartoons.check.foreign import runs_a_resolver
from portrait_cartoons.check.keys import Problem, choices_by_key, hint, nodes, unknown
from portrait_cartoons.check.static import defaults, signature_problems, static_problems
from portrait_cartoons.check.trainer import unsuitable
from portrait_cartoons.cli.config import composed, plain
from portrait_cartoons.cli.usage import GROUPS, groups, see_help

HYDRA = ("hydra/launcher", "hydra/sweeper", "hydra.launcher.", "hydra.sweeper.")  # what of it a user may set


class Applied(NamedTuple):
    """The configuration made of the overrides that can be applied, these, and a sentence for each other one."""

    cfg: DictConfig
    kept: list[str]
    problems: list[str]


def parsed(text: str) -> Override:
    """Raises HydraException for what is no override."""
    return OverridesParser.create().parse_override(text)


def swept(override: Override) -> list[str]:
    """The values of a sweep; none where it is no sweep, or one that cannot be enumerated here."""
    try:
        return list(override.sweep_string_iterator()) if override.is_sweep_override() else []
    except HydraException:
        return []


def applied(root: str, overrides: list[str]) -> Applied:
    """Apply as many overrides as possible to `root`, a file of conf/. Raises UserError where that alone is unusable."""
    readable, problems = _readable(overrides)
    problems |= {text: sentence for text, override in readable.items() if (sentence := _group_problem(text, override))}
    # A choice brings keys along: choices come first, then new keys, then values.
    usable = [text for text in readable if text not in problems]
    usable.sort(key=lambda text: (not _is_choice(readable[text]), not text.startswith("+")))
    cfg: DictConfig | None = None
    kept: list[str] = []
    parts = [usable]
    while parts:  # halved until what does not fit stands alone
        part = parts.pop()
        if (longer := _composed(root, [*kept, *part])) is not None:
            cfg, kept = longer, [*kept, *part]
        elif len(part) > 1:
            parts += [part[len(part) // 2 :], part[: len(part) // 2]]
        elif part:
            problems |= dict(_explained(root, part[0], readable[part[0]], kept))
    return Applied(defaults(root) if cfg is None else cfg, kept, list(dict.fromkeys(problems.values())))


def _readable(overrides: list[str]) -> tuple[dict[str, Override], dict[str, str]]:
    """The overrides that can be read, by their texts, of each key the last one; and what is wrong with the others."""
    readable: dict[str, Override] = {}
    problems: dict[str, str] = {}
    last: dict[tuple[str, str | None], str] = {}
    for text in overrides:
        try:
            override = parsed(text)
        except HydraException:
            problems[text] = f"{text!r} cannot be read as key=value; {see_help()}"
            continue
        if sentence := _refused(text, override):
            problems[text] = sentence
            continue
        readable.pop(last.get((override.key_or_group, override.package), ""), None)
        last[override.key_or_group, override.package] = text
        readable[text] = override
    return readable, problems


def _refused(text: str, override: Override) -> str | None:
    """Why an override is not for this project, whatever the configuration."""
    key = override.key_or_group
    if runs_a_resolver(text):
        return f"{text}: a value can refer to another key, ${{data.size}}, but not compute one; write the value itself"
    if key.startswith("hydra") and not key.startswith(HYDRA):
        return f"{text}: this project does not use Hydra's folders and logs; run_dir=<folder> is where a run goes"
    return None


def _is_choice(override: Override) -> bool:
    return override.key_or_group in GROUPS or "/" in override.key_or_group


def _composed(root: str, overrides: list[str]) -> DictConfig | None:
    """The configuration, or None where an override does not fit, or refers to what does not exist."""
    try:
        cfg = composed(root, overrides)
        plain(cfg)
    except Exception:  # Hydra and OmegaConf pass on whatever a strange value makes their own code raise
        return None
    return cfg


def _group_problem(text: str, override: Override) -> str | None:
    """What is wrong with an override of a config group as a whole."""
    group = override.key_or_group
    if "/" in group and not group.startswith("hydra/"):
        return f"{text}: there is no config group {group}; the groups are {', '.join(GROUPS)}"
    if group not in GROUPS:
        return None
    choices = list(groups()[group])
    offered = f"the choices are {', '.join(choices)}" if choices else "it has no choices yet"
    if override.type is OverrideType.DEL:
        return f"{text}: every run needs a choice of {group}; {offered}"
    if override.package is not None or override.type is not OverrideType.CHANGE:
        return f"{text}: a choice is made with {group}=<choice> alone; {offered}"
    values = _choices(override)
    for value in values:
        if value not in choices:
            near = get_close_matches(str(value), choices, 1)
            way_out = f"did you mean {group}={near[0]}?" if near else offered
            return f"{text}: there is no conf/{group}/{value}.yaml; {way_out}"
    return None if values else f"{text}: name a choice of {group}; {offered}"


def _choices(override: Override) -> list[Any]:
    if override.is_sweep_override():
        return swept(override)
    value = override.value()
    return value if isinstance(value, list) else [value]


def _explained(root: str, text: str, override: Override, kept: list[str]) -> Iterator[Problem]:
    """Why the override cannot be added to those kept."""
    cfg = composed(root, kept) if kept else defaults(root)
    key, known = override.key_or_group, list(nodes(OmegaConf.to_container(cfg)))
    if override.is_sweep_override():
        yield text, f"{text} holds several values: add --multirun to train once with each, or choose one"
    elif override.type is OverrideType.ADD and key in known:
        yield text, f"{text}: {key} exists already, write {text.lstrip('+')}"
    elif override.type is OverrideType.CHANGE and key not in known:
        yield from _unmentioned(root, text, key, known, kept)
    elif override.type is OverrideType.DEL and key not in known:
        yield text, f"{text}: there is nothing to delete; {hint(key, known)}"
    else:
        yield text, f"{text}: this value does not fit here or refers to a key that does not exist; {see_help()}"


def _unmentioned(root: str, text: str, key: str, known: list[str], kept: list[str]) -> Iterator[Problem]:
    """Why a key that the files do not mention cannot be set: it is misspelt, unfit, or wants a plus."""
    parent, _, leaf = key.rpartition(".")
    siblings = [k.rpartition(".")[2] for k in known if k.rpartition(".")[0] == parent]
    added = _composed(root, [*kept, f"+{text}"])
    if added is None or key in choices_by_key() or get_close_matches(leaf, siblings, 1, 0.75) or not parent:
        yield key, unsuitable(key) or unknown(key, known)
        return
    # Were it added, what would be wrong? The classes know the arguments that the files do not mention.
    news = static_problems(added, root) or signature_problems(added)
    news = {k: sentence for k, sentence in news.items() if k.startswith(key)}
    yield from news.items()
    if not news:
        yield text, f"{text}: the files of conf/ do not mention {key}; to add it write +{text}"
