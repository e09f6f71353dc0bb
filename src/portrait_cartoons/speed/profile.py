"""What a training step spends its time on, which tells what bounds its speed."""

import os
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from lightning.pytorch.callbacks import LambdaCallback
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from portrait_cartoons.models.base import Translator
from portrait_cartoons.speed.steps import fit
from portrait_cartoons.speed.way import Way

WARM = 2  # steps: the first finds its code, the second its memory
CONVOLUTIONS = "convolutions"
# What the names of PyTorch's operations contain; the first kind that fits counts.
KINDS = {
    "compiled code": ("CompiledFxGraph",),  # without the convolutions that it calls
    CONVOLUTIONS: ("conv",),
    "matrix products": ("mm", "linear"),
    "normalisation": ("batch_norm", "instance_norm"),
    "padding": ("_pad",),
    "pooling and resizing": ("pool", "upsample"),
    "copies": ("copy", "fill_", "aten::cat"),
    "optimizer": ("adam",),
}
OTHER = "everything else"


def time_shares(
    model: Translator, batch: Mapping[str, Tensor], options: Mapping[str, Any], way: Way
) -> dict[str, float]:
    """The share of a step's time on the processor that each kind of operation takes, the largest first."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler would print that it starts, and that no GPU is there
    profiler = profile(activities=[ProfilerActivity.CPU])

    def start(*arguments: Any) -> None:
        if arguments[-1] == WARM:
            profiler.start()

    callback = LambdaCallback(on_train_batch_start=start, on_train_end=lambda *_: profiler.stop())
    fit(model, [batch] * (WARM + 1), {**options, **way.to_dict()}, callback)
    seconds: dict[str, float] = defaultdict(float)
    for operation in profiler.key_averages():
        seconds[_kind(operation.key)] += operation.self_cpu_time_total
    whole = sum(seconds.values())
    largest = sorted(seconds.items(), key=lambda item: -item[1])
    return {kind: time / whole for kind, time in largest}


def _kind(operation: str) -> str:
    return next((kind for kind, marks in KINDS.items() if any(mark in operation for mark in marks)), OTHER)
