"""Weights & Biases: whether it can be used here, and one W&B run per run folder however often that is resumed."""

import netrc
import os
import secrets
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from portrait_cartoons.errors import UserError, first_line
from portrait_cartoons.files import write
from portrait_cartoons.runs.folder import environment
from portrait_cartoons.runs.names import DIFF

_PATIENCE = 10  # seconds for an answer
_LAST_WAIT = 300  # seconds that a run which has ended waits for what is still to be sent


def wandb_problem(mode: str | None) -> str | None:
    """Why nothing can be sent to W&B from here, as a part of a sentence; None where all is well or nothing will be
    sent.
    """
    if (mode or os.environ.get("WANDB_MODE") or "online") != "online":
        return None
    import wandb

    settings = wandb.setup().settings
    url = settings.base_url
    if not (settings.api_key or settings.identity_token_file or _in_netrc(urlsplit(url).netloc)):
        return "this machine has no W&B key (wandb login sets one)"
    try:
        urllib.request.urlopen(url, timeout=_PATIENCE).close()  # noqa: S310 (W&B's own setting)
    except urllib.error.HTTPError:
        pass  # an answer all the same
    except (OSError, ValueError) as error:
        return f"{url} does not answer ({getattr(error, 'reason', error)})"
    return None


class WandB(WandbLogger):
    """Logs to W&B; a run folder that is resumed goes on in the W&B run that it began.

    Training metrics are drawn over the batches, validation metrics over the epochs. The W&B run's configuration holds
    the commit and the versions of packages beside the run's own, and its files hold the changes since that commit.

    Args:
        folder: the run folder, which keeps the W&B run's id.
        project: of W&B.
        mode: None is what WANDB_MODE says, or online. Where nothing can be sent, online becomes offline with a line
            that says why: the log is kept in the folder, and `wandb sync` sends it later.

    Raises:
        UserError: on first use, where W&B refuses.
    """

    def __init__(
        self, folder: str | Path, project: str, mode: Literal["online", "offline", "disabled"] | None = None
    ) -> None:
        import wandb

        super().__init__(
            project=project,
            save_dir=folder,
            id=_run_id(Path(folder)) if os.environ.get("RANK", "0") == "0" else None,
            mode=mode,
            settings=wandb.Settings(finish_timeout=_LAST_WAIT),
        )
        del self._wandb_init["anonymous"]  # of which newer versions of W&B warn
        self._folder = Path(folder)

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The W&B run."""
        if self._experiment is None:
            if problem := wandb_problem(self._wandb_init["mode"]):
                self._wandb_init["mode"] = "offline"
                later = f"wandb sync {self._folder}/wandb/offline-run-* sends it later"
                print(f"note: logger=wandb: {problem}, so the log stays in {self._folder}/wandb; {later}")
            self._begin()
        return self._experiment

    def _begin(self) -> None:
        import wandb

        try:
            run = super().experiment
        except wandb.errors.Error as error:
            raise UserError(
                f"logger=wandb: W&B refuses the run ({first_line(error).rstrip('.')}); mend that, or keep the log on"
                " this machine with logger.wandb.mode=offline"
            ) from error
        run.define_metric("epoch")
        for names in ("val/*", "baseline/*"):
            run.define_metric(names, step_metric="epoch")
        if (self._folder / DIFF).is_file():
            run.save(self._folder / DIFF, base_path=self._folder, policy="now")

    @rank_zero_only
    def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
        """Keep the run's configuration, and what it ran on."""
        super().log_hyperparams({**params, "environment": environment(self._folder)})

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
