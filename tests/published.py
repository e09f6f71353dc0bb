"""Published generators a second time: state dicts with their names and shapes, and what their networks do with them.

Nothing here is of this package.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as f

State = dict[str, Tensor]


class Maker:
    """Fills a state dict with weights that keep the size of the signal and leave no layer without effect."""

    def __init__(self, seed: int = 0) -> None:
        self.state: State = {}
        self.rng = torch.Generator().manual_seed(seed)

    def conv(self, name: str, *shape: int, bias: bool = True, scale: float = 1.0) -> None:
        size = (shape[1] * shape[2] * shape[3]) ** -0.5
        self.state[f"{name}.weight"] = scale * size * torch.randn(shape, generator=self.rng)
        if bias:
            self.state[f"{name}.bias"] = 0.3 * scale * torch.randn(shape[0], generator=self.rng)

    def transposed(self, name: str, n_in: int, n_out: int) -> None:
        self.state[f"{name}.weight"] = (9 * n_in / 4) ** -0.5 * torch.randn(n_in, n_out, 3, 3, generator=self.rng)
        self.state[f"{name}.bias"] = 0.3 * torch.randn(n_out, generator=self.rng)

    def norm(self, name: str, channels: int, scale: str = "weight", shift: str = "bias") -> None:
        self.state[f"{name}.{scale}"] = 0.5 + torch.rand(channels, generator=self.rng)
        self.state[f"{name}.{shift}"] = 0.3 * torch.randn(channels, generator=self.rng)


def cyclegan_state(blocks: int, width: int = 64) -> State:
    """As pytorch-CycleGAN-and-pix2pix saves `netG_A`, by an old PyTorch, which kept running statistics."""
    m, w = Maker(), width
    m.conv("model.1", w, 3, 7, 7)
    m.conv("model.4", 2 * w, w, 3, 3)
    m.conv("model.7", 4 * w, 2 * w, 3, 3)
    for n in range(10, 10 + blocks):
        m.conv(f"model.{n}.conv_block.1", 4 * w, 4 * w, 3, 3)
        m.conv(f"model.{n}.conv_block.5", 4 * w, 4 * w, 3, 3)
    m.transposed(f"model.{10 + blocks}", 4 * w, 2 * w)
    m.transposed(f"model.{13 + blocks}", 2 * w, w)
    m.conv(f"model.{17 + blocks}", 3, w, 7, 7)
    m.state["model.2.running_mean"] = torch.zeros(w)
    m.state["model.2.running_var"] = torch.ones(w)
    return m.state


def cyclegan(s: Mapping[str, Tensor], x: Tensor, blocks: int) -> Tensor:
    def conv(x: Tensor, name: str, pad: int, mode: str, stride: int = 1) -> Tensor:
        return f.conv2d(f.pad(x, (pad,) * 4, mode), s[f"{name}.weight"], s[f"{name}.bias"], stride)

    def normed(x: Tensor) -> Tensor:
        return (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()

    def larger(x: Tensor, name: str) -> Tensor:
        return f.conv_transpose2d(x, s[f"{name}.weight"], s[f"{name}.bias"], 2, 1, 1)

    x = normed(conv(x, "model.1", 3, "reflect")).relu()
    x = normed(conv(x, "model.4", 1, "constant", 2)).relu()
    x = normed(conv(x, "model.7", 1, "constant", 2)).relu()
    for n in range(10, 10 + blocks):
        inner = normed(conv(x, f"model.{n}.conv_block.1", 1, "reflect")).relu()
        x = x + normed(conv(inner, f"model.{n}.conv_block.5", 1, "reflect"))
    x = normed(larger(x, f"model.{10 + blocks}")).relu()
    x = normed(larger(x, f"model.{13 + blocks}")).relu()
    return conv(x, f"model.{17 + blocks}", 3, "reflect").tanh()


def cartoongan_state(width: int = 64) -> State:
    """As CartoonGAN-Test-Pytorch-Torch saves it; the first layer so weak that the eps of its norm counts."""
    m, w = Maker(), width
    m.conv("conv01_1", w, 3, 7, 7, scale=1e-4)
    for n, c in ((2, w), (3, 2 * w)):
        m.conv(f"conv0{n}_1", 2 * c, c, 3, 3)
        m.conv(f"conv0{n}_2", 2 * c, 2 * c, 3, 3)
    for n in range(4, 12):
        for k in (1, 2):
            m.conv(f"conv{n:02}_{k}", 4 * w, 4 * w, 3, 3)
            m.norm(f"in{n:02}_{k}", 4 * w, "scale", "shift")
    for n, c in ((1, w), (2, 2 * w), (3, 4 * w), (12, 2 * w), (13, w)):
        m.norm(f"in{n:02}_1", c, "scale", "shift")
    for n, c in ((1, 2 * w), (2, w)):
        m.transposed(f"deconv0{n}_1", 2 * c, c)
        m.conv(f"deconv0{n}_2", c, c, 3, 3)
    m.conv("deconv03_1", 3, w, 7, 7)
    return m.state


def cartoongan(s: Mapping[str, Tensor], rgb: Tensor) -> Tensor:
    def conv(x: Tensor, name: str, pad: int = 1, mode: str = "constant", stride: int = 1) -> Tensor:
        return f.conv2d(f.pad(x, (pad,) * 4, mode), s[f"{name}.weight"], s[f"{name}.bias"], stride)

    def normed(x: Tensor, name: str) -> Tensor:
        mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True)
        scale, shift = (s[f"{name}.{kind}"][:, None, None] for kind in ("scale", "shift"))
        return (x - mean) / (variance + 1e-9).sqrt() * scale + shift

    def larger(x: Tensor, name: str) -> Tensor:
        return f.conv_transpose2d(x, s[f"{name}.weight"], s[f"{name}.bias"], 2, 1, 1)

    x = torch.stack([rgb[:, 2], rgb[:, 1], rgb[:, 0]], 1)
    x = normed(conv(x, "conv01_1", 3, "reflect"), "in01_1").relu()
    x = normed(conv(conv(x, "conv02_1", stride=2), "conv02_2"), "in02_1").relu()
    x = normed(conv(conv(x, "conv03_1", stride=2), "conv03_2"), "in03_1").relu()
    for n in range(4, 12):
        inner = normed(conv(x, f"conv{n:02}_1", 1, "reflect"), f"in{n:02}_1").relu()
        x = x + normed(conv(inner, f"conv{n:02}_2", 1, "reflect"), f"in{n:02}_2")
    x = normed(conv(larger(x, "deconv01_1"), "deconv01_2"), "in12_1").relu()
    x = normed(conv(larger(x, "deconv02_1"), "deconv02_2"), "in13_1").relu()
    bgr = conv(x, "deconv03_1", 3, "reflect").tanh()
    return torch.stack([bgr[:, 2], bgr[:, 1], bgr[:, 0]], 1)


# Each layer of it, and of which factors of the width to which, with which kernel and stride; without these two it is an
# inverted residual.
ANIMEGAN: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("block_a.0", (0, 1, 7, 1)), ("block_a.1", (1, 2, 3, 2)), ("block_a.2", (2, 2, 3, 1)),
    ("block_b.0", (2, 4, 3, 2)), ("block_b.1", (4, 4, 3, 1)), ("block_c.0", (4, 4, 3, 1)),
    ("block_c.1", (4, 8)), ("block_c.2", (8, 8)), ("block_c.3", (8, 8)), ("block_c.4", (8, 8)),
    ("block_c.5", (8, 4, 3, 1)), ("upsampling", ()),
    ("block_d.0", (4, 4, 3, 1)), ("block_d.1", (4, 4, 3, 1)), ("upsampling", ()),
    ("block_e.0", (4, 2, 3, 1)), ("block_e.1", (2, 2, 3, 1)), ("block_e.2", (2, 1, 7, 1)),
)  # fmt: skip


def animegan_state(width: int = 32) -> State:
    """As animegan2-pytorch saves it."""
    m = Maker()
    for name, sides in ANIMEGAN:
        if not sides:
            continue
        n_in, n_out, *rest = sides
        n_in, n_out = n_in * width or 3, n_out * width
        if rest:
            m.conv(f"{name}.1", n_out, n_in, rest[0], rest[0], bias=False)
            m.norm(f"{name}.2", n_out)
        else:
            m.conv(f"{name}.layers.0.1", 2 * n_in, n_in, 1, 1, bias=False)
            m.norm(f"{name}.layers.0.2", 2 * n_in)
            m.conv(f"{name}.layers.1.1", 2 * n_in, 1, 3, 3)
            m.norm(f"{name}.layers.1.2", 2 * n_in)
            m.conv(f"{name}.layers.2", n_out, 2 * n_in, 1, 1, bias=False)
            m.norm(f"{name}.layers.3", n_out)
    m.conv("out_layer.0", 3, width, 1, 1, bias=False)
    return m.state


def animegan(s: Mapping[str, Tensor], x: Tensor) -> Tensor:
    def normed(x: Tensor, name: str) -> Tensor:
        mean, variance = x.mean((1, 2, 3), keepdim=True), x.var((1, 2, 3), correction=0, keepdim=True)
        scale, shift = (s[f"{name}.{kind}"][:, None, None] for kind in ("weight", "bias"))
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    def layer(x: Tensor, conv: str, norm: str, stride: int = 1, groups: int = 1) -> Tensor:
        pad = s[f"{conv}.weight"].shape[2] // 2
        x = f.pad(x, (0, 1, 0, 1) if stride == 2 else (pad,) * 4, "reflect")
        x = f.conv2d(x, s[f"{conv}.weight"], s.get(f"{conv}.bias"), stride, groups=groups)
        return f.leaky_relu(normed(x, norm), 0.2)

    for name, sides in ANIMEGAN:
        if not sides:
            height, width = x.shape[2:]
            x = f.interpolate(x, (2 * height, 2 * width), mode="bilinear", align_corners=True)
            continue
        n_in, n_out, *rest = sides
        if rest:
            x = layer(x, f"{name}.1", f"{name}.2", rest[1])
        else:
            inner = layer(x, f"{name}.layers.0.1", f"{name}.layers.0.2")
            inner = layer(inner, f"{name}.layers.1.1", f"{name}.layers.1.2", groups=inner.shape[1])
            out = normed(f.conv2d(inner, s[f"{name}.layers.2.weight"]), f"{name}.layers.3")
            x = x + out if n_in == n_out else out
    return f.conv2d(x, s["out_layer.0.weight"]).tanh()


FORMS: dict[str, tuple[State, Callable[[Mapping[str, Tensor], Tensor], Tensor]]] = {
    "cyclegan of nine blocks": (cyclegan_state(9), lambda s, x: cyclegan(s, x, 9)),
    "cyclegan of six blocks": (cyclegan_state(6, width=8), lambda s, x: cyclegan(s, x, 6)),
    "cartoongan": (cartoongan_state(), cartoongan),
    "animegan": (animegan_state(), animegan),
}
