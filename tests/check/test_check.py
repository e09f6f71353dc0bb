import re
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from PIL import Image

from portrait_cartoons.check import ConfigError, check, checked_config, checked_sweep
from portrait_cartoons.cli.config import CONF, composed
from portrait_cartoons.cli.usage import groups
from portrait_cartoons.errors import UserError
from portrait_cartoons.image import save_image
from tests.conftest import TINY, TOY

# The search for a wrong override composes the others again and again, so these are few.
SMALL = [
    "data.size=16",
    "data.load_size=18",
    "data.num_workers=0",
    "model.discriminator.layers=2",
    "data.source.train=6",
]

# Overrides, and what the only problem must mention.
ONE_PROBLEM: dict[str, tuple[str, ...]] = {
    # names
    "modle=cyclegan": ("modle", "did you mean model?"),
    "epochs=3": ("did you mean model.epochs?",),
    "lr=1": ("did you mean model.optimizers.g.lr?",),
    "model.lr=1": ("did you mean model.optimizers.g.lr?",),
    "trainer.gpus=1": ("did you mean trainer.accelerator?",),
    "photo=photos": ("did you mean data.source.photo?", " or folder or "),
    "+loss.g.cycel=1": ("only adv, cycle, identity; did you mean loss.g.cycle?",),
    "model.generator.widht=3": ("did you mean model.generator.width?",),
    "+model.generator.widht=3": ("did you mean model.generator.width?",),
    "+modle.x=3": ("modle", "model"),
    "loss=cycelgan": ("conf/loss/cycelgan.yaml", "did you mean loss=cyclegan?"),
    "data=nothing": (f"the choices are {', '.join(groups()['data'])}",),
    "data=null": ("data", ", ".join(groups()["data"])),
    "data=glob(*)": (f"the choices are {', '.join(groups()['data'])}",),
    "foo/bar=x": ("no config group foo/bar",),
    "model=../translate": ("the choices are",),
    "data.source.photo=photos": ("exists with data=", " or folder or "),
    "model.clip.g=1": ("write +model.clip.g=1",),
    "trainer.max_epochz=3": ("did you mean trainer.max_epochs?",),
    "+trainer.max_epochz=3": ("did you mean trainer.max_epochs?",),
    "~data.batch_size": ("data.batch_size is missing", "Portraits"),
    "~data.sise": ("nothing to delete", "data.size"),
    "~model": ("every run needs a choice of model",),
    "model._target_=portrait_cartoons.models.cyclegan.CyclGAN": ("CyclGAN", "no class or function"),
    "metrics._target_=nosuchpackage.Metrics": ("nosuchpackage.Metrics",),
    "callbacks.health._target_=builtins.dict": ("callbacks.health._target_=builtins.dict", "Callback"),
    "callbacks.checkpoints._target_=builtins.dict": ("checkpoint.Checkpoints",),
    "logger.csv._target_=builtins.dict": ("logger.csv._target_=builtins.dict", "Logger"),
    "metrics._target_=builtins.dict": ("metrics._target_=builtins.dict", "Callback"),
    "data._target_=builtins.dict": ("data._target_=builtins.dict", "Portraits"),
    "trainer._target_=builtins.dict": ("trainer._target_=builtins.dict", "speed.trainer.Trainer"),
    "+callbacks.x.count=3": ("callbacks.x has no _target_",),
    # how overrides are written
    "a=b=c": ("cannot be read as key=value",),
    "seed": ("cannot be read as key=value",),
    "seed=1,2": ("--multirun",),
    "+seed=1": ("write seed=1",),
    "+model=cyclegan": ("model=<choice>",),
    "data@other=toy": ("data=<choice>",),
    "run_dir=${oc.env:HOME}": ("run_dir=${oc.env:HOME}", "write the value itself"),
    "+data.x='${oc.create:{_target_:os.getcwd}}'": ("write the value itself",),
    "hydra.run.dir=/proc/x": ("run_dir=<folder>",),
    "+model._args_=[1]": ("model._args_=[1]", "leave it out"),
    "+model._recursive_=false": ("model._recursive_=False", "leave it out"),
    "+data._convert_=none": ("data._convert_=none", "leave it out"),
    "+callbacks.health._partial_=true": ("callbacks.health._partial_=True", "leave it out"),
    "++loss.g.cycle={a:1}": ("loss.g.cycle={'a': 1} must be a number",),
    "run_dir=${nothing}": ("run_dir=${nothing}", "does not exist"),
    # losses and optimizers
    "+loss.g.w1=1": ("loss.g.w1: the model has no such term, only adv, cycle, identity",),
    "+loss.x.adv=1": ("loss.x", "g, d"),
    "~loss.g.identity": ("+loss.g.identity=0.0",),
    "loss.g.cycle=-1": ("loss.g.cycle=-1", "between 0 and"),
    "loss.g.cycle=nan": ("loss.g.cycle=nan",),
    "loss.d.adv=0": ("all weights are 0",),
    "model.optimizers.d.lr=-1": ("model.optimizers.d.lr=-1", "between 0 and"),
    "model.optimizers.g.betas=[0.5,1]": ("model.optimizers.g cannot be made", "beta parameter"),
    "model.optimizers.g.betas=[0.5,x]": ("model.optimizers.g cannot be made",),
    "+model.optimizers.g.amsgrad=1": ("must be true or false",),
    "+model.optimizers.g.weight_decay=-1": ("model.optimizers.g cannot be made", "weight_decay"),
    "+model.clip.g=0": ("model.clip.g=0",),
    "+model.optimizers.g.decay=0.1": ("Adam has no argument model.optimizers.g.decay",),
    "+model.optimizers.x={_target_:torch.optim.SGD,_partial_:true,lr:0.1}": ("no such player",),
    "~model.optimizers.d": ("model.optimizers.d is missing",),
    "model.objective=lsgna": ("lsgan or vanilla or hinge",),
    # numbers and types
    "data.batch_size=big": ("data.batch_size=big", "whole number"),
    "data.batch_size=0": ("between 1 and",),
    "data.num_workers=100000": ("data.num_workers=100000", "between 0 and 256 or auto"),
    "data.batch_size=auto": ("data.batch_size=auto", "whole number"),
    "model.epochs=99999999999999999999": ("model.epochs=99999999999999999999", "between 1 and 1000000"),
    "model.generator.blocks=-1": ("model.generator.blocks=-1", "between 0 and 10000"),
    "model.generator.blocks=100000": ("model.generator.blocks=100000", "between 0 and 10000"),
    "model.generator.blocks=5000": ("model.generator cannot be built", "more than 10000 layers"),
    "model.generator.width=9000": ("model.generator cannot be built", "more than 2e+09 parameters"),
    "callbacks.health.window=0": ("callbacks.health.window=0", "between 1 and"),
    "callbacks.samples.count=0": ("callbacks.samples.count=0", "between 1 and"),
    "++callbacks.checkpoints.monitors={x:best}": ("whose values are max or min",),
    "~callbacks.checkpoints": ("callbacks.checkpoints is missing", "keep it"),
    "data.flip=3": ("data.flip=3", "true or false"),
    "data.max_unreadable=2": ("between 0 and 1",),
    "data.seed=-1": ("data.seed=-1", "between 0 and 4294967295"),
    "+model.phases.content.epochs=1": ("no such phase", "there is none"),
    "data.background=blue": ("keep or white or random or blur",),
    "+model.batch_sise=3": ("CycleGAN has no argument model.batch_sise", "did you mean model.batch_size?"),
    "~model.epochs": ("model.epochs is missing", "CycleGAN"),
    "model.decay_share=1.5": ("between 0 and 1",),
    "model.pool_size=-1": ("model.pool_size=-1",),
    "model.generator=3": ("model.generator=3", "_partial_: true"),
    "run_dir=5": ("run_dir", "path"),
    "metrics.features=best": ("auto or inception or squeezenet or random",),
    # sizes and networks
    "data.size=20": ("data.size=20 is larger than data.load_size=18",),
    "data.size=14": ("data.size=14", "multiple of 4", "use 12 or 16"),
    "data.size=8": ("model.discriminator cannot work", "data.size=12 or larger"),
    "model.discriminator.layers=4": ("model.discriminator cannot work", "data.size="),
    "model.generator.width=-4": ("model.generator.width=-4", "between 0 and 10000"),
    "model.discriminator.width=0": ("model.discriminator cannot be built",),
    # what Lightning would misread
    "trainer.max_steps=100": ("trainer.limit_train_batches",),
    "+trainer.gradient_clip_val=1": ("model.clip.<player>",),
    "+trainer.accumulate_grad_batches=4": ("data.batch_size",),
    "+trainer.fast_dev_run=true": ("checkpoints",),
    "+trainer.overfit_batches=2": ("resuming",),
    "trainer.precision=16-mixed": ("bf16-mixed",),
    "trainer.precision=31": ("trainer.precision=31",),
    "trainer.devices=2": ("choose trainer=ddp as well",),
    "trainer.max_time=soon": ("must be written DD:HH:MM:SS",),
    "trainer.devices=many": ("a whole number between 1 and 1024 or auto",),
    "+trainer.strategy=fsdp": ("trainer.strategy=fsdp is not for this project: choose trainer=ddp",),
    "trainer.limit_train_batches=0.5": ("whole number",),
    "trainer.limit_val_batches=0": ("trainer.limit_val_batches=0",),
    "trainer.max_epochs=300": ("raise model.epochs=200",),
    "trainer.max_epochs=-1": ("trainer.max_epochs=-1",),
    "trainer.accelerator=gpuu": ("use gpu",),
    "+trainer.profiler=nope": ("the trainer cannot be made", "profiler"),
}  # fmt: skip


def problems(*overrides: str) -> tuple[str, ...]:
    """What is wrong with a small run, except where an override gives another value."""
    keys = {override.lstrip("+~").partition("=")[0] for override in overrides}
    rest = [override for override in SMALL if override.partition("=")[0] not in keys]
    try:
        checked_config("train", [*rest, *overrides])
    except ConfigError as error:
        return error.problems
    return ()


@pytest.mark.parametrize("override", ONE_PROBLEM)
def test_a_wrong_override_is_one_sentence_that_names_it_and_the_way_out(override: str) -> None:
    (sentence,) = problems(override)
    assert all(fragment in sentence for fragment in ONE_PROBLEM[override]), sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "override",
    [
        "+model.clip.g=1",
        "+model.optimizers.d.weight_decay=0.01",
        "loss=cyclegan_no_identity",
        "loss.g.identity=0",
        "trainer.precision=bf16-mixed",
        "trainer.limit_train_batches=2",
        "+trainer.detect_anomaly=true",
        "~callbacks.samples",
        "logger=[csv,tensorboard]",
        "logger=wandb",
        "run_dir='runs/my run'",
        "hydra/launcher=basic",
        "++seed=3",
    ],
)
def test_a_right_override_passes(override: str) -> None:
    assert problems(override) == ()


@pytest.mark.parametrize(
    ("model", "loss"), [(m, w) for m in groups()["model"] for w in groups()["loss"] if w.startswith(m)]
)
def test_every_model_passes_with_each_of_its_losses(model: str, loss: str) -> None:
    overrides = [f"model={model}", f"loss={loss}"]
    if "features" in composed("train", overrides).model:
        overrides.append("model.features.weights=random")
    if model == "pix2pix":
        overrides += ["data.size=256", "data.load_size=256"]  # what its U-Net divides by
    assert check(composed("train", overrides)) == []


@pytest.mark.parametrize("experiment", groups()["experiment"])
def test_every_experiment_passes_with_any_pictures_and_weights(experiment: str, tmp_path: Path) -> None:
    overrides = [f"experiment={experiment}"]
    cfg = composed("train", overrides)
    if "photo" in cfg.data.source:
        for n in range(3):
            Image.new("RGB", (40, 40)).save(tmp_path / f"{n}.png")
        companions = [name for name in ("photo_mask", "target") if cfg.data.source[name]]
        named = ["photo", "cartoon", *companions]
        overrides += [f"data.source.{name}={tmp_path}" for name in named]
    parts = [name for name in ("features", "discriminator") if cfg.model.get(name, {}).get("weights")]
    overrides += [f"model.{name}.weights=random" for name in parts]
    assert check(composed("train", overrides)) == []


def test_the_demo_works_on_any_two_folders_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for n in range(3):
        Image.new("RGB", (40, 40)).save(tmp_path / f"{n}.png")
    folders = ["data=folder", f"data.source.photo={tmp_path}", f"data.source.cartoon={tmp_path}"]
    cfg = composed("train", ["experiment=demo", *folders])
    assert check(cfg) == []
    assert "note:" not in capsys.readouterr().out
    assert cfg.data.size == composed("train", ["experiment=demo"]).data.size
    for name in ("a.CR2", "b.avif", "deep/c.avif", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert check(cfg) == []
    assert f"note: 3 files have formats not read here (AVIF, CR2) in {tmp_path}: convert" in capsys.readouterr().out


@pytest.mark.parametrize("experiment", groups()["experiment"])
def test_every_experiment_names_its_command(experiment: str) -> None:
    text = (CONF / "experiment" / f"{experiment}.yaml").read_text()
    assert f"python -m src.train experiment={experiment}\n" in text


@pytest.mark.parametrize("data", [name for name in groups()["data"] if name not in ("toy", "folder")])
def test_published_data_that_is_missing_is_told_where_from_and_where_to(data: str) -> None:
    cfg = composed("train", [f"data={data}"])
    found = check(cfg)
    key = next(key for key in ("path", "photo", "root") if cfg.data.source.get(key))
    place = cfg.data.source[key]
    assert found[0].startswith(f"data.source.{key}: ")
    assert place in found[0]
    origin = re.search(r"data/\w+", place)
    assert origin
    ways = (f"put them into {place}", f"output={origin[0]}", f"unpack it into {place}", "src.prepare ... shards=true")
    assert any(way in found[-1] for way in ways)


def test_masks_that_the_model_or_the_background_needs_are_missed_before_work(tmp_path: Path) -> None:
    for n in range(3):
        for domain in ("photos", "cartoons"):
            (tmp_path / domain).mkdir(exist_ok=True)
            Image.new("RGB", (40, 40)).save(tmp_path / domain / f"{n}.png")
    places = [f"data.source.photo={tmp_path / 'photos'}", f"data.source.cartoon={tmp_path / 'cartoons'}"]
    folder = ["data=folder", *places, "data.size=32", "data.load_size=36"]
    selfiegan = ["model=selfiegan", "model.features.weights=random", "model.segmenter.width=4"]
    for needing in (selfiegan, ["data.background=white"]):
        (problem,) = check(composed("train", [*folder, *needing]))
        assert "data.source.photo_mask=<folder>" in problem


def test_all_problems_of_writing_come_in_one_report_without_imports(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = ("modle=x", "loss=x", "trainer.max_steps=3", "a=b=c", "data.source.test=0", "seed=-1")
    assert len(problems(*wrong)) == len(wrong)
    assert "loading" not in capsys.readouterr().out
    with pytest.raises(ConfigError, match=r"^2 problems in the configuration\n  - .*\n  - "):
        checked_config("train", ["modle=x", "epohcs=3"])


def test_all_problems_of_what_is_described_come_in_one_report(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = ("+loss.g.foo=1", "data.size=14", "model.objective=x", "+trainer.profiler=nope")
    assert len(problems(*wrong)) == len(wrong)
    assert "loading libraries" in capsys.readouterr().out


def test_of_a_key_given_twice_the_last_value_counts() -> None:
    assert problems("seed=one", "seed=2") == ()
    assert "seed=two" in problems("seed=1", "seed=two")[0]
    assert checked_config("train", ["data.size=32", "data.size=36"]).data.size == 36


def test_folders_of_pictures_are_looked_at(tmp_path: Path) -> None:
    empty, photos = tmp_path / "empty", tmp_path / "photos"
    empty.mkdir()
    photos.mkdir()
    for n in range(3):
        save_image(np.zeros((20, 20, 3), np.uint8), photos / f"{n}.png")
    tiny = ["data=folder", *TINY]
    with pytest.raises(ConfigError) as caught:
        checked_config("train", [*tiny, f"data.source.photo={tmp_path / 'none'}", f"data.source.cartoon={empty}"])
    first, second = caught.value.problems
    assert "data.source.photo" in first
    assert str(tmp_path / "none") in first
    assert "data.source.cartoon" in second
    assert "no image" in second
    checked_config("train", [*tiny, f"data.source.photo={photos}", f"data.source.cartoon={photos}"])


def test_a_folder_that_holds_a_run_is_not_written_to(tmp_path: Path) -> None:
    assert problems(f"run_dir={tmp_path}") == ()
    (tmp_path / "config.yaml").touch()
    assert "holds a run already" in problems(f"run_dir={tmp_path}")[0]
    assert problems(f"run_dir={tmp_path}", f"resume={tmp_path}") == ()
    assert "cannot be used (Not a directory)" in problems(f"run_dir={tmp_path / 'config.yaml'}")[0]


def test_every_value_of_a_sweep_is_checked() -> None:
    checked_sweep("train", [*SMALL, "loss.g.identity=0,5", "seed=range(3)"])
    with pytest.raises(ConfigError) as caught:
        checked_sweep("train", [*SMALL, "loss.g.identity=0,-1,-2", "run_dir=x", "loss.d.adv=1,0"])
    assert [sentence.split()[0] for sentence in caught.value.problems] == [
        "run_dir", "loss.g.identity=-1", "loss.g.identity=-2", "loss.d:"
    ]  # fmt: skip


def test_a_cluster_is_missed_before_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="hydra/launcher=slurm: srun is not found here"):
        checked_sweep("train", [*SMALL, "seed=1,2", "hydra/launcher=slurm"])


KEYS = st.sampled_from([*SMALL, *ONE_PROBLEM, "model.epochs=3", "hydra.run.dir=x"]).map(lambda o: o.partition("=")[0])
VALUES = st.sampled_from(
    ["", "null", "1", "-1", "0.5", "true", "[]", "{}", "[1,a]", "{a:1}", "${seed}", "${x}", "???", "'", '"a b"', ".inf",
     "a,b", "range(3)", "glob(*)", "..", "int(3)", "_target_", "9" * 400]
)  # fmt: skip
OVERRIDES = st.builds("{}{}={}".format, st.sampled_from(["", "", "", "+", "++", "~"]), KEYS, VALUES)


@given(st.lists(OVERRIDES | st.text(max_size=12), max_size=2))
@example(["model._target_=os.getcwd"])
@example(["+a=${a}", "trainer.accelerator=[gpu]"])
@settings(max_examples=8, deadline=None)
def test_whatever_is_written_ends_in_sentences(overrides: list[str]) -> None:
    with suppress(UserError):
        checked_sweep("train", [*SMALL, *overrides])
    found = problems(*overrides)
    assert all(found)
    assert len(set(found)) == len(found)


def test_a_broken_composition_is_reported_not_raised() -> None:
    assert "every run needs this part" in check(OmegaConf.create({"seed": 0}))[0]
    assert "seed" in check(OmegaConf.create({"seed": "${nothing}"}))[0]


def test_a_broken_file_of_the_defaults_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(CONF, tmp_path / "conf")
    (tmp_path / "conf" / "model" / "cyclegan.yaml").write_text("generator: [")
    monkeypatch.setattr("portrait_cartoons.cli.config.CONF", tmp_path / "conf")
    for overrides in ([], ["seed=1"], ["modle=x"]):
        with pytest.raises(UserError, match=r"^the defaults of conf/train.yaml .*model/cyclegan.yaml[^\n]*$"):
            checked_config("train", overrides)


def test_config_errors_are_reported_like_all_others() -> None:
    assert issubclass(ConfigError, UserError)
    assert ConfigError.exit_code == 2


# Overrides of a small SelfieGAN, and what the only problem must mention.
SELFIEGAN = {
    "data.size=24": ("data.size=24", "must be a multiple of 16 for model.segmenter", "use 16 or 32"),
    "model.features.layer=vgg19.conv5_4": ("vgg19.conv4_4",),
    "data.size=16 model.features.layer=vgg16.23 model.segmenter.levels=1": (),
    "model.generator.norm=batch data.batch_size=1": ("the batch norm of model.generator needs several pictures",),
    "model.generator.norm=batch data.batch_size=2": (),
    "+model.phases.contents.epochs=1": ("no such phase", "there is content, segment"),
    "+model.phases.content.epoch=1": ("no such setting", "did you mean epochs?"),
    "+model.phases.content.lr.x=1": ("no such player, only g, d, u",),
    "+model.phases.content.lr.g=-1": ("model.phases.content.lr.g=-1",),
    "+loss.g.w1=1": ("did you mean loss.g.content?",),
}  # fmt: skip


@pytest.mark.parametrize("overrides", SELFIEGAN)
def test_every_network_and_phase_is_tried(overrides: str) -> None:
    selfiegan = ["model=selfiegan", *TOY, "data.size=32", "data.load_size=36", "model.features.weights=random"]
    small = [f"model.{name}.width=4" for name in ("generator", "discriminator", "segmenter")]
    given = overrides.split()
    found = check(composed("train", [*selfiegan, *small, "model.discriminator.norm=instance", *given]))
    assert len(found) == bool(SELFIEGAN[overrides])
    assert all(fragment in found[0] for fragment in SELFIEGAN[overrides]), found
