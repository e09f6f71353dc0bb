"""Everything that can be said about a configuration without importing or building any of its parts."""

import os
import resource
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from portrait_cartoons.check.calls import call_problems
from portrait_cartoons.check.keys import PLACES, Problem, Tree, nodes, unknown
from portrait_cartoons.check.numbers import number_problems
from portrait_cartoons.check.phases import phase_problems
from portrait_cartoons.check.players import player_problems
from portrait_cartoons.check.trainer import trainer_problems
from portrait_cartoons.cli.config import composed, plain
from portrait_cartoons.cli.usage import GROUPS
from portrait_cartoons.errors import UserError
from portrait_cartoons.files import expanded
from portrait_cartoons.runs.names import CHECKPOINTS, CONFIG, METRICS, OVERRIDES

PARTS = tuple(group for group in GROUPS if group != "experiment" and group not in PLACES)  # each a key of its own
OPEN_FILES, OPEN_FILES_OF_A_WORKER = 64, 16  # of a program that trains: with fewer, workers hang or fail


def static_problems(cfg: DictConfig, root: str) -> dict[str, str]:
    """By key the sentence about it, the first where there are several: all that the values alone tell, in no time.

    The key "" means that nothing else can be checked.
    """
    try:
        tree = plain(cfg)
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "a key"
        return {"": f"{key} has no value, or one that refers to a key that does not exist; give it one"}
    if lost := [name for name in PARTS if not isinstance(tree.get(name), dict)]:
        return {"": f"{', '.join(lost)}: every run needs this part; choose one with {lost[0]}=<choice>"}
    top = _top_keys(root)
    known = [key for key in nodes(tree) if key.partition(".")[0] in top]
    problems = {name: unknown(name, [*top, *known]) for name in tree if name not in top}
    _gathered(problems, tree, (_folder_problems, _part_problems, number_problems, _worker_problems, trainer_problems))
    # A wrong value is told of where it stands, not again where a key refers to it.
    referring = [key for key, text in nodes(OmegaConf.to_container(cfg)).items() if str(text).startswith("${")]
    return {key: sentence for key, sentence in problems.items() if key not in referring}


def signature_problems(cfg: DictConfig) -> dict[str, str]:
    """Likewise what the classes and functions tell that the configuration names, which takes seconds to import."""
    # Where a run will go is decided when it starts, and some arguments refer to it.
    tree = plain(cast(DictConfig, OmegaConf.merge(cfg, {"run_dir": cfg.run_dir or "runs"})))
    return _gathered({}, tree, (call_problems, player_problems, phase_problems))


def _gathered(
    problems: dict[str, str], tree: Tree, checks: Iterable[Callable[[Tree], Iterator[Problem]]]
) -> dict[str, str]:
    for key, sentence in (problem for find in checks for problem in find(tree)):
        problems.setdefault(key, sentence)
    return problems


def defaults(root: str) -> DictConfig:
    """The configuration without overrides. Raises UserError where its files cannot be composed."""
    try:
        return composed(root, [])
    except Exception as error:  # Hydra passes on whatever reading a file raises
        reason = " ".join(str(error).split()).rstrip(".")
        raise UserError(f"the defaults of conf/{root}.yaml cannot be composed: {reason}; mend that file") from error


@cache
def _top_keys(root: str) -> tuple[str, ...]:
    return (*PARTS, *(str(key) for key in defaults(root) if key not in PARTS))


def _folder_problems(tree: Tree) -> Iterator[Problem]:
    for name in ("resume", "run_dir"):
        if not isinstance(tree.get(name), str | None):
            yield name, f"{name}={tree[name]} must be the path of a folder; quote it: {name}=\"'{tree[name]}'\""
    if isinstance(run_dir := tree.get("run_dir"), str) and tree.get("resume") is None:
        try:
            folder = expanded(run_dir)
            names = os.listdir(folder)
            kept = bool(list((folder / CHECKPOINTS).glob("*.ckpt")))
        except FileNotFoundError:
            return
        except UserError as error:
            yield "run_dir", f"run_dir: {error}"
            return
        except OSError as error:
            yield "run_dir", f"run_dir={run_dir} cannot be used ({error.strerror}): name another place"
            return
        # A run that was killed before its first checkpoint begins anew under its name.
        if kept or (OVERRIDES not in names and {CONFIG, METRICS, CHECKPOINTS} & {*names}):
            yield "run_dir", f"run_dir={run_dir} holds a run already: name another folder, or use resume={run_dir}"


def _part_problems(tree: Tree) -> Iterator[Problem]:
    if "checkpoints" not in tree["callbacks"]:
        sentence = "callbacks.checkpoints is missing: without it a run leaves nothing to use or to continue; keep it"
        yield "callbacks.checkpoints", sentence


def _worker_problems(tree: Tree) -> Iterator[Problem]:
    workers, allowed = tree["data"].get("num_workers"), resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    needed = OPEN_FILES + OPEN_FILES_OF_A_WORKER * workers if isinstance(workers, int) and workers > 0 else 0
    if allowed != resource.RLIM_INFINITY and needed > allowed:
        sentence = f"data.num_workers={workers} needs about {needed} open files, and {allowed} are allowed here"
        yield "data.num_workers", f"{sentence}; use fewer, data.num_workers=0 needs none, or raise ulimit -n"
