"""What each rank of a distributed training has of its own: the pictures in its image pools."""

import sys
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.fabric.utilities import move_data_to_device

from portrait_cartoons.ranks import collected

EXTRA = "_extra_state"  # what modules keep beside tensors, by torch's name for it
RANKS = "ranks"


class RankState(Callback):
    """Keeps the extra state of each rank's modules in the checkpoint, where Lightning keeps that of rank 0 alone.

    A training with another number of ranks goes on from the same weights, but not to the last bit: its batches are
    other ones, and a further rank begins with the pools of an earlier one.
    """

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        state = checkpoint["state_dict"] if trainer.global_rank else {}  # that of rank 0 is there already
        own = {name: value for name, value in state.items() if name.endswith(EXTRA)}
        checkpoint[RANKS] = collected(move_data_to_device(own, "cpu"))

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        ranks = checkpoint[RANKS]
        if len(ranks) != trainer.world_size and trainer.is_global_zero:
            print(
                f"note: the checkpoint is of a training on {len(ranks)} devices, and this one has {trainer.world_size}:"
                " it goes on from the same weights, but not exactly as the other would have",
                file=sys.stderr,
            )
        modules = dict(pl_module.named_modules())
        for name, state in ranks[trainer.global_rank % len(ranks)].items():
            modules[name.removesuffix(EXTRA).removesuffix(".")].set_extra_state(state)
