"""Whole training steps in double precision equal a second writing of them with plain autograd and a plain Adam."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from portrait_cartoons.models.artifygan import ArtifyGAN
from portrait_cartoons.models.camgan import CAMGAN
from portrait_cartoons.models.cartoongan import CartoonGAN
from portrait_cartoons.models.cyclegan import CycleGAN
from portrait_cartoons.models.pix2pix import Pix2Pix
from portrait_cartoons.models.selfiegan import SelfieGAN
from portrait_cartoons.networks.artifygan import ArtifyDiscriminator, ArtifyGenerator
from portrait_cartoons.networks.cartoongan import CartoonDiscriminator, CartoonGenerator
from portrait_cartoons.networks.ganilla import GanillaGenerator
from portrait_cartoons.networks.patchgan import PatchDiscriminator
from portrait_cartoons.networks.resnet import ResnetGenerator
from portrait_cartoons.networks.unet import UNet
from tests.models.test_cyclegan import fit

# Different for each player, and all of them far enough from the defaults to be seen after two steps.
ADAM: dict[str, dict[str, Any]] = {
    "g": {"lr": 1e-2, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1},
    "d": {"lr": 2e-2, "betas": (0.3, 0.8), "eps": 1e-2, "weight_decay": 0.2},
    "u": {"lr": 3e-2, "betas": (0.7, 0.7), "eps": 1e-4, "weight_decay": 0.3},
}
SQUARES = (lambda z: (z - 1).square().mean(), lambda z: z.square().mean())
LOGS = (lambda z: -torch.log(z.sigmoid()).mean(), lambda z: -torch.log(1 - z.sigmoid()).mean())


class Adam:
    """Kingma and Ba 2015, algorithm 1; the decay is added to the gradient."""

    def __init__(self, network: nn.Module, lr: float, betas: tuple[float, float], eps: float, weight_decay: float):
        self.parameters = list(network.parameters())
        self.moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in self.parameters]
        self.lr, self.betas, self.eps, self.decay, self.steps = lr, betas, eps, weight_decay, 0

    def minimise(self, loss: Tensor) -> None:
        self.steps += 1
        one, two = self.betas
        gradients = torch.autograd.grad(loss, self.parameters)
        for p, gradient, (m, v) in zip(self.parameters, gradients, self.moments, strict=True):
            with torch.no_grad():
                gradient = gradient + self.decay * p
                m.copy_(one * m + (1 - one) * gradient)
                v.copy_(two * v + (1 - two) * gradient**2)
                p.sub_(self.lr * (m / (1 - one**self.steps)) / ((v / (1 - two**self.steps)).sqrt() + self.eps))


class Features(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(3 * z)


class LastTime(nn.Module):
    """In place of the random pool: the images of the call before, and in the first call those it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.images.append(images.detach())
        return self.images[max(0, len(self.images) - 2)]


def samples() -> list[dict[str, Tensor]]:
    rng = torch.Generator().manual_seed(0)

    def image(channels: int) -> Tensor:
        return torch.rand(channels, 32, 32, dtype=torch.float64, generator=rng) * 2 - 1

    def sample() -> dict[str, Tensor]:
        images = {name: image(3) for name in ("photo", "cartoon", "cartoon_smooth")}
        return images | {"photo_mask": (image(1) > 0).double(), "target": image(3)}

    return [sample(), sample()]


def compare(
    system: Any, second: Callable[..., None], epochs: int = 1, batches: Sequence[Mapping[str, Tensor]] = samples()
) -> None:
    """Train the system, and a copy of it by the second writing: it is given the epoch and the images of one batch."""
    copy = deepcopy(system)
    adams = {player: Adam(getattr(copy, player), **ADAM[player]) for player in system.terms}
    started = deepcopy(system.state_dict())
    fit(system, [dict(batch) for batch in batches], epochs)
    for epoch in range(epochs):
        for batch in batches:
            second(copy, adams, epoch, *(image[None] for image in batch.values()))
    ours, theirs = dict(system.named_parameters()), dict(copy.named_parameters())
    for name, value in ours.items():
        assert torch.allclose(value, theirs[name], rtol=1e-6, atol=1e-8), name
        assert not torch.equal(value, started[name]), f"{name} was not trained"


def system(kind: Any, players: str, **options: Any) -> Any:
    torch.manual_seed(0)
    optimizers = {player: partial(torch.optim.Adam, **ADAM[player]) for player in players}
    return kind(optimizers=optimizers, batch_size=1, epochs=9, decay_share=0.0, **options).double()


@pytest.mark.parametrize(
    ("kind", "generator", "identity"),
    [(CycleGAN, partial(ResnetGenerator, 4, 1), 5.0), (CAMGAN, partial(GanillaGenerator, 4, "skips"), 0.0)],
)
def test_cyclegan(kind: Any, generator: Any, identity: float) -> None:
    model = system(
        kind,
        "gd",
        generator=generator,
        discriminator=partial(PatchDiscriminator, 4, 2),
        objective="lsgan",
        pool_size=50,
        weights={"g": {"adv": 2.0, "cycle": 10.0, "identity": identity}, "d": {"adv": 3.0}},
    )
    model.pools = nn.ModuleDict({"x": LastTime(), "y": LastTime()})
    real, fake = SQUARES

    def second(m: Any, adam: Any, _epoch: int, x: Tensor, y: Tensor, *_others: Tensor) -> None:
        g, f, d_x, d_y = m.g["xy"], m.g["yx"], m.d["x"], m.d["y"]
        g_x, f_y = g(x), f(y)
        cycle = (f(g_x) - x).abs().mean() + (g(f_y) - y).abs().mean()
        same = (g(y) - y).abs().mean() + (f(x) - x).abs().mean()
        adam["g"].minimise(2 * (real(d_y(g_x)) + real(d_x(f_y))) + 10 * cycle + identity * same)
        shown_y, shown_x = m.pools["y"](g_x), m.pools["x"](f_y)
        judging = real(d_y(y)) + fake(d_y(shown_y)) + real(d_x(x)) + fake(d_x(shown_x))
        adam["d"].minimise(3 * 0.5 * judging)

    compare(model, second)


@pytest.mark.parametrize("kind", [CartoonGAN, ArtifyGAN])
def test_cartoongan_in_both_phases(kind: Any) -> None:
    first = kind is CartoonGAN
    real, fake = SQUARES if first else LOGS
    model = system(
        kind,
        "gd",
        generator=partial(CartoonGenerator, 4, 1) if first else partial(ArtifyGenerator, 4, 1),
        discriminator=partial(CartoonDiscriminator if first else ArtifyDiscriminator, 4),
        features=Features,
        objective="lsgan" if first else "vanilla",
        pool_size=50,
        phases={"content": {"epochs": 1, "lr": {"g": 4e-2}}},
        weights={"g": {"adv": 2.0, "content": 0.7}, "d": {"adv": 3.0}},
    )

    model.pool = LastTime()

    def second(m: Any, adam: Any, epoch: int, x: Tensor, y: Tensor, e: Tensor, *_others: Tensor) -> None:
        g_x = m.g(x)
        content = (m.features(g_x) - m.features(x)).abs().mean()
        adam["g"].lr = 4e-2 if epoch == 0 else ADAM["g"]["lr"]
        if epoch == 0:
            adam["g"].minimise(0.7 * content)
            return
        adam["d"].minimise(3 * (real(m.d(y)) + fake(m.d(e)) + fake(m.d(m.pool(g_x)))))
        adam["g"].minimise(2 * real(m.d(g_x)) + 0.7 * content)

    compare(model, second, epochs=2)


@pytest.mark.parametrize("joint", ["none", "discriminator", "generator"])
def test_selfiegan_in_all_phases(joint: str) -> None:
    model = system(
        SelfieGAN,
        "gdu",
        generator=partial(CartoonGenerator, 4, 1),
        discriminator=partial(CartoonDiscriminator, 4),
        segmenter=partial(UNet, 4, 2),
        features=Features,
        objective="lsgan",
        background="white",
        phases={"content": {"epochs": 1}, "segment": {"epochs": 1}},
        joint=joint,
        weights={"g": {"adv": 2.0, "content": 0.7}, "d": {"adv": 3.0}, "u": {"adv": 4.0, "seg": 10.0}},
    )
    real, fake = SQUARES

    def second(m: Any, adam: Any, epoch: int, x: Tensor, y: Tensor, e: Tensor, mask: Tensor, _t: Tensor) -> None:
        def seen(z: Tensor) -> Tensor:
            person = m.u(z).sigmoid()
            return m.d(person * z + (1 - person))

        def segmentation() -> Tensor:
            person = m.u(x).sigmoid()
            return -(mask * person.log() + (1 - mask) * (1 - person).log()).mean()

        def judging() -> Tensor:
            return real(seen(y)) + fake(seen(e)) + fake(seen(g_x.detach()))

        g_x = m.g(x)
        content = (m.features(g_x) - m.features(x)).abs().mean()
        if epoch == 0:
            adam["g"].minimise(0.7 * content)
        if epoch == 1:
            adam["u"].minimise(10 * segmentation())
        if epoch == 2:
            adam["d"].minimise(3 * judging())
            adam["g"].minimise(2 * real(seen(g_x)) + 0.7 * content)
        if epoch == 2 and joint == "discriminator":
            adam["u"].minimise(4 * judging() + 10 * segmentation())
        if epoch == 2 and joint == "generator":
            adam["u"].minimise(4 * real(seen(g_x.detach())) + 10 * segmentation())

    compare(model, second, epochs=3)


def test_pix2pix() -> None:
    model = system(
        Pix2Pix,
        "gd",
        generator=partial(CartoonGenerator, 4, 1),
        discriminator=partial(PatchDiscriminator, 4, 2, 6),
        objective="vanilla",
        weights={"g": {"adv": 2.0, "l1": 100.0}, "d": {"adv": 3.0}},
    )
    real, fake = LOGS

    def second(m: Any, adam: Any, _epoch: int, x: Tensor, y: Tensor, _e: Tensor, _mask: Tensor, t: Tensor) -> None:
        g_x = m.g(x)

        def seen(z: Tensor) -> Tensor:
            return m.d(torch.cat([x, z], 1))

        adam["d"].minimise(3 * 0.5 * (real(seen(t)) + fake(seen(g_x.detach()))))
        adam["g"].minimise(2 * real(seen(g_x)) + 100 * (t - g_x).abs().mean())

    compare(model, second)
