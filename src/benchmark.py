"""Measure how fast this machine loads data, trains and translates, and which share of its own rate that is.

    python -m src.benchmark [model=cyclegan] [data=folder ...] [steps=5] [json=<file>] [key=value ...]

All keys of src.train are known. Nothing is kept: neither a run nor a checkpoint. FLOPs are those of convolutions and
matrix products, 2 per multiply-add, forward and backward.

Examples:

    python -m src.benchmark model=cyclegan
    python -m src.benchmark trainer.precision=bf16-mixed json=bf16.json
    python -m src.benchmark data=folder data.source.photo=photos data.source.cartoon=cartoons data.workers=4
"""

import json
import logging
import os
import resource
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain, pairwise, repeat
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from src.check import checked_config
from src.config import CONF, build_model
from src.errors import UserError, reported

if TYPE_CHECKING:
    import torch
    from lightning import Callback, Trainer

    from src.data.datamodule import Portraits
    from src.models.base import Translator

# torch and lightning are imported late: help and wrong use need not wait for them.

LEAST_RATIO = 3  # images the loader must deliver per image trained on, since training takes its share of the processors
LOADER_SECONDS = 1.0  # per repetition: batches come in bursts, one from each worker
PRODUCT_SECONDS = 0.05  # shorter matrix products do not reach the machine's rate
LARGEST_PRODUCT = 8192

Report = dict[str, Any]


def main(arguments: list[str]) -> None:
    if {"-h", "--help"} & set(arguments):
        print(f"{__doc__}\nKeys and their defaults:\n\n{(CONF / 'benchmark.yaml').read_text(encoding='utf-8')}", end="")
        return
    cfg = checked_config("benchmark", arguments)
    _check(cfg)
    report = measure(cfg)
    Console().print(table(report))
    if cfg.json is not None:
        _write(Path(cfg.json), json.dumps(report, indent=2) + "\n")


def measure(cfg: DictConfig) -> Report:
    """All figures of one configuration, in seconds, bytes, FLOPs and FLOPs per second; what each is, `table` says."""
    import torch
    from hydra.utils import instantiate

    try:
        with Console(stderr=True).status("building the model and the data") as status:
            data = instantiate(cfg.data, _convert_="all")
            model = build_model(cfg)
            status.update("measuring the data loader")
            batch, loader = time_loader(data, cfg.steps)
            status.update(f"measuring the training step, {2 + cfg.steps} times")
            training = time_training(model, batch, cfg.trainer, cfg.steps)
            status.update("measuring inference")
            device = training.pop("device")
            inference = time_inference(model, cfg.data.size, device, cfg.steps)
            status.update("measuring the machine's own rate")
            rates = {name: matrix_rate(getattr(torch, name), device) for name in {training["dtype"], "float32"}}
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"the device's memory does not suffice for data.size={cfg.data.size} with data.batch_size="
            f"{cfg.data.batch_size}: lower one of them"
        ) from error
    for part in (training, inference):
        part["share_of_machine"] = part["flops"] / part["seconds"] / rates[part["dtype"]]
    players = {player: sum(p.numel() for p in getattr(model, player).parameters()) for player in model.terms}
    return {
        "model": type(model).__name__,
        "size": cfg.data.size,
        "batch_size": len(batch["photo"]),
        "precision": str(cfg.trainer.precision),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "loader": loader,
        "training": training,
        "inference": inference,
        "loader_per_training": loader["images_per_second"] / training["images_per_second"],
        "parameters": {**players, "total": sum(p.numel() for p in model.parameters())},
        "machine_flops_per_second": rates,
    }


def time_loader(data: "Portraits", repetitions: int) -> tuple[dict[str, Any], dict[str, float]]:
    """A training batch, and the timing of one when nobody but the loader is at work."""
    batches = chain.from_iterable(repeat(data.train_dataloader()))
    batch = next(batches)
    del batch["unreadable"]
    for _ in range(2 * data.workers):  # as many are loaded in advance
        next(batches)
    seconds = [_seconds_per_image(batches) * data.batch_size for _ in range(repetitions)]
    return batch, _timing(seconds, data.batch_size)


def _seconds_per_image(batches: Iterator[Mapping[str, Any]]) -> float:
    start, images = perf_counter(), 0
    while perf_counter() - start < LOADER_SECONDS:
        images += len(next(batches)["photo"])
    return (perf_counter() - start) / images


def time_training(
    model: "Translator", batch: dict[str, Any], trainer_options: DictConfig, repetitions: int
) -> dict[str, Any]:
    """Timing of a step of a real trainer on a batch that is there already; its FLOPs, dtype, device and peak memory."""
    import torch
    from lightning.pytorch.callbacks import LambdaCallback
    from torch.utils.flop_counter import FlopCounterMode

    ends: list[float] = []

    def end_step(trainer: "Trainer", *_: Any) -> None:
        _synchronize(trainer.strategy.root_device)
        ends.append(perf_counter())

    with FlopCounterMode(display=False) as counter:
        _fit(model, [batch], trainer_options)
    callback = LambdaCallback(on_train_batch_end=end_step)
    trainer = _fit(model, [batch] * (1 + repetitions), trainer_options, callback)
    device = trainer.strategy.root_device
    with trainer.precision_plugin.forward_context():
        one = torch.ones(1, 1, device=device)
        dtype = (one @ one).dtype
    return {
        **_timing(_laps(ends), len(batch["photo"])),
        "flops": counter.get_total_flops(),
        "dtype": str(dtype).removeprefix("torch."),
        "device": device,
        "peak_memory": _peak_memory(device),
    }


def _fit(model: "Translator", batches: list[Any], trainer_options: DictConfig, *callbacks: "Callback") -> "Trainer":
    """Train on batches that are there already, and keep nothing."""
    from hydra.utils import instantiate
    from torch.utils.data import DataLoader

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
        trainer = instantiate(
            trainer_options,
            devices=1,
            max_epochs=1,
            limit_train_batches=None,
            limit_val_batches=0,
            default_root_dir=folder,
            callbacks=list(callbacks),
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            _convert_="all",
        )
        trainer.fit(model, DataLoader(batches, batch_size=None))
    return trainer


def time_inference(model: "Translator", size: int, device: "torch.device", repetitions: int) -> dict[str, Any]:
    """Timing of the cartoon of one picture of `size` x `size` pixels, from array to array; its FLOPs and dtype."""
    import numpy as np
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from src.inference import Cartoonizer

    cartoonizer = Cartoonizer(model.generator.to(device, torch.float32))
    photo = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    with FlopCounterMode(display=False) as counter:
        cartoonizer.translate(photo)
    seconds = _repeated(partial(cartoonizer.translate, photo), repetitions, device)
    return {**_timing(seconds, 1), "flops": counter.get_total_flops(), "dtype": "float32"}


def matrix_rate(dtype: "torch.dtype", device: "torch.device") -> float:
    """FLOPs per second of the fastest product of square matrices, which are enlarged until they keep it busy."""
    import torch

    best, size = 0.0, 512
    while True:
        matrix = torch.rand(size, size, device=device).to(dtype)
        seconds = min(_repeated(partial(torch.mm, matrix, matrix), 5, device))
        best = max(best, 2 * size**3 / seconds)
        if seconds > PRODUCT_SECONDS or size == LARGEST_PRODUCT:
            return best
        size *= 2


def table(report: Report) -> Table:
    """The figures for people."""
    loader, training, inference = report["loader"], report["training"], report["inference"]
    device = report["device"] if report["device"] != "cpu" else f"CPU with {report['threads']} threads"
    title = (
        f"{report['model']}, {report['size']} px, batch size {report['batch_size']}, {report['precision']}, {device}"
    )
    result = Table("", "median", "fastest .. slowest", "", title=title)
    for name, unit, timing in (
        ("data loader", "batch", loader),
        ("training step", "step", training),
        ("inference", "image", inference),
    ):
        extremes = f"{_si(timing['fastest'], 's')} .. {_si(timing['slowest'], 's')}"
        rate = f"{timing['images_per_second']:.4g} images/s"
        result.add_row(name, f"{_si(timing['seconds'], 's')}/{unit}", extremes, rate)
    ratio = report["loader_per_training"]
    verdict = "ok" if ratio >= LEAST_RATIO else f"the loader holds training up: below {LEAST_RATIO}"
    result.add_row("data loader / training", f"{ratio:.3g}", "", verdict, end_section=True)
    for name, unit, part in (("training", "step", training), ("inference", "image", inference)):
        share = f"{part['share_of_machine']:.0%} of the machine's {part['dtype']} rate"
        result.add_row(f"{name} FLOPs", f"{_si(part['flops'], 'FLOP')}/{unit}", "", share)
    for dtype, rate in report["machine_flops_per_second"].items():
        result.add_row("machine's rate", _si(rate, "FLOP/s"), "", f"matrix product in {dtype}")
    result.add_row("peak memory", _si(training["peak_memory"], "B"), "", "training", end_section=True)
    for player, count in report["parameters"].items():
        result.add_row("parameters", _si(count, ""), "", player)
    return result


def _timing(seconds: list[float], images: int) -> dict[str, float]:
    return {
        "seconds": median(seconds),
        "fastest": min(seconds),
        "slowest": max(seconds),
        "images_per_second": images / median(seconds),
    }


def _repeated(run: Callable[[], object], repetitions: int, device: "torch.device") -> list[float]:
    """Seconds of each run but the first, which warms up."""
    ends: list[float] = []
    for _ in range(1 + repetitions):
        run()
        _synchronize(device)
        ends.append(perf_counter())
    return _laps(ends)


def _laps(ends: list[float]) -> list[float]:
    return [end - start for start, end in pairwise(ends)]


def _synchronize(device: "torch.device") -> None:
    import torch

    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def _peak_memory(device: "torch.device") -> int:
    """Bytes: those allocated on a GPU, elsewhere those of the whole process."""
    import torch

    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _si(value: float, unit: str) -> str:
    """Four digits and the unit with its prefix: 0.0123 s is 12.3 ms."""
    prefixes = {1e12: "T", 1e9: "G", 1e6: "M", 1e3: "k", 1.0: "", 1e-3: "m", 1e-6: "µ"}
    factor = next((factor for factor in prefixes if value >= factor), 1e-6)
    return f"{value / factor:.4g} {prefixes[factor]}{unit}"


def _check(cfg: DictConfig) -> None:
    """Raise UserError for what would otherwise go wrong after minutes."""
    if not isinstance(cfg.steps, int) or cfg.steps < 1:
        raise UserError(f"steps={cfg.steps}: it must be a whole number from 1 on")
    if cfg.json is not None and not Path(cfg.json).parent.is_dir():
        raise UserError(f"json={cfg.json}: there is no folder {Path(cfg.json).parent}; create it or name another")


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"json={path} cannot be written: {error.strerror}; name another file") from error


if __name__ == "__main__":
    with reported():
        main(sys.argv[1:])
