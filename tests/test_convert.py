"""Weights that others published become checkpoints that draw what their own networks draw."""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from portrait_cartoons import convert
from portrait_cartoons.errors import UserError
from portrait_cartoons.image import to_uint8
from portrait_cartoons.inference import Cartoonizer
from portrait_cartoons.runs.checkpoint import load, load_generator, read
from tests.conftest import Command
from tests.published import FORMS, animegan, animegan_state, cartoongan_state, cyclegan_state

SIZES = {
    "cyclegan of nine blocks": 11_378_179,
    "cyclegan of six blocks": None,
    "cartoongan": 11_129_667,
    "animegan": 2_143_552,
}


def run(source: Path, output: Path, licence: str = "CC BY 4.0") -> None:
    convert.main([f"from={source}", f"output={output}", f"licence={licence}"])


@pytest.mark.parametrize("form", FORMS)
def test_a_converted_generator_draws_what_the_published_one_does(form: str, tmp_path: Path) -> None:
    state, network = FORMS[form]
    torch.save(OrderedDict(state), tmp_path / "net_G.pth")
    run(tmp_path / "net_G.pth", tmp_path / "net.ckpt")
    generator = load_generator(tmp_path / "net.ckpt").network
    rng = torch.Generator().manual_seed(1)
    x = torch.rand(2, 3, 32, 48, dtype=torch.float64, generator=rng) * 2 - 1
    with torch.no_grad():
        expected = network({name: value.double() for name, value in state.items()}, x)
        found = generator.double()(x)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 if form == "cartoongan" else 1e-9)
    if SIZES[form]:
        assert sum(parameter.numel() for parameter in generator.parameters()) == SIZES[form]
    content = read(tmp_path / "net.ckpt")
    assert content["published"]["licence"] == "CC BY 4.0"
    assert content["published"]["file"] == "net_G.pth"


def test_the_checkpoint_is_one_like_any_other(tmp_path: Path, command: Command) -> None:
    state = animegan_state(width=4)
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "net.pt", _use_new_zipfile_serialization=False)
    arguments = ("from=net.pt", "output=anime.ckpt", "licence=mine")
    assert command("convert", *arguments, folder=tmp_path).exitcode == 0, (tmp_path / "output.txt").read_text()
    assert "an AnimeGANv2 generator of animegan2-pytorch; licence: mine" in (tmp_path / "output.txt").read_text()
    assert load(tmp_path / "anime.ckpt").deployed.training is False
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(photo).save(tmp_path / "me.png")
    assert (
        command(
            "translate", "ckpt=anime.ckpt", "input=me.png", "output=out", "precision=float32", folder=tmp_path
        ).exitcode
        == 0
    )
    measured = ("ckpt=anime.ckpt", "output=report", "device=cpu", "data=toy")
    few = ("data.source.train=2", "data.source.val=2", "data.source.test=2")
    assert command("evaluate", *measured, *few, folder=tmp_path).exitcode == 0, (tmp_path / "output.txt").read_text()

    drawn = animegan(state, torch.from_numpy(photo).permute(2, 0, 1)[None] / 127.5 - 1)
    expected = to_uint8(drawn[0]).permute(1, 2, 0).numpy().astype(int)
    cartoon = np.asarray(Image.open(tmp_path / "out/me.png")).astype(int)
    assert expected.std() > 10
    assert np.abs(cartoon - expected).max() <= 1
    assert np.abs(Cartoonizer.load(tmp_path / "anime.ckpt", precision="float32").translate(photo) - expected).max() <= 1


def test_the_licence_is_asked_for(tmp_path: Path) -> None:
    torch.save(animegan_state(width=4), tmp_path / "net.pt")
    with pytest.raises(UserError, match=r"licence is missing: add licence="):
        convert.main([f"from={tmp_path / 'net.pt'}", f"output={tmp_path / 'net.ckpt'}"])
    assert not (tmp_path / "net.ckpt").exists()


def test_files_that_do_not_fit_are_one_sentence_each(tmp_path: Path) -> None:
    whole = animegan_state(width=4)
    wrong = {
        "has no layout that is known": {"weight": torch.zeros(3)},
        r"looks like an AnimeGANv2 generator .*, but lacks 'block_z\.0'": whole | {"block_z.0.weight": torch.zeros(1)},
        r"looks like an AnimeGANv2 .* network has \[4\] at 2\.weight, the file has \[5\]": whole
        | {"block_a.0.2.weight": torch.zeros(5)},
        r"network has \[3, 4, 1, 1\] at 54\.weight, the file has nothing": {
            name: value for name, value in whole.items() if not name.startswith("out")
        },
        "looks like a CartoonGAN generator .*, but lacks 'conv01_1.weight'": {"in01_1.scale": torch.zeros(4)},
        r"looks like a CycleGAN generator .*network has \[4\] at 1.bias, the file has nothing": {
            name: value for name, value in cyclegan_state(6, 4).items() if name != "model.1.bias"
        },
        "it holds": {"block_a.0.1.weight": {1, 2}},
    }
    for sentence, content in wrong.items():
        torch.save(content, tmp_path / "net.pt")
        with pytest.raises(UserError, match=sentence):
            run(tmp_path / "net.pt", tmp_path / "net.ckpt")
        assert not (tmp_path / "net.ckpt").exists()


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("owned"),)  # type: ignore[return-value]


def test_no_code_of_a_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(cartoongan_state(width=4) | {"extra": Hostile()}, "net.pth")
    with pytest.raises(UserError, match="cannot be read"):
        run(Path("net.pth"), Path("net.ckpt"))
    np.save("net.npy", np.array({"a": Hostile()}, dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="pickled objects, which could run any code"):
        run(Path("net.npy"), Path("net.ckpt"))
    assert not Path("owned").exists()
    assert not Path("net.ckpt").exists()


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("net.pth", r"must be a file that ends in \.ckpt"),
        ("no/net.ckpt", "there is no folder"),
        ("old.ckpt", "already"),
    ],
)
def test_an_output_that_cannot_be_is_one_sentence(output: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "old.ckpt").touch()
    torch.save(animegan_state(width=4), tmp_path / "net.pt")
    with pytest.raises(UserError, match=sentence):
        run(tmp_path / "net.pt", tmp_path / output)
    with pytest.raises(UserError, match="there is no such file"):
        run(tmp_path / "none.pt", tmp_path / "net.ckpt")
