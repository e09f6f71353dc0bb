"""pix2pix (Isola et al. 2017): paired translation, judged beside what it was made of.

    x photo, t its true cartoon, D sees both pictures of a pair, joined by their channels

    D:  min_D  1/2 [E l(D(x, t), real) + E l(D(x, G(x)), fake)]                                  adv      (eq. 1)
    G:  min_G  E l(D(x, G(x)), real) + w_l1 E |t - G(x)|_1                                       adv, l1  (eq. 4)

G's noise is its dropout; the halved loss slows D down (section 3.3). With `loss.g.adv=0`, L1 alone as in the paper's
section 4.2, D waits.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from portrait_cartoons.losses import adversarial
from portrait_cartoons.losses.adversarial import Objective
from portrait_cartoons.models.base import Translator


class Pix2Pix(Translator):
    """`generator` and `discriminator` each make a network, the latter of 6 channels; `training` is as in the base."""

    terms = {"g": ("adv", "l1"), "d": ("adv", "r1")}  # noqa: RUF012
    inputs = ("photo", "target")

    def __init__(
        self,
        generator: Callable[[], nn.Module],
        discriminator: Callable[[], nn.Module],
        objective: Objective,
        **training: Any,
    ) -> None:
        super().__init__(**training)
        self.objective = objective
        self.g, self.d = generator(), discriminator()
        self.keep_average()

    @property
    def generator(self) -> nn.Module:
        return self.g

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        x, t = batch["photo"], batch["target"]
        fake = self.g(x)
        if self.weights["g"]["adv"]:
            with self.update("d") as terms:
                on_t, on_fake = self.seen(x, t), self.seen(x, fake.detach())
                terms["adv"] = 0.5 * adversarial.judging(on_t, on_fake, objective=self.objective)
                if terms.needs("r1"):
                    terms["r1"] = adversarial.r1(self.d, self.pair(x, t))
                terms.scores = adversarial.scores(self.objective, real=on_t, fake=on_fake)
        with self.update("g") as terms:
            if terms.needs("adv"):
                terms["adv"] = adversarial.fooling(self.seen(x, fake), self.objective, lambda: self.seen(x, t))
            terms["l1"] = l1_loss(fake, t)
        return {"output": fake.detach()}

    def seen(self, photo: Tensor, cartoon: Tensor) -> Tensor:
        """D of the pair."""
        return self.d(self.pair(photo, cartoon))

    def pair(self, photo: Tensor, cartoon: Tensor) -> Tensor:
        return torch.cat([self.augment(photo), self.augment(cartoon)], 1)
