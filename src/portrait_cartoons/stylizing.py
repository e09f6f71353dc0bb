"""Neural style transfer as commands offer it: their keys, and the drawer that these describe."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from portrait_cartoons.errors import UserError
from portrait_cartoons.files import expanded

if TYPE_CHECKING:
    from torch import Tensor

    from portrait_cartoons.models.neural_style import Network, NeuralStyle

# What works on pictures is imported late: it brings torch, which wrong use need not wait for.

KINDS = {"style_strength": "a number", "style_steps": "a whole number"}
NETWORKS = ("vgg19", "squeezenet1_0")
MOST_STEPS = 5000


@dataclass
class StyleOptions:
    """The types of keys that conf/translate.yaml and conf/evaluate.yaml share, which explain them."""

    style_picture: str | None
    style_network: str
    style_weights: str
    style_strength: float
    style_steps: int


def check_style(options: StyleOptions) -> None:
    """Raise UserError for values that make no sense."""
    picture = options.style_picture
    if picture and not expanded(picture).is_file():
        raise UserError(f"style_picture={picture}: there is no such file; name the picture whose style is taken")
    if options.style_network not in NETWORKS:
        raise UserError(f"style_network={options.style_network}: it must be {' or '.join(NETWORKS)}")
    if not 0 < options.style_strength <= 1e9:
        raise UserError(f"style_strength={options.style_strength}: it must be a number above 0, up to 1e9")
    if not 0 < options.style_steps <= MOST_STEPS:
        raise UserError(f"style_steps={options.style_steps}: it must be a whole number from 1 to {MOST_STEPS}")


def neural_style(options: StyleOptions, style: "Tensor") -> "NeuralStyle":
    """What draws in the style of a picture, 1 x 3 x H x W in [-1, 1], and shows its steps.

    Raises WeightsError where the weights of the features cannot be had.
    """
    from portrait_cartoons.models.neural_style import NeuralStyle
    from portrait_cartoons.progress import tracked

    weights, steps = options.style_weights, options.style_steps
    return NeuralStyle(
        style,
        cast("Network", options.style_network),
        weights if weights in ("imagenet", "caffe", "random") else str(expanded(weights)),
        options.style_strength,
        steps,
        lambda numbers: tracked(numbers, steps, "steps of a picture"),
    )


def style_picture(path: str, size: int) -> "Tensor":
    """The picture, 1 x 3 x H x W in [-1, 1], its shorter side reduced to `size`. Raises ImageError."""
    import numpy as np
    from PIL import Image

    from portrait_cartoons.image import from_uint8, load_rgb

    image = Image.fromarray(load_rgb(expanded(path), min_side=size))
    scale = min(1.0, size / min(image.size))
    width, height = (max(32, round(side * scale)) for side in image.size)
    return from_uint8(np.asarray(image.resize((width, height), Image.Resampling.LANCZOS)))[None]
