"""`src.export` writes a file that others can use, or says in a sentence why not."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from portrait_cartoons import Cartoonizer
from portrait_cartoons.cli.options import OptionError
from portrait_cartoons.deployment import parity
from portrait_cartoons.errors import UserError
from portrait_cartoons.export import main
from portrait_cartoons.image import load_rgb, save_image
from tests.deployment.conftest import checkpoint

__all__ = ["checkpoint"]

PHOTO = np.random.default_rng(0).integers(0, 256, (40, 31, 3), dtype=np.uint8)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def exported(checkpoint: Path, folder: Path, form: str, suffix: str) -> Path:
    main([f"ckpt={checkpoint}", f"output={folder / f'cartoon{suffix}'}", f"format={form}"])
    return folder / f"cartoon{suffix}"


@pytest.mark.parametrize(
    ("form", "suffix"), [("onnx", ".onnx"), ("torch_export", ".pt2"), ("safetensors", ".safetensors")]
)
def test_one_file_its_hash_and_its_card_without_a_private_path(
    checkpoint: Path, tmp_path: Path, form: str, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = exported(checkpoint, tmp_path, form, suffix)
    assert files(tmp_path) == [file.name, f"{file.name}.md", f"{file.name}.sha256"]
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert (tmp_path / f"{file.name}.sha256").read_text() == f"{sha256}  {file.name}\n"
    card = (tmp_path / f"{file.name}.md").read_text()
    assert sha256 in card
    assert "CycleGAN" in card
    printed = capsys.readouterr().out
    assert re.search(r"257 x 255 +\d\.\de[+-]\d\d", printed)
    for private in (str(checkpoint.parent), str(Path(__file__).parent.parent), str(Path.home()), sys.prefix):
        assert private.encode() not in file.read_bytes()
        assert private not in card
    if form != "torch_export":
        drawn, expected = (
            Cartoonizer.load(path, "cpu", precision="float32").translate(PHOTO).astype(int)
            for path in (file, checkpoint)
        )
        assert np.abs(drawn - expected).max() <= 1


def test_half_precision_is_half_as_large(checkpoint: Path, tmp_path: Path) -> None:
    arguments = [f"ckpt={checkpoint}", "format=safetensors"]
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    main([*arguments, f"output={whole}"])
    main([*arguments, f"output={half}", "weights=float16"])
    assert half.stat().st_size < 0.7 * whole.stat().st_size
    first, second = (
        Cartoonizer.load(file, "cpu", precision="float32").translate(PHOTO).astype(int) for file in (whole, half)
    )
    assert np.abs(first - second).max() <= 3


@pytest.mark.parametrize("weights", ["float16", "int8"])
def test_smaller_weights_of_onnx_are_measured_and_the_file_draws(
    checkpoint: Path, tmp_path: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "small.onnx"
    main([f"ckpt={checkpoint}", f"output={file}", f"weights={weights}"])
    figures = re.search(
        rf"weights of {weights}: (PSNR \d+\.\d dB to float32, \d+\.\d\d times as fast)", capsys.readouterr().out
    )
    assert figures
    assert figures[1] in (tmp_path / "small.onnx.md").read_text()
    drawn, expected = (
        Cartoonizer.load(path, "cpu", precision="float32").translate(PHOTO) for path in (file, checkpoint)
    )
    assert np.abs(drawn.astype(float) - expected).mean() < 12


def test_photos_that_show_what_changes_are_the_users_own(checkpoint: Path, tmp_path: Path) -> None:
    save_image(PHOTO, tmp_path / "a.png")
    with pytest.raises(OptionError, match=r"photos=.* holds less than two pictures"):
        main([f"ckpt={checkpoint}", f"output={tmp_path}/a.onnx", "weights=int8", f"photos={tmp_path}"])


def test_nothing_is_overwritten_unasked(checkpoint: Path, tmp_path: Path) -> None:
    for name in ("cartoon.safetensors", "cartoon.safetensors.md"):
        (tmp_path / name).write_text("mine")
        with pytest.raises(UserError, match=f"{name} is there already; .*overwrite=true"):
            exported(checkpoint, tmp_path, "safetensors", ".safetensors")
        assert (tmp_path / name).read_text() == "mine"
        assert files(tmp_path) == [name]
        (tmp_path / name).unlink()
    arguments = [f"ckpt={checkpoint}", f"output={tmp_path / 'a.safetensors'}", "format=safetensors"]
    main([*arguments, "licence=first"])
    main([*arguments, "licence=CC BY 4.0", "overwrite=true"])
    assert "CC BY 4.0" in (tmp_path / "a.safetensors.md").read_text()


def test_a_file_that_differs_is_not_written(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity, "LIMIT", -1)
    with pytest.raises(parity.ExportError, match="differs from PyTorch"):
        exported(checkpoint, tmp_path, "safetensors", ".safetensors")
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "ckpt is missing"),
        (["ckpt=absent", "output=a.onnx"], "ckpt=absent: there is no such file"),
        (["ckpt=.", "output=a.onnx", "format=tflite"], "format=tflite: it must be one of onnx, torch_export"),
        (["ckpt=.", "output=a.pt2"], r"output=a.pt2 must be a file that ends in \.onnx"),
        (["ckpt=.", "output=absent/a.onnx"], "there is no folder absent"),
        (
            ["ckpt=.", "output=a.pt2", "format=torch_export", "weights=float16"],
            "weights=float16 is for format=onnx and",
        ),
        (["ckpt=.", "output=b.onnx"], "the folder . holds no"),
        (["ckpt=a.onnx", "output=b.onnx"], "ckpt=a.onnx is an export already"),
        (["ckpt=.", "output=a.onnx", "fromat=onnx"], "did you mean format"),
    ],
)
def test_wrong_use_is_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.onnx").touch()
    with pytest.raises(UserError, match=sentence) as found:
        main(arguments)
    assert found.value.exit_code == 2
    assert "\n" not in str(found.value)


def test_a_full_disk_is_one_sentence(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(UserError, match=r"cannot be written \(No space left on device\)"):
        exported(checkpoint, tmp_path, "safetensors", ".safetensors")
    assert files(tmp_path) == []


@pytest.mark.slow
def test_the_cards_program_needs_onnxruntime_numpy_and_pillow_alone(checkpoint: Path, tmp_path: Path) -> None:
    file = exported(checkpoint, tmp_path, "onnx", ".onnx")
    program = re.search(r"```python\n(.*?)```", (tmp_path / f"{file.name}.md").read_text(), re.DOTALL)
    assert program
    Image.fromarray(PHOTO).save(tmp_path / "photo.jpg", quality=95)
    barred = "import sys; sys.modules |= dict.fromkeys(['torch', 'onnx', 'onnxscript', 'portrait_cartoons'])\n"
    subprocess.run([sys.executable, "-I", "-c", barred + program[1]], cwd=tmp_path, check=True)
    expected = Cartoonizer.load(checkpoint, "cpu", 1000, "float32").translate(load_rgb(tmp_path / "photo.jpg"))
    assert np.abs(load_rgb(tmp_path / "cartoon.png").astype(int) - expected).max() <= 1


def test_mistakes_wait_for_no_heavy_import() -> None:
    code = """if True:
        import sys, src
        from portrait_cartoons.export import main
        main(["--help"])
        try:
            main(["ckpt=x", "output=y"])
        except Exception:
            print({"torch", "numpy", "onnx"} & set(sys.modules))
    """
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "set()"
