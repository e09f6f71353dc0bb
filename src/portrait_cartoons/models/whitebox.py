"""White-box Cartoonization (Wang and Yu 2020): three representations of a cartoon, each with a loss of its own.

    x photo, y cartoon, V features of VGG before the activation, two discriminators D_s and D_t

    surface    s(z) = guided filter of z by itself, radius 5, eps 0.2: no texture, edges stay
    structure  p(z) = z in superpixels, each in its mean colour: flat areas with clear borders
    texture    t(z) = (a . z) / (a1 + a2 + a3), grey, with a = (0.299, 0.587, 0.114) + U(-0.1, 0.1) drawn in each step

    D:  min_D  1/2 [E_y l(D_t(t(y)), real) + E_x l(D_t(t(G(x))), fake)]                          texture    (eq. 6)
             + 1/2 [E_y l(D_s(s(y)), real) + E_x l(D_s(s(G(x))), fake)]                          surface    (eq. 2)
    G:  min_G  w_texture E_x l(D_t(t(G(x))), real)                                               texture
             + w_surface E_x l(D_s(s(G(x))), real)                                               surface
             + w_structure E_x |V(G(x)) - V(p(G(x)))|_1                                          structure  (eq. 4)
             + w_content E_x |V(G(x)) - V(x)|_1                                                  content
             + w_tv E_x 1/2 [mean (d/dh G(x))^2 + mean (d/dw G(x))^2]                            tv

    phase content        min_G w_content E_x |V(G(x)) - V(x)|_1, without D
    phase adversarial    G and D in turn, on the terms above

p(G(x)) is a target: no gradients pass through it. G ends in a guided filter by the photo, radius 1.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from portrait_cartoons.losses import adversarial, perceptual
from portrait_cartoons.losses.adversarial import Objective
from portrait_cartoons.losses.colour import total_variation
from portrait_cartoons.models.base import Translator
from portrait_cartoons.models.superpixels import superpixels
from portrait_cartoons.networks.whitebox import guided_filter

LUMINANCE = (0.299, 0.587, 0.114)


class Whitebox(Translator):
    """`generator`, `discriminator` and `features` each make a network; `training` is as in the base."""

    terms = {  # noqa: RUF012
        "g": ("texture", "surface", "structure", "content", "tv"),
        "d": ("texture", "surface", "r1"),
    }
    phases = ("content", "adversarial")

    def __init__(
        self,
        generator: Callable[[], nn.Module],
        discriminator: Callable[[], nn.Module],
        features: Callable[[], nn.Module],
        objective: Objective,
        **training: Any,
    ) -> None:
        super().__init__(**training)
        self.objective = objective
        self.g, self.features = generator(), features()
        self.d = nn.ModuleDict({"texture": discriminator(), "surface": discriminator()})
        self.keep_average()

    @property
    def generator(self) -> nn.Module:
        return self.g

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        x = batch["photo"]
        fake = self.g(x)
        if self.phase == "content":
            with self.update("g", only="content") as t:
                t["content"] = perceptual.content(self.features(fake), self.features(x))
            return {"output": fake.detach()}

        y, shades = batch["cartoon"], self.shades().to(x)
        views = {"texture": lambda z: grey(z, shades), "surface": lambda z: guided_filter(z, z, 5, 0.2)}
        with self.update("g") as t:
            for name, view in views.items():
                on_fake = self.seen(name, view(fake))
                t[name] = adversarial.fooling(on_fake, self.objective, lambda: self.seen(name, view(y)))  # noqa: B023
            drawn = self.features(fake)
            if t.needs("structure"):
                t["structure"] = perceptual.content(drawn, self.features(superpixels(fake.detach())))
            if t.needs("content"):
                t["content"] = perceptual.content(drawn, self.features(x))
            t["tv"] = total_variation(fake)
        with self.update("d") as t:
            judged = {
                name: (self.seen(name, view(y)), self.seen(name, view(fake.detach()))) for name, view in views.items()
            }
            for name, (on_y, on_fake) in judged.items():
                t[name] = 0.5 * adversarial.judging(on_y, on_fake, objective=self.objective)
            (real, false), (real_surface, false_surface) = judged.values()
            t.scores = adversarial.scores(
                self.objective, real=real, fake=false, real_surface=real_surface, fake_surface=false_surface
            )
            if t.needs("r1"):
                t["r1"] = torch.stack(
                    [adversarial.r1(self.d[name], self.augment(view(y))) for name, view in views.items()]
                ).sum()
        return {"output": fake.detach()}

    def seen(self, name: str, z: Tensor) -> Tensor:
        """The logits of one discriminator."""
        return self.d[name](self.augment(z))

    def shades(self) -> Tensor:
        """What red, green and blue weigh in this step's grey."""
        return torch.tensor(LUMINANCE) + 0.2 * torch.rand(3) - 0.1


def grey(images: Tensor, shades: Tensor) -> Tensor:
    """N x 3 x H x W, three times the mean of the channels weighted by `shades`."""
    return torch.einsum("nchw,c->nhw", images, shades / shades.sum())[:, None].expand_as(images)
