"""AnimeGANv2 (Chen, Liu and Chen 2020): texture from grey cartoons, colour from the photo, by a light generator.

    x photo, y cartoon, y' the cartoon in grey, e' the same with smoothed edges, F features of VGG before the activation
    Gram(F) = F F^T / (C H W); Y, U, V the luminance and the two colours of an image; |.|_H the Huber loss

    D:  min_D  w_real E_y (D(y) - 1)^2                                                            real
             + w_fake E_x D(G(x))^2                                                               fake
             + w_grey E_y D(y')^2 + w_smooth E_y D(e')^2                                          grey, smooth
    G:  min_G  w_adv E_x (D(G(x)) - 1)^2                                                          adv
             + w_content E_x |F(G(x)) - F(x)|_1                                                   content
             + w_style E_{x,y} |Gram(F(G(x))) - Gram(F(y'))|_1                                    style
             + w_colour E_x [|Y(G(x)) - Y(x)|_1 + |U(G(x)) - U(x)|_H + |V(G(x)) - V(x)|_H]        colour
             + w_tv E_x 1/2 [mean (d/dh G(x))^2 + mean (d/dw G(x))^2]                             tv

    phase content        min_G w_content E_x |F(G(x)) - F(x)|_1, without D
    phase adversarial    D and G in turn, on the terms above

Texture is taken from grey cartoons, so that their colours do not come with it. To D grey cartoons are fakes, so that
outputs do not become grey. Version 2 adds the total variation, and its networks normalise over whole pictures.
"""

from collections.abc import Callable, Mapping
from typing import Any

from kornia.color import rgb_to_grayscale
from torch import Tensor, nn

from portrait_cartoons.losses import adversarial, perceptual
from portrait_cartoons.losses.adversarial import Single
from portrait_cartoons.losses.colour import colour, total_variation
from portrait_cartoons.losses.style import style
from portrait_cartoons.models.base import Translator


class AnimeGANv2(Translator):
    """`generator`, `discriminator` and `features` each make a network; `training` is as in the base."""

    terms = {  # noqa: RUF012
        "g": ("adv", "content", "style", "colour", "tv"),
        "d": ("real", "fake", "grey", "smooth", "r1"),
    }
    inputs = ("photo", "cartoon", "cartoon_grey", "cartoon_smooth")
    phases = ("content", "adversarial")

    def __init__(
        self,
        generator: Callable[[], nn.Module],
        discriminator: Callable[[], nn.Module],
        features: Callable[[], nn.Module],
        objective: Single,
        **training: Any,
    ) -> None:
        super().__init__(**training)
        self.objective = objective
        self.g, self.d, self.features = generator(), discriminator(), features()
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

        y, grey = batch["cartoon"], batch["cartoon_grey"]
        smooth = rgb_to_grayscale(batch["cartoon_smooth"]).expand_as(y)
        with self.update("d") as t:
            on_y, on_fake, on_grey, on_smooth = (self.seen(z) for z in (y, fake.detach(), grey, smooth))
            t["real"] = adversarial.real(on_y, self.objective)
            t["fake"] = adversarial.fake(on_fake, self.objective)
            t["grey"] = adversarial.fake(on_grey, self.objective)
            t["smooth"] = adversarial.fake(on_smooth, self.objective)
            if t.needs("r1"):
                t["r1"] = adversarial.r1(self.d, self.augment(y))
            t.scores = adversarial.scores(self.objective, real=on_y, fake=on_fake, grey=on_grey, smooth=on_smooth)
        with self.update("g") as t:
            drawn = self.features(fake)
            t["adv"] = adversarial.fooling(self.seen(fake), self.objective, lambda: self.seen(y))
            if t.needs("content"):
                t["content"] = perceptual.content(drawn, self.features(x))
            if t.needs("style"):
                t["style"] = style(drawn, self.features(grey))
            t["colour"] = colour(fake, x)
            t["tv"] = total_variation(fake)
        return {"output": fake.detach()}

    def seen(self, z: Tensor) -> Tensor:
        """D(z)."""
        return self.d(self.augment(z))
