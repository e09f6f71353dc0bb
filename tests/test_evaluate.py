"""`python -m src.evaluate` on checkpoints of tiny networks."""

import csv
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from torchmetrics.functional.image.lpips import __file__ as lpips_file
from torchvision.models import SqueezeNet1_1_Weights, squeezenet1_1

from portrait_cartoons import evaluate
from portrait_cartoons.check import ConfigError
from portrait_cartoons.cli.build import build_data, build_model
from portrait_cartoons.cli.config import CONF, composed, total_epochs
from portrait_cartoons.data.fingerprint import identities
from portrait_cartoons.errors import UserError
from portrait_cartoons.evaluation.grid import compare
from portrait_cartoons.evaluation.report import Report, Row, read
from portrait_cartoons.evaluation.scores import similarity
from portrait_cartoons.image import list_images, load_rgb
from portrait_cartoons.networks import weights
from portrait_cartoons.preparation.abstraction import abstraction
from portrait_cartoons.runs.checkpoint import load, load_generator, write
from tests.conftest import TINY, TOY, Command

SIZE = ("data.size=32", "data.load_size=36")
DATA = ("data=toy", "data.source.train=3", "data.source.val=2", "data.source.test=5", "data.val_batch_size=2", *SIZE)
QUICK = ("device=cpu", "bootstrap=50", "output=out")
SMALL = ("model.generator.width=4", "model.generator.blocks=1", "model.discriminator.width=4", *TOY, *SIZE)


def save(file: Path, *overrides: str, change: Callable[[dict[str, Any]], None] | None = None) -> Path:
    """A checkpoint as training leaves it after its first epoch, as far as evaluation is concerned."""
    model = build_model(composed("train", [*SMALL, "run_dir=run", *overrides]))
    parameters = dict(model.hparams)
    parameters["trainer"]["max_epochs"] = total_epochs(parameters)
    prefix = next(name for name, module in model.named_modules() if module is model.generator)
    content: dict[str, Any] = {
        "state_dict": model.state_dict(),
        "hyper_parameters": parameters,
        "generator_prefix": f"{prefix}.",
        "loops": {"fit_loop": {"epoch_progress": {"current": {"processed": 1}}}},
        "callbacks": {"Checkpoints": {"best": {"val/target/psnr": 14.7}}},
    }
    if change:
        change(content)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w+b") as opened:
        write(content, opened)
    return file


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs and a lone checkpoint."""
    folder = tmp_path_factory.mktemp("home")
    save(folder / "runs/cyclegan-toy/2026-01-31_12-00-00/checkpoints/best.ckpt", "model=cyclegan")
    save(folder / "runs/cyclegan-toy/2026-02-01_12-00-00-2/checkpoints/last.ckpt", "model=cyclegan", "seed=1")
    save(folder / "Jörgs cartoon.ckpt", "model=cartoongan", "model.features.weights=random")
    return folder


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[None]:
    """Each test has the checkpoints in a working folder of its own."""
    place = tmp_path / "home"
    shutil.copytree(home, place)
    before = Path.cwd()
    os.chdir(place)
    yield
    os.chdir(before)


def run(*arguments: str) -> Report:
    evaluate.main([*DATA, *QUICK, *arguments])
    return read(Path("out/report.json"))


def row(report: Report, name: str) -> Row:
    return next(row for row in report.rows if row.name == name)


def pixels(folder: str, kind: str = "pictures") -> torch.Tensor:
    """The PNGs of a folder in [0, 1], N x 3 x H x W."""
    arrays = [load_rgb(path) for path in list_images(Path("out", kind, folder))]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2) / 255


def test_every_value_can_be_found_again_in_the_saved_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    report = run("ckpt=[runs/*/*,Jörgs cartoon.ckpt]")
    names = ["cyclegan-toy", "cyclegan-toy-2", "Jörgs_cartoon"]
    assert [row.name for row in report.rows] == ["unchanged photo", "photo set", "training cartoons", *names]
    for name in names:
        found, values = similarity(pixels(name), pixels("photo")), row(report, name).values
        for metric, vector in found.items():
            assert values[f"content/{metric}"].value == pytest.approx(vector.mean().item(), rel=1e-4)
        assert ("cycle/psnr" in values) == name.startswith("cyclegan")
        if "cycle/psnr" in values:
            found = similarity(pixels(name, "cycles"), pixels("photo"))
            assert values["cycle/psnr"].value == pytest.approx(found["psnr"].mean().item(), rel=1e-4)
        assert values.keys() >= {"random_fd", "random_kd", "target/ssim", "parameters", "milliseconds"}
    psnr = similarity(pixels("photo"), pixels("target"))["psnr"].mean().item()
    assert row(report, "unchanged photo").values["target/psnr"].value == pytest.approx(psnr, rel=1e-4)
    assert row(report, "unchanged photo").values.keys() == {f"{f}/{m}" for f in ("content", "target") for m in found}
    for name, folder in (("photo set", "photo"), ("training cartoons", "training cartoon")):
        assert row(report, name).values.keys() == {"random_fd", "random_kd"}
        assert row(report, name).pictures == f"pictures/{folder}"
    assert len(pixels("training cartoon")) == 3
    assert len(pixels("cartoon")) == report.protocol["cartoons"] == 5
    assert (report.photos, report.targets) == ("pictures/photo", "pictures/target")
    output = capsys.readouterr().out
    assert all(name in output for name in names)
    assert "There is no FID without the Inception weights" in output
    assert "5 photos against 5 cartoons" in output
    with Path("out/report.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 6


def test_baselines_that_need_no_training_stand_in_table_and_grid_and_are_not_drawn_again() -> None:
    style = ("style_network=squeezenet1_0", "style_weights=random", "style_steps=8")
    asked = ("ckpt=Jörgs cartoon.ckpt", "limit=2", *style)
    for baselines in ("classical", "[classical,neural_style]"):
        report = run(*asked, f"baselines={baselines}")
    names = ["classical abstraction", "Jörgs_cartoon", "neural style"]
    assert [row.name for row in report.rows][3:] == names
    for name in ("classical abstraction", "neural style"):
        found = row(report, name)
        assert found.kind == "baseline"
        assert found.values.keys() >= {"target/psnr", "content/ssim", "random_kd", "milliseconds"}
        ssim = similarity(pixels(name), pixels("photo"))["ssim"].mean().item()
        assert found.values["content/ssim"].value == pytest.approx(ssim, rel=1e-4)
        assert ssim < 0.9999
    photo = load_rgb(Path("out/pictures/photo/000000.png"))
    assert np.array_equal(load_rgb(Path("out/pictures/classical abstraction/000000.png")), abstraction(photo))
    assert compare(report, Path("out"), 1).titles == ["photo", *names, "target"]
    assert "style of the first training cartoon" in Path("out/report.md").read_text()


def test_the_size_and_the_speed_are_those_of_the_generator_in_the_columns_units(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("portrait_cartoons.evaluation.evaluator.repeated", lambda *_: [0.25, 0.5, 4.0])
    values = row(run("ckpt=runs/*/*-2"), "cyclegan-toy").values
    generator = load_generator(Path("runs/cyclegan-toy/2026-02-01_12-00-00-2")).network
    assert values["parameters"].value == sum(parameter.numel() for parameter in generator.parameters())
    assert values["milliseconds"].value == 500


def test_what_a_killed_program_left_of_its_first_file_does_no_harm() -> None:
    Path("out").mkdir()
    Path("out/.report.json.123.tmp").write_text("{")
    run("ckpt=Jörgs cartoon.ckpt")


def test_outputs_are_those_of_the_loaded_model() -> None:
    run("ckpt=Jörgs cartoon.ckpt")
    photo = (pixels("photo")[:1] * 255).round() / 127.5 - 1
    with torch.inference_mode():
        output = load("Jörgs cartoon.ckpt")(photo)
    expected = ((output + 1) * 127.5).round().clamp(0, 255)[0].permute(1, 2, 0).numpy().astype(np.uint8)
    assert np.array_equal(load_rgb("out/pictures/Jörgs_cartoon/000000.png"), expected)


@pytest.mark.parametrize(("split", "count"), [("val", 2), ("test", 5), ("all", 3 + 2 + 5)])
def test_the_split_that_is_asked_for_is_measured(split: str, count: int) -> None:
    report = run("ckpt=Jörgs cartoon.ckpt", f"split={split}")
    assert (report.protocol["split"], report.protocol["photos"], report.protocol["cartoons"]) == (split, count, count)
    assert len(pixels("Jörgs_cartoon")) == count
    # Training cartoons are not a floor for themselves.
    assert ("training cartoons" in [row.name for row in report.rows]) == (split != "all")


def test_systems_are_compared_also_after_a_second_start() -> None:
    run("ckpt=runs/*/*-2")
    (pair,) = run("ckpt=runs/*/*").undecided["content/psnr"]
    assert set(pair) == {"cyclegan-toy", "cyclegan-toy-2"}
    for file in Path("out/resamples").iterdir():
        file.write_bytes(b"damaged")
    assert run("ckpt=Jörgs cartoon.ckpt").undecided == {}


def test_a_second_start_measures_only_what_is_missing() -> None:
    first = run("ckpt=Jörgs cartoon.ckpt")
    kept = Path("out/pictures/Jörgs_cartoon/000000.png"), Path("out/pictures/photo/000000.png")
    times = [file.stat().st_mtime_ns for file in kept]
    shutil.copy("Jörgs cartoon.ckpt", "same.ckpt")
    second = run("ckpt=[same.ckpt,runs/*/*-2]")
    assert second.rows[:4] == first.rows
    assert [row.name for row in second.rows[4:]] == ["cyclegan-toy"]
    assert [file.stat().st_mtime_ns for file in kept] == times
    assert len(second.commands) == 2


def die_at_the_third_batch() -> None:
    """Kill the process as a power cut would."""
    from portrait_cartoons.evaluation import evaluator

    save_pictures, calls = evaluator.save_pictures, iter(range(9))

    def save_two(*arguments: Any) -> None:
        if next(calls) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        save_pictures(*arguments)

    evaluator.save_pictures = save_two  # type: ignore[assignment]


def test_an_evaluation_that_was_killed_goes_on(command: Command) -> None:
    arguments = [*DATA, *QUICK, "ckpt=Jörgs cartoon.ckpt"]
    killed = command("evaluate", *arguments, folder=Path.cwd(), prepare=die_at_the_third_batch)
    assert killed.exitcode == -signal.SIGKILL
    assert len(pixels("cartoon")) == 4
    # With as many threads, on which the milliseconds depend.
    assert command("evaluate", *arguments, folder=Path.cwd()).exitcode == 0
    assert len(read(Path("out/report.json")).rows) == 4
    assert len(pixels("cartoon")) == len(pixels("photo")) == 5


@pytest.mark.parametrize(
    ("change", "key"),
    [("data.size=28", "size"), ("limit=4", "photos"), ("seed=1", "seed"), ("bootstrap=9", "bootstrap")],
)
def test_values_of_another_protocol_do_not_join_a_report(change: str, key: str) -> None:
    first = run("ckpt=Jörgs cartoon.ckpt")
    with pytest.raises(UserError, match=rf"the protocol of out/report\.json differs in .*{key}"):
        run("ckpt=runs/*/*", change)
    assert read(Path("out/report.json")) == first


def test_pictures_that_changed_are_another_protocol() -> None:
    for domain in ("photo", "cartoon"):
        for split in ("train", "test"):
            Path(domain, split).mkdir(parents=True)
            for n in range(3):
                Image.effect_noise((40, 40), 50 + n).convert("RGB").save(Path(domain, split, f"{n}.png"))
    folders = ("data=folder", "data.source.photo=photo", "data.source.cartoon=cartoon", "data.num_workers=0", *SIZE)
    arguments = [*folders, *QUICK, "ckpt=Jörgs cartoon.ckpt"]
    evaluate.main(arguments)
    assert "target/psnr" not in row(read(Path("out/report.json")), "Jörgs_cartoon").values
    evaluate.main(arguments)
    Image.new("RGB", (40, 40)).save("photo/test/1.png")
    with pytest.raises(UserError, match="differs in photos' sha256"):
        evaluate.main(arguments)
    Path("photo/test/1.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"cannot read the image photo/test/1\.png"):
        evaluate.main([*arguments, "output=other"])


def join(rank: int, port: int) -> None:
    """Be one of two ranks, as torchrun would have it."""
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": f"{port}", "GLOO_SOCKET_IFNAME": "lo"}
    os.environ |= {"RANK": f"{rank}", "WORLD_SIZE": "2", **where}


def test_two_ranks_find_what_one_finds(command: Command) -> None:
    ckpt = "ckpt=[runs/*/*,Jörgs cartoon.ckpt]"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [*DATA, *QUICK, ckpt, "output=two"]
    children = [
        command("evaluate", *arguments, folder=Path.cwd(), prepare=partial(join, rank, port), wait=False)
        for rank in range(2)
    ]
    for child in children:
        child.join(120)
        assert child.exitcode == 0, Path("output.txt").read_text()
    shutil.rmtree("runs/statistics")
    one = command("evaluate", *DATA, *QUICK, ckpt, folder=Path.cwd())
    assert one.exitcode == 0, Path("output.txt").read_text()
    ours, theirs = read(Path("two/report.json")), read(Path("out/report.json"))
    assert ours.protocol == theirs.protocol
    assert [row.name for row in ours.rows] == [row.name for row in theirs.rows]
    for mine, other in zip(ours.rows, theirs.rows, strict=True):
        assert mine.values.keys() == other.values.keys()
        for key in mine.values.keys() - {"milliseconds"}:
            assert mine.values[key].value == pytest.approx(other.values[key].value, rel=1e-4), (mine.name, key)
    for path in Path("out/pictures").rglob("*.png"):
        assert path.read_bytes() == Path("two", path.relative_to("out")).read_bytes()


def describe(run: Path, experiment: str, *more: str) -> None:
    (run / "overrides.yaml").write_text(OmegaConf.to_yaml([f"experiment={experiment}", "seed=3", *more]))


def test_the_tables_of_a_paper_are_set_from_its_finished_runs(capsys: pytest.CaptureFixture[str]) -> None:
    camgan, cyclegan = Path("runs/any/2026-01-01_00-00-00"), Path("runs/camgan_ffhq/2026-01-02_00-00-00")
    save(camgan / "checkpoints/last.ckpt", "model=cyclegan", "seed=5", "model.epochs=1")
    save(camgan / "checkpoints/best.ckpt", "model=cyclegan", "seed=6", "model.epochs=1")
    save(cyclegan / "checkpoints/last.ckpt", "model=cyclegan", "model.epochs=2")
    describe(camgan, "camgan_ffhq_whitebox", "data.num_workers=2", "trainer.devices=1", "data.source.photo=~/ffhq")
    describe(cyclegan, "cyclegan_ffhq_whitebox")
    newest, short = camgan.with_name("2026-01-03_00-00-00"), camgan.with_name("2026-01-04_00-00-00")
    for run_of_camgan in (newest, short):
        shutil.copytree(camgan, run_of_camgan)
    describe(short, "camgan_ffhq_whitebox", "model.epochs=1")
    describe(newest, "camgan_ffhq_whitebox", "data.num_workers=4")  # decides about speed alone
    evaluate.main([*DATA, *QUICK, "report=camgan_tables"])
    # The newest that is the experiment's, and its last epoch, as none was chosen.
    assert row(read(Path("out/report.json")), "CAMGAN").checkpoint == f"{newest}/checkpoints/last.ckpt"
    output = capsys.readouterr().out
    assert f"CAMGAN: {short} is left out, as model.epochs=1 makes it another experiment" in output
    assert f"train it with python -m src.train resume={cyclegan}" in output
    assert "train it with python -m src.train experiment=ganilla_ffhq_whitebox" in output
    for text in (output, Path("out/report.md").read_text(), Path("out/index.html").read_text()):
        plain = " ".join(text.replace("\\", "").split())
        for part in ("Table 1", "Table 2", "content compares the cartoon with its photo", "MSE is of values between 0"):
            assert part in plain
    assert "g: adv 1.0, cycle 10.0, identity 5.0; d: adv 1.0" in Path("out/index.html").read_text()


def test_runs_of_one_name_are_told_apart_by_what_they_change() -> None:
    runs = [Path(f"runs/selfie/2026-01-0{n}_00-00-00") for n in (1, 2, 3)]
    for n, (place, more) in enumerate(zip(runs, (["loss.g.cycle=3"], ["loss.g.cycle=5"], []), strict=True)):
        save(place / "checkpoints/last.ckpt", "model=cyclegan", f"seed={n}")
        text = OmegaConf.to_yaml(["model=cyclegan", "data.source.photo=a", f"run_dir={place}", *more])
        (place / "overrides.yaml").write_text(text)
    names = [row.name for row in run("ckpt=runs/selfie/*").rows if row.kind == "system"]
    assert names == ["selfie loss.g.cycle=3", "selfie loss.g.cycle=5", "selfie"]
    assert len(pixels("selfie loss.g.cycle=3")) == 5


def test_the_report_says_how_a_system_came_about() -> None:
    report = run("ckpt=[runs/*/*,Jörgs cartoon.ckpt]")
    best, last = row(report, "cyclegan-toy").facts, row(report, "cyclegan-toy-2").facts
    assert best["chosen"] == "epoch 1 of 200, selected by val/target/psnr on the validation pictures"
    assert last["chosen"] == "epoch 1 of 200, the last"
    assert best["trained on"] == "32 x 32 pixels"
    assert best["loss weights"] == "g: adv 1.0, cycle 10.0, identity 5.0; d: adv 1.0"
    assert best["has seen of these pictures"].startswith("unknown")


def remembering(**seen: int) -> Callable[[dict[str, Any]], None]:
    """Makes a checkpoint that has seen so many of the test pictures, by split and domain, and another one."""
    data = build_data(composed("train", [*DATA, "run_dir=run"]), ())

    def change(content: dict[str, Any]) -> None:
        of_tests = {"photos": identities(data.test.pictures), "cartoons": identities(data.test_cartoons.pictures)}
        content["Portraits"] = {
            "seen": {
                name: torch.cat([of_tests[name.partition("_")[2]][:n], torch.tensor([7])]) for name, n in seen.items()
            }
        }

    return change


def test_a_system_that_has_seen_the_test_pictures_is_marked_and_never_the_best(
    capsys: pytest.CaptureFixture[str],
) -> None:
    save(Path("fresh.ckpt"), "model=cyclegan", change=remembering(train_photos=0, val_cartoons=0))
    save(Path("cheat.ckpt"), "model=cyclegan", "seed=2", change=remembering(train_photos=2, val_cartoons=1))
    report = run("ckpt=[fresh.ckpt,cheat.ckpt]")
    fresh, cheat = row(report, "fresh"), row(report, "cheat")
    assert (fresh.seen, fresh.facts["has seen of these pictures"]) == (False, "none")
    assert (cheat.seen, cheat.facts["has seen of these pictures"]) == (
        True,
        "2 photos trained on, 1 cartoons chosen by",
    )
    captured = capsys.readouterr()
    assert "warning: cheat has seen pictures" in captured.err
    assert "*" not in "".join(line for line in captured.out.splitlines() if line.strip().startswith("cheat"))
    assert "cheat †" in Path("out/index.html").read_text()


@pytest.mark.slow
def test_what_a_run_has_trained_on_and_was_chosen_by_is_known(command: Command) -> None:
    trained = command("train", "model=cyclegan", *TOY, *TINY, "model.epochs=1", "run_dir=run", folder=Path.cwd())
    assert trained.exitcode == 0, Path("output.txt").read_text()
    for split, told in (("test", "none"), ("val", "4 photos chosen by, 4 cartoons chosen by")):
        evaluate.main([*TOY, "device=cpu", "bootstrap=0", "ckpt=run", f"output={split}", f"split={split}"])
        system = read(Path(split, "report.json")).rows[-1]
        assert system.facts["has seen of these pictures"] == told
        assert system.facts["trained on"] == "16 x 16 pixels"
        assert system.facts["chosen"] == "epoch 1 of 1, selected by val/target/psnr on the validation pictures"


def test_pictures_are_measured_at_the_size_of_training(capsys: pytest.CaptureFixture[str]) -> None:
    toy, quick = [text for text in DATA if text not in SIZE], [*QUICK, "ckpt=Jörgs cartoon.ckpt"]
    evaluate.main([*toy, *quick])
    assert read(Path("out/report.json")).protocol["size"] == 32
    assert read(Path("out/report.json")).protocol["load_size"] == 36
    assert "warning" not in capsys.readouterr().err
    evaluate.main([*toy, *quick, "data.size=64", "data.load_size=72", "output=larger"])
    assert "Jörgs_cartoon was trained at 32 pixels and is measured at 64" in capsys.readouterr().err
    save(Path("small.ckpt"), "model=cyclegan", "data.size=16", "data.load_size=18")
    with pytest.raises(UserError, match=r"trained with data\.size of 16 and 32"):
        evaluate.main([*toy, *QUICK, "ckpt=[small.ckpt,Jörgs cartoon.ckpt]", "output=both"])


def test_a_paper_without_runs_is_refused_with_the_commands() -> None:
    with pytest.raises(UserError, match=r"python -m src\.train experiment=camgan_ffhq_whitebox"):
        evaluate.main(["report=camgan_tables"])


def diverge(content: dict[str, Any]) -> None:
    for name, value in content["state_dict"].items():
        if name.startswith(content["generator_prefix"]):
            value.fill_(torch.nan)


def test_a_diverged_generator_is_named_and_the_rows_before_it_are_kept() -> None:
    save(Path("nan.ckpt"), "model=cyclegan", change=diverge)
    with pytest.raises(UserError, match="the output has pixels from nan"):
        run("ckpt=[Jörgs cartoon.ckpt,nan.ckpt]")
    assert [row.name for row in read(Path("out/report.json")).rows][3:] == ["Jörgs_cartoon"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ckpt=a.ckpt"], "data is missing"),
        (["data=toy"], r"name either ckpt=<checkpoints> or report=<choice>"),
        (["data=toy", "ckpt=a", "report=camgan_tables"], "name either"),
        (["data=toy", "ckpt=a", "fidelty=true"], "did you mean fidelity"),
        (["data=toy", "ckpt=a", "dta.size=3"], "unknown key 'dta.size'"),
        (["data=toy", "ckpt=a", "bootstrap=-1"], "at least 0"),
        (["data=toy", "ckpt=a", "limit=1"], "at least 2"),
        (["data=toy", "ckpt=a", "features=inceptoin"], "auto, inception, squeezenet or random"),
        (["report=camgan"], "did you mean camgan_tables"),
        (["data=toy", "ckpt=absent.ckpt"], "there is no checkpoint absent.ckpt"),
        (["data=toy", "ckpt=no*thing"], r"ckpt=no\*thing matches no"),
        (["data=toy", "ckpt=[a,{]"], "is not a list of paths"),
        (["data=toy", "ckpt=[]"], "is not a list of paths"),
        (["data=toy", "ckpt=runs/*/*", "device=gpu"], "device=gpu is not available on this machine"),
        (["data=toy", "ckpt=runs/*/*", "output=runs"], "output=runs holds other files"),
        (["data=toy", "ckpt=runs/*/*", "output=Jörgs cartoon.ckpt"], "cannot be used"),
        (
            ["data=toy", "ckpt=runs/*/*", "features=random", "fidelity=true"],
            "fidelity=true needs the Inception weights",
        ),
        (
            ["data=toy", "ckpt=runs/*/*", "weights=absent", "features=inception"],
            r"cannot be read: absent .*name a copy of https.* with weights=<file>, or use features=random",
        ),
        ([*DATA, "data.size=30", "ckpt=runs/*/*", "output=o"], r"multiple of 4: use data\.size=32"),
    ],
)
def test_wrong_use_ends_in_one_sentence(arguments: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        evaluate.main(arguments)


def test_keys_of_the_data_are_checked_as_for_training() -> None:
    with pytest.raises(ConfigError, match=r"data\.sizes: did you mean data\.size"):
        evaluate.main(["data=toy", "data.sizes=3", "ckpt=a.ckpt"])


def test_help_and_mistakes_wait_for_no_heavy_import(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported')")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{CONF.parent}"}
    for arguments, code in ((["--help"], 0), (["data=toy", "ckpt=a", "fidelty=true"], 2)):
        command = [sys.executable, "-m", "src.evaluate", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert not code or done.stderr.count("\n") == 1


def accept(weights: Path) -> None:
    """Take this file for the genuine one."""
    from portrait_cartoons.evaluation import features

    features.INCEPTION_SHA256_PREFIX = hashlib.sha256(weights.read_bytes()).hexdigest()[:8]


@pytest.mark.slow
def test_torch_fidelity_confirms_what_is_reported(command: Command) -> None:
    from tests.evaluation.inception import random_weights

    weights = random_weights(Path.cwd() / "inception.pth")
    arguments = [*DATA, *QUICK, "ckpt=Jörgs cartoon.ckpt", "weights=inception.pth"]
    for more in ([], ["fidelity=true"]):  # a report may also be confirmed later
        child = command("evaluate", *arguments, *more, folder=Path.cwd(), prepare=partial(accept, weights))
        assert child.exitcode == 0, Path("output.txt").read_text()
    report = read(Path("out/report.json"))
    for name in ("photo set", "Jörgs_cartoon"):
        theirs = report.protocol[f"fid of {name} by torch-fidelity"]
        assert row(report, name).values["fid"].value == pytest.approx(theirs, rel=1e-4)
    assert row(report, name).values.keys() >= {"precision", "recall"}
    assert report.protocol["features' weights"] == hashlib.sha256(weights.read_bytes()).hexdigest()


def lpips(backbone: dict[str, torch.Tensor], ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Equation 1 of Zhang et al. 2018 for images in [0, 1], on seven layers of SqueezeNet 1.1."""
    network = squeezenet1_1()
    network.load_state_dict(backbone)
    heads = torch.load(Path(lpips_file).parent / "lpips_models/squeeze.pth", "cpu", weights_only=True)
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    x, y = ((image - mean) / std for image in (ours, theirs))
    total, place = torch.zeros(len(ours)), 0
    for number, layer in enumerate(network.features.eval()):
        x, y = layer(x), layer(y)
        if number in (1, 4, 7, 9, 10, 11, 12):
            a, b = (f / (f.norm(dim=1, keepdim=True) + 1e-10) for f in (x, y))
            total += ((a - b).square() * heads[f"lin{place}.model.1.weight"]).sum(1).mean((1, 2))
            place += 1
    return total


def test_lpips_has_the_values_of_its_paper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    url = SqueezeNet1_1_Weights.IMAGENET1K_V1.url
    cache = tmp_path / "hub/checkpoints" / Path(url).name
    cache.parent.mkdir(parents=True)
    torch.manual_seed(0)
    backbone = squeezenet1_1().state_dict()
    torch.save(backbone, cache)
    arguments = ("lpips=true", "ckpt=Jörgs cartoon.ckpt")
    with pytest.raises(UserError, match=r"is not the genuine file of the SqueezeNet weights.*leave lpips=true out"):
        run(*arguments)
    monkeypatch.setattr(weights, "file_sha256", lambda _: Path(url).stem.rpartition("-")[2])
    with pytest.raises(UserError, match="at least 32 pixels"):
        run(*arguments, "data.size=24", "data.load_size=24")
    report = run(*arguments)
    values = row(report, "Jörgs_cartoon").values
    for family, folder in (("content", "photo"), ("target", "target")):
        expected = lpips(backbone, pixels("Jörgs_cartoon"), pixels(folder)).mean().item()
        assert values[f"{family}/lpips"].value == pytest.approx(expected, rel=1e-4)
    assert row(report, "unchanged photo").values["content/lpips"].value == 0
    assert "cycle/lpips" not in values
    with pytest.raises(UserError, match="differs in lpips"):
        run("ckpt=runs/*/*")
