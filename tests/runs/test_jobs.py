"""Many runs as jobs of their own; on this machine, as SLURM would have them on many."""

import os
from pathlib import Path

import pytest

from portrait_cartoons.cli.config import PACKAGE
from tests.conftest import TINY, TOY, Command


def importable() -> None:
    """In the child: jobs find the package as it does."""
    os.environ["PYTHONPATH"] = str(PACKAGE.parent)


@pytest.mark.slow
def test_a_job_that_fails_is_listed_and_the_others_go_on(command: Command, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    rates = "model.optimizers.g.lr=9e8,2e-4"  # with the first a loss is soon not a number
    shared = ("model=cyclegan", *TOY, *TINY, "trainer.max_epochs=1", "hydra/launcher=submitit_local")
    child = command("train", "--multirun", *shared, rates, folder=tmp_path, prepare=importable)
    text = (tmp_path / "output.txt").read_text()
    assert child.exitcode == 1, text
    assert "error: some of the runs failed, each for the reason in its job's output\n  - " in text
    assert "Traceback" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("  - ")]
    assert line.endswith("model.optimizers.g.lr=900000000.0")
    assert len([log for log in tmp_path.rglob("*_log.err") if "error: train/g/" in log.read_text()]) == 1
    assert len(list(tmp_path.glob("runs/*/*/checkpoints/last.ckpt"))) == 1
