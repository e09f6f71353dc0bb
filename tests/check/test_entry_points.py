import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from portrait_cartoons import train, validate
from portrait_cartoons.cli.config import CONF, composed
from portrait_cartoons.cli.start import start
from tests.conftest import TINY, TOY, Command


def test_validate_sums_the_run_up(capsys: pytest.CaptureFixture[str]) -> None:
    validate.main([*TINY, *TOY])
    summary = capsys.readouterr().out
    for fact in (
        "ok",
        "cyclegan",
        "train 6 photos, 6 cartoons",
        "test 4",
        "16 x 16",
        "200 epochs of 6 steps, 1,200 in all",
        "runs/cyclegan-toy",
    ):
        assert fact in summary
    validate.main([*TINY, *TOY, "trainer=ddp", "trainer.devices=2"])
    assert "200 epochs of 3 steps, 600 in all" in capsys.readouterr().out
    validate.main(["--help"])
    assert "conf/" in capsys.readouterr().out


def test_training_refuses_before_anything_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (["modle=x"], ["-m", "seed=1,x"], ["resume=auto", "modle=x"], ["-m", "resume=auto"]):
        with pytest.raises(SystemExit) as left:
            start("train", arguments)
        assert left.value.code == 2
        assert capsys.readouterr().err.startswith("error: ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        "--config-name nope", "--config-dir=/tmp", "--config-path x", "--resolve", "--shell-completion", "--cfg",
        "--cfg hydra", "--cfg nope", "-p", "--info", "--hydra-help", "--cfg job --multirun seed=1,2",
        "--cfg job modle=x",
        "--cfg job seed=${oc.env:HOME}",
    ],
)  # fmt: skip
def test_a_flag_that_does_not_fit_is_one_sentence(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        start("train", arguments.split())
    assert left.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(r"error: [^\n]+\n", printed.err)


def test_the_configuration_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    train.main(["--cfg", "job", "seed=7"])
    assert OmegaConf.create(capsys.readouterr().out) == composed("train", ["seed=7"])
    train.main(["--cfg=job", "--resolve", "seed=7"])
    assert "seed: 7" in (shown := capsys.readouterr().out)
    assert "${" not in shown


@pytest.mark.parametrize("module", ["train", "validate"])
def test_a_typo_ends_in_one_line_without_heavy_imports(module: str, tmp_path: Path) -> None:
    imports = tmp_path / "torch.py"
    imports.write_text("raise SystemExit('torch was imported')")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{CONF.parent}"}
    for arguments, code in ((["modle=cyclegan"], 2), (["--help"], 0)):
        done = subprocess.run(
            [sys.executable, "-m", f"src.{module}", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        if code:
            assert done.stderr == "error: unknown key modle: did you mean model?\n"


def few_open_files() -> None:
    """In the child: as few open files as it can live with."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def test_workers_that_cannot_open_their_files_are_refused(command: Command, tmp_path: Path) -> None:
    arguments = [*TINY, *TOY, "data.num_workers=8", "model.epochs=1"]
    for entry in ("train", "validate"):
        assert command(entry, *arguments, folder=tmp_path, prepare=few_open_files).exitcode == 2
    text = (tmp_path / "output.txt").read_text()
    assert text.count("error: data.num_workers=8 needs about 192 open files, and 64 are allowed here") == 2
    assert "Traceback" not in text


def a_failing_model_of_the_user() -> None:
    """In the child: an own model whose network fails, in a file of the working folder."""
    Path("own_model.py").write_text(
        "from portrait_cartoons.models.cyclegan import CycleGAN\n"
        "class Own(CycleGAN):\n"
        "    def __init__(self, **options):\n"
        "        super().__init__(**options)\n"
        "        self.extra = {}['nothing here']\n"
    )
    sys.path.insert(0, str(Path.cwd()))


def test_a_users_own_model_that_fails_shows_where(command: Command, tmp_path: Path) -> None:
    arguments = [*TINY, *TOY, "model._target_=own_model.Own", "model.epochs=1"]
    assert command("train", *arguments, folder=tmp_path, prepare=a_failing_model_of_the_user).exitcode == 1
    text = (tmp_path / "output.txt").read_text()
    assert "own_model.py" in text
    assert "KeyError: 'nothing here'" in text
    assert "HYDRA_FULL_ERROR" not in text
