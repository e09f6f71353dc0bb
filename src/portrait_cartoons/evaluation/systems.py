"""The trained models that are to be evaluated: found by path or by experiment, and named."""

import glob
import re
import shlex
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf

from portrait_cartoons.errors import UserError
from portrait_cartoons.evaluation.paper import Paper
from portrait_cartoons.files import expanded
from portrait_cartoons.networks.weights import file_sha256
from portrait_cartoons.runs import folder as run_folder
from portrait_cartoons.runs.checkpoint import FOLDER, find

TIME = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(-\d+)?")  # how runs are named where nobody names them


class MissingError(UserError):
    """Checkpoints that do not exist."""


@dataclass(frozen=True)
class System:
    """A checkpoint: a name for its row and its pictures' folder, its file, and that file's hash."""

    name: str
    file: Path
    sha256: str


def given(ckpt: str) -> list[System]:
    """The systems that `ckpt` means: a checkpoint file, a run folder, a glob of such, or a list of all these.

    Raises UserError for one that does not exist.
    """
    paths = [path for pattern in _listed(ckpt) for path in _matching(pattern)]
    files = [find(path) for path in dict.fromkeys(paths)]
    return [System(_name(file), file, file_sha256(file)) for file in files]


def of_paper(paper: Paper) -> tuple[list[System], list[str]]:
    """The newest finished run of each of a paper's experiments; of each without one a sentence with its command."""
    systems: list[System] = []
    missing: list[str] = []
    for name, experiment in paper.experiments.items():
        if file := run_folder.finished(experiment):
            systems.append(System(name, file, file_sha256(file)))
            continue
        begun = run_folder.of_experiment(experiment)
        argument = f"resume={begun[-1]}" if begun else f"experiment={experiment}"
        state = "has not finished its epochs" if begun else "has no run"
        command = shlex.join(["python", "-m", "src.train", argument])
        missing.append(f"{name}: experiment {experiment} {state} under {run_folder.ROOT}; train it with {command}")
    return systems, missing


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
        raise MissingError(f"ckpt={ckpt} is no list of paths; write ckpt=[runs/a,runs/b]")
    return paths


def _matching(pattern: str) -> list[Path]:
    path = expanded(pattern)
    if path.exists() or not glob.has_magic(pattern):
        return [path]
    matches = (Path(name) for name in sorted(glob.glob(str(path))))
    # What else lies beside runs is not meant.
    if not (found := [match for match in matches if match.suffix == ".ckpt" or (match / FOLDER).is_dir()]):
        raise MissingError(f"ckpt={pattern} matches no .ckpt file and no run folder; correct it")
    return found


def _name(file: Path) -> str:
    """What the run's folders, or else the file, call it, in characters that any file system takes."""
    if file.parent.name == FOLDER:
        run = file.parent.parent.absolute()
        name = run.parent.name if TIME.fullmatch(run.name) else run.name
    else:
        name = file.stem
    return re.sub(r"[^\w.+-]+", "_", name).strip("._") or "system"
