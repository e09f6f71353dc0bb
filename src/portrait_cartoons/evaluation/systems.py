"""The trained models that are to be evaluated: found by path or by experiment, and named."""

import glob
import re
import shlex
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf

from portrait_cartoons.errors import UserError
from portrait_cartoons.evaluation.origin import Origin, origin
from portrait_cartoons.evaluation.paper import Paper
from portrait_cartoons.files import expanded
from portrait_cartoons.networks.weights import file_sha256
from portrait_cartoons.runs import folder as run_folder
from portrait_cartoons.runs.checkpoint import find
from portrait_cartoons.runs.names import CHECKPOINTS

LONGEST = 120  # characters of a name, which is a folder's too
# What does not decide about a system's quality on average: where its files lie, what is shown, and how fast it is.
HARMLESS = re.compile(
    r"[+~]*(experiment|seed|run_dir|resume|logger\b.*|callbacks\.(progress|samples)\b.*|metrics\b.*|data\.source\.(root|photo|cartoon)"
    r"|data\.(num_workers|cache_gb)|data\.val_batch_size|trainer\.(accelerator|devices|strategy|num_nodes|log_every_n_steps))="
)
UNTOLD = re.compile(
    r"run_dir|resume|logger\b|callbacks\.(progress|samples)\b|data\.(num_workers|cache_gb)|trainer\.(accelerator|devices)"
)
TIME = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(-\d+)?")  # how runs are named where nobody names them


class MissingError(UserError):
    """Checkpoints that do not exist."""


@dataclass(frozen=True)
class System:
    """A checkpoint: a name for its row and the folder of its pictures, its file, the file's hash, and its origin."""

    name: str
    file: Path
    sha256: str
    origin: Origin


def given(ckpt: str) -> list[System]:
    """The systems that `ckpt` means: a checkpoint file, a run folder, a glob of such, or a list of all these.

    Raises UserError for one that does not exist.
    """
    paths = [path for pattern in _listed(ckpt) for path in _matching(pattern)]
    files = list(dict.fromkeys(find(path) for path in dict.fromkeys(paths)))
    return [_system(name, file) for name, file in zip(_names(files), files, strict=True)]


def of_paper(paper: Paper) -> tuple[list[System], list[str]]:
    """The newest finished run of each of a paper's experiments; sentences about those without one, with the command.

    A run that changes more than where and how fast it is trained is another experiment, and is left out.
    """
    systems: list[System] = []
    sentences: list[str] = []
    for name, experiment in paper.experiments.items():
        begun = run_folder.of_experiment(experiment)
        true = []
        for run in begun:
            if changes := [text for text in run_folder.overrides(run) if not HARMLESS.match(text)]:
                sentences.append(f"{name}: {run} is left out, as {' '.join(changes)} makes it another experiment")
            else:
                true.append(run)
        if file := run_folder.finished(true):
            systems.append(_system(name, file))
            continue
        argument = f"resume={true[-1]}" if true else f"experiment={experiment}"
        state = "has not finished its epochs" if true else "has no run"
        command = shlex.join(["python", "-m", "src.train", argument])
        sentences.append(f"{name}: experiment {experiment} {state} under {run_folder.ROOT}; train it with {command}")
    return systems, sentences


def _system(name: str, file: Path) -> System:
    return System(name, file, file_sha256(file), origin(file))


def distinct(name: str, taken: Collection[str]) -> str:
    """The name, or the name with a number, such that it is none of those taken, whatever their case."""
    lower = {other.casefold() for other in taken}
    numbered = (f"{name}-{n}" if n > 1 else name for n in range(1, len(lower) + 2))
    return next(candidate for candidate in numbered if candidate.casefold() not in lower)


def _listed(ckpt: str) -> Iterable[str]:
    if not ckpt.startswith("["):
        return [ckpt]
    try:
        paths = OmegaConf.to_container(OmegaConf.create(ckpt))
    except Exception:  # whatever a strange text makes the parser raise
        paths = None
    if not isinstance(paths, list) or not paths or not all(isinstance(path, str) for path in paths):
        raise MissingError(f"ckpt={ckpt} is not a list of paths; write ckpt=[runs/a,runs/b]")
    return paths


def _matching(pattern: str) -> list[Path]:
    path = expanded(pattern)
    if path.exists() or not glob.has_magic(pattern):
        return [path]
    matches = (Path(name) for name in sorted(glob.glob(str(path))))
    # What else lies beside runs is not meant.
    if not (found := [match for match in matches if match.suffix == ".ckpt" or (match / CHECKPOINTS).is_dir()]):
        raise MissingError(f"ckpt={pattern} matches no .ckpt file and no run folder; correct it")
    return found


def _names(files: Sequence[Path]) -> list[str]:
    """What the runs' folders, or else the files, are called, and the overrides in which those of one name differ."""
    names = [_name(file) for file in files]
    overrides = [_overrides(file) for file in files]
    labels = []
    for name, ours in zip(names, overrides, strict=True):
        alike = [theirs for other, theirs in zip(names, overrides, strict=True) if other == name]
        keys = dict.fromkeys(key for theirs in alike for key in theirs if not UNTOLD.match(key))
        telling = [key for key in keys if len({theirs.get(key) for theirs in alike}) > 1]
        label = " ".join([name, *(f"{key}={ours[key]}" for key in telling if key in ours)])
        labels.append(re.sub(r"[^\w.+=, -]+", "_", label)[:LONGEST].strip())
    return labels


def _overrides(file: Path) -> dict[str, str]:
    """Of a checkpoint in a run folder, its overrides by key; of any other, or where they cannot be read, none."""
    try:
        lines = run_folder.overrides(file.parent.parent) if file.parent.name == CHECKPOINTS else []
    except UserError:
        lines = []
    return {key.lstrip("+~"): value for key, _, value in (line.partition("=") for line in lines)}


def _name(file: Path) -> str:
    """What the run's folders, or else the file, call it, in characters that any file system takes."""
    if file.parent.name == CHECKPOINTS:
        run = file.parent.parent.absolute()
        name = run.parent.name if TIME.fullmatch(run.name) else run.name
    else:
        name = file.stem
    return re.sub(r"[^\w.+-]+", "_", name).strip("._") or "system"
