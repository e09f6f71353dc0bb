"""Which way of computing the steps of a run is the fastest here: tried out once, remembered, and said in a line."""

import hashlib
import json
import os
import platform
import sys
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities.seed import isolate_rng

from portrait_cartoons import devices
from portrait_cartoons.files import write
from portrait_cartoons.models.base import Translator
from portrait_cartoons.speed.steps import in_last_phase, made_up, timed_steps
from portrait_cartoons.speed.way import PLAIN, MemoryFormat, Way, read, settled

FOLDER = Path("runs", "speed")
COMPILING = 90.0  # seconds that compiling takes where nothing is remembered of it; one minute and more on two cores
LAYOUTS: tuple[MemoryFormat, ...] = ("contiguous", "channels_last")
WORTH_IT = 0.9  # of the time that a simpler way takes: a smaller gain may be the noise of the measurement
AT_BEST = 0.6  # the largest share of a step that any other way was seen to save
TRIAL = 3  # how many times over compiling must be able to pay before it is tried: trying it takes as long
STEPS = 4  # of each way that is tried, the first of which warms up
SLOW = 5.0  # seconds of a step, one of which is then enough after the warm-up: noise is small beside it
LEAST_STEPS = 20 * STEPS  # for fewer a trial takes too much of the run
# Floating-point operations, of a whole run, that take seconds on one core: below it no trial is worth its start.
SMALL = 1e13


@dataclass
class Timings:
    """What a trial found: seconds of a step by way, and of compiling."""

    steps: dict[Way, float] = field(default_factory=dict)
    compiling: float = COMPILING

    def seconds(self, way: Way, steps: int) -> float:
        """How long a run of so many steps takes."""
        return steps * self.steps[way] + (self.compiling if way.compile else 0)


def choose(options: Mapping[str, Any], model: Translator, size: int, batch_size: int, steps: int) -> Way:
    """The way in which a run of so many steps ends soonest, among those that the trainer's options allow.

    The model itself is not touched.
    """
    device = _device(options["accelerator"])
    fixed = settled(options)
    ways = [way for way in candidates(device) if replace(way, **fixed) == way] or [replace(PLAIN, **fixed)]
    small = steps < LEAST_STEPS or _operations(model, size, batch_size) * steps < SMALL
    if len(ways) == 1 or small or _distributed(options):
        return ways[0]
    file = FOLDER / f"{_key(model, size, batch_size, device)}.json"
    timings = _read(file)
    with isolate_rng():
        tried = _try_out(ways, timings, options, model, made_up(model, size, batch_size), steps)
    if tried:
        _write(file, timings)
    best = fastest([way for way in ways if way in timings.steps], timings, steps)
    print(f"{best}: {timings.steps[ways[0]] / timings.steps[best]:.1f} times the {'plain ' * (ways[0] == PLAIN)}step")
    return best


def fastest(ways: list[Way], timings: Timings, steps: int) -> Way:
    """The first of the ways than which no later one is faster by more than noise."""
    best = ways[0]
    for way in ways[1:]:
        if timings.seconds(way, steps) < WORTH_IT * timings.seconds(best, steps):
            best = way
    return best


def candidates(device: torch.device) -> list[Way]:
    """The ways that were seen to be the fastest somewhere, in the order of what they change.

    Which layout is faster depends on the sizes. Without arithmetic
    in bfloat16 a processor imitates it, which is slower; and float32 gains little from compiling.
    """
    if device.type == "mps":
        return [PLAIN]
    exact = [Way(memory_format=layout) for layout in LAYOUTS]
    if not devices.has_bf16(device):
        return exact
    half = [Way("bf16-mixed", memory_format=layout) for layout in LAYOUTS]
    return [*exact, *half, Way("bf16-mixed", compile=True, memory_format="channels_last")]


def _try_out(
    ways: list[Way],
    timings: Timings,
    options: Mapping[str, Any],
    model: Translator,
    batch: Mapping[str, torch.Tensor],
    steps: int,
) -> bool:
    """Time a step of each way that is not timed yet and could pay; whether there was one."""
    trainee, tried = None, False
    for way in ways:
        if way in timings.steps or not _can_pay(way, timings, steps):
            continue
        if not tried:
            print("trying out which way of computing a step is the fastest here ...", flush=True)
        tried, trainee = True, trainee or in_last_phase(deepcopy(model))
        count = 2 if timings.steps and min(timings.steps.values()) > SLOW else STEPS
        first, *others = timed_steps(trainee, batch, options, way, count).steps
        timings.steps[way] = min(others)  # which other programs disturbed the least
        print(f"{way}: {timings.steps[way]:.3g} s a step", flush=True)
        if way.compile:
            timings.compiling = first
    return tried


def _can_pay(way: Way, timings: Timings, steps: int) -> bool:
    if not timings.steps or not way.compile:
        return True
    return AT_BEST * steps * min(timings.steps.values()) > TRIAL * timings.compiling


def _operations(model: Translator, size: int, batch_size: int) -> float:
    """A bound of those of a step: as if every parameter acted on every pixel, forward, backward and for itself."""
    return 6.0 * batch_size * size**2 * sum(parameter.numel() for parameter in model.parameters())


def _device(accelerator: str) -> torch.device:
    return torch.device("cpu") if accelerator == "cpu" else devices.device("auto")


def _distributed(options: Mapping[str, Any]) -> bool:
    """Whether several processes train together, which would disturb each other and could choose differently."""
    alone = options.get("devices", 1) == 1 and options.get("num_nodes", 1) == 1
    return not alone or int(os.environ.get("WORLD_SIZE", "1")) > 1


def _key(model: Translator, size: int, batch_size: int, device: torch.device) -> str:
    """What the speed of a step depends on."""
    shapes = [(name, list(parameter.shape)) for name, parameter in model.named_parameters()]
    machine = [platform.machine(), torch.backends.cpu.get_cpu_capability(), devices.described(device)]
    content = [*machine, torch.__version__, type(model).__name__, model.weights, shapes, size, batch_size]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _read(file: Path) -> Timings:
    """What was found before; nothing where the file is not there, or not as it was written."""
    try:
        content = json.loads(file.read_text())
        steps = {read(entry["way"]): float(entry["seconds"]) for entry in content["steps"]}
        return Timings(steps, float(content["compiling"]))
    except (OSError, ValueError, TypeError, KeyError):
        return Timings()


def _write(file: Path, timings: Timings) -> None:
    steps = [{"way": way.to_dict(), "seconds": seconds} for way, seconds in timings.steps.items()]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, json.dumps({"steps": steps, "compiling": timings.compiling}, indent=2) + "\n")
    except OSError as error:
        print(f"warning: {file} cannot be written ({error.strerror}): it will be measured again", file=sys.stderr)
