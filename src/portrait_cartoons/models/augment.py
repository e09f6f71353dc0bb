"""DiffAugment (Zhao et al. 2020): all that a discriminator sees is changed at random, so that it cannot learn few
pictures by heart. Real and fake pictures are changed alike, and gradients pass to the generator.

    color        saturation times 0 to 2, brightness plus -1/2 to 1/2 of [0, 1], contrast times 1/2 to 3/2
    translation  by up to an eighth of the sides; what comes in is grey
    cutout       a grey square of half the sides
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from kornia.augmentation import ColorJitter, RandomBrightness, RandomContrast, RandomErasing, RandomTranslate
from torch import Tensor

from portrait_cartoons.errors import UserError

Kind = Literal["color", "translation", "cutout"]


class Augment:
    """The kinds in their order on N x C x H x W in [-1, 1]; colours are those of C = 3. Pictures stay of that size.

    Until `redraw` the n-th pictures of all calls are changed alike. Draws come from torch's global generator.
    Raises UserError for another kind.
    """

    def __init__(self, kinds: Sequence[Kind]) -> None:
        makers: dict[Kind, tuple[Any, ...]] = {
            # The first one clips: while values are still in range, so that few gradients are lost.
            "color": (
                ColorJitter(saturation=(0.0, 2.0), p=1.0),
                RandomBrightness((0.5, 1.5), clip_output=False, p=1.0),
                RandomContrast((0.5, 1.5), clip_output=False, p=1.0),
            ),
            "translation": (RandomTranslate((-0.125, 0.125), (-0.125, 0.125), p=1.0),),
            "cutout": (RandomErasing((0.25, 0.25), (1.0, 1.0), p=1.0),),
        }
        if unknown := [kind for kind in kinds if kind not in makers]:
            raise UserError(f"model.augment holds {unknown[0]}: it can hold {', '.join(makers)}")
        self.steps = [(kind, step) for kind in kinds for step in makers[kind]]
        self.drawn: dict[int, Any] = {}

    def redraw(self) -> None:
        """The next pictures are changed in another way."""
        self.drawn.clear()

    def __call__(self, z: Tensor) -> Tensor:
        if z.dtype in (torch.float16, torch.bfloat16):
            z = z.float()
        for n, (kind, step) in enumerate(self.steps):
            if n not in self.drawn:
                self.drawn[n] = step.forward_parameters(z.shape)
            z = 2 * step((z + 1) / 2, params=self.drawn[n]) - 1 if kind == "color" else step(z, params=self.drawn[n])
        return z
