"""`python -m src.train` as its users run it, in processes of its own."""

import os
import resource
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from portrait_cartoons.errors import UserError
from portrait_cartoons.inference import Cartoonizer
from portrait_cartoons.runs.checkpoint import read
from portrait_cartoons.runs.metrics_csv import read_metrics
from portrait_cartoons.training import _compare
from tests.conftest import TINY, TOY, Command

RUN = ("model=cyclegan", *TOY, *TINY, "trainer.limit_train_batches=2")


def output(folder: Path) -> str:
    return (folder / "output.txt").read_text()


def only(folder: Path) -> Path:
    """The one run below the folder."""
    (run,) = (folder / "runs/cyclegan-toy").iterdir()
    return run


@pytest.fixture(scope="module")
def finished(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which two epochs were trained."""
    folder = tmp_path_factory.mktemp("finished")
    assert command("train", *RUN, "model.epochs=2", folder=folder).exitcode == 0, output(folder)
    return folder


def test_a_run_leaves_results_and_what_made_them(finished: Path) -> None:
    run = only(finished)
    assert {path.name for path in run.iterdir()} >= {
        "config.yaml",
        "overrides.yaml",
        "environment.yaml",
        "metrics.csv",
        "samples",
        "index.html",
        "checkpoints",
    }
    assert sorted(p.name for p in (run / "samples").iterdir()) == [f"epoch_000{n}.png" for n in range(3)]
    assert {p.name for p in (run / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt", "previous.ckpt"}
    config = OmegaConf.load(run / "config.yaml")
    assert config.model.epochs == config.trainer.max_epochs == 2
    environment = OmegaConf.load(run / "environment.yaml")
    assert environment.packages.torch.split("+")[0] == torch.__version__.split("+")[0]
    assert environment.commit
    names = {name for row in read_metrics(run / "metrics.csv") for name in row}
    assert names >= {"train/g/cycle", "train/lr/d", "val/target/psnr", "val/cycle/ssim", "baseline/target/mse"}


def test_the_gallery_shows_the_last_validation(finished: Path) -> None:
    run = only(finished)
    last = [row["val/target/psnr"] for row in read_metrics(run / "metrics.csv") if "val/target/psnr" in row][-1]
    assert f"{last:.4g}" in (run / "index.html").read_text()


def test_the_summary_shows_the_baseline_and_the_next_command(finished: Path) -> None:
    text, run = output(finished), only(finished).relative_to(finished)
    assert "unchanged photo" in text
    assert f"{run}/index.html" in text
    assert f"python -m src.translate ckpt={run}" in text
    assert "Traceback" not in text


def test_checkpoints_hold_plain_data_and_no_metric_network(finished: Path) -> None:
    content = read(only(finished) / "checkpoints/last.ckpt")
    assert {name.split(".")[0] for name in content["state_dict"]} == {"g", "d", "pools"}
    assert content["generator_prefix"] == "g.xy."
    assert not any("Metrics" in name for name in content["callbacks"])


def test_the_checkpoint_translates_pictures_of_any_size(finished: Path) -> None:
    cartoon = Cartoonizer.load(only(finished)).translate(Image.new("RGB", (37, 61)))
    assert cartoon.shape == (61, 37, 3)


def test_resume_auto_goes_on_with_the_latest_run(command: Command, tmp_path: Path) -> None:
    first = command("train", *RUN, "model.epochs=2", "trainer.max_epochs=1", folder=tmp_path)
    assert first.exitcode == 0, output(tmp_path)
    again = command("train", "model=cyclegan", "data=toy", "trainer.max_epochs=2", "resume=auto", folder=tmp_path)
    assert again.exitcode == 0, output(tmp_path)
    assert read(only(tmp_path) / "checkpoints/last.ckpt")["epoch"] == 1
    assert "resuming from" in output(tmp_path)


def test_a_finished_run_has_nothing_to_resume(command: Command, finished: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in only(finished).rglob("*")}
    child = command("train", f"resume={only(finished)}", folder=tmp_path)
    assert child.exitcode == 0
    assert "has all its 2 epochs; to train on, add model.epochs=<more>" in output(tmp_path)
    assert "note:" not in output(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in only(finished).rglob("*")} == before


def test_resume_auto_without_a_run_starts_one(command: Command, tmp_path: Path) -> None:
    assert command("train", *RUN, "model.epochs=1", "resume=auto", folder=tmp_path).exitcode == 0, output(tmp_path)
    assert "no run like this one" in output(tmp_path)
    assert only(tmp_path).is_dir()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("model.generator.width=8",), "model.generator.width differ"),
        (("resume=nowhere",), "resume=nowhere"),
    ],
)
def test_resuming_what_does_not_fit_is_refused(
    command: Command, finished: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    resume = [f"resume={only(finished)}"] if not any("resume" in a for a in arguments) else []
    child = command("train", *resume, *arguments, folder=tmp_path)
    assert child.exitcode == 2
    assert said in output(tmp_path)
    assert "Traceback" not in output(tmp_path)


def test_another_segmenter_is_refused_but_not_other_weights_it_once_began_with() -> None:
    then = {"model": {"segmenter": {"width": 64, "weights": "u.pt"}}, "seed": 0}
    _compare(then, {"model": {"segmenter": {"width": 64, "weights": None}}, "seed": 0})
    with pytest.raises(UserError, match=r"^model\.segmenter\.width differ"):
        _compare(then, {"model": {"segmenter": {"width": 32, "weights": "u.pt"}}, "seed": 0})


def poisoned(step: int) -> None:
    """In the child: the n-th batch holds a NaN."""
    from portrait_cartoons.models.cyclegan import CycleGAN

    training_step, steps = CycleGAN.training_step, iter(range(1, 1000))

    def poisoned_step(self: CycleGAN, batch: Any, batch_idx: int) -> None:
        if next(steps) == step:
            batch["photo"][0, 0, 0, 0] = torch.nan
        training_step(self, batch, batch_idx)

    CycleGAN.training_step = poisoned_step  # type: ignore[method-assign,assignment]


def test_a_loss_that_becomes_nan_names_term_and_last_good_checkpoint(command: Command, tmp_path: Path) -> None:
    child = command("train", *RUN, "model.epochs=2", folder=tmp_path, prepare=partial(poisoned, 3))
    assert child.exitcode == 1
    text = output(tmp_path)
    assert "error: train/g/" in text
    assert "became nan in epoch 2" in text
    last = only(tmp_path) / "checkpoints/last.ckpt"
    assert f"the last good checkpoint is {last.relative_to(tmp_path)}" in text
    assert "Traceback" not in text
    assert all(v.isfinite().all() for v in read(last)["state_dict"].values() if isinstance(v, torch.Tensor))


def on_a_full_disk() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    os.environ["GIT_DIR"] = "/nowhere"  # what is not committed here must not fill the disk first


def test_a_full_disk_ends_in_one_sentence(command: Command, tmp_path: Path) -> None:
    child = command("train", *RUN, "model.epochs=1", folder=tmp_path, prepare=on_a_full_disk)
    assert child.exitcode == 2
    assert "error: writing to" in output(tmp_path)
    assert "Traceback" not in output(tmp_path)


def test_a_run_folder_that_cannot_be_made_ends_in_one_sentence(command: Command, tmp_path: Path) -> None:
    child = command("train", *RUN, "run_dir=output.txt/run", folder=tmp_path)  # below a file
    assert child.exitcode == 2
    assert "error: run_dir=output.txt/run cannot be used" in output(tmp_path)
    assert "Traceback" not in output(tmp_path)


def vanishing(folder: Path) -> None:
    """In the child: the pictures are gone as soon as training begins."""
    import shutil

    from portrait_cartoons.callbacks.reseed import Reseed

    Reseed.on_train_start = lambda *_: shutil.rmtree(folder)  # type: ignore[method-assign]


@pytest.mark.parametrize("workers", [0, 1])
def test_pictures_that_vanish_end_in_one_sentence(command: Command, tmp_path: Path, workers: int) -> None:
    for n in range(4):
        for domain in ("photos", "cartoons"):
            (tmp_path / "data" / domain).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (20, 20)).save(tmp_path / "data" / domain / f"{n} ü.png")
    places = ("data=folder", "data.source.photo=data/photos", "data.source.cartoon=data/cartoons")
    child = command(
        "train",
        "model=cyclegan",
        *places,
        *TINY,
        f"data.num_workers={workers}",
        "model.epochs=1",
        folder=tmp_path,
        prepare=partial(vanishing, tmp_path / "data"),
    )
    assert child.exitcode == 2
    text = output(tmp_path)
    assert "error: none of its" in text
    assert "Traceback" not in text


@pytest.mark.parametrize("logger", ["wandb", "tensorboard"])
def test_other_loggers_work_offline_beside_the_table(command: Command, tmp_path: Path, logger: str) -> None:
    pytest.importorskip(logger)
    child = command("train", *RUN, "model.epochs=1", f"logger={logger}", folder=tmp_path)
    assert child.exitcode == 0, output(tmp_path)
    assert (only(tmp_path) / "metrics.csv").exists()
    assert any((only(tmp_path) / logger).rglob("*"))


def test_validation_changes_no_bit_of_training(command: Command, finished: Path, tmp_path: Path) -> None:
    without = (
        "~callbacks.samples",
        "trainer.check_val_every_n_epoch=2",
        "metrics.features=random",
        "data.val_batch_size=1",
        "model.epochs=2",
    )
    assert command("train", *RUN, *without, folder=tmp_path).exitcode == 0, output(tmp_path)
    ours, theirs = (read(only(folder) / "checkpoints/last.ckpt")["state_dict"] for folder in (tmp_path, finished))
    assert all(torch.equal(ours[k], theirs[k]) for k in theirs if isinstance(theirs[k], torch.Tensor))


def test_bad_configuration_is_refused_before_anything_is_made(command: Command, tmp_path: Path) -> None:
    for override in ("trainer.max_epoch=3", "seed=0"):  # content is looked at once the writing is clean
        assert command("train", "model=cyclegan", "data=folder", override, folder=tmp_path).exitcode == 2
    for said in ("max_epochs", "data.source.photo is missing", "data.source.cartoon is missing"):
        assert said in output(tmp_path)
    assert os.listdir(tmp_path) == ["output.txt"]
