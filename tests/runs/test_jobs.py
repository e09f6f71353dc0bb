"""Many runs as jobs of their own; on this machine, as SLURM would have them on many."""

import os
import subprocess
from pathlib import Path
from textwrap import dedent

import pytest

from portrait_cartoons.cli.config import PACKAGE
from tests.conftest import TINY, TOY, Command


def importable() -> None:
    """In the child: jobs find the package as it does."""
    os.environ["PYTHONPATH"] = str(PACKAGE.parent)


@pytest.mark.parametrize("code", [0, 1, 2, 143])
def test_a_job_that_was_preempted_is_requeued_and_every_other_code_is_that_of_the_job(
    tmp_path: Path, code: int
) -> None:
    paragraphs = (PACKAGE.parents[1] / "docs/scale.md").read_text().split("\n\n")
    (script,) = [text for text in paragraphs if "#!/bin/bash" in text]
    for name, line in (("srun", f"exit {code}"), ("scontrol", "echo $* > requeued")):
        (tmp_path / name).write_text(f"#!/bin/bash\n{line}\n")
        (tmp_path / name).chmod(0o755)
    job = subprocess.run(
        ["/bin/bash", "-c", dedent(script)], cwd=tmp_path, env={"PATH": str(tmp_path), "SLURM_JOB_ID": "7"}
    )
    assert job.returncode == code
    assert (tmp_path / "requeued").exists() == (code == 143)


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
