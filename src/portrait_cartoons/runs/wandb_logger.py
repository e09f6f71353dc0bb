"""Weights & Biases: whether it can be used here, and one W&B run per run folder however often that is resumed."""

import netrc
import os
import secrets
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import WandbLogger

from portrait_cartoons.errors import UserError, first_line
from portrait_cartoons.files import write

_OFFLINE = "or keep the log on this machine with logger.wandb.offline=true"
_PATIENCE = 10  # seconds for an answer


def wandb_problem(offline: bool) -> str | None:
    """Why nothing could be sent to W&B from here, in one sentence; None where all is well or nothing will be sent."""
    if offline or os.environ.get("WANDB_MODE", "online") != "online":
        return None
    import wandb

    settings = wandb.setup().settings
    url = settings.base_url
    if not (settings.api_key or settings.identity_token_file or _in_netrc(urlsplit(url).netloc)):
        return f"logger=wandb: this machine has no W&B key; run wandb login first, {_OFFLINE}"
    try:
        urllib.request.urlopen(url, timeout=_PATIENCE).close()  # noqa: S310 (W&B's own setting)
    except urllib.error.HTTPError:
        pass  # an answer all the same
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return f"logger=wandb: {url} does not answer ({reason}); check the network and WANDB_BASE_URL, {_OFFLINE}"
    return None


class WandB(WandbLogger):
    """Logs to W&B; a run folder that is resumed goes on in the W&B run that it began.

    Args:
        folder: the run folder, which keeps the W&B run's id.
        project: of W&B.
        offline: whether to keep the log in the folder; `wandb sync` sends it later.

    Raises:
        UserError: on first use, where W&B cannot be reached or refuses.
    """

    def __init__(self, folder: str | Path, project: str, offline: bool) -> None:
        super().__init__(
            project=project,
            save_dir=folder,
            offline=offline,
            id=_run_id(Path(folder)) if os.environ.get("RANK", "0") == "0" else None,
        )

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The W&B run."""
        import wandb

        if self._experiment is None and (problem := wandb_problem(self._offline)):
            raise UserError(problem)
        try:
            return super().experiment
        except wandb.errors.Error as error:
            raise UserError(
                f"logger=wandb: W&B refuses the run ({first_line(error).rstrip('.')}); mend that, {_OFFLINE}"
            ) from error

    def finalize(self, status: str) -> None:
        """Close the W&B run, because the next run of a multirun needs one of its own."""
        super().finalize(status)
        if self._experiment is not None:
            self._experiment.finish(exit_code=0 if status == "success" else 1)
            self._experiment = None


def _in_netrc(host: str) -> bool:
    """Whether `wandb login` has left a key for the host."""
    file = Path(os.environ.get("NETRC", "~/.netrc")).expanduser()
    try:
        return netrc.netrc(file).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _run_id(folder: Path) -> str | None:
    """The id that the folder keeps, made when it is first asked for. None inside a sweep, whose agent decides."""
    if "WANDB_SWEEP_ID" in os.environ:
        return None
    file = folder / "wandb" / "id.txt"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, secrets.token_hex(4))
    return file.read_text(encoding="utf-8").strip()
