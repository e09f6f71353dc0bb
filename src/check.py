"""Every problem of a configuration at once, before any work: each one sentence that names the key and the way out.

Signatures and loss terms are read from source files, not by importing them: Lightning alone takes seconds to import.
"""

import ast
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from src.config import CONF, composed, plain
from src.errors import UserError
from src.usage import GROUPS, groups

if TYPE_CHECKING:
    from torch import nn

    from src.data.dataset import Splits

Problem = tuple[str, str]  # the key it is about, and the sentence
Tree = Mapping[str, Any]

SMALL, LARGE = 32, 512  # sides of the images that networks are tried on, in pixels
HELP = "python -m src.train --help lists groups and keys"


class ConfigError(UserError):
    """Everything that is wrong with a configuration, one sentence per problem."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        several = "\n  - ".join((f"{len(self.problems)} problems in the configuration", *self.problems))
        super().__init__(several if len(self.problems) > 1 else self.problems[0])


def checked_config(root: str, overrides: list[str]) -> DictConfig:
    """The configuration `root` (a file of conf/) with Hydra overrides, in which `check` finds nothing wrong.

    Raises:
        ConfigError: with every override that cannot be applied, and every problem of what the others describe.
    """
    cfg, kept, problems = _applied(root, overrides)
    # Where all that was given is unusable, networks and data are the defaults, which need no test of seconds.
    touched = {_parsed(text).key_or_group.partition(".")[0] for text in kept}
    problems += check(cfg, root, build=not problems or bool(touched & {"model", "data", "experiment"}))
    if problems:
        raise ConfigError(problems)
    return cfg


def checked_sweep(root: str, overrides: list[str]) -> None:
    """Check every value of each override that holds several, beside the first value of the others.

    Raises:
        ConfigError: with the problems of all these configurations.
    """
    values: list[list[str]] = []
    problems: dict[str, None] = {}
    for text in overrides:
        try:
            override = OverridesParser.create().parse_override(text)
            swept = override.sweep_string_iterator() if override.is_sweep_override() else None
            values.append([text] if swept is None else [f"{override.get_key_element()}={value}" for value in swept])
        except HydraException:
            values.append([text])
    for texts in values:
        if texts[0].partition("=")[0].lstrip("+") in ("run_dir", "resume"):
            key = texts[0].partition("=")[0].lstrip("+")
            problems[f"{key} cannot go with --multirun, whose runs begin in folders of their own: leave it out"] = None
    first = [texts[0] for texts in values]
    runs = [first, *([*first[:n], text, *first[n + 1 :]] for n, texts in enumerate(values) for text in texts[1:])]
    for run in runs:
        try:
            checked_config(root, run)
        except ConfigError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise ConfigError(problems)


def valid_overrides(root: str, overrides: list[str]) -> None:
    """Raise ConfigError with every override that cannot be applied; what the others describe is not looked at."""
    if problems := _applied(root, overrides)[2]:
        raise ConfigError(problems)


def check(cfg: DictConfig, root: str = "train", build: bool = True) -> list[str]:
    """One sentence for each problem of a composed configuration of training, or of another root that extends it.

    Args:
        root: the file of conf/ whose keys are known at the top level.
        build: whether to try the networks and to look for the pictures, which takes seconds.
    """
    problems = _static(cfg, root)
    if build and "" not in problems:
        tree = plain(cfg)
        parts = [
            f"model.{name}" for name, node in tree["model"].items() if isinstance(node, dict) and "_target_" in node
        ]
        for find, needs in (
            (_network_problems, ["data.size", "model._target_", *parts]),
            (_picture_problems, ["data.source", "data.load_size"]),
        ):
            if not any(f"{key}.".startswith(f"{need}.") for key in problems for need in needs):
                problems |= dict(find(tree))
    return list(problems.values())


# Overrides


def _applied(root: str, overrides: list[str]) -> tuple[DictConfig, list[str], list[str]]:
    """The configuration made of the overrides that can be applied, these, and a sentence for each other one."""
    problems: dict[str, str] = {}
    parsed: dict[str, Override] = {}
    for text in overrides:
        try:
            parsed[text] = _parsed(text)
        except HydraException:
            problems[text] = (
                f"{text!r} cannot be read as key=value: quote special characters twice, for example"
                " 'run_dir=\"my runs/1\"'"
            )
    given: dict[str, list[str]] = {}
    for text in overrides:
        if text in parsed and parsed[text].package is None:
            given.setdefault(parsed[text].key_or_group, []).append(text)
    for key, texts in given.items():
        if len(texts) > 1:
            problems[key] = f"{key} is given {len(texts)} times, {' and '.join(texts)}: keep one of them"
            for text in {*texts} - {texts[-1]}:
                del parsed[text]
    problems |= {text: sentence for text, o in parsed.items() if (sentence := _group_problem(text, o))}
    # A choice brings keys along: choices come first, then new keys, then values.
    usable = [text for text in overrides if text in parsed and text not in problems]
    usable = sorted(dict.fromkeys(usable), key=lambda t: (not _is_choice(parsed[t]), not t.startswith("+")))
    kept: list[str] = usable
    cfg, parts = _composed(root, usable), []
    if cfg is None:
        kept, cfg, parts = [], composed(root, []), [usable]
    while parts:  # halved until what does not fit stands alone
        part = parts.pop()
        if (longer := _composed(root, [*kept, *part])) is not None:
            kept, cfg = [*kept, *part], longer
        elif len(part) > 1:
            parts += [part[len(part) // 2 :], part[: len(part) // 2]]
        else:
            problems |= dict(_explained(root, part[0], parsed[part[0]], kept, cfg))
    return cfg, kept, list(dict.fromkeys(problems.values()))


def _parsed(text: str) -> Override:
    return OverridesParser.create().parse_override(text)


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
            return f"{text}: there is no conf/{group}/{value}.yaml; " + (
                f"did you mean {group}={near[0]}?" if near else offered
            )
    return None if values else f"{text}: name a choice of {group}; {offered}"


def _choices(override: Override) -> list[Any]:
    if override.is_sweep_override():
        return list(override.sweep_string_iterator()) if override.is_discrete_sweep() else [None]
    value = override.value()
    return value if isinstance(value, list) else [value]


def _explained(root: str, text: str, override: Override, kept: list[str], cfg: DictConfig) -> Iterator[Problem]:
    """Why the override cannot be added to those kept, which compose `cfg`."""
    key, known = override.key_or_group, list(_keys(OmegaConf.to_container(cfg)))
    if override.is_sweep_override():
        yield text, f"{text} holds several values: add --multirun to train once with each, or choose one"
    elif override.type is OverrideType.ADD and key in known:
        yield text, f"{text}: {key} exists already, write {text.lstrip('+')}"
    elif override.type is OverrideType.CHANGE and key not in known:
        # Were it added, what would be wrong? This knows the arguments that the files do not mention.
        forced, before = _composed(root, [*kept, f"+{text}"]), _static(cfg, root)
        news = {} if forced is None else {k: p for k, p in _static(forced, root).items() if k not in before}
        parent, _, leaf = key.rpartition(".")
        siblings = [k.rpartition(".")[2] for k in known if k.rpartition(".")[0] == parent]
        if forced is not None and not news and not get_close_matches(leaf, siblings, 1, 0.75):
            yield text, f"{text}: the files of conf/ do not mention {key}; to add it write +{text}"
        elif forced is None or not news:
            yield key, _unknown(key, known)
        yield from news.items()
    elif override.type is OverrideType.DEL and key not in known:
        yield text, f"{text}: there is nothing to delete; {_hint(key, known)}"
    else:
        yield text, f"{text}: this value does not fit here or refers to a key that does not exist; {HELP}"


def _unknown(key: str, known: Iterable[str]) -> str:
    group, _, rest = key.partition(".")
    for choice in groups().get(group, {}) if rest else ():
        if rest in _keys(OmegaConf.to_container(OmegaConf.load(CONF / group / f"{choice}.yaml"))):
            return f"unknown key {key}: it exists with {group}={choice}, add that"
    return f"unknown key {key}: {_hint(key, known)}"


def _hint(key: str, known: Iterable[str]) -> str:
    """The key that was probably meant: one with the same last part, or a similar name."""
    known = [k for k in dict.fromkeys(known) if k != key]
    last = {k: k.rpartition(".")[2] for k in known}
    leaf = key.rpartition(".")[2]
    similar = get_close_matches(key, known, 1, 0.75) or [k for k in known if last[k] == leaf]
    if not similar and (leaves := get_close_matches(leaf, last.values(), 1, 0.7)):
        similar = [k for k in known if last[k] == leaves[0]]
    return f"did you mean {similar[0]}?" if similar else HELP


def _keys(node: Any, path: str = "") -> Iterator[str]:
    """The dotted path of every node below, without `_target_` and its like."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in items:
        if not str(name).startswith("_"):
            yield f"{path}{name}"
            yield from _keys(child, f"{path}{name}.")


# Values


@dataclass(frozen=True)
class Number:
    """The numbers a key can hold."""

    least: float = 0
    most: float = math.inf
    whole: bool = True
    open: bool = False  # without the limits themselves
    or_null: bool = False

    def __contains__(self, value: Any) -> bool:
        if value is None:
            return self.or_null
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        inside = self.least < value < self.most if self.open else self.least <= value <= self.most
        return inside and math.isfinite(value)

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        limits = f"{'above' if self.open else 'of at least'} {self.least:g}"
        if math.isfinite(self.most):
            limits = f"between {self.least:.10g} and {self.most:.10g}{' (both excluded)' if self.open else ''}"
        return f"{kind} {limits}{' or null' if self.or_null else ''}"


COUNT, POSITIVE = Number(1), Number(0, whole=False, open=True)
SHARE, SEED = Number(0, 1, whole=False), Number(0, 2**32 - 1)
BATCHES = Number(1, or_null=True)

NUMBERS = {
    "seed": SEED,
    "model.epochs": COUNT,
    "model.decay_share": SHARE,
    "model.pool_size": Number(0),
    "data.size": COUNT,
    "data.load_size": COUNT,
    "data.batch_size": COUNT,
    "data.val_batch_size": COUNT,
    "data.workers": Number(0),
    "data.seed": SEED,
    "data.max_unreadable": SHARE,
    "data.source.train": COUNT,
    "data.source.test": COUNT,
    "data.source.test_share": Number(0, 1, whole=False, open=True),
    "data.source.seed": Number(0),
    "trainer.max_epochs": COUNT,
    "trainer.check_val_every_n_epoch": COUNT,
    "trainer.limit_train_batches": BATCHES,
    "trainer.limit_val_batches": BATCHES,
    "trainer.log_every_n_steps": COUNT,
    "callbacks.samples.count": COUNT,
}

ADAM = {
    "lr": POSITIVE,
    "eps": POSITIVE,
    "weight_decay": Number(0, whole=False),
    "clip": Number(0, whole=False, open=True, or_null=True),
}
BETA = Number(0, 0.9999999999, whole=False)

ONE_DEVICE = "this version trains on one device"
OURS = "the framework sets it itself"
# What Lightning accepts but reads in another way than meant, or what this project does in its own way.
TRAINER = {
    "max_steps": "it counts the steps of all optimizers, not batches; use model.epochs and trainer.limit_train_batches",
    "min_steps": "it counts the steps of all optimizers, not batches; use model.epochs",
    "max_time": "it stops between checkpoints; use `timeout <seconds>`, whose signal saves one, and resume=auto",
    "fast_dev_run": "it turns checkpoints and loggers off; use trainer.limit_train_batches=2 and model.epochs=1",
    "barebones": "it turns checkpoints and loggers off; leave it out",
    "overfit_batches": "it replaces the sampler that makes resuming exact; use trainer.limit_train_batches",
    "accumulate_grad_batches": "each player steps on every batch; use data.batch_size",
    "gradient_clip_val": "Lightning cannot clip several optimizers; use model.optimizers.<player>.clip",
    "gradient_clip_algorithm": "Lightning cannot clip several optimizers; use model.optimizers.<player>.clip",
    "val_check_interval": "validation happens between epochs; use trainer.check_val_every_n_epoch",
    "reload_dataloaders_every_n_epochs": "it breaks exact resuming; leave it out",
    "num_nodes": f"{ONE_DEVICE}; leave it out",
    "strategy": f"{ONE_DEVICE}; leave it out",
    "sync_batchnorm": f"{ONE_DEVICE}; leave it out",
    "enable_progress_bar": "the bar is a callback; use ~callbacks.progress to be without it",
    "enable_checkpointing": "checkpoints are a callback; see conf/callbacks",
    "logger": "loggers are a group of their own; use logger=<choice>",
    "callbacks": "callbacks are a group of their own; see conf/callbacks",
    "default_root_dir": f"{OURS}; use run_dir",
    "plugins": f"{OURS}; leave it out",
    "use_distributed_sampler": f"{OURS}; leave it out",
    "num_sanity_val_steps": f"{OURS}; leave it out",
    "enable_model_summary": f"{OURS}; leave it out",
}
ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps")


def _static(cfg: DictConfig, root: str) -> dict[str, str]:
    """By key the problems that need nothing imported or built; the key "" means that nothing else can be checked."""
    try:
        tree = plain(cfg)
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "a key"
        return {"": f"{key} has no value, or one that refers to a key that does not exist; give it one"}
    if lost := [name for name in GROUPS[:-1] if not isinstance(tree.get(name), dict)]:
        return {"": f"{', '.join(lost)}: every run needs this part; choose one with {lost[0]}=<choice>"}
    top = _top_keys(root)
    known = [key for key in _keys(tree) if key.partition(".")[0] in top]
    problems = {name: _unknown(name, [*top, *known]) for name in tree if name not in top}
    checks = (_top_problems, _call_problems, _loss_problems, _optimizer_problems, _number_problems, _trainer_problems)
    for key, sentence in (problem for find in checks for problem in find(tree)):
        problems.setdefault(key, sentence)
    return problems


@cache
def _top_keys(root: str) -> tuple[str, ...]:
    return (*GROUPS, *(str(key) for key in composed(root, []) if key not in GROUPS))


def _top_problems(tree: Tree) -> Iterator[Problem]:
    for name in ("resume", "run_dir"):
        if not isinstance(tree.get(name), str | None):
            yield name, f"{name}={tree[name]} must be the path of a folder; quote it: {name}=\"'{tree[name]}'\""
    if isinstance(run_dir := tree.get("run_dir"), str) and tree.get("resume") is None:
        taken = any(Path(run_dir, name).exists() for name in ("config.yaml", "metrics.csv", "checkpoints"))
        if taken:
            yield "run_dir", f"run_dir={run_dir} holds a run already: name another folder, or use resume={run_dir}"
        elif Path(run_dir).exists() and not Path(run_dir).is_dir():
            yield "run_dir", f"run_dir={run_dir} is no folder: name another place"


def _number_problems(tree: Tree) -> Iterator[Problem]:
    for key, number in NUMBERS.items():
        node: Any = tree
        for name in key.split("."):
            node = node.get(name, _ABSENT) if isinstance(node, dict) else _ABSENT
        if node is not _ABSENT and node not in number:
            yield key, f"{key}={node} must be {number}"
    data = tree["data"]
    if (size := data.get("size")) in COUNT and (load_size := data.get("load_size")) in COUNT and size > load_size:
        sentence = f"data.size={size} is larger than data.load_size={load_size}, from which it is cut; raise load_size"
        yield "data.load_size", sentence


_ABSENT = object()


def _loss_problems(tree: Tree) -> Iterator[Problem]:
    model, loss = tree["model"].get("_target_"), tree["loss"]
    for player, terms in (declared := _terms(model)).items():
        weights = loss.get(player)
        if not isinstance(weights, dict):
            yield f"loss.{player}", f"loss.{player} is missing: it weighs {', '.join(terms)}; see conf/loss"
            continue
        for term in terms:
            if term not in weights:
                key = f"loss.{player}.{term}"
                yield key, f"{key} is missing: write +{key}=0.0 for a loss without that term"
        for term, weight in weights.items():
            key = f"loss.{player}.{term}"
            if term not in terms:
                near = get_close_matches(term, terms, 1) or [", ".join(terms)]
                yield key, f"{key}: the model has no such term; did you mean {near[0]}?"
            elif weight not in Number(whole=False):
                yield key, f"{key}={weight} must be {Number(whole=False)}"
        if weights and all(weight in Number(0, 0) or weight == 0 for weight in weights.values()):
            yield f"loss.{player}", f"loss.{player}: all weights are 0, so it would learn nothing; raise one"
    for player in loss.keys() - declared.keys() if declared else ():
        key = f"loss.{player}"
        players = ", ".join(declared)
        yield key, f"{key}: the model has no such player, only {players}; choose the loss that belongs to the model"


def _optimizer_problems(tree: Tree) -> Iterator[Problem]:
    terms, optimizers = _terms(tree["model"].get("_target_")), tree["model"].get("optimizers")
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
            yield from _adam_problems(key, options)


def _adam_problems(path: str, options: Mapping[str, Any]) -> Iterator[Problem]:
    for name, value in options.items():
        key = f"{path}.{name}"
        if name in ADAM and value not in ADAM[name]:
            yield key, f"{key}={value} must be {ADAM[name]}"
        elif name == "betas" and not (
            isinstance(value, list) and len(value) == 2 and all(beta in BETA for beta in value)
        ):
            yield key, f"{key}={value} must be two numbers from 0 to below 1, such as [0.5,0.999]"
        elif name == "amsgrad" and not isinstance(value, bool):
            yield key, f"{key}={value} must be true or false"
        elif name not in {*ADAM, "betas", "amsgrad"}:
            valid = {f"{path}.{option}" for option in (*ADAM, "betas", "amsgrad")}
            yield key, f"{key} is no option of Adam; {_hint(key, valid)}"


def _trainer_problems(tree: Tree) -> Iterator[Problem]:
    trainer = tree["trainer"]
    defaults = signature.defaults if (signature := _signature("lightning.Trainer")) else {}
    for name in trainer.keys() & TRAINER.keys():
        if trainer[name] is not None and trainer[name] != defaults.get(name, _ABSENT):
            yield f"trainer.{name}", f"trainer.{name}={trainer[name]} is not for this project: {TRAINER[name]}"
    if (devices := trainer.get("devices")) != 1:
        yield "trainer.devices", f"trainer.devices={devices}: {ONE_DEVICE}; use trainer.devices=1"
    if str(precision := trainer.get("precision")) in ("16", "16-mixed", "16-true"):
        sentence = f"trainer.precision={precision}: one loss scaler cannot serve several optimizers; use bf16-mixed"
        yield "trainer.precision", sentence
    if (name := trainer.get("accelerator")) not in ACCELERATORS:
        near = get_close_matches(str(name), ACCELERATORS, 1) or [f"one of {', '.join(ACCELERATORS)}"]
        yield "trainer.accelerator", f"trainer.accelerator={name} is unknown: use {near[0]}"
    limit, epochs = trainer.get("max_epochs"), tree["model"].get("epochs")
    if limit in COUNT and epochs in COUNT and limit > epochs:
        yield (
            "trainer.max_epochs",
            f"trainer.max_epochs={limit} goes beyond the learning-rate schedule; raise model.epochs={epochs} instead",
        )


# Nodes that become objects


def _call_problems(tree: Tree) -> Iterator[Problem]:
    known = list(_keys(dict(tree)))
    expected = ["model", "data", "data.source", "trainer", "metrics"]
    expected += [f"{group}.{name}" for group in ("callbacks", "logger") for name in tree[group]]
    for path in expected:
        node: Any = tree
        for name in path.split("."):
            node = node.get(name) if isinstance(node, dict) else None
        if not isinstance(node, dict) or "_target_" not in node:
            yield path, f"{path} has no _target_, the class or function it is made by; see conf/{path.split('.')[0]}"
    for path, node in _nodes(dict(tree)):
        yield from _one_call_problems(path, node, known)


def _nodes(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node with a `_target_`, by its dotted path."""
    if isinstance(node, dict) and "_target_" in node:
        yield path.removesuffix("."), node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in children:
        yield from _nodes(child, f"{path}{name}.")


def _one_call_problems(path: str, node: dict[str, Any], known: list[str]) -> Iterator[Problem]:
    target = node["_target_"]
    if _definition(target) is None:
        sentence = f"{path}._target_={target} names no class or function that exists; correct it or leave it out"
        yield f"{path}._target_", sentence
        return
    if (signature := _signature(target)) is None:
        return
    given = {name for name in node if not name.startswith("_")}
    if path == "model":  # the code hands over the weights of the group `loss`
        signature = signature._replace(parameters={k: v for k, v in signature.parameters.items() if k != "weights"})
    for name in sorted(given - signature.parameters.keys()) if not signature.open else ():
        key = f"{path}.{name}"
        if path == "trainer" and name in TRAINER:
            continue
        valid = {f"{path}.{parameter}" for parameter in signature.parameters} - {f"{path}.{n}" for n in TRAINER}
        problem = _unknown(key, [*sorted(valid), *known])
        yield key, problem.replace("unknown key", f"{target.rpartition('.')[2]} has no argument", 1)
    for name, annotation in signature.parameters.items():
        key = f"{path}.{name}"
        if name not in given and name not in signature.defaults:
            yield key, f"{key} is missing, and {target.rpartition('.')[2]} needs it; give it a value, +{key}=<value>"
        elif name in given and (types := _types(annotation, signature.module)) and not _fits(node[name], types):
            yield key, f"{key}={_short(node[name])} must be {_words(types)}"


def _short(value: Any) -> str:
    return text if len(text := str(value)) < 60 else f"{text[:57]}..."


# Types by annotation: names of builtins, "Callable" for a node that is called later, or ("literal", value).
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "None": "null",
    "list": "a list",
    "Mapping": "a mapping",
    "Callable": "a node with a _target_ and _partial_: true",
}


def _fits(value: Any, types: tuple[Any, ...]) -> bool:
    matches = {
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value),
        "bool": isinstance(value, bool),
        "str": isinstance(value, str),
        "None": value is None,
        "list": isinstance(value, list),
        "Mapping": isinstance(value, dict),
        "Callable": isinstance(value, dict) and "_target_" in value and value.get("_partial_") is True,
    }
    return any(value == kind[1] if isinstance(kind, tuple) else matches[kind] for kind in types)


def _words(types: tuple[Any, ...]) -> str:
    return " or ".join(dict.fromkeys(str(kind[1]) if isinstance(kind, tuple) else _WORDS[kind] for kind in types))


def _types(annotation: ast.expr | None, module: str) -> tuple[Any, ...]:
    """What an annotation allows; nothing where it names a type that a configuration cannot tell."""
    match annotation:
        case ast.Constant(value=None):
            return ("None",)
        case ast.Name(id="int" | "float" | "bool" | "str" | "list" | "Mapping" as name):
            return (name,)
        case ast.Subscript(value=ast.Name(id="Callable" | "Mapping" | "list" as name)):
            return (name,)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=values):
            return tuple(("literal", value) for value in _as_tuple(ast.literal_eval(values)))
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return _joined([_types(inner, module), ("None",)])
        case ast.Subscript(value=ast.Name(id="Union"), slice=ast.Tuple(elts=members)):
            return _joined([_types(member, module) for member in members])
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _joined([_types(left, module), _types(right, module)])
        case ast.Name(id=name) if (found := _lookup(module, name)) and isinstance(found.node, ast.expr):
            return _types(found.node, found.module)
    return ()


def _joined(members: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(kind for member in members for kind in member) if all(members) else ()


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


class _Found(NamedTuple):
    """A class, a function or the value of an assignment, and the module whose names it uses."""

    node: ast.AST
    module: str


class _Signature(NamedTuple):
    parameters: dict[str, ast.expr | None]  # their annotations
    defaults: dict[str, Any]  # of those that have one; None where it is no literal
    open: bool  # takes any further argument
    module: str


@cache
def _module(name: str) -> ast.Module | None:
    """The parsed source of a module, which is not imported."""
    top, *rest = name.split(".")
    try:
        spec = find_spec(top) if all(part.isidentifier() for part in (top, *rest)) else None
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        return None
    base = Path(spec.origin).parent.joinpath(*rest) if spec.submodule_search_locations else Path(spec.origin)
    for file in (base / "__init__.py", base.with_suffix(".py")):
        if file.is_file() and (spec.submodule_search_locations or not rest):
            return ast.parse(file.read_text(encoding="utf-8"))
    return None


@cache
def _lookup(module: str, name: str) -> _Found | None:
    """What `name` means at the top level of a module, followed through its imports."""
    if (tree := _module(module)) is None:
        return None
    for node in tree.body:
        match node:
            case ast.ClassDef(name=defined) | ast.FunctionDef(name=defined) if defined == name:
                return _Found(node, module)
            case ast.Assign(targets=[ast.Name(id=defined)], value=value) if defined == name:
                return _Found(value, module)
            case ast.ImportFrom(module=str(source), names=aliases, level=0):
                for alias in aliases:
                    if (alias.asname or alias.name) == name and source != module:
                        return _lookup(source, alias.name)
    return None


def _definition(target: Any) -> _Found | None:
    """The class or function that a `_target_` names."""
    if not isinstance(target, str):
        return None
    module, _, name = target.rpartition(".")
    found = _lookup(module, name)
    return found if found and isinstance(found.node, ast.ClassDef | ast.FunctionDef) else None


def _member(found: _Found, name: str) -> _Found | None:
    """The method or attribute of a class, its own or inherited, as far as sources tell."""
    if not isinstance(found.node, ast.ClassDef):
        return None
    for node in found.node.body:
        match node:
            case ast.FunctionDef(name=defined) if defined == name:
                return _Found(node, found.module)
            case ast.Assign(targets=[ast.Name(id=defined)], value=value) if defined == name:
                return _Found(value, found.module)
    for base in found.node.bases:
        inherited = _lookup(found.module, base.id) if isinstance(base, ast.Name) else None
        if inherited and (member := _member(inherited, name)):
            return member
    return None


def _signature(target: str) -> _Signature | None:
    """How a target is called; None where its source does not tell."""
    if (found := _definition(target)) is None:
        return None
    method = isinstance(found.node, ast.ClassDef)
    made_by = _member(found, "__init__") if method else found
    if made_by is None or not isinstance(made_by.node, ast.FunctionDef):
        return None
    arguments = made_by.node.args
    positional = (arguments.posonlyargs + arguments.args)[1 if method else 0 :]
    parameters = {a.arg: a.annotation for a in [*positional, *arguments.kwonlyargs]}
    defaults = dict(zip([a.arg for a in positional][::-1], arguments.defaults[::-1], strict=False))
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    defaults |= {a.arg: default for a, default in pairs if default is not None}
    return _Signature(
        parameters,
        {name: _literal(default) for name, default in defaults.items()},
        arguments.kwarg is not None,
        made_by.module,
    )


def _literal(node: ast.AST) -> Any:
    try:
        return ast.literal_eval(ast.unparse(node))
    except ValueError:
        return None


def _terms(model: Any) -> dict[str, tuple[str, ...]]:
    """The players and loss terms that a model class declares; none where the class is not known."""
    found = _definition(model)
    terms = _member(found, "terms") if found else None
    value = _literal(terms.node) if terms else None
    return value if isinstance(value, dict) else {}


# Networks and pictures


def networks(tree: Tree) -> "dict[str, nn.Module]":
    """The networks of the model by their names there, with weights that mean nothing.

    Raises ConfigError with each one that cannot be built.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    class Undrawn(TorchFunctionMode):
        """Leaves weights as memory has them: drawing millions takes seconds, and large networks would fill memory."""

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            drawing = (torch.Tensor.normal_, torch.Tensor.uniform_)
            if getattr(func, "__module__", "") == "torch.nn.init" or func in drawing:
                return args[0] if args else kwargs["tensor"]
            return func(*args, **(kwargs or {}))

    built, problems = {}, []
    for name, node in tree["model"].items():
        if isinstance(node, dict) and node.get("_partial_"):
            try:
                with Undrawn():
                    built[name] = _made({**node, "_partial_": False})
                if any(parameter.numel() == 0 for parameter in built[name].parameters()):
                    raise ValueError("a layer would be empty")
            except Exception as error:  # whatever unsuitable values make a constructor raise
                problems.append(f"model.{name} cannot be built: {_reason(error)}; change its values, see conf/model")
    if problems:
        raise ConfigError(problems)
    return built


def pictures(tree: Tree) -> "Splits":
    """The pictures of the data source. Raises ConfigError with everything that is wrong with them."""
    try:
        return _made(tree["data"]["source"])
    except UserError as error:
        raise ConfigError(getattr(error, "problems", (str(error),))) from error
    except Exception as error:  # whatever unsuitable values make it raise
        raise ConfigError(
            [f"data.source cannot be made: {_reason(error)}; change its values, see conf/data"]
        ) from error


def _network_problems(tree: Tree) -> Iterator[Problem]:
    yield from _accelerator_problems(tree)
    try:
        built = networks(tree)
    except ConfigError as error:
        yield from ((f"model.{n}", problem) for n, problem in enumerate(error.problems))
        return
    size = tree["data"]["size"]
    multiple = getattr(built.get("generator"), "multiple", 1)
    if size % multiple:
        near = " or ".join(str(s) for s in (size // multiple * multiple, -(-size // multiple) * multiple) if s)
        yield "data.size", f"data.size={size} must be a multiple of {multiple} for this generator; use {near}"
        return
    for name in [name for name in ("generator", "discriminator") if name in built]:
        # What works on small images works on large ones, but takes longer to try.
        if not (_runs(built[name], min(size, SMALL // multiple * multiple)) or _runs(built[name], size)):
            larger = range(size + multiple, LARGE, multiple)
            enough = next((side for side in larger if _runs(built[name], side)), None)
            way_out = f"use data.size={enough} or larger, or fewer layers" if enough else "use fewer layers"
            yield f"model.{name}", f"model.{name} cannot work on images of data.size={size}: {way_out}, see conf/model"


def _accelerator_problems(tree: Tree) -> Iterator[Problem]:
    import torch

    name = tree["trainer"].get("accelerator")
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    wanted = {"cuda": ("cuda",), "gpu": ("cuda", "mps"), "mps": ("mps",)}.get(str(name), ())
    if wanted and not any(available[kind] for kind in wanted):
        yield "trainer.accelerator", f"trainer.accelerator={name}: this machine has none; use auto or cpu"


def _picture_problems(tree: Tree) -> Iterator[Problem]:
    try:
        pictures(tree)
    except ConfigError as error:
        yield from ((f"data.{n}", problem) for n, problem in enumerate(error.problems))


def _runs(network: "nn.Module", size: int) -> bool:
    """Whether one image of that size goes through the network."""
    import torch

    try:
        with torch.inference_mode():
            output = network(torch.zeros(1, 3, size, size))
    except (RuntimeError, ValueError):
        return False
    return not isinstance(output, torch.Tensor) or output.numel() > 0


def _made(node: Mapping[str, Any]) -> Any:
    """The object of a node. Raises what its target raises."""
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:
        raise (error.__cause__ or error) from None


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
