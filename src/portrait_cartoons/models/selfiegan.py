"""SelfieGAN: CartoonGAN whose discriminator sees persons alone, cut out by a U-Net from the picture it is to judge.

    x photo, m its person mask, y cartoon, e cartoon with smoothed edges, V features of VGG, S the U-Net (a sigmoid)
    M(z) = S(z) z + (1 - S(z)) background: what D sees of z; soft, and found in z itself, not in the photo

    phase content      min_G  E_x |V(G(x)) - V(x)|_1                                          content  (eq. 3)
    phase segment      min_S  -w2 E [m log S(x) + (1 - m) log(1 - S(x))]                         seg      (eq. 4)
    phase adversarial  min_D  E_y l(D(M(y)), real) + E_e l(D(M(e)), fake) + E_x l(D(M(G(x))), fake)
                       min_G  E_x l(D(M(G(x))), real) + w1 E_x |V(G(x)) - V(x)|_1                adv, content

In the last phase S is frozen, but gradients flow through it to G. The paper adds w2 L_seg to one joint objective in its
equation 2 and trains S alone first in section 3.3: the latter is done, and with `joint_segmentation` S trains on.
Section 3.3 names the content loss in the first phase alone: `loss.g.content=0` is that to the letter, since a phase of
one term needs no weight.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from portrait_cartoons.losses import adversarial, perceptual, segmentation
from portrait_cartoons.losses.adversarial import Objective
from portrait_cartoons.models.base import Translator

Background = Literal["white", "black", "grey", "none"]

COLOURS = {"white": 1.0, "grey": 0.0, "black": -1.0}


class SelfieGAN(Translator):
    """`generator`, `discriminator`, `segmenter` and `features` each make a network; `training` is as in the base.

    With `background: none` D sees whole pictures, and the system is CartoonGAN.
    """

    terms = {"g": ("adv", "content"), "d": ("adv",), "u": ("seg",)}  # noqa: RUF012
    inputs = ("photo", "photo_mask", "cartoon", "cartoon_smooth")
    phases = ("content", "segment", "adversarial")

    def __init__(
        self,
        generator: Callable[[], nn.Module],
        discriminator: Callable[[], nn.Module],
        segmenter: Callable[[], nn.Module],
        features: Callable[[], nn.Module],
        objective: Objective,
        background: Background,
        joint_segmentation: bool,
        **training: Any,
    ) -> None:
        super().__init__(**training)
        self.objective, self.background, self.joint_segmentation = objective, background, joint_segmentation
        self.g, self.d, self.u, self.features = generator(), discriminator(), segmenter(), features()

    @property
    def generator(self) -> nn.Module:
        return self.g

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        x = batch["photo"]
        if self.phase == "segment" or (self.phase == "adversarial" and self.joint_segmentation):
            with self.update("u") as t:
                t["seg"] = segmentation.bce(self.u(x), batch["photo_mask"])
        if self.phase == "segment":
            return {}
        fake = self.g(x)
        if self.phase == "content":
            with self.update("g", only="content") as t:
                t["content"] = self.content(fake, x)
        if self.phase == "adversarial":
            y, e = batch["cartoon"], batch["cartoon_smooth"]
            with self.update("d") as t:
                on_y, on_e, on_fake = self.seen(y), self.seen(e), self.seen(fake.detach())
                t["adv"] = (
                    adversarial.real(on_y, self.objective)
                    + adversarial.fake(on_e, self.objective)
                    + adversarial.fake(on_fake, self.objective)
                )
                t.scores = adversarial.scores(self.objective, real=on_y, smooth=on_e, fake=on_fake)
            with self.update("g") as t:
                t["adv"] = adversarial.fooling(self.seen(fake), self.objective)
                if t.needs("content"):
                    t["content"] = self.content(fake, x)
        return {"output": fake.detach()}

    def seen(self, z: Tensor) -> Tensor:
        """D(M(z))."""
        return self.d(self.cut_out(z))

    def cut_out(self, z: Tensor) -> Tensor:
        """M(z): the person of z on the background colour."""
        if self.background == "none":
            return z
        person = torch.sigmoid(self.u(z))
        return person * z + (1 - person) * COLOURS[self.background]

    def content(self, output: Tensor, photo: Tensor) -> Tensor:
        return perceptual.content(self.features(output), self.features(photo))

    def validation_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        return {"output": self(batch["photo"]), "mask": torch.sigmoid(self.u(batch["photo"]))}
