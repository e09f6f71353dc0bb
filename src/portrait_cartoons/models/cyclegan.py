"""CycleGAN (Zhu et al. 2017): two translators that undo each other, each judged by a discriminator.

    x photo, y cartoon, G: x -> y, F: y -> x, D_Y and D_X judge cartoons and photos (least squares by default)

    min_{G,F}    E_x (D_Y(G(x)) - 1)^2 + E_y (D_X(F(y)) - 1)^2                          adv        (eq. 1)
               + w_cycle    (E_x |F(G(x)) - x|_1 + E_y |G(F(y)) - y|_1)                 cycle      (eq. 2)
               + w_identity (E_y |G(y) - y|_1 + E_x |F(x) - x|_1)                       identity   (section 5.2)
    min_{D_X,D_Y}  1/2 [E_y (D_Y(y) - 1)^2 + E_x D_Y(G(x))^2], D_X alike                adv        (section 7.1)

D learns from a pool of the last 50 fakes. Both directions of one generator, and real and fake of one discriminator, are
computed in one pass: exact, because instance norm treats every image alone.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from portrait_cartoons.losses import adversarial
from portrait_cartoons.losses.adversarial import Objective
from portrait_cartoons.models.base import Translator
from portrait_cartoons.models.pool import ImagePool


class CycleGAN(Translator):
    """`generator` and `discriminator` make one network each time they are called; `training` is as in the base."""

    terms = {"g": ("adv", "cycle", "identity"), "d": ("adv", "r1")}  # noqa: RUF012

    def __init__(
        self,
        generator: Callable[[], nn.Module],
        discriminator: Callable[[], nn.Module],
        objective: Objective,
        pool_size: int,
        **training: Any,
    ) -> None:
        super().__init__(**training)
        self.objective = objective
        self.g = nn.ModuleDict({"xy": generator(), "yx": generator()})
        self.d = nn.ModuleDict({"x": discriminator(), "y": discriminator()})
        self.pools = nn.ModuleDict({"x": ImagePool(pool_size), "y": ImagePool(pool_size)})
        self.keep_average()

    @property
    def generator(self) -> nn.Module:
        return self.g["xy"]

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        x, y = batch["photo"], batch["cartoon"]

        with self.update("g") as t:
            if t.needs("identity"):
                fake_y, same_y = self.g["xy"](torch.cat([x, y])).chunk(2)
                fake_x, same_x = self.g["yx"](torch.cat([y, x])).chunk(2)
                t["identity"] = l1_loss(same_y, y) + l1_loss(same_x, x)
            else:
                fake_y, fake_x = self.g["xy"](x), self.g["yx"](y)
            t["cycle"] = l1_loss(self.g["yx"](fake_y), x) + l1_loss(self.g["xy"](fake_x), y)
            t["adv"] = self._fooling("y", fake_y, y) + self._fooling("x", fake_x, x)

        with self.update("d") as t:
            on_y, on_fake_y = self._judged("y", y, fake_y)
            on_x, on_fake_x = self._judged("x", x, fake_x)
            t["adv"] = 0.5 * self._judging(on_y, on_fake_y) + 0.5 * self._judging(on_x, on_fake_x)
            if t.needs("r1"):
                t["r1"] = adversarial.r1(self.d["y"], self.augment(y)) + adversarial.r1(self.d["x"], self.augment(x))
            t.scores = adversarial.scores(
                self.objective, real=on_y, fake=on_fake_y, real_photo=on_x, fake_photo=on_fake_x
            )
        return {"output": fake_y.detach()}

    def _fooling(self, domain: str, fake: Tensor, real: Tensor) -> Tensor:
        return adversarial.fooling(
            self.d[domain](self.augment(fake)), self.objective, lambda: self.d[domain](self.augment(real))
        )

    def _judged(self, domain: str, real: Tensor, fake: Tensor) -> Iterable[Tensor]:
        return self.d[domain](torch.cat([self.augment(real), self.augment(self.pools[domain](fake))])).chunk(2)

    def _judging(self, on_real: Tensor, on_fake: Tensor) -> Tensor:
        return adversarial.judging(on_real, on_fake, objective=self.objective)

    def validation_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        output = self(batch["photo"])
        return {"output": output, "cycle": self.g["yx"](output)}
