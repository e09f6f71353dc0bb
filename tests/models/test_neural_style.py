"""Neural style on random features: the objective by hand, and what its steps do."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from portrait_cartoons.image import load_rgb, save_image
from portrait_cartoons.losses.style import gatys, gram
from portrait_cartoons.models.neural_style import LAYERS, NeuralStyle
from portrait_cartoons.translate import main as translate


def pictures(count: int, seed: int = 0, side: int = 32) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def drawer(strength: float = 10.0, steps: int = 8) -> NeuralStyle:
    return NeuralStyle(pictures(1, 1), "squeezenet1_0", "random", strength, steps)


def test_the_style_term_is_equation_4() -> None:
    ours, theirs = torch.rand(1, 3, 4, 5, dtype=torch.float64), torch.rand(1, 3, 4, 5, dtype=torch.float64)
    g, a = (features[0].flatten(1) @ features[0].flatten(1).T for features in (ours, theirs))
    assert gatys(ours, theirs).item() == pytest.approx((g - a).square().sum().item() / (4 * 3**2 * 20**2))


@pytest.mark.parametrize("network", LAYERS)
def test_the_layers_are_activations(network: str) -> None:
    layer, *_ = LAYERS[network]  # type: ignore[index]
    assert layer.startswith(network)
    drawn = NeuralStyle(pictures(1, 1), network, "random", 1.0, 1)  # type: ignore[arg-type]
    seen = drawn.seen(pictures(1))
    assert seen.keys() == {*drawn.style_layers, drawn.content_layer}
    assert all(features.min() >= 0 for features in seen.values())


def test_steps_bring_the_textures_nearer_and_the_photo_goes() -> None:
    photo = pictures(1) / 4
    distances = []
    for steps in (1, 12):
        drawn = drawer(steps=steps)
        ours, theirs = drawn.seen(drawn(photo)), drawn.seen(drawn.style)
        distances.append([(gram(ours[n]) - gram(theirs[n])).norm() for n in drawn.style_layers])
    assert all(after < before for before, after in zip(*distances, strict=True))


def test_each_picture_is_drawn_by_itself_and_always_alike_even_where_no_gradients_are_kept() -> None:
    photos, first, second = pictures(2), drawer(), drawer()
    with torch.inference_mode():
        both = first(photos)
        assert torch.equal(both[1:], second(photos[1:]))
    assert not torch.equal(both, photos)
    assert both.abs().max() <= 1


def test_a_weak_style_leaves_the_photo() -> None:
    photo = pictures(1)
    changes = [(drawer(strength)(photo) - photo).abs().mean() for strength in (1e-4, 10.0)]
    assert changes[0] < changes[1] / 10


STYLE = ("style_network=squeezenet1_0", "style_weights=random", "style_steps=2", "device=cpu")


def test_translating_takes_the_style_of_any_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, seed, side in (("me.png", 0, 20), ("style.png", 1, 40)):
        save_image(((pictures(1, seed, side)[0] + 1) * 127).byte().permute(1, 2, 0).numpy(), tmp_path / name)
    arguments = [f"style_picture={tmp_path / 'style.png'}", f"input={tmp_path / 'me.png'}", *STYLE]
    assert translate([*arguments, f"output={tmp_path / 'out.png'}"]) == 0
    assert load_rgb(tmp_path / "out.png").shape == (20, 20, 3)
    assert "each photo is optimised for 2 steps" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("style_picture=nowhere.png",), "style_picture=nowhere.png: there is no such file"),
        (("style_steps=0",), "style_steps=0: it must be a whole number from 1 to 5000"),
        (("style_strength=nan",), "style_strength=nan: it must be a number above 0"),
        (("style_network=vgg",), "style_network=vgg: it must be vgg19 or squeezenet1_0"),
        (("style_picture=pyproject.toml", "style=classical"), "both name what draws"),
        (("style_picture=pyproject.toml", "background=white"), "needs mask="),
    ],
)
def test_wrong_use_is_said(more: tuple[str, ...], message: str) -> None:
    with pytest.raises(Exception, match=message):
        translate(["input=README.md", "output=out.png", *more])
