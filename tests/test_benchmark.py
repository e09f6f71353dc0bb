import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from portrait_cartoons import benchmark
from portrait_cartoons.cli.config import CONF, composed
from portrait_cartoons.errors import UserError
from portrait_cartoons.models.base import Translator
from portrait_cartoons.speed import figures, profile, table
from portrait_cartoons.speed.way import PLAIN
from portrait_cartoons.timing import repeated
from tests.conftest import TINY, TOY
from tests.models.test_cyclegan import adam


class Conv(nn.Conv2d):
    size_divisor = 1


class OneConvolution(Translator):
    """Its step is one forward and one backward pass of one convolution; its other player waits."""

    terms = {"g": ("size",), "d": ("size",)}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__(
            {p: {"size": 1.0} for p in "gd"}, dict.fromkeys("gd", adam(1e-4)), 1, epochs=1, decay_share=0.5
        )
        self.g = Conv(3, 3, 5, padding=2)
        self.d = Conv(3, 1, 1)

    @property
    def generator(self) -> nn.Module:
        return self.g

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        with self.update("g") as t:
            t["size"] = self.g(batch["photo"]).abs().mean()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "LOADER_SECONDS", 0.01)
    monkeypatch.setattr(figures, "CONVOLVED", (1,))


def numbers(node: Any) -> Iterator[float]:
    if isinstance(node, dict):
        for child in node.values():
            yield from numbers(child)
    elif not isinstance(node, str):
        yield node


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_measures_everything_and_leaves_only_the_file(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    benchmark.main([*TINY, *TOY, "trainer=exact", f"trainer.precision={precision}", "steps=2", "json=figures.json"])

    [report] = json.loads(Path("figures.json").read_text())
    assert all(number > 0 for number in numbers(report))
    assert report["way"] == ("bf16, eager" if precision == "bf16-mixed" else "float32, eager")
    assert report["training"]["dtype"] == ("bfloat16" if precision == "bf16-mixed" else "float32")
    assert set(report["machine_flops_per_second"]) == {"float32", "bfloat16"}
    assert report["parameters"]["total"] == report["parameters"]["g"] + report["parameters"]["d"]
    for part in ("loader", "training", "inference", "evaluation"):
        timing = report[part]
        assert timing["fastest"] <= timing["seconds"] <= timing["slowest"]
    ratio = report["loader"]["images_per_second"] / report["training"]["images_per_second"]
    assert report["loader_per_training"] == pytest.approx(ratio)

    shown = capsys.readouterr().out
    rows = (
        "load a batch",
        "reference step",
        "loop / step",
        "training step",
        "translate an image",
        "loader / training",
        "FLOPs of a step",
    )
    for row in (*rows, "FLOPs of an image", "float32 here", "peak memory", "parameters, g", "parameters, total"):
        assert row in shown
    assert sorted(tmp_path.iterdir()) == [tmp_path / "figures.json", temporary]
    assert not list(temporary.iterdir())


def test_models_of_one_class_have_names_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "measure", lambda _, name, __: made_report(name=name))
    file = tmp_path / "now.json"
    for name in ("camgan", "ganilla"):
        benchmark.main([f"model={name}", *TOY, "data.size=64", f"json={file}"])
        assert json.loads(file.read_text())[0]["model"] == name


def test_counts_the_flops_of_one_convolution() -> None:
    flops = 2 * (64 * 64) * (5 * 5) * 3 * 3
    model = OneConvolution()
    inference = figures.time_inference(model, 64, torch.device("cpu"), 1)
    assert inference["flops"] == flops

    batch = {"photo": torch.rand(2, 3, 64, 64)}
    cfg = composed("train", ["trainer=exact", "trainer.accelerator=cpu"])
    training, device = figures.time_training(model, batch, cfg, PLAIN, 1)
    assert device == torch.device("cpu")
    assert training["flops"] == 2 * flops + 2 * flops  # two images; forward, and backward for the weights alone
    assert training["images_per_second"] == pytest.approx(2 / training["seconds"])


class WarmedUp(OneConvolution):
    """Multiplies matrices, but only in steps before the one that counts."""

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        if batch_idx < profile.WARM:
            torch.mm(torch.eye(8), torch.eye(8))
        super().training_step(batch, batch_idx)


def test_a_step_of_a_convolution_spends_its_time_on_it() -> None:
    cfg = composed("train", ["trainer=exact", "trainer.accelerator=cpu"])
    shares = profile.time_shares(WarmedUp(), {"photo": torch.rand(2, 3, 256, 256)}, cfg.trainer, PLAIN)
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert shares["convolutions"] > 0.5
    assert {"convolutions", "optimizer", "everything else"} <= shares.keys()
    assert not {"compiled code", "matrix products", "padding", "normalisation"} & shares.keys()


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("## Call CompiledFxGraph fkkp2txoowxixru7 ##", "compiled code"),
        ("aten::mkldnn_convolution", "convolutions"),
        ("aten::convolution_backward", "convolutions"),
        ("aten::addmm", "matrix products"),
        ("aten::reflection_pad2d_backward", "padding"),
        ("aten::native_batch_norm", "normalisation"),
        ("aten::linalg_vector_norm", "everything else"),
        ("aten::max_pool2d_with_indices", "pooling and resizing"),
        ("aten::copy_", "copies"),
        ("aten::_fused_adam_", "optimizer"),
    ],
)
def test_operations_are_told_by_their_names(operation: str, kind: str) -> None:
    assert profile._kind(operation) == kind


def test_the_rate_of_convolutions_alone_is_told_beside_that_of_the_step() -> None:
    report = made_report()
    report["training"]["time_shares"] = {"convolutions": 0.625, "copies": 0.365, "optimizer": 0.01}
    name, share, _, alone = ([*column.cells] for column in table.table(report).columns)
    row = name.index("a step: convolutions")
    assert (share[row], alone[row]) == ("62%", "at 80.0% of the fastest")
    assert name[row + 1] == "a step: copies"
    assert "a step: optimizer" not in name
    assert "62%" in [cell for column in table.overview([report]).columns for cell in column.cells]


def test_steps_are_timed_after_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 100.0, 101.0, 103.0])  # the end of the warm-up, then three runs
    monkeypatch.setattr("portrait_cartoons.timing.perf_counter", lambda: next(clock))
    runs: list[None] = []
    assert repeated(lambda: runs.append(None), 3, torch.device("cpu")) == [100.0, 1.0, 2.0]
    assert len(runs) == 4
    assert figures._timing([100.0, 1.0, 2.0], 4) == {
        "images": 4,
        "seconds": 2.0,
        "fastest": 1.0,
        "slowest": 100.0,
        "images_per_second": 2.0,
    }


def test_loader_is_timed_per_full_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def load() -> Iterator[dict[str, Any]]:
        for size in (4, 2):  # an epoch, whose last batch is smaller
            now[0] += 0.5 * size
            yield {"photo": torch.zeros(size, 3, 8, 8), "unreadable": []}

    class Loader:
        def __iter__(self) -> Iterator[dict[str, Any]]:
            return load()

    data = SimpleNamespace(train_dataloader=Loader, num_workers=0, batch_size=4)
    monkeypatch.setattr(figures, "perf_counter", lambda: now[0])
    batch, timing = figures.time_loader(cast(Any, data), 3)
    assert set(batch) == {"photo"}
    assert timing["seconds"] == timing["fastest"] == timing["slowest"] == 2.0
    assert timing["images_per_second"] == 2.0


@pytest.mark.parametrize(("ratio", "verdict"), [(3.0, "ok"), (2.99, "the loader holds training up")])
def test_says_whether_the_loader_is_fast_enough(ratio: float, verdict: str) -> None:
    assert verdict in list(table.table(made_report(ratio)).columns[3].cells)


def made_report(ratio: float = 3.0, name: str = "M", times: float = 2.0) -> dict[str, Any]:
    timing = {"seconds": 1.0, "fastest": 1.0, "slowest": 1.0, "images_per_second": 1.0, "images": 1}
    part = {**timing, "flops": 1, "dtype": "float32", "share_of_machine": 0.5, "peak_memory": 1}
    part |= {"reference": 2.0, "times_reference": times, "loop_per_step": 1.01}
    return {
        "model": name,
        "instructions": "AVX2",
        "size": 8,
        "batch_size": 1,
        "way": "float32, eager",
        "device": "cpu",
        "loader": timing,
        "loader_stages": {"read and decode": 0.5},
        "training": part,
        "inference": part,
        "evaluation": {**timing, "features": "random", "forward_share": 0.5},
        "loader_per_training": ratio,
        "parameters": {"total": 1},
        "machine_flops_per_second": {"float32": 2.0},
    }


def test_all_models_make_a_row_each_and_are_compared_with_an_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    measured: list[list[str]] = []

    def run(command: list[str], **_: Any) -> SimpleNamespace:
        arguments = command[command.index("benchmark") + 1 :]
        measured.append(arguments)
        name = arguments[0].removeprefix("model=")
        Path(arguments[-1].removeprefix("json=")).write_text(json.dumps([made_report(name=name)]))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", run)
    before = [made_report(name=name, times=1.6) for name in ("cyclegan", "camgan")]
    Path("before.json").write_text(json.dumps(before))
    benchmark.main(["model=all", "steps=2", "json=now.json", "compare=before.json"])
    names = [report["model"] for report in json.loads(Path("now.json").read_text())]
    assert names == sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
    assert all("steps=2" in arguments for arguments in measured)
    shown = capsys.readouterr().out
    assert all(name in shown for name in names)
    assert "+25.0%" in shown
    assert "not in the earlier file" in shown


def test_what_cannot_be_measured_takes_nothing_from_the_other_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    file = tmp_path / "now.json"
    saved: list[list[str]] = []

    def run(command: list[str], **_: Any) -> SimpleNamespace:
        arguments = command[command.index("benchmark") + 1 :]
        name = arguments[0].removeprefix("model=")
        if name == "camgan":
            return SimpleNamespace(returncode=1)
        saved.append([report["model"] for report in json.loads(file.read_text())] if file.exists() else [])
        Path(arguments[-1].removeprefix("json=")).write_text(json.dumps([made_report(name=name)]))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(UserError, match=r"^the table lacks pix2pix, camgan, for the reasons above$"):
        benchmark.main(["model=all", "data.size=64", "data.load_size=64", f"json={file}"])
    measured = [report["model"] for report in json.loads(file.read_text())]
    assert measured == sorted({path.stem for path in (CONF / "model").glob("*.yaml")} - {"pix2pix", "camgan"})
    assert saved == [measured[:done] for done in range(len(measured))]  # nothing is lost if a later one is stopped
    shown = capfd.readouterr()
    assert all(name in shown.out.split("64 px")[-1] for name in measured)
    assert shown.err.startswith("pix2pix: ")
    assert "multiple of 256" in shown.err

    with pytest.raises(UserError, match=r"model\.nonsense"):  # the same for every model
        benchmark.main(["model=all", "model.nonsense=1"])
    assert "measuring" not in capfd.readouterr().out


def test_no_weights_are_needed_but_those_that_are_named() -> None:
    cfg = benchmark._checked("benchmark", ["model=cartoongan", "discriminator=projected", *TOY, "data.size=64"])
    assert (cfg.model.features.weights, cfg.model.discriminator.weights) == ("random", "random")
    with pytest.raises(UserError, match=r"nothing\.pth"):
        benchmark._checked("benchmark", ["model.discriminator.weights=nothing.pth", "discriminator=projected", *TOY])


@pytest.mark.parametrize("content", ["", "3", "{}", "[]", "[3]", '[{"model": 1}]'])
def test_a_file_that_is_no_earlier_measurement_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "before.json"
    file.write_text(content)
    with pytest.raises(UserError, match="is not a file that json= wrote"):
        benchmark.main([f"compare={file}"])


def test_measures_the_published_size_unless_an_experiment_names_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, list[str]]] = []

    def stop(root: str, overrides: list[str]) -> None:
        seen.append((root, overrides))
        raise UserError("enough")

    monkeypatch.setattr(benchmark, "checked_config", stop)
    for arguments in (["model=cyclegan", "steps=3"], ["experiment=demo"]):
        with pytest.raises(UserError, match="enough"):
            benchmark.main(arguments)
    assert seen == [("benchmark", ["model=cyclegan"]), ("train", ["experiment=demo"])]
    assert composed("benchmark", ["data=folder"]).data.size == composed("benchmark", []).data.size == 256


@pytest.mark.parametrize(
    "argument", ["steps=0", "steps=-1", "steps=x", "steps=", "json=", "json=.", "json=missing/figures.json"]
)
def test_refuses_options_before_any_work(argument: str) -> None:
    with pytest.raises(UserError, match=f"^{argument}"):
        benchmark.split_options([argument])


def test_refuses_a_wrong_configuration() -> None:
    with pytest.raises(UserError, match=r"data\.batch_size=0"):
        benchmark.main(["data.batch_size=0"])


def test_memory_that_does_not_suffice_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhaust(*_: Any) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(figures, "time_training", exhaust)
    with pytest.raises(UserError, match=r"data\.size=16 with data\.batch_size=1: lower"):
        figures.measure(composed("train", [*TINY, *TOY, "trainer=exact"]), "cyclegan", 1)


@given(st.floats(1e-6, 1e14))
def test_prefixes_keep_three_digits(value: float) -> None:
    number, _, prefix = table._si(value, "").partition(" ")
    factor = {"T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "": 1.0, "m": 1e-3, "µ": 1e-6}[prefix]
    assert float(number) * factor == pytest.approx(value, rel=0.006)
    assert 1 <= float(number) < 1000
