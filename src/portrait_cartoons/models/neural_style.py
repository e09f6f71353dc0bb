"""Neural style transfer (Gatys, Ecker and Bethge 2016): no network is trained, each picture is optimised by itself.

    x photo, a the picture whose style is taken, F_l features of layer l of a network trained on ImageNet,
    divided by their mean on a; Gram(F) = F F^T / (C H W)

    min_z  1/2 mean (F_c(z) - F_c(x))^2                                                          content  (eq. 1)
         + strength mean_l 1/4 sum (Gram(F_l(z)) - Gram(F_l(a)))^2                               style    (eq. 4, 5)

    by L-BFGS, from z = x

Readings. The paper sums the content term over positions and its networks' features have mean 1; here the term is a mean
and the features are divided, so that a strength holds for every size and network. The paper begins with noise, or with
the photo: the latter keeps a face after few steps, and nothing is random.
"""

from collections.abc import Callable, Iterable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from portrait_cartoons.losses.style import gatys
from portrait_cartoons.networks.features import Layer, PretrainedFeatures

Network = Literal["vgg19", "squeezenet1_0"]

# The deepest layer that is needed; by their places among the network's, those of style, and that of content.
LAYERS: dict[Network, tuple[Layer, tuple[int, ...], int]] = {
    "vgg19": ("vgg19.conv5_1", (1, 6, 11, 20, 29), 22),  # conv1_1 to conv5_1 and conv4_2, after their ReLUs
    "squeezenet1_0": ("squeezenet1_0.fire9", (1, 3, 5, 7, 12), 5),  # conv1, fire2, 4, 5 and 9; fire4
}


class NeuralStyle(nn.Module):
    """N x 3 x H x W in [-1, 1] in and out, H and W being at least 32. It has nothing to train.

    Args:
        style: the picture whose style is taken, 1 x 3 x H x W in [-1, 1], about as large as the photos.
        network, weights: whose features are compared, see `PretrainedFeatures`.
        strength: the weight of the style; that of the content is 1.
        steps: of L-BFGS, each of which evaluates the objective and its gradient once.
        watched: passes the numbers of the steps on, and may show them.

    Raises:
        WeightsError: the weights cannot be had.
    """

    style: Tensor
    size_divisor = 32
    bytes_per_pixel = 12_000.0  # of VGG19 with what a backward pass needs

    def __init__(
        self,
        style: Tensor,
        network: Network,
        weights: str,
        strength: float,
        steps: int,
        watched: Callable[[range], Iterable[int]] = iter,
    ) -> None:
        super().__init__()
        layer, self.style_layers, self.content_layer = LAYERS[network]
        self.features = PretrainedFeatures(layer, weights, key="style_weights")
        self.register_buffer("style", style, persistent=False)
        self.strength, self.steps, self.watched = strength, steps, watched

    def forward(self, photos: Tensor) -> Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            return torch.cat([self.optimised(photo.clone()) for photo in photos.split(1)])

    def optimised(self, x: Tensor) -> Tensor:
        """The picture made of one photo."""
        with torch.no_grad():
            seen = self.seen(self.style)
            scales = {layer: features.mean() for layer, features in seen.items()}
            a = {layer: features / scales[layer] for layer, features in seen.items()}
            content = self.seen(x)[self.content_layer]
        z = x.clone().requires_grad_()
        optimizer = torch.optim.LBFGS([z], max_iter=1, history_size=20, tolerance_grad=0, tolerance_change=0)

        def objective() -> Tensor:
            optimizer.zero_grad()
            seen = {layer: features / scales[layer] for layer, features in self.seen(z).items()}
            style = torch.stack([gatys(seen[layer], a[layer]) for layer in self.style_layers]).mean()
            kept = mse_loss(seen[self.content_layer], content / scales[self.content_layer]) / 2
            total = kept + self.strength * style
            total.backward()
            return total

        for _ in self.watched(range(self.steps)):
            optimizer.step(objective)
        return z.detach().clamp(-1, 1)

    def seen(self, image: Tensor) -> dict[int, Tensor]:
        """The features of the layers that are compared, by their places."""
        found = {}
        z = self.features.prepared(image)
        for place, layer in enumerate(self.features.layers):
            z = layer(z)
            if place in (*self.style_layers, self.content_layer):
                found[place] = z
        return found
