"""How long loading, training, translating and evaluating take here, and how fast this machine could compute."""

import re
import resource
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import chain, product, repeat
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from rich.console import Console
from torch.utils.flop_counter import FlopCounterMode

from portrait_cartoons.cli.build import build_data, build_model, made, quiet
from portrait_cartoons.data.datamodule import Portraits
from portrait_cartoons.devices import described, has_bf16
from portrait_cartoons.errors import UserError
from portrait_cartoons.evaluation.evaluator import save_pictures
from portrait_cartoons.evaluation.features import feature_network
from portrait_cartoons.evaluation.scores import Scores
from portrait_cartoons.image import to_uint8
from portrait_cartoons.inference import Cartoonizer
from portrait_cartoons.models.base import Translator
from portrait_cartoons.speed.choice import choose
from portrait_cartoons.speed.loader import stages
from portrait_cartoons.speed.profile import time_shares
from portrait_cartoons.speed.reference import reference
from portrait_cartoons.speed.steps import fit, in_last_phase, timed_steps
from portrait_cartoons.speed.trainer import FORMATS
from portrait_cartoons.speed.way import PLAIN, Way
from portrait_cartoons.timing import repeated

LOADER_SECONDS = 1.0  # per repetition: batches come in bursts, one from each worker
SAMPLES = 32  # of which the stages of loading are the mean
CONVOLVED = (1, 4, 16)  # pictures
AROUND = ("balance", "health")  # callbacks that work in every step; others write files or lines now and then
LONG = 1_000_000  # steps: in so many every way pays that is faster at all

Report = dict[str, Any]


def measure(cfg: DictConfig, name: str, repetitions: int) -> Report:
    """All figures of one configuration, in seconds, bytes, FLOPs and FLOPs per second. `table` explains them.

    `name` is the model's, as classes can make several.
    """
    try:
        with Console(stderr=True).status("building the model and the data") as status:
            quiet()
            model = in_last_phase(build_model(cfg))
            data = build_data(cfg, model.inputs)
            status.update("measuring the data loader")
            batch, loader = time_loader(data, repetitions)
            parts = stages(data, SAMPLES)
            status.update("choosing how to compute the step")
            way = choose(cfg.trainer, model, data.size, data.batch_size, LONG)
            status.update(f"measuring the training step and the reference, {repetitions} times each")
            training, device = time_training(model, batch, cfg, way, repetitions)
            if device.type == "cpu":  # elsewhere the processor's time is not the step's
                status.update("finding out what the step spends its time on")
                training["time_shares"] = time_shares(model, batch, cfg.trainer, way)
            status.update("measuring inference")
            inference = time_inference(model, cfg.data.size, device, repetitions)
            status.update("measuring evaluation")
            evaluation = time_evaluation(model, data, cfg.metrics, device, repetitions)
            status.update("measuring the machine's own rate")
            rates = {dtype: convolution_rate(getattr(torch, dtype), device) for dtype in ("bfloat16", "float32")}
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"the device's memory does not suffice for data.size={cfg.data.size} with data.batch_size="
            f"{cfg.data.batch_size}: lower one of them"
        ) from error
    for part in (training, inference):
        part["share_of_machine"] = part["flops"] / part["seconds"] / max(rates.values())
    players = {player: sum(p.numel() for p in getattr(model, player).parameters()) for player in model.terms}
    return {
        "model": name,
        "size": cfg.data.size,
        "batch_size": len(batch["photo"]),
        "way": str(way),
        "device": described(device),
        "instructions": torch.backends.cpu.get_cpu_capability() + (", bf16" if has_bf16(torch.device("cpu")) else ""),
        "torch": torch.__version__,
        "loader": loader,
        "loader_stages": parts,
        "training": training,
        "inference": inference,
        "evaluation": evaluation,
        "loader_per_training": loader["images_per_second"] / training["images_per_second"],
        "parameters": {**players, "total": sum(p.numel() for p in model.parameters())},
        "machine_flops_per_second": rates,
    }


def time_loader(data: Portraits, repetitions: int) -> tuple[dict[str, Any], dict[str, float]]:
    """A training batch, and how long the loader takes for one while nothing else runs."""
    batches = chain.from_iterable(repeat(data.train_dataloader()))
    batch = next(batches)
    del batch["unreadable"]
    for _ in range(2 * data.num_workers):  # as many are loaded in advance
        next(batches)
    seconds = [_seconds_per_image(batches) * data.batch_size for _ in range(repetitions)]
    return batch, _timing(seconds, data.batch_size)


def _seconds_per_image(batches: Iterator[Mapping[str, Any]]) -> float:
    start, images = perf_counter(), 0
    while perf_counter() - start < LOADER_SECONDS:
        images += len(next(batches)["photo"])
    return (perf_counter() - start) / images


def time_training(
    model: Translator, batch: dict[str, Any], cfg: DictConfig, way: Way, repetitions: int
) -> tuple[dict[str, Any], torch.device]:
    """Timing of a step of a real trainer on a batch that is there already, in turn with the reference step; where.

    Beside it the share that is around the step, its FLOPs, dtype and peak memory. Of each pair of steps the ratio is
    taken, because other programs slow both down.
    """
    options, size = cfg.trainer, len(batch["photo"])
    plain = reference(model, size)
    with FlopCounterMode(display=False) as counter:  # which sees nothing in compiled code
        trainer = fit(plain, [batch], {**options, **PLAIN.to_dict()})
    device = trainer.strategy.root_device
    around = [made(cfg.callbacks[name]) for name in AROUND if name in cfg.callbacks]
    forget_peak(device)
    laps = timed_steps(model, batch, options, way, 2 + repetitions, around)
    memory = peak_memory(device)
    pairs = [
        tuple(timed_steps(m, batch, options, w, 2).steps[-1] for m, w in ((plain, PLAIN), (model, way)))
        for _ in range(repetitions)
    ]
    figures = {
        **_timing([ours for _, ours in pairs], size),
        "reference": median(theirs for theirs, _ in pairs),
        "times_reference": median(theirs / ours for theirs, ours in pairs),
        "loop_per_step": sum(laps.loops[1:]) / sum(laps.steps[1:-1]),
        "flops": counter.get_total_flops(),
        "dtype": "bfloat16" if way.precision == "bf16-mixed" else "float32",
        "peak_memory": memory,
    }
    return figures, device


def time_inference(model: Translator, size: int, device: torch.device, repetitions: int) -> dict[str, Any]:
    """Timing of the cartoon of one picture of `size` x `size` pixels, from array to array; its FLOPs and dtype."""
    cartoonizer = Cartoonizer.on(device, model.deployed.float())
    photo = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    with FlopCounterMode(display=False) as counter:
        cartoonizer.translate(photo)
    seconds = repeated(partial(cartoonizer.translate, photo), repetitions, device)
    return {**_timing(seconds, 1), "flops": counter.get_total_flops(), "dtype": cartoonizer.precision}


def time_evaluation(
    model: Translator, data: Portraits, metrics: DictConfig, device: torch.device, repetitions: int
) -> dict[str, Any]:
    """Timing of a batch that is translated, measured and saved; the share of it that the networks' passes take."""
    model.to(device).eval()
    network = feature_network(metrics.features, metrics.weights)
    loaded = next(iter(data.val_dataloader()))
    batch = {name: images.to(device) for name, images in loaded.items() if name != "unreadable"}
    count = len(batch["photo"])

    def passes() -> None:
        network(to_uint8(model.validation_step(batch, 0)["output"]))

    def evaluate(folder: Path) -> None:
        outputs = model.validation_step(batch, 0)
        given = batch["photo"], outputs.get("cycle"), batch.get("target")
        save_pictures(Scores(network).update(outputs["output"], *given), folder, range(count))

    with torch.inference_mode(), tempfile.TemporaryDirectory() as folder:
        forward = median(repeated(passes, repetitions, device))
        timing = _timing(repeated(partial(evaluate, Path(folder)), repetitions, device), count)
    return {**timing, "features": network.protocol["features"], "forward_share": forward / timing["seconds"]}


def convolution_rate(dtype: torch.dtype, device: torch.device) -> float:
    """FLOPs per second of a 3 x 3 convolution of 256 channels, the best of both layouts of memory and three sizes."""
    best = 0.0
    for layout, count in product(FORMATS.values(), CONVOLVED):
        pictures = torch.rand(count, 256, 64, 64, device=device).to(dtype, memory_format=layout)
        network = torch.nn.Conv2d(256, 256, 3, padding=1, bias=False).to(device, dtype).to(memory_format=layout)
        with torch.inference_mode():
            seconds = min(repeated(partial(network, pictures), 5, device))
        best = max(best, 2 * 9 * 256 * 256 * 64 * 64 * count / seconds)
    return best


def _timing(seconds: list[float], images: int) -> dict[str, float]:
    return {
        "images": images,
        "seconds": median(seconds),
        "fastest": min(seconds),
        "slowest": max(seconds),
        "images_per_second": images / median(seconds),
    }


def forget_peak(device: torch.device) -> None:
    """Let `peak_memory` count from now on, where the system can."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory(device: torch.device) -> int:
    """Bytes: those allocated on a GPU, elsewhere those of the whole process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    with suppress(OSError, TypeError):
        return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])  # type: ignore[index]
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
