"""Every network a second time, plainly, as its paper describes it: what the tests compare the networks with.

Nothing here comes from the networks under test but their parameters, which `Weights` hands out layer by layer.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as f
from torch.nn.functional import leaky_relu, max_pool2d, relu

ZEROS = "constant"  # the mode of padding by zeros

VGG19_CONV4_4 = (64, 64, "pool", 128, 128, "pool", 256, 256, 256, 256, "pool", 512, 512, 512, 512)
VGG19_CONV2_2 = VGG19_CONV4_4[:5]
VGG16_POOL4 = (64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512, "pool")


def filled(network: nn.Module, seed: int = 0) -> nn.Module:
    """The network in double precision, with parameters so large that no layer is without effect on the output."""
    rng = torch.Generator().manual_seed(seed)
    for name, value in network.double().state_dict().items():
        if value.dim() > 1:  # a convolution's weight: it keeps the size of the signal
            value.normal_(0, (value[0].numel()) ** -0.5, generator=rng)
        elif "weight" in name or "var" in name:
            value.uniform_(0.5, 1.5, generator=rng)
        elif value.is_floating_point():
            value.normal_(0, 0.3, generator=rng)
    return network


class Weights:
    """The layers of a network as functions, each of which takes its parameters from a state dict, in order."""

    def __init__(self, network: nn.Module, norm: str = "instance") -> None:
        self.values: Iterator[Tensor] = iter(network.state_dict().values())
        self.kind, self.training = norm, network.training

    def conv(self, x: Tensor, stride: int = 1, pad: int = 0, mode: str = "reflect", bias: bool = True) -> Tensor:
        x = f.pad(x, (pad,) * 4, mode)
        return f.conv2d(x, next(self.values), next(self.values) if bias else None, stride)

    def double_size(self, x: Tensor) -> Tensor:
        """The transposed convolution with kernel 3 and stride 2."""
        return f.conv_transpose2d(x, next(self.values), next(self.values), stride=2, padding=1, output_padding=1)

    def norm(self, x: Tensor) -> Tensor:
        over = (0, 2, 3) if self.kind == "batch" else (2, 3)
        mean, variance = x.mean(over, keepdim=True), x.var(over, correction=0, keepdim=True)
        scale, offset = torch.ones(1), torch.zeros(1)
        if self.kind in ("affine", "batch"):
            scale, offset = next(self.values), next(self.values)
        if self.kind == "batch":
            running = next(self.values), next(self.values)
            next(self.values)  # how many batches there were
            if not self.training:
                mean, variance = (value.view(-1, 1, 1) for value in running)
        return (x - mean) / (variance + 1e-5).sqrt() * scale.view(-1, 1, 1) + offset.view(-1, 1, 1)

    def whole_norm(self, x: Tensor) -> Tensor:
        """Over channels and positions of a picture, scaled by channel."""
        mean, variance = x.mean((1, 2, 3), keepdim=True), x.var((1, 2, 3), correction=0, keepdim=True)
        scale, offset = (next(self.values).view(-1, 1, 1) for _ in range(2))
        return (x - mean) / (variance + 1e-5).sqrt() * scale + offset

    def residual(self, x: Tensor, mode: str = "reflect") -> Tensor:
        inner = relu(self.norm(self.conv(x, pad=1, mode=mode)))
        return x + self.norm(self.conv(inner, pad=1, mode=mode))

    def gate(self, x: Tensor) -> Tensor:
        """Efficient channel attention: each channel by a gate that its neighbours' means decide."""
        kernel = next(self.values)
        means = x.mean((2, 3))[:, None]
        return x * f.conv1d(means, kernel, padding=kernel.shape[2] // 2).sigmoid()[:, 0, :, None, None]


def resnet(w: Weights, x: Tensor, blocks: int) -> Tensor:
    x = relu(w.norm(w.conv(x, pad=3)))
    x = relu(w.norm(w.conv(x, stride=2, pad=1, mode=ZEROS)))
    x = relu(w.norm(w.conv(x, stride=2, pad=1, mode=ZEROS)))
    for _ in range(blocks):
        x = w.residual(x)
    x = relu(w.norm(w.double_size(x)))
    x = relu(w.norm(w.double_size(x)))
    return w.conv(x, pad=3).tanh()


def patchgan(w: Weights, x: Tensor, layers: int) -> Tensor:
    bias = w.kind != "batch"
    x = leaky_relu(w.conv(x, stride=2, pad=1, mode=ZEROS), 0.2)
    for _ in range(layers - 1):
        x = leaky_relu(w.norm(w.conv(x, stride=2, pad=1, mode=ZEROS, bias=bias)), 0.2)
    x = leaky_relu(w.norm(w.conv(x, pad=1, mode=ZEROS, bias=bias)), 0.2)
    return w.conv(x, pad=1, mode=ZEROS)


def ganilla(w: Weights, x: Tensor, attention: str) -> Tensor:
    def block(x: Tensor, stride: int, shortcut: bool) -> Tensor:
        out = relu(w.norm(w.conv(x, stride, pad=1, bias=False)))
        out = w.norm(w.conv(out, pad=1, bias=False))
        x = w.norm(w.conv(x, stride, bias=False)) if shortcut else x
        return relu(w.norm(w.conv(torch.cat([out, x], 1), pad=1, bias=False)))

    def larger(x: Tensor) -> Tensor:
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

    x = relu(w.norm(w.conv(x, pad=3)))
    x = max_pool2d(f.pad(x, (1,) * 4, mode="reflect"), 3, stride=2)
    laterals = []
    for stride in (1, 2, 2, 2):
        x = block(block(x, stride, shortcut=stride == 2), 1, shortcut=False)
        laterals.append(x)
    for n, c in enumerate(laterals):
        gated = attention == "skips" or (attention == "bottleneck" and n == 3)
        laterals[n] = w.conv(w.gate(c) if gated else c)
    x = laterals[3]
    for n in (2, 1, 0):
        x = larger(x) + laterals[n]
        x = w.gate(x) if attention == "pyramid" else x
    return w.conv(w.conv(larger(x), pad=1), pad=3).tanh()


def cartoon_generator(
    w: Weights, x: Tensor, blocks: int, mode: str, first: int = 3, encoder: bool = True, decoder: bool = True
) -> Tensor:
    """Up to its last convolution; `first` is the padding of its first, the rest whether stages have a second one."""

    def stage(x: Tensor, extra: bool) -> Tensor:
        return relu(w.norm(w.conv(x, pad=1, mode=ZEROS) if extra else x))

    x = relu(w.norm(w.conv(x, pad=first, mode=mode)))
    for _ in range(2):
        x = stage(w.conv(x, stride=2, pad=1, mode=ZEROS), encoder)
    for _ in range(blocks):
        x = w.residual(x, mode)
    for _ in range(2):
        x = stage(w.double_size(x), decoder)
    return w.conv(x, pad=3, mode=mode)


def pix_generator(w: Weights, x: Tensor, levels: int) -> Tensor:
    """Without its dropout."""
    biased = w.kind != "batch"

    def narrow(x: Tensor, bias: bool) -> Tensor:
        return f.conv2d(x, next(w.values), next(w.values) if bias else None, 2, 1)

    def wide(x: Tensor, bias: bool) -> Tensor:
        return f.conv_transpose2d(x, next(w.values), next(w.values) if bias else None, 2, 1)

    maps = [narrow(x, biased)]
    for n in range(1, levels):
        down = narrow(leaky_relu(maps[-1], 0.2), biased)
        maps.append(down if n == levels - 1 else w.norm(down))
    x = maps.pop()
    while maps:
        x = torch.cat([w.norm(wide(relu(x), biased)), maps.pop()], 1)
    return wide(relu(x), True).tanh()


def light(w: Weights, x: Tensor, blocks: int) -> Tensor:
    def layer(x: Tensor, pad: int = 1, stride: int = 1, slope: float = 0.2, groups: int = 1) -> Tensor:
        x = f.conv2d(f.pad(x, (pad,) * 4, "reflect"), next(w.values), None, stride, groups=groups)
        mean, variance = x.mean((1, 2, 3), keepdim=True), x.var((1, 2, 3), correction=0, keepdim=True)
        x = (x - mean) / (variance + 1e-5).sqrt() * next(w.values).view(-1, 1, 1) + next(w.values).view(-1, 1, 1)
        return torch.where(x > 0, x, slope * x)

    y = layer(layer(layer(x, pad=3), stride=2))
    y = layer(layer(y, stride=2))
    for _ in range(blocks):
        inner = layer(y, pad=0)
        y = y + layer(layer(inner, groups=inner.shape[1]), pad=0, slope=1.0)
    for _ in range(2):
        y = layer(layer(f.interpolate(y, (2 * y.shape[2], 2 * y.shape[3]), mode="bilinear")))
    return (x + w.conv(y, pad=3)).clamp(-1, 1)


def cartoon_discriminator(w: Weights, x: Tensor) -> Tensor:
    x = leaky_relu(w.conv(x, pad=1, mode=ZEROS), 0.2)
    for _ in range(2):
        x = leaky_relu(w.conv(x, stride=2, pad=1, mode=ZEROS), 0.2)
        x = leaky_relu(w.norm(w.conv(x, pad=1, mode=ZEROS)), 0.2)
    x = leaky_relu(w.norm(w.conv(x, pad=1, mode=ZEROS)), 0.2)
    return w.conv(x, pad=1, mode=ZEROS)


def anime(w: Weights, x: Tensor, blocks: int) -> Tensor:
    def layer(
        x: Tensor, pad: int = 1, stride: int = 1, groups: int = 1, bias: bool = False, slope: float = 0.2
    ) -> Tensor:
        x = f.pad(x, (pad * (2 - stride), pad) * 2, "reflect")
        x = f.conv2d(x, next(w.values), next(w.values) if bias else None, stride, groups=groups)
        return leaky_relu(w.whole_norm(x), slope)

    def larger(x: Tensor) -> Tensor:
        """Bilinear with the corners kept: row i of 2 n rows lies at i (n - 1) / (2 n - 1)."""
        for dim in (2, 3):
            n = x.shape[dim]
            at = torch.arange(2 * n, dtype=x.dtype) * (n - 1) / (2 * n - 1)
            low = at.floor().long().clamp(max=n - 2)
            share = (at - low).view(-1, 1) if dim == 2 else at - low
            x = x.index_select(dim, low) * (1 - share) + x.index_select(dim, low + 1) * share
        return x

    x = layer(layer(layer(x, pad=3), stride=2))
    x = layer(layer(layer(x, stride=2)))
    for n in range(blocks):
        inner = layer(x, pad=0)
        out = layer(layer(inner, groups=inner.shape[1], bias=True), pad=0, slope=1.0)
        x = out if n == 0 else x + out
    x = layer(layer(larger(layer(x))))
    x = layer(layer(layer(larger(x))), pad=3)
    return f.conv2d(x, next(w.values)).tanh()


def anime_discriminator(w: Weights, x: Tensor) -> Tensor:
    def conv(x: Tensor, stride: int = 1) -> Tensor:
        """Its weight is divided by its largest singular value, of which u and v know an estimate."""
        weight, u, v = (next(w.values) for _ in range(3))
        matrix = weight.flatten(1)
        if w.training:
            u = f.normalize(matrix @ v, dim=0)
            v = f.normalize(matrix.T @ u, dim=0)
        return f.conv2d(x, weight / (u @ matrix @ v), None, stride, padding=1)

    x = leaky_relu(conv(x), 0.2)
    for _ in range(2):
        x = leaky_relu(conv(x, stride=2), 0.2)
        x = leaky_relu(w.whole_norm(conv(x)), 0.2)
    x = leaky_relu(w.whole_norm(conv(x)), 0.2)
    return conv(x)


def unet(w: Weights, x: Tensor, levels: int) -> Tensor:
    def two(x: Tensor) -> Tensor:
        return relu(w.conv(relu(w.conv(x, pad=1, mode=ZEROS)), pad=1, mode=ZEROS))

    maps = [two(x)]
    for _ in range(levels):
        maps.append(two(max_pool2d(maps[-1], 2)))
    ups = [(next(w.values), next(w.values)) for _ in range(levels)]
    x = maps.pop()
    for weight, bias in ups:
        x = two(torch.cat([maps.pop(), f.conv_transpose2d(x, weight, bias, stride=2)], 1))
    return w.conv(x)


def vgg(w: Weights, x: Tensor, layers: tuple[Any, ...]) -> Tensor:
    """The features of the last of these layers: of a convolution before its ReLU."""
    activation: Callable[[Tensor], Tensor] = relu
    for n, layer in enumerate(layers):
        last = n == len(layers) - 1
        x = max_pool2d(x, 2) if layer == "pool" else w.conv(x, pad=1, mode=ZEROS)
        x = x if layer == "pool" or last else activation(x)
    return x
