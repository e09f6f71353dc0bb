import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch import Tensor, nn

from portrait_cartoons import benchmark
from portrait_cartoons.cli.config import composed, plain
from portrait_cartoons.errors import UserError
from portrait_cartoons.models.base import Translator
from portrait_cartoons.speed import figures, table
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
    monkeypatch.setattr(figures, "LARGEST_PRODUCT", 512)


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

    report = json.loads(Path("figures.json").read_text())
    assert all(number > 0 for number in numbers(report))
    assert report["way"] == ("bf16, eager" if precision == "bf16-mixed" else "float32, eager")
    assert report["training"]["dtype"] == ("bfloat16" if precision == "bf16-mixed" else "float32")
    assert set(report["machine_flops_per_second"]) == {"float32", report["training"]["dtype"]}
    assert report["parameters"]["total"] == report["parameters"]["g"] + report["parameters"]["d"]
    for part in ("loader", "training", "inference", "evaluation"):
        timing = report[part]
        assert timing["fastest"] <= timing["seconds"] <= timing["slowest"]
    ratio = report["loader"]["images_per_second"] / report["training"]["images_per_second"]
    assert report["loader_per_training"] == pytest.approx(ratio)

    shown = capsys.readouterr().out
    rows = ("load a batch", "training step", "translate an image", "loader / training", "FLOPs of a step")
    for row in (*rows, "FLOPs of an image", "float32 here", "peak memory", "parameters, g", "parameters, total"):
        assert row in shown
    assert sorted(tmp_path.iterdir()) == [tmp_path / "figures.json", temporary]
    assert not list(temporary.iterdir())


def test_counts_the_flops_of_one_convolution() -> None:
    flops = 2 * (64 * 64) * (5 * 5) * 3 * 3
    model = OneConvolution()
    inference = figures.time_inference(model, 64, torch.device("cpu"), 1)
    assert inference["flops"] == flops

    batch = {"photo": torch.rand(2, 3, 64, 64)}
    options = OmegaConf.create({**plain(composed("train", ["trainer=exact"]))["trainer"], "accelerator": "cpu"})
    training, device = figures.time_training(model, batch, options, 1)
    assert device == torch.device("cpu")
    assert training["flops"] == 2 * flops + 2 * flops  # two images; forward, and backward for the weights alone
    assert training["images_per_second"] == pytest.approx(2 / training["seconds"])


def test_steps_are_timed_after_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 100.0, 101.0, 103.0])  # the end of the warm-up, then three runs
    monkeypatch.setattr("portrait_cartoons.timing.perf_counter", lambda: next(clock))
    runs: list[None] = []
    assert repeated(lambda: runs.append(None), 3, torch.device("cpu")) == [100.0, 1.0, 2.0]
    assert len(runs) == 4
    assert figures._timing([100.0, 1.0, 2.0], 4) == {
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
    timing = {"seconds": 1.0, "fastest": 1.0, "slowest": 1.0, "images_per_second": 1.0}
    part = {**timing, "flops": 1, "dtype": "float32", "share_of_machine": 0.5, "peak_memory": 1}
    report = {
        "model": "M",
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
    assert verdict in list(table.table(report).columns[3].cells)


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
        figures.measure(composed("train", [*TINY, *TOY, "trainer=exact"]), 1)


@given(st.floats(1e-6, 1e14))
def test_prefixes_keep_three_digits(value: float) -> None:
    number, _, prefix = table._si(value, "").partition(" ")
    factor = {"T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "": 1.0, "m": 1e-3, "µ": 1e-6}[prefix]
    assert float(number) * factor == pytest.approx(value, rel=0.006)
    assert 1 <= float(number) < 1000
