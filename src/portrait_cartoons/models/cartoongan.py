"""CartoonGAN (Chen et al. 2018): one generator, held to its photo's content, and a discriminator of clear edges.

    x photo, y cartoon, e cartoon with smoothed edges, V features of VGG before the activation

    D:  min_D  E_y l(D(y), real) + E_e l(D(e), fake) + E_x l(D(G(x)), fake)                      adv      (eq. 3)
    G:  min_G  E_x l(D(G(x)), real)                                                              adv      (eq. 3)
             + w_content E_x |V(G(x)) - V(x)|_1                                                  content  (eq. 4)

    phase content        min_G w_content E_x |V(G(x)) - V(x)|_1, without D                                (section 3.3)
    phase adversarial    D and G in turn, on the terms above

The paper writes the log loss (`vanilla`), its authors' code trains least squares (`lsgan`); both judge D's raw outputs.
Their code also learns ten times slower and more in the adversarial phase, and shows D a pool of the last 50 fakes.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from portrait_cartoons.losses import adversarial, perceptual
from portrait_cartoons.losses.adversarial import Objective
from portrait_cartoons.models.base import Translator
from portrait_cartoons.models.pool import ImagePool


class CartoonGAN(Translator):
    """`generator`, `discriminator` and `features` each make a network; `training` is as in the base."""

    terms = {"g": ("adv", "content"), "d": ("adv", "r1")}  # noqa: RUF012
    inputs = ("photo", "cartoon", "cartoon_smooth")
    phases = ("content", "adversarial")

    def __init__(
        self,
        generator: Callable[[], nn.Module],
        discriminator: Callable[[], nn.Module],
        features: Callable[[], nn.Module],
        objective: Objective,
        pool_size: int,
        **training: Any,
    ) -> None:
        super().__init__(**training)
        self.objective = objective
        self.g, self.d, self.features = generator(), discriminator(), features()
        self.pool = ImagePool(pool_size)
        self.keep_average()

    @property
    def generator(self) -> nn.Module:
        return self.g

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        x = batch["photo"]
        fake = self.g(x)
        if self.phase == "content":
            with self.update("g", only="content") as t:
                t["content"] = self.content(fake, x)
            return {"output": fake.detach()}

        y, e = batch["cartoon"], batch["cartoon_smooth"]
        with self.update("d") as t:
            on_y, on_e, on_fake = self.seen(y), self.seen(e), self.seen(self.pool(fake))
            t["adv"] = adversarial.judging(on_y, on_e, on_fake, objective=self.objective)
            if t.needs("r1"):
                t["r1"] = adversarial.r1(self.d, self.augment(y))
            t.scores = adversarial.scores(self.objective, real=on_y, smooth=on_e, fake=on_fake)
        with self.update("g") as t:
            t["adv"] = adversarial.fooling(self.seen(fake), self.objective, lambda: self.seen(y))
            if t.needs("content"):
                t["content"] = self.content(fake, x)
        return {"output": fake.detach()}

    def seen(self, z: Tensor) -> Tensor:
        """D(z)."""
        return self.d(self.augment(z))

    def content(self, output: Tensor, photo: Tensor) -> Tensor:
        return perceptual.content(self.features(output), self.features(photo))
