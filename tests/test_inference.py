import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn

from portrait_cartoons import inference, styles
from portrait_cartoons.data.toy import portrait
from portrait_cartoons.devices import DeviceError
from portrait_cartoons.image import ImageError
from portrait_cartoons.inference import Cartoonizer, InferenceError
from portrait_cartoons.runs.checkpoint import Trained


class Generator(nn.Module):
    """Inverts colours, and is as particular about its input as the real ones."""

    def __init__(self, multiple: int = 4) -> None:
        super().__init__()
        self.size_divisor = multiple
        self.gain = nn.Parameter(torch.tensor(-1.0))
        self.pad = nn.ReflectionPad2d(3)
        self.modes: list[bool] = []
        self.shapes: list[tuple[int, int]] = []

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        assert x.dtype == torch.float32
        assert x.abs().max() <= 1
        assert height % self.size_divisor == 0
        assert width % self.size_divisor == 0
        assert not torch.is_grad_enabled()
        self.modes.append(self.training)
        self.shapes.append((height, width))
        return self.gain * self.pad(x)[..., 3:-3, 3:-3]


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng([height, width]).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(deadline=None)
@given(st.integers(1, 80), st.integers(1, 80), st.sampled_from([1, 4, 16]))
def test_keeps_size_and_place_of_every_pixel(height: int, width: int, multiple: int) -> None:
    photo = noise(height, width)
    assert np.array_equal(Cartoonizer(Generator(multiple)).translate(photo), 255 - photo)


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (500, 3), (2, 65), (64, 64)])
@pytest.mark.parametrize("max_side", [None, 1, 50, 100])
def test_extreme_shapes_keep_their_size(shape: tuple[int, int], max_side: int | None) -> None:
    cartoon = Cartoonizer(Generator(), max_side=max_side).translate(noise(*shape))
    assert cartoon.shape == (*shape, 3)
    assert cartoon.dtype == np.uint8


def test_instance_norm_sees_enough_of_a_single_pixel() -> None:
    class Normed(Generator):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.instance_norm(super().forward(x))

    assert Cartoonizer(Normed()).translate(noise(1, 1)).shape == (1, 1, 3)


def test_a_large_photo_is_reduced_whole_and_never_cut() -> None:
    generator = Generator()
    ramp = np.broadcast_to(np.linspace(0, 255, 400, dtype=np.uint8)[None, :, None], (200, 400, 3))
    cartoon = Cartoonizer(generator, max_side=128).translate(ramp)
    assert generator.shapes == [(64, 128)]
    assert cartoon.shape == (200, 400, 3)
    assert np.abs(cartoon.astype(int) - (255 - ramp)).max() <= 3


@pytest.mark.parametrize("max_side", [90, 300])
def test_a_photo_within_the_limit_is_left_as_it_is(max_side: int) -> None:
    generator, photo = Generator(), noise(70, 90)
    assert np.array_equal(Cartoonizer(generator, max_side=max_side).translate(photo), 255 - photo)
    assert generator.shapes == [(72, 92)]


@pytest.mark.parametrize(
    ("shape", "given"),
    [
        ((64, 64), (64, 64)),
        ((30, 40), (64, 64)),  # small pictures are padded, never enlarged
        ((640, 640), (64, 64)),
        ((640, 960), (64, 96)),
        ((3000, 300), (256, 64)),  # a panorama: its longer side decides
    ],
)
def test_the_network_works_near_the_size_it_was_trained_on(shape: tuple[int, int], given: tuple[int, int]) -> None:
    generator, photo = Generator(), np.full((*shape, 3), 200, np.uint8)
    assert np.array_equal(Cartoonizer(generator, size=64).translate(photo), 255 - photo)
    assert generator.shapes == [given]


def test_max_side_takes_the_place_of_that_size() -> None:
    generator = Generator()
    Cartoonizer(generator, size=64, max_side=128).translate(noise(640, 640))
    assert generator.shapes == [(128, 128)]


def test_pictures_of_one_working_size_go_through_the_network_together() -> None:
    class Counting(Generator):
        def forward(self, x: Tensor) -> Tensor:
            batches.append(len(x))
            return super().forward(x)

    batches: list[int] = []
    photos = [noise(70, 90), noise(20, 30), noise(70, 90), noise(35, 45)]
    cartoonizer = Cartoonizer(Counting(), max_side=45)
    cartoons = cartoonizer.translate_batch(photos)
    assert [cartoon.shape for cartoon in cartoons] == [photo.shape for photo in photos]
    assert batches[-2:] == [3, 1]
    for photo, cartoon in zip(photos, cartoons, strict=True):
        assert np.array_equal(cartoon, cartoonizer.translate(photo))
    assert cartoonizer.translate_batch([]) == []


def test_a_picture_that_memory_cannot_hold_is_refused_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = Generator()
    monkeypatch.setattr("portrait_cartoons.devices.free_memory", lambda: 10_000_000)
    with pytest.raises(InferenceError, match=r"1200 x 900 pixels .*max_side"):
        Cartoonizer(generator).translate(np.zeros((900, 1200, 3), np.uint8))
    assert (900, 1200) not in generator.shapes
    Cartoonizer(generator, max_side=100).translate(np.zeros((900, 1200, 3), np.uint8))


def test_the_padding_goes_on_as_the_picture_does() -> None:
    class Watching(Generator):
        def forward(self, x: Tensor) -> Tensor:
            assert x.shape[2:] == (64, 64)
            assert (x == 1).all()
            return super().forward(x)

    Cartoonizer(Watching()).translate(np.full((3, 5, 3), 255, np.uint8))


def test_a_picture_is_taken_as_well_as_an_array() -> None:
    photo = noise(9, 7)
    cartoonizer = Cartoonizer(Generator())
    assert np.array_equal(cartoonizer.translate(Image.fromarray(photo)), 255 - photo)
    assert (cartoonizer.translate(Image.new("RGBA", (7, 9), (0, 0, 0, 0))) == 0).all()  # white, inverted


def test_a_file_is_taken_as_well_and_turned_upright(tmp_path: Path) -> None:
    photo = noise(9, 7)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    Image.fromarray(np.rot90(photo)).save(tmp_path / "a.png", exif=exif)
    for file in (tmp_path / "a.png", str(tmp_path / "a.png")):
        assert np.array_equal(Cartoonizer(Generator()).translate(file), 255 - photo)
    with pytest.raises(ImageError, match=r"b\.png"):
        Cartoonizer(Generator()).translate(tmp_path / "b.png")


def test_dropout_and_gradients_are_off() -> None:
    generator = Generator().train()
    Cartoonizer(generator).translate(noise(8, 8))
    assert generator.modes == [False]


@pytest.mark.parametrize("array", [noise(4, 4)[..., 0], noise(4, 4) / 255, np.zeros((0, 4, 3), np.uint8)])
def test_other_arrays_are_refused(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8 of shape H x W x 3"):
        Cartoonizer(Generator()).translate(array)


def test_a_diverged_generator_is_reported() -> None:
    generator = Generator()
    nn.init.constant_(generator.gain, torch.nan)
    with pytest.raises(InferenceError, match="diverged"):
        Cartoonizer(generator).translate(noise(4, 4))


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_too_little_memory_is_reported_with_a_remedy(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Tensor:
        raise error

    monkeypatch.setattr(Generator, "forward", fail)
    with pytest.raises(InferenceError, match=r"4 x 5 pixels .*max_side"):
        Cartoonizer(Generator()).translate(noise(5, 4))


def test_other_failures_of_the_network_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Tensor:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Generator, "forward", fail)
    with pytest.raises(RuntimeError, match="shapes"):
        Cartoonizer(Generator()).translate(noise(5, 4))


def test_load_puts_the_generator_on_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = Generator()
    monkeypatch.setattr(inference, "load", lambda _: Trained(generator, 64, "CycleGAN", {}))
    found = Cartoonizer.load("run", device="cpu", max_side=7, precision="float32")
    assert found == Cartoonizer(generator, 64, 7, "float32")
    with pytest.raises(DeviceError, match="device=tpu"):
        Cartoonizer.load("run", device="tpu")


@pytest.mark.parametrize(("has", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_the_precision_is_what_the_device_is_fast_in(
    has: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portrait_cartoons.devices.has_bf16", lambda _: has)
    monkeypatch.setattr(inference, "load", lambda _: Trained(Generator(), 64, "CycleGAN", {}))
    assert Cartoonizer.load("run", device="cpu").precision == precision
    with pytest.raises(ValueError, match="precision=half: it must be float32 or bfloat16"):
        Cartoonizer(Generator(), precision="half")


@pytest.mark.parametrize(("norm", "layout"), [(nn.InstanceNorm2d, False), (nn.BatchNorm2d, True)])
def test_the_layout_is_what_the_norm_is_fast_in(norm: type[nn.Module], layout: bool) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), norm(4))
    weight = Cartoonizer.on(torch.device("cpu"), network).network.state_dict()["0.weight"]
    assert weight.is_contiguous(memory_format=torch.channels_last) == layout
    assert weight.is_contiguous() != layout


def test_both_precisions_draw_the_same_picture_to_the_eye() -> None:
    photo = portrait(0, 0, 96).photo
    style = styles.file(styles.DEFAULT)
    exact, fast = (Cartoonizer.load(style, "cpu", precision=p).translate(photo) for p in ("float32", "bfloat16"))
    error = (exact.astype(float) - fast) / 255
    assert np.abs(error).mean() > 0
    assert 10 * np.log10(1 / np.square(error).mean()) > 45  # dB


def test_needs_neither_lightning_nor_hydra_nor_a_compiler() -> None:
    """They take longer to import than a picture takes to draw."""
    code = """if True:
        import sys
        import numpy
        from portrait_cartoons import Cartoonizer, styles
        Cartoonizer.load(styles.file(styles.DEFAULT), "cpu").translate(numpy.zeros((64, 64, 3), numpy.uint8))
        print({"lightning", "hydra", "torchvision", "torch._dynamo", "sympy"} & set(sys.modules))
    """
    environment = {**os.environ, "PYTHONPATH": "src"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
