"""AnimeGANv2 against values worked out by hand and against a second writing of its steps."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from portrait_cartoons.models.animegan import AnimeGANv2
from portrait_cartoons.networks.animegan import AnimeDiscriminator, AnimeGenerator
from tests.models.test_cartoongan import Double
from tests.models.test_cyclegan import Mean, Shift, adam, fit
from tests.models.test_steps import ADAM, SQUARES, Features, compare, system

WEIGHTS = {
    "g": {"adv": 300.0, "content": 1.5, "style": 2.5, "colour": 15.0, "tv": 1.0},
    "d": {"real": 360.0, "fake": 350.0, "grey": 340.0, "smooth": 240.0},
}


def test_losses_equal_the_values_worked_out_by_hand() -> None:
    # x = 0.1, y = 0.6, y' = 0.5, e = 0.4, all grey; G(x) = 0.4; D(z) = z; F(z) = 2 z.
    images = {"photo": 0.1, "cartoon": 0.6, "cartoon_grey": 0.5, "cartoon_smooth": 0.4}
    model = AnimeGANv2(
        generator=lambda: Shift(0.3),
        discriminator=lambda: Mean(1.0),
        features=Double,
        objective="lsgan",
        batch_size=1,
        phases={"content": {"epochs": 1}},
        optimizers={"g": adam(0.0), "d": adam(0.0)},
        weights=WEIGHTS,
        epochs=1,
        decay_share=0.0,
    ).double()
    batch = {name: torch.full((3, 8, 8), value, dtype=torch.float64) for name, value in images.items()}
    first, values = fit(model, [batch], epochs=2)
    assert first["train/g/total"] == pytest.approx(1.5 * 0.6)
    assert not any(name.startswith("train/d/") for name in first)
    d = {"real": (0.6 - 1) ** 2, "fake": 0.4**2, "grey": 0.5**2, "smooth": 0.4**2}
    # Three like channels: each product is f^2 / 3. Greys differ in Y alone, which is half of the difference.
    g = {"adv": 0.6**2, "content": 0.6, "style": (1 - 0.8**2) / 3, "colour": 0.15, "tv": 0.0}
    for player, terms in {"d": d, "g": g}.items():
        assert {name: values[f"train/{player}/{name}"] for name in terms} == pytest.approx(terms)
        assert values[f"train/{player}/total"] == pytest.approx(sum(WEIGHTS[player][t] * v for t, v in terms.items()))
    scores = {name: values[f"train/d_score/{name}"] for name in d}
    assert scores == pytest.approx({"real": 0.6, "fake": 0.4, "grey": 0.5, "smooth": 0.4})


def samples() -> list[dict[str, Tensor]]:
    rng = torch.Generator().manual_seed(0)

    def image() -> Tensor:
        return torch.rand(3, 32, 32, dtype=torch.float64, generator=rng) * 2 - 1

    return [{name: image() for name in AnimeGANv2.inputs} for _ in range(2)]


def test_steps_of_both_phases_equal_a_second_writing() -> None:
    model = system(
        AnimeGANv2,
        "gd",
        generator=partial(AnimeGenerator, 4, 1),
        discriminator=partial(AnimeDiscriminator, 4),
        features=Features,
        objective="lsgan",
        phases={"content": {"epochs": 1, "lr": {"g": 4e-2}}},
        weights=WEIGHTS,
    )
    real, fake = SQUARES

    def yuv(image: Tensor) -> list[Tensor]:
        r, g, b = ((image + 1) / 2).unbind(1)
        y = 0.299 * r + 0.587 * g + 0.114 * b
        return [y, -0.147 * r - 0.289 * g + 0.436 * b, 0.615 * r - 0.515 * g - 0.100 * b]

    def second(m: Any, adam: Any, epoch: int, x: Tensor, y: Tensor, grey: Tensor, e: Tensor) -> None:
        g_x = m.g(x)
        f_g, f_x = m.features(g_x), m.features(x)
        content = (f_g - f_x).abs().mean()
        adam["g"].lr = 4e-2 if epoch == 0 else ADAM["g"]["lr"]
        if epoch == 0:
            adam["g"].minimise(1.5 * content)
            return
        r, g, b = e.unbind(1)
        smooth = torch.stack([0.299 * r + 0.587 * g + 0.114 * b] * 3, 1)
        judged = [m.d(z) for z in (y, g_x.detach(), grey, smooth)]
        adam["d"].minimise(
            360 * real(judged[0]) + 350 * fake(judged[1]) + 340 * fake(judged[2]) + 240 * fake(judged[3])
        )
        grams = [torch.einsum("nchw,ndhw->ncd", f, f) / (3 * 32 * 32) for f in (f_g, m.features(grey))]
        style = (grams[0] - grams[1]).abs().mean()
        (dy, du, dv) = (a - b for a, b in zip(yuv(g_x), yuv(x), strict=True))
        assert max(du.abs().max(), dv.abs().max()) < 1
        colour = dy.abs().mean() + du.square().mean() / 2 + dv.square().mean() / 2
        tv = (g_x[:, :, 1:] - g_x[:, :, :-1]).square().mean() / 2
        tv = tv + (g_x[..., 1:] - g_x[..., :-1]).square().mean() / 2
        adam["g"].minimise(300 * real(m.d(g_x)) + 1.5 * content + 2.5 * style + 15 * colour + tv)

    compare(model, second, epochs=2, batches=samples())


@pytest.mark.parametrize("term", ["content", "style"])
def test_features_that_no_weight_asks_for_are_not_computed(term: str) -> None:
    model = system(
        AnimeGANv2,
        "gd",
        generator=partial(AnimeGenerator, 4, 1),
        discriminator=partial(AnimeDiscriminator, 4),
        features=Features,
        objective="lsgan",
        phases={"content": {"epochs": 0}},
        weights=WEIGHTS | {"g": {**WEIGHTS["g"], term: 0.0}},
    )
    (values,) = fit(model, samples()[:1])
    assert {"content", "style"} - {term} <= {name.removeprefix("train/g/") for name in values}
    assert f"train/g/{term}" not in values
