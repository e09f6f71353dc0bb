"""Whether the players are in balance: what the generator draws, and a warning when it has nothing more to learn."""

import sys
from collections import deque
from collections.abc import Mapping
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

WON = 0.95  # D's score of real cartoons less that of fakes: 0 where it cannot tell them apart, 1 where it is sure
FLAT = 0.02  # deviation of the values of a picture, whose range is [-1, 1]
EXPLODED = 1e4  # of a loss term before its weight: none comes near it in a run that learns
OPEN, SHUT = 0.98, 0.02  # mean of a mask: it takes all, or nothing, for the person
SAME = 0.05  # deviation among the outputs for different photos, as a share of that among the photos


class Health(Callback):
    """Logs `train/output/mean` and `train/output/std` of what the generator draws, in [-1, 1]. It warns, once, when

    - the discriminator has won: over `window` batches `train/d_score/real` is about 1 and `train/d_score/fake` about 0;
    - the generator has drawn flat pictures over `window` batches;
    - over `window` batches a `train/mask/*`, the mean of a person mask, is about 1 or about 0;
    - a loss term has exploded, or the generator's gradient has been zero since the last look, at the end of an epoch or
      after `window` batches: what is left of too high a learning rate;
    - the first batch of a validation turns all its photos into nearly the same picture.

    A training step returns what the generator drew as "output", N x 3 x H x W in [-1, 1], or nothing of that name.
    """

    def __init__(self, window: int = 100) -> None:
        self.window = window
        self._batches = 0
        self._drawing = False  # whether the last step drew: a phase of other players leaves the generator as it was
        self._margins: deque[Tensor] = deque(maxlen=window)
        self._deviations: deque[Tensor] = deque(maxlen=window)
        self._masks: dict[str, deque[Tensor]] = {}  # means of the masks of each kind of picture
        self._gradients: list[Tensor] = []  # norms of the generator's, since the last look
        self.findings: dict[str, str] = {}  # what it warned of

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Mapping[str, Tensor], batch_idx: int
    ) -> None:
        self._drawing = "output" in outputs
        if self._drawing:
            output = outputs["output"].float()
            self._deviations.append(output.std((1, 2, 3)).mean())
            pl_module.log("train/output/mean", output.mean())
            pl_module.log("train/output/std", self._deviations[-1])
        logged = trainer.callback_metrics
        if self._drawing and "train/grad_norm/g" in logged:
            self._gradients.append(logged["train/grad_norm/g"])
        if "train/d_score/real" in logged:
            self._margins.append(logged["train/d_score/real"] - logged["train/d_score/fake"])
        if "train/mask/output" in logged:  # masks cut pictures out, and are not only learnt
            for name in ("train/mask/photo", "train/mask/output", "train/mask/cartoon"):
                if name in logged:
                    self._masks.setdefault(name, deque(maxlen=self.window)).append(logged[name])
        self._batches += 1
        if trainer.is_global_zero and self._batches % self.window == 0:  # rarely: to read a value waits for the device
            self._judge_losses(logged)
            if "exploded" not in self.findings:  # which explains what else is wrong
                self._judge_training()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            self._judge_losses(trainer.callback_metrics)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Mapping[str, Tensor],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if trainer.is_global_zero and self._drawing and batch_idx == 0 and len(batch["photo"]) > 1:
            photos, drawn = (images.float().std(0).mean() for images in (batch["photo"], outputs["output"]))
            if drawn < SAME * photos:
                self._warn(
                    "collapse",
                    "the generator turns all photos into nearly the same picture; try a larger weight for what holds it"
                    " to the photo, loss.g.cycle or loss.g.content",
                )

    def _judge_training(self) -> None:
        if len(self._margins) == self.window and (margin := torch.stack([*self._margins]).mean()) > WON:
            self._warn(
                "won",
                f"the discriminator has won: over {self.window} batches it scored true cartoons {margin:.2f} above the"
                " generator's, where 1 is certainty, so that the generator learns little from it; try a lower"
                " model.optimizers.d.lr",
            )
        if len(self._deviations) == self.window and torch.stack([*self._deviations]).mean() < FLAT:
            self._warn(
                "flat",
                f"the generator has drawn flat pictures for {self.window} batches; try a lower model.optimizers.g.lr",
            )

        for name, means in self._masks.items():
            mean = torch.stack([*means]).mean()
            if len(means) == self.window and not SHUT < mean < OPEN:
                state, effect = ("open", "cuts nothing out") if mean >= OPEN else ("shut", "hides everything")
                self._warn(
                    name,
                    f"the person mask is all {state}: {name} has been {mean:.2f} for {self.window} batches, so that it"
                    f" {effect} and the discriminator learns nothing from it; try a larger loss.u.seg, or more"
                    " model.phases.segment.epochs",
                )

    def _judge_losses(self, logged: Mapping[str, Tensor]) -> None:
        for name, value in logged.items():
            match name.split("/"):
                case ["train", "g" | "d" | "u" as player, term] if term != "total" and value.abs() > EXPLODED:
                    self._warn(
                        "exploded",
                        f"the loss has exploded: {name} is {value:.3g}; start again with a lower"
                        f" model.optimizers.{player}.lr",
                    )
        if len(self._gradients) > 1 and not torch.stack(self._gradients).any():
            self._warn(
                "stuck",
                "the generator no longer learns: its gradient is zero, as where all its output is at the end of its"
                " range; start again with a lower model.optimizers.g.lr",
            )
        self._gradients.clear()

    def _warn(self, finding: str, sentence: str) -> None:
        if finding not in self.findings:
            self.findings[finding] = sentence
            print(f"warning: {sentence}", file=sys.stderr)
