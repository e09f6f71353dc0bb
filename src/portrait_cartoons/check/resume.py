"""The run that `resume=` means, and the overrides it goes on with."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from portrait_cartoons.check import refuse_foreign_code, valid_overrides
from portrait_cartoons.cli.arguments import key_of
from portrait_cartoons.cli.config import composed, literal, plain
from portrait_cartoons.errors import UserError
from portrait_cartoons.files import expanded
from portrait_cartoons.runs.names import OVERRIDES

# runs.folder is imported late: it brings torch, which a start without resume= need not wait for.

# Differences with which a run remains the same experiment: how long it is, where it works, what it shows.
FREE = ("run_dir", "resume", "trainer", "logger", "callbacks", "metrics", "model.epochs")
FREE_DATA = ("data.num_workers", "data.cache_gb", "data.val_batch_size", "data.max_unreadable")


def resumed(arguments: list[str]) -> list[str]:
    """The arguments with `resume=` replaced by the run it means: that run's own overrides, then the ones given now."""
    given = [literal(argument) for argument in arguments if not argument.startswith("resume=")]
    wanted = [argument.removeprefix("resume=") for argument in arguments if argument.startswith("resume=")]
    if not wanted or wanted[-1] in ("", "null"):
        return given
    if wanted[-1] != "auto":
        return _continued(expanded(wanted[-1]), given)
    valid_overrides("train", given)
    run = _like(given)
    return given if run is None else _continued(run, given)


def differences(then: Any, now: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each dotted key at which two nested configurations differ, with both values."""
    if isinstance(then, dict) and isinstance(now, dict):
        for name in dict.fromkeys([*then, *now]):
            yield from differences(then.get(name), now.get(name), f"{key}.{name}" if key else name)
    elif then != now:
        yield key, then, now


def _continued(path: Path, given: list[str]) -> list[str]:
    from portrait_cartoons.runs import folder as run_folder

    run = run_folder.of(path)
    saved, typed = _by_key(run_folder.overrides(run)), _by_key(given)
    kept = {key: text for key, text in saved.items() if key not in typed}
    refuse_foreign_code("train", list(kept.values()), given, run / OVERRIDES)
    return [*{**saved, **typed}.values(), literal(f"resume={path}")]


def _by_key(overrides: list[str]) -> dict[str, str]:
    return {key_of(override): override for override in overrides}


def _like(given: list[str]) -> Path | None:
    """The newest run that remains the same experiment under these overrides; where there is none, say why."""
    from portrait_cartoons.runs import folder as run_folder

    reason = ""
    for run in run_folder.newest_first():
        changed = _changes(run, given)
        if not changed:
            return run
        reason = reason or f"; the newest, {run}, differs in {', '.join(changed[:3])}"
    print(f"resume=auto: no run like this one to continue{reason}; starting a new one")
    return None


def _changes(run: Path, given: list[str]) -> list[str]:
    """The keys in which the run would become another experiment; none where nothing is given."""
    from portrait_cartoons.runs import folder as run_folder

    if not given:
        return []
    try:
        now = plain(composed("train", _continued(run, given)))
        then = run_folder.config(run)
    except UserError:
        return ["its overrides, which cannot be used"]
    except Exception:  # Hydra and OmegaConf pass on whatever overrides that do not go together make their code raise
        return ["its overrides, with which these do not go together"]
    keys = [key for key, _, _ in differences(then, now)]
    return [key for key in keys if not f"{key}.".startswith(tuple(f"{free}." for free in (*FREE, *FREE_DATA)))]
