"""Which run `resume=` means, and what it goes on with."""

import os
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from portrait_cartoons.check.resume import resumed
from portrait_cartoons.cli.config import composed, plain
from portrait_cartoons.errors import UserError
from portrait_cartoons.runs.folder import config, newest_first, overrides


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(name: str, age: int, *given: str, checkpoint: bool = True) -> Path:
    """A run folder whose last checkpoint is so many seconds old."""
    folder = Path("runs", name)
    (folder / "checkpoints").mkdir(parents=True)
    OmegaConf.save(OmegaConf.create(list(given)), folder / "overrides.yaml")
    OmegaConf.save(OmegaConf.create(plain(composed("train", list(given)))), folder / "config.yaml")
    if checkpoint:
        last = folder / "checkpoints/last.ckpt"
        last.touch()
        os.utime(last, (1e9 - age, 1e9 - age))
    return folder


def meant(*arguments: str) -> str | None:
    found = [argument for argument in resumed([*arguments, "resume=auto"]) if argument.startswith("resume=")]
    return found[0].removeprefix("resume=") if found else None


def test_alone_it_means_the_newest_run_with_a_checkpoint_whatever_it_is_called() -> None:
    run("cyclegan-toy/2026-02-02_00-00-00", 20, "model=cyclegan", "data=toy")
    newest = run("cyclegan_toy/a", 10, "model=ganilla", "data=toy")
    run("cyclegan-toy/2026-03-03_00-00-00", 0, "model=cyclegan", "data=toy", checkpoint=False)
    assert newest_first()[0] == newest
    assert meant() == str(newest)


def test_with_arguments_it_means_the_newest_run_that_they_do_not_make_another_experiment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = run("cyclegan-toy/1", 20, "model=cyclegan", "data=toy", "loss.g.cycle=3")
    new = run("mine/2", 10, "model=cyclegan", "data=toy", "model.pool_size=3")
    run("ganilla-toy/3", 0, "model=ganilla", "data=toy")
    assert meant("model=cyclegan", "data=toy") == str(new)
    assert meant("model=cyclegan", "data=toy", "model.epochs=900", "trainer.precision=bf16-mixed") == str(new)
    assert meant("model=cyclegan", "data=toy", "loss.g.cycle=3") == str(old)
    assert not capsys.readouterr().out
    assert meant("model=cyclegan", "loss.g.cycle=4") is None
    said = capsys.readouterr().out
    assert "no run like this one to continue; the newest, runs/ganilla-toy/3, differs in" in said
    assert said.endswith("starting a new one\n")


def test_another_weight_does_not_continue_the_run_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    run("cyclegan-toy/1", 0, "model=cyclegan", "data=toy")
    assert meant("model=cyclegan", "data=toy", "loss.g.cycle=3") is None
    assert "the newest, runs/cyclegan-toy/1, differs in loss.g.cycle; starting" in capsys.readouterr().out


def test_the_overrides_of_the_run_come_first_and_a_file_stays_the_file_that_was_named() -> None:
    folder = run("a/b", 0, "model=cyclegan", "data=toy", "seed=1")
    assert resumed([f"resume={folder}", "seed=2"]) == ["model=cyclegan", "data=toy", "seed=2", f"resume={folder}"]
    best = folder / "checkpoints/best.ckpt"
    best.touch()
    assert resumed([f"resume={best}"])[-1] == f"resume={best}"


@pytest.mark.parametrize("text", ["- &a [x]\n- *a\n", "!!python/object/apply:os.system [true]", "{", "- [1]", "x: 1"])
def test_a_file_that_is_no_plain_list_is_refused_in_one_sentence(text: str) -> None:
    folder = run("a/b", 0)
    (folder / "overrides.yaml").write_text(text)
    with pytest.raises(UserError, match=r"overrides\.yaml.*restore it or start anew"):
        overrides(folder)


def test_a_configuration_comes_back_as_it_was_written() -> None:
    folder = run("a/b", 0, "model=cyclegan", "data=toy", "model.optimizers.g.lr=1e-5", "run_dir='1e3'")
    assert config(folder) == plain(composed("train", overrides(folder)))


def test_a_run_without_a_checkpoint_may_begin_anew_under_its_name() -> None:
    from portrait_cartoons.check import ConfigError, checked_config

    folder = run("a/b", 0, "model=cyclegan", "data=toy", checkpoint=False)
    given = ["model=cyclegan", "data=toy", f"run_dir={folder}"]
    checked_config("train", given, networks=False)
    (folder / "checkpoints/previous.ckpt").touch()
    with pytest.raises(ConfigError, match="holds a run already"):
        checked_config("train", given, networks=False)
    with pytest.raises(ConfigError, match=r"File name too long"):
        checked_config("train", [*given, f"run_dir={'x' * 300}"], networks=False)
