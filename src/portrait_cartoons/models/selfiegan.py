"""SelfieGAN: CartoonGAN whose discriminator sees persons alone, cut out by a U-Net from the picture it is to judge.

    x photo, m its person mask, y cartoon, e cartoon with smoothed edges, V features of VGG, S the U-Net (a sigmoid)
    M(z) = S(z) z + (1 - S(z)) background: what D sees of z; soft, and found in z itself, not in the photo

    phase content      min_G  E_x |V(G(x)) - V(x)|_1                                          content  (eq. 3)
    phase segment      min_S  L_seg = -E [m log S(x) + (1 - m) log(1 - S(x))]                    seg      (eq. 4)
    phase adversarial  min_D  L_D = E_y l(D(M(y)), real) + E_e l(D(M(e)), fake) + E_x l(D(M(G(x))), fake)
                       min_G  L_G + w1 E_x |V(G(x)) - V(x)|_1,  L_G = E_x l(D(M(G(x))), real)    adv, content
      joint: discriminator   then  min_S  L_D + w2 L_seg                                         adv, seg (eq. 2)
      joint: generator       then  min_S  L_G + w2 L_seg                                         adv, seg (eq. 2)

The paper adds w2 L_seg to one joint objective in equation 2 and trains S alone first in section 3.3. `joint: none` is
the latter: S is frozen in the last phase, gradients flow through it to G, and w2 acts nowhere. In the other two S takes
a step after those of D and G, which are fixed in it: on the side of the discriminator, to which the abstract adds it,
or on the generator's. A phase of one term does not need its weight; so `loss.g.content=0` is section 3.3 to the letter,
which names the content loss in the first phase alone.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from portrait_cartoons.errors import UserError
from portrait_cartoons.losses import adversarial, perceptual, segmentation
from portrait_cartoons.losses.adversarial import Objective
from portrait_cartoons.models.base import Translator

Background = Literal["white", "black", "grey", "none"]
Joint = Literal["none", "discriminator", "generator"]

COLOURS = {"white": 1.0, "grey": 0.0, "black": -1.0}


class SelfieGAN(Translator):
    """`generator`, `discriminator`, `segmenter` and `features` each make a network; `training` is as in the base.

    With `background: none` D sees whole pictures, and the system is CartoonGAN.

    Logs `train/mask/photo`, `output` and `cartoon`, the mean of S on each where it is computed: 0 where it finds
    nobody, 1 where all is person. S sees the photo only where it is trained.

    Raises:
        UserError: `joint` asks for an adversarial loss of S although D sees whole pictures.
    """

    terms = {"g": ("adv", "content"), "d": ("adv", "r1"), "u": ("adv", "seg")}  # noqa: RUF012
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
        joint: Joint,
        **training: Any,
    ) -> None:
        super().__init__(**training)
        if joint != "none" and background == "none":
            raise UserError(
                f"model.joint={joint} trains the U-Net by what the discriminator sees of its mask, but with"
                " model.background=none it sees no mask; choose another model.background, or model.joint=none"
            )
        self.objective, self.background, self.joint = objective, background, joint
        self.g, self.d, self.u, self.features = generator(), discriminator(), segmenter(), features()
        self.keep_average()

    @property
    def generator(self) -> nn.Module:
        return self.g

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        x, m = batch["photo"], batch["photo_mask"]
        if self.phase == "segment":
            with self.update("u", only="seg") as t:
                t["seg"] = self.segmentation(x, m)
            return {}
        fake = self.g(x)
        if self.phase == "content":
            with self.update("g", only="content") as t:
                t["content"] = self.content(fake, x)
            return {"output": fake.detach()}

        y, e, drawn = batch["cartoon"], batch["cartoon_smooth"], fake.detach()
        with self.update("d") as t:
            person = self.cut_out(fake, "output")  # S stays as it is in both updates, so this serves both
            on_y, on_e, on_fake = self.seen(y, "cartoon"), self.seen(e), self.d(self.augment(person.detach()))
            t["adv"] = self.judging(on_y, on_e, on_fake)
            if t.needs("r1"):
                t["r1"] = adversarial.r1(self.d, self.augment(self.cut_out(y)))
            t.scores = adversarial.scores(self.objective, real=on_y, smooth=on_e, fake=on_fake)
        with self.update("g") as t:
            t["adv"] = adversarial.fooling(self.d(self.augment(person)), self.objective, lambda: self.seen(y))
            if t.needs("content"):
                t["content"] = self.content(fake, x)
        if self.joint != "none":
            with self.update("u") as t:
                if self.joint == "discriminator":
                    t["adv"] = self.judging(self.seen(y), self.seen(e), self.seen(drawn))
                else:
                    t["adv"] = adversarial.fooling(self.seen(drawn), self.objective, lambda: self.seen(y))
                t["seg"] = self.segmentation(x, m)
        return {"output": drawn}

    def judging(self, on_y: Tensor, on_e: Tensor, on_fake: Tensor) -> Tensor:
        """L_D of the logits."""
        return adversarial.judging(on_y, on_e, on_fake, objective=self.objective)

    def seen(self, z: Tensor, name: str | None = None) -> Tensor:
        """D(M(z)); the mean mask is logged by that name."""
        return self.d(self.augment(self.cut_out(z, name)))

    def cut_out(self, z: Tensor, name: str | None = None) -> Tensor:
        """M(z): the person of z on the background colour."""
        if self.background == "none":
            return z
        person = torch.sigmoid(self.u(z))
        if name:
            self.log(f"train/mask/{name}", person.detach().mean())
        return person * z + (1 - person) * COLOURS[self.background]

    def segmentation(self, photo: Tensor, mask: Tensor) -> Tensor:
        logits = self.u(photo)
        self.log("train/mask/photo", logits.detach().sigmoid().mean())
        return segmentation.bce(logits, mask)

    def content(self, output: Tensor, photo: Tensor) -> Tensor:
        return perceptual.content(self.features(output), self.features(photo))

    def validation_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        return {"output": self(batch["photo"]), "mask": torch.sigmoid(self.u(batch["photo"]))}
