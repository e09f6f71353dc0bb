"""Lightning's trainer, which lets a model compute its steps in a `Way`."""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any, Literal

import lightning
import torch
from lightning import Callback, LightningModule
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from portrait_cartoons.errors import first_line
from portrait_cartoons.speed.way import PLAIN, MemoryFormat, Precision, Way, settled

# Guards tell apart whether parameters and images have gradients, and sizes: each network needs a few graphs. All
# networks count together, because the code that Dynamo compiles is that of `nn.Module`.
GRAPHS = 128
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


class Trainer(lightning.Trainer):
    """Args:
    precision: `32-true`, or `bf16-mixed`, autocast, which pays where the processor computes in bfloat16.
    compile: whether the networks, not the algorithm, are compiled; where that fails they run uncompiled.
    memory_format: of the networks' weights, which the images follow: `contiguous` or `channels_last`.
    activation_checkpointing: whether the backward pass computes the networks' activations anew instead of finding them
        in memory (Chen et al. 2016). Networks with batch norm keep theirs: it would count each batch twice.
    options: those of Lightning's trainer.

    What is `auto` here, because nothing has chosen yet, is the plain way.
    """

    def __init__(
        self,
        *,
        precision: Precision | Literal["auto"] = "auto",
        compile: bool | Literal["auto"] = "auto",  # noqa: A002
        memory_format: MemoryFormat | Literal["auto"] = "auto",
        activation_checkpointing: bool = False,
        callbacks: Any = None,
        **options: Any,
    ) -> None:
        given = {"precision": precision, "compile": compile, "memory_format": memory_format}
        self.way = Way(**{**PLAIN.to_dict(), **settled(given)})
        forgetting = [Forgetting()] * activation_checkpointing
        callbacks = [*(callbacks or []), *forgetting, InThisWay(self.way)]
        super().__init__(precision=self.way.precision, callbacks=callbacks, **options)

    def fit(self, *args: Any, **options: Any) -> None:
        """As Lightning's, but Ctrl-C raises KeyboardInterrupt, which Lightning turns into SystemExit."""
        try:
            super().fit(*args, **options)
        except SystemExit as error:
            if isinstance(error.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            raise


class InThisWay(Callback):
    """Lays out and compiles the networks of a model before it is trained; checkpoints say in `way` how it was.

    Only whole batches of training are computed by compiled code. Validation, and the smaller batch that may end an
    epoch, have other sizes: for each the compiler would work as long again, and a resumed run would have other code
    for them than one that went through.
    """

    def __init__(self, way: Way) -> None:
        self.way = way

    def setup(self, trainer: lightning.Trainer, pl_module: LightningModule, stage: str) -> None:
        for network in networks(pl_module):
            network.to(memory_format=FORMATS[self.way.memory_format])
            if self.way.compile:
                compile_network(network)

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: LightningModule, batch: Mapping[str, Tensor], batch_idx: int
    ) -> None:
        whole = getattr(trainer.datamodule, "batch_size", len(batch["photo"]))  # type: ignore[attr-defined]
        if self.way.compile and len(batch["photo"]) == whole:
            torch.compiler.set_stance("default")

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.way.compile:
            torch.compiler.set_stance("force_eager")

    def teardown(self, trainer: lightning.Trainer, pl_module: LightningModule, stage: str) -> None:
        if self.way.compile:
            torch.compiler.set_stance("default")

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["way"] = self.way.to_dict()


class Forgetting(Callback):
    """Activation checkpointing: of each pass of a network only input and output stay until the backward pass."""

    def setup(self, trainer: lightning.Trainer, pl_module: LightningModule, stage: str) -> None:
        for network in networks(pl_module):
            if not any(isinstance(part, _BatchNorm) for part in network.modules()):
                network.forward = partial(checkpoint, network.forward, use_reentrant=False)

    def teardown(self, trainer: lightning.Trainer, pl_module: LightningModule, stage: str) -> None:
        for network in networks(pl_module):
            network.__dict__.pop("forward", None)


def networks(model: nn.Module) -> Iterator[nn.Module]:
    """The networks of a model, one by one, trained and frozen ones."""
    for child in model.children():
        parts = child.values() if isinstance(child, nn.ModuleDict) else [child]
        yield from (part for part in parts if next(part.buffers(), next(part.parameters(), None)) is not None)


def compile_network(network: nn.Module) -> None:
    """Compile it in place: its state dict stays as it is. Sizes are fixed, and each new one is compiled anew."""
    # Warnings about a CUDA compiler that nobody needs, and about graphs that nobody reads.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    logging.getLogger("torch._inductor").setLevel(logging.ERROR)
    torch._dynamo.config.recompile_limit = GRAPHS
    # `Balance` goes backward through a graph twice, for which the graph must keep what it could reuse.
    torch._functorch.config.donated_buffer = False
    network.compile(dynamic=False, backend=_inductor())


@cache  # one backend for all networks, by which Dynamo knows its graphs again
def _inductor() -> Callable[..., Any]:
    inductor = torch._dynamo.lookup_backend("inductor")
    told: list[str] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
        """The compiled graph, or the graph itself where the compiler fails: it is slower, and computes the same."""
        try:
            return inductor(graph, inputs)
        except Exception as error:  # whatever a compiler that is missing, old or out of disk makes PyTorch raise
            if not told:
                told.append(first_line(error))
                print(f"compiling failed, so training goes on without it: {told[0]}", file=sys.stderr)
            return graph.forward

    return backend
