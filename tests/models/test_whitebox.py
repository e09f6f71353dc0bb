"""White-box Cartoonization against values worked out by hand, and against a second writing of its steps."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from portrait_cartoons.models.superpixels import superpixels
from portrait_cartoons.models.whitebox import LUMINANCE, Whitebox, grey
from portrait_cartoons.networks.whitebox import WhiteboxDiscriminator, WhiteboxGenerator, guided_filter
from tests.models.test_cartoongan import Double
from tests.models.test_cyclegan import Mean, Shift, adam, fit
from tests.models.test_steps import SQUARES, Features, compare, system

WEIGHTS = {
    "g": {"texture": 1.0, "surface": 0.5, "structure": 3.0, "content": 2.0, "tv": 4.0},
    "d": {"texture": 1.0, "surface": 0.7, "r1": 0.0},
}
F64 = torch.float64


def image(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, dtype=F64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_losses_equal_the_values_worked_out_by_hand() -> None:
    # x = 0.1, y = 0.6, G(x) = 0.4, all grey and flat: views change nothing. D(z) = z; V(z) = 2 z.
    model = Whitebox(
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
    batch = {name: torch.full((3, 16, 16), value, dtype=F64) for name, value in (("photo", 0.1), ("cartoon", 0.6))}
    first, values = fit(model, [batch], epochs=2)
    assert first["train/g/total"] == pytest.approx(2 * 0.6)
    assert not any(name.startswith("train/d/") for name in first)
    g = {"texture": 0.6**2, "surface": 0.6**2, "structure": 0.0, "content": 0.6, "tv": 0.0}
    d = {"texture": (0.4**2 + 0.4**2) / 2, "surface": (0.4**2 + 0.4**2) / 2}
    for player, terms in {"d": d, "g": g}.items():
        found = {name: values[f"train/{player}/{name}"] for name in terms}
        assert found == pytest.approx(terms, abs=1e-6)
        total = sum(WEIGHTS[player][t] * v for t, v in terms.items())
        assert values[f"train/{player}/total"] == pytest.approx(total, abs=1e-6)
    scores = {name: values[f"train/d_score/{name}"] for name in ("real", "fake", "real_surface", "fake_surface")}
    assert scores == pytest.approx({"real": 0.6, "fake": 0.4, "real_surface": 0.6, "fake_surface": 0.4})


class Fixed(Whitebox):
    def shades(self) -> Tensor:
        return torch.tensor([0.25, 0.55, 0.15], dtype=F64)


def test_steps_of_both_phases_equal_a_second_writing() -> None:
    model = system(
        Fixed,
        "gd",
        generator=partial(WhiteboxGenerator, 4, 1),
        discriminator=partial(WhiteboxDiscriminator, 4),
        features=Features,
        objective="lsgan",
        phases={"content": {"epochs": 1}},
        weights=WEIGHTS,
    )
    real, fake = SQUARES

    def views(z: Tensor) -> dict[str, Tensor]:
        r, g, b = z.unbind(1)
        return {
            "texture": torch.stack([(0.25 * r + 0.55 * g + 0.15 * b) / 0.95] * 3, 1),
            "surface": guided_filter(z, z, 5, 0.2),
        }

    def second(m: Any, adam: Any, epoch: int, x: Tensor, y: Tensor) -> None:
        g_x = m.g(x)
        content = (m.features(g_x) - m.features(x)).abs().mean()
        if epoch == 0:
            adam["g"].minimise(2 * content)
            return
        structure = (m.features(g_x) - m.features(superpixels(g_x))).abs().mean()
        tv = (g_x[:, :, 1:] - g_x[:, :, :-1]).square().mean() / 2
        tv = tv + (g_x[..., 1:] - g_x[..., :-1]).square().mean() / 2
        ours, theirs = views(g_x), views(y)
        adam["g"].minimise(
            real(m.d["texture"](ours["texture"]))
            + 0.5 * real(m.d["surface"](ours["surface"]))
            + (3 * structure + 2 * content + 4 * tv)
        )
        losses = {name: (real(m.d[name](theirs[name])) + fake(m.d[name](ours[name].detach()))) / 2 for name in m.d}
        adam["d"].minimise(losses["texture"] + 0.7 * losses["surface"])

    batches = [{"photo": image(n, 3, 32, 32), "cartoon": image(n + 2, 3, 32, 32)} for n in range(2)]
    compare(model, second, epochs=2, batches=batches)


@pytest.mark.parametrize("term", ["content", "structure"])
def test_features_that_no_weight_asks_for_are_not_computed(term: str) -> None:
    model = system(
        Whitebox,
        "gd",
        generator=partial(WhiteboxGenerator, 4, 1),
        discriminator=partial(WhiteboxDiscriminator, 4),
        features=Features,
        objective="lsgan",
        phases={"content": {"epochs": 0}},
        weights=WEIGHTS | {"g": {**WEIGHTS["g"], term: 0.0}},
    )
    (values,) = fit(model, [{"photo": image(0, 3, 16, 16), "cartoon": image(1, 3, 16, 16)}])
    assert f"train/g/{term}" not in values
    assert {f"train/g/{name}" for name in WEIGHTS["g"]} - {f"train/g/{term}"} <= values.keys()


def test_networks_have_the_sizes_of_the_authors_code() -> None:
    def count(network: nn.Module) -> int:
        return sum(parameter.numel() for parameter in network.parameters())

    assert count(WhiteboxGenerator()) == 1_467_075
    discriminator = WhiteboxDiscriminator()
    assert count(discriminator) == 287_137
    photo = torch.zeros(1, 3, 256, 256, requires_grad=True)
    logits = discriminator(photo)
    assert logits.shape == (1, 1, 32, 32)
    logits[0, 0, 16, 16].backward()
    assert photo.grad is not None
    _, _, rows, columns = photo.grad.nonzero(as_tuple=True)
    assert [int(places.max() - places.min()) + 1 for places in (rows, columns)] == [43, 43]


@pytest.mark.parametrize(("eps", "skip"), [(1e-2, False), (1e-3, False), (1e-3, True)])
def test_the_generator_ends_in_a_guided_filter_by_the_photo(eps: float, skip: bool) -> None:
    torch.manual_seed(0)
    network = WhiteboxGenerator(4, 1, eps, skip).double()
    photo = image(0, 1, 3, 16, 16)
    if skip:  # it begins at the photo
        torch.testing.assert_close(network(photo), guided_filter(photo, photo, 1, eps))
        nn.init.normal_(network.last[1].weight)  # type: ignore[arg-type]
    drawn: list[Tensor] = []
    network.last.register_forward_hook(lambda *call: drawn.append(call[-1]))
    output = network(photo)
    assert torch.equal(output, guided_filter(photo, drawn[0] + photo * skip, 1, eps).clamp(-1, 1))


def test_the_guided_filter_equals_a_fit_in_each_window() -> None:
    guide, picture = image(0, 7, 6).numpy(), image(1, 7, 6).numpy()
    slopes, offsets = np.empty((7, 6)), np.empty((7, 6))

    def window(values: np.ndarray, i: int, j: int) -> np.ndarray:
        return values[max(0, i - 2) : i + 3, max(0, j - 2) : j + 3].ravel()

    for i, j in np.ndindex(7, 6):
        x, y = window(guide, i, j), window(picture, i, j)
        slopes[i, j] = ((x * y).mean() - x.mean() * y.mean()) / (x.var() + 0.05)  # ridge regression
        offsets[i, j] = y.mean() - slopes[i, j] * x.mean()
    expected = [window(slopes, i, j).mean() * guide[i, j] + window(offsets, i, j).mean() for i, j in np.ndindex(7, 6)]
    tensors = [torch.from_numpy(values)[None, None] for values in (guide, picture)]
    assert guided_filter(tensors[0], tensors[1], radius=2, eps=0.05).flatten().tolist() == pytest.approx(expected)


def test_superpixels_are_flat_areas_that_follow_the_borders_of_colours() -> None:
    picture = torch.full((1, 3, 40, 60), -0.5)
    picture[:, 0, :, 23:] = 0.7  # a border that the grid of areas does not know
    drawn = superpixels(picture, count=24)
    assert torch.allclose(drawn, picture, atol=1e-5)
    noisy = (picture + 0.1 * torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))).repeat(2, 1, 1, 1)
    noisy[1] = noisy[1].flip(2)
    drawn = superpixels(noisy, count=24)
    for ours, photo in zip(drawn, noisy, strict=True):
        colours = ours.flatten(1).T.unique(dim=0)
        assert 12 <= len(colours) <= 40
        for colour in colours:
            inside = (ours == colour[:, None, None]).all(0)
            assert torch.allclose(photo[:, inside].mean(1), colour, atol=1e-4)


def test_the_grey_of_a_step_is_one_for_all_pictures_and_near_the_luminance() -> None:
    model = Whitebox.shades(None)  # type: ignore[arg-type]
    assert ((model - torch.tensor(LUMINANCE)).abs() <= 0.1).all()
    assert not torch.equal(model, Whitebox.shades(None))  # type: ignore[arg-type]
    picture = torch.tensor([1.0, 0.0, -1.0]).view(1, 3, 1, 1)
    assert grey(picture, torch.tensor([0.5, 0.25, 0.25])).flatten().tolist() == pytest.approx([0.25] * 3)
    white = torch.ones(1, 3, 1, 1)
    assert torch.allclose(grey(white, torch.tensor([0.2, 0.6, 0.3])), white)
