"""How long loading, training, translating and evaluating take here, and how fast this machine could compute."""

import resource
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from rich.console import Console
from torch.utils.flop_counter import FlopCounterMode

from portrait_cartoons.cli.build import build_data, build_model
from portrait_cartoons.data.datamodule import Portraits
from portrait_cartoons.devices import described
from portrait_cartoons.errors import UserError
from portrait_cartoons.evaluation.evaluator import save_pictures
from portrait_cartoons.evaluation.features import feature_network
from portrait_cartoons.evaluation.scores import Scores
from portrait_cartoons.image import to_uint8
from portrait_cartoons.inference import Cartoonizer
from portrait_cartoons.models.base import Translator
from portrait_cartoons.speed.choice import choose
from portrait_cartoons.speed.loader import stages
from portrait_cartoons.speed.steps import Clock, fit
from portrait_cartoons.speed.way import PLAIN
from portrait_cartoons.timing import repeated

LOADER_SECONDS = 1.0  # per repetition: batches come in bursts, one from each worker
SAMPLES = 32  # of which the stages of loading are the mean
PRODUCT_SECONDS = 0.05  # shorter matrix products do not reach the machine's rate
LARGEST_PRODUCT = 8192
LONG = 1_000_000  # steps: in so many every way pays that is faster at all

Report = dict[str, Any]


def measure(cfg: DictConfig, repetitions: int) -> Report:
    """All figures of one configuration, in seconds, bytes, FLOPs and FLOPs per second. `table` explains them."""
    try:
        with Console(stderr=True).status("building the model and the data") as status:
            model = build_model(cfg)
            data = build_data(cfg, model.inputs)
            status.update("measuring the data loader")
            batch, loader = time_loader(data, repetitions)
            parts = stages(data, SAMPLES)
            status.update(f"measuring the training step, {2 + repetitions} times")
            way = choose(cfg.trainer, model, cfg.data.size, cfg.data.batch_size, LONG)
            training, device = time_training(model, batch, {**cfg.trainer, **way.to_dict()}, repetitions)
            status.update("measuring inference")
            inference = time_inference(model, cfg.data.size, device, repetitions)
            status.update("measuring evaluation")
            evaluation = time_evaluation(model, data, cfg.metrics, device, repetitions)
            status.update("measuring the machine's own rate")
            dtypes = sorted({training["dtype"], inference["dtype"]})
            rates = {dtype: matrix_rate(getattr(torch, dtype), device) for dtype in dtypes}
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
        "way": str(way),
        "device": described(device),
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
    model: Translator, batch: dict[str, Any], options: Mapping[str, Any], repetitions: int
) -> tuple[dict[str, Any], torch.device]:
    """Timing of a step of a real trainer on a batch that is there already, its FLOPs, dtype and peak memory; where."""
    with FlopCounterMode(display=False) as counter:
        fit(model, [batch], {**options, **PLAIN.to_dict()})  # compiled code does not tell
    clock = Clock()
    trainer = fit(model, [batch] * (1 + repetitions), options, clock)
    device = trainer.strategy.root_device
    with trainer.precision_plugin.forward_context():
        one = torch.ones(1, 1, device=device)
        dtype = (one @ one).dtype
    figures = {
        **_timing(clock.seconds[1:], len(batch["photo"])),
        "flops": counter.get_total_flops(),
        "dtype": str(dtype).removeprefix("torch."),
        "peak_memory": _peak_memory(device),
    }
    return figures, device


def time_inference(model: Translator, size: int, device: torch.device, repetitions: int) -> dict[str, Any]:
    """Timing of the cartoon of one picture of `size` x `size` pixels, from array to array; its FLOPs and dtype."""
    import torch

    cartoonizer = Cartoonizer(model.deployed.to(device, torch.float32))
    photo = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    with FlopCounterMode(display=False) as counter:
        cartoonizer.translate(photo)
    seconds = repeated(partial(cartoonizer.translate, photo), repetitions, device)
    return {**_timing(seconds, 1), "flops": counter.get_total_flops(), "dtype": "float32"}


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


def matrix_rate(dtype: torch.dtype, device: torch.device) -> float:
    """FLOPs per second of the fastest product of square matrices, which are enlarged until they keep it busy."""
    precision = torch.get_float32_matmul_precision()
    if device.type == "cuda" and torch.backends.cudnn.allow_tf32:
        torch.set_float32_matmul_precision("high")  # TF32, which networks get for their convolutions
    best, size, seconds = 0.0, 256, 0.0
    while seconds < PRODUCT_SECONDS and size < LARGEST_PRODUCT:
        size *= 2
        matrix = torch.rand(size, size, device=device).to(dtype)
        seconds = min(repeated(partial(torch.mm, matrix, matrix), 5, device))
        best = max(best, 2 * size**3 / seconds)
    torch.set_float32_matmul_precision(precision)
    return best


def _timing(seconds: list[float], images: int) -> dict[str, float]:
    return {
        "seconds": median(seconds),
        "fastest": min(seconds),
        "slowest": max(seconds),
        "images_per_second": images / median(seconds),
    }


def _peak_memory(device: torch.device) -> int:
    """Bytes: those allocated on a GPU, elsewhere those of the whole process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
