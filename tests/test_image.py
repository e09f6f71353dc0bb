import io
import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from portrait_cartoons import image
from portrait_cartoons.image import (
    ImageError,
    from_uint8,
    list_images,
    load_mask,
    load_rgb,
    save_image,
    to_rgb,
    to_uint8,
)

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (20, 24, 3), dtype=np.uint8)


def encoded(picture: Image.Image, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, file_format, **options)
    return stream.getvalue()


def rotated_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    return exif


def load_or_refuse(path: Path) -> np.ndarray | None:
    """The pixels, or None where one sentence refused the file by its name."""
    try:
        pixels = load_rgb(path)
    except ImageError as error:
        sentence = str(error)
    else:
        assert pixels.dtype == np.uint8
        return pixels
    assert str(path) in sentence
    assert "\n" not in sentence
    return None


class TestPixels:
    @pytest.mark.parametrize(
        ("x", "expected"), [(-2.0, 0), (-1.0, 0), (-0.2, 102), (0.0, 128), (0.999, 255), (1.0, 255), (2.0, 255)]
    )
    def test_rounds_and_clamps(self, x: float, expected: int) -> None:
        assert to_uint8(torch.full((2, 3, 1, 1), x)).unique().tolist() == [expected]

    def test_is_the_inverse_of_from_uint8(self) -> None:
        pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
        x = from_uint8(pixels)
        assert x.shape == (3, 16, 16)
        assert x.dtype == torch.float32
        assert (x.min().item(), x.max().item()) == (-1, 1)
        assert x.is_contiguous()
        assert np.array_equal(to_uint8(x).permute(1, 2, 0).numpy(), pixels)

    @given(st.lists(st.floats(-3, 3, width=32), min_size=1))
    def test_is_monotone_and_nearest(self, values: list[float]) -> None:
        x = torch.tensor(sorted(values))
        result = to_uint8(x).double()
        assert (result.diff() >= 0).all()
        assert (result - ((x.double().clamp(-1, 1) + 1) * 127.5)).abs().max() <= 0.5 + 1e-4

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
    def test_other_float_types_lose_nothing_more(self, dtype: torch.dtype) -> None:
        x = torch.linspace(-1, 1, 999).to(dtype)
        assert torch.equal(to_uint8(x), to_uint8(x.float()))

    @pytest.mark.parametrize(
        "x", [torch.zeros(3, dtype=torch.uint8), torch.ones(2).long(), torch.tensor([0, torch.nan])]
    )
    def test_refuses_integers_and_nan(self, x: Tensor) -> None:
        with pytest.raises(ValueError, match="pixels must be"):
            to_uint8(x)

    @pytest.mark.parametrize("array", [NOISE[..., 0], NOISE.astype(np.float32), NOISE.transpose(2, 0, 1)])
    def test_from_uint8_refuses_other_arrays(self, array: np.ndarray) -> None:
        with pytest.raises(ValueError, match="uint8 of shape H x W x 3"):
            from_uint8(array)

    def test_from_uint8_takes_tensors_and_any_memory_layout(self) -> None:
        flipped = NOISE[::-1, ::-1]
        flipped.setflags(write=False)
        assert torch.equal(from_uint8(flipped), from_uint8(torch.from_numpy(flipped.copy())))
        assert torch.equal(from_uint8(flipped).flip(1, 2), from_uint8(NOISE))


class TestFormats:
    """What lies in the file, and the colour of its first pixel as it must be read."""

    @pytest.mark.parametrize(
        ("picture", "suffix", "options", "first"),
        [
            (Image.new("L", (5, 4), 77), ".png", {}, (77, 77, 77)),
            (Image.new("1", (5, 4), 1), ".png", {}, (255, 255, 255)),
            (Image.new("LA", (5, 4), (0, 51)), ".png", {}, (204, 204, 204)),
            (Image.new("RGBA", (5, 4), (200, 0, 100, 0)), ".png", {}, (255, 255, 255)),
            (Image.new("RGBA", (5, 4), (255, 0, 0, 127)), ".webp", {"lossless": True}, (255, 128, 128)),
            (Image.new("RGB", (5, 4), (10, 20, 30)).quantize(2), ".gif", {}, (10, 20, 30)),
            (Image.new("RGB", (5, 4), (9, 8, 7)).quantize(2), ".png", {"transparency": 0}, (255, 255, 255)),
            (Image.new("L", (5, 4), 3), ".png", {"transparency": 3}, (255, 255, 255)),
            (Image.new("RGB", (5, 4), (9, 8, 7)), ".png", {"transparency": (9, 8, 7)}, (255, 255, 255)),
            (Image.new("CMYK", (5, 4), (0, 255, 255, 0)), ".jpg", {"quality": 100}, (255, 0, 0)),
            (Image.new("I;16", (5, 4), 257 * 100), ".png", {}, (100, 100, 100)),
            (Image.new("I;16", (5, 4), 257 * 100), ".tif", {}, (100, 100, 100)),
            (Image.new("I", (5, 4), 65535), ".tif", {}, (255, 255, 255)),
            (Image.new("RGB", (5, 4), (1, 2, 3)), ".bmp", {}, (1, 2, 3)),
        ],
        ids=lambda value: getattr(value, "mode", None),
    )
    def test_is_read(
        self, tmp_path: Path, picture: Image.Image, suffix: str, options: dict[str, Any], first: tuple[int, ...]
    ) -> None:
        path = tmp_path / f"picture{suffix}"
        picture.save(path, **options)
        pixels = load_rgb(path)
        assert pixels.shape == (4, 5, 3)
        assert pixels.dtype == np.uint8
        assert np.abs(pixels[0, 0].astype(int) - first).max() <= 1
        assert pixels.flags.owndata
        assert pixels.flags.writeable

    def test_sixteen_bit_colour(self, tmp_path: Path) -> None:
        def chunk(name: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

        header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
        pixel = zlib.compress(b"\0" + struct.pack(">3H", 0, 257 * 100, 65535))
        path = tmp_path / "deep.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b""))
        assert load_rgb(path).tolist() == [[[0, 100, 255]]]

    def test_sixteen_bits_are_scaled_by_range(self, tmp_path: Path) -> None:
        ramp = np.linspace(0, 65535, 256, dtype=np.uint16).reshape(16, 16)
        Image.fromarray(ramp).save(tmp_path / "ramp.png")
        assert np.array_equal(load_rgb(tmp_path / "ramp.png")[..., 0].ravel(), np.arange(256))
        assert np.array_equal(load_mask(tmp_path / "ramp.png").ravel(), np.arange(256))

    def test_a_rotated_photo_stands_upright(self, tmp_path: Path) -> None:
        picture = Image.new("RGB", (8, 4), "black")
        picture.paste("white", (0, 0, 4, 4))
        picture.save(tmp_path / "turned.png", exif=rotated_exif())
        pixels = load_rgb(tmp_path / "turned.png")
        assert pixels.shape == (8, 4, 3)
        assert pixels[:4].min() == 255
        assert pixels[4:].max() == 0

    def test_an_animation_gives_its_first_frame(self, tmp_path: Path) -> None:
        frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
        frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
        assert load_rgb(tmp_path / "film.gif")[0, 0].tolist() == [255, 0, 0]

    @pytest.mark.parametrize(("mode", "value"), [("F", 0.5), ("I", 70_000), ("I", -1)])
    def test_grey_of_unknown_range_is_refused(self, tmp_path: Path, mode: str, value: float) -> None:
        path = tmp_path / "scan.tiff"
        Image.new(mode, (4, 4), value).save(path)
        with pytest.raises(ImageError, match=r"scan\.tiff.*bits"):
            load_rgb(path)

    def test_a_mask_is_grey(self, tmp_path: Path) -> None:
        picture = Image.new("RGB", (6, 5), "black")
        picture.paste("white", (0, 0, 3, 5))
        picture.save(tmp_path / "mask.png")
        mask = load_mask(tmp_path / "mask.png")
        assert mask.shape == (5, 6)
        assert (mask[:, :3] == 255).all()
        assert (mask[:, 3:] == 0).all()

    def test_to_rgb_keeps_the_size_of_the_picture_given(self) -> None:
        assert to_rgb(Image.new("LA", (7, 3), (0, 0))).tolist() == np.full((3, 7, 3), 255).tolist()


class TestReducedScale:
    @given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 100))
    def test_the_shorter_side_stays_long_enough(
        self, tmp_path_factory: pytest.TempPathFactory, width: int, height: int, min_side: int
    ) -> None:
        path = tmp_path_factory.getbasetemp() / "big.jpg"
        Image.new("RGB", (width, height), "teal").save(path)
        shape = load_rgb(path, min_side=min_side).shape
        assert min(shape[:2]) >= min(min_side, width, height)
        if min(width, height) >= 8 * min_side:
            assert shape[:2] == (-(-height // 8), -(-width // 8))

    def test_other_formats_keep_their_size(self, tmp_path: Path) -> None:
        Image.new("RGB", (160, 160)).save(tmp_path / "big.png")
        assert load_rgb(tmp_path / "big.png", min_side=16).shape == (160, 160, 3)


class TestHostileFiles:
    BASES = {  # noqa: RUF012
        "png": encoded(Image.fromarray(NOISE), "PNG"),
        "palette": encoded(Image.fromarray(NOISE).convert("P"), "PNG", transparency=3),
        "deep": encoded(Image.fromarray(NOISE[..., 0].astype(np.uint16) * 257), "PNG"),
        "jpeg": encoded(Image.fromarray(NOISE), "JPEG", exif=rotated_exif()),
        "progressive": encoded(Image.fromarray(NOISE), "JPEG", progressive=True),
        "webp": encoded(Image.fromarray(NOISE), "WEBP"),
        "bmp": encoded(Image.fromarray(NOISE), "BMP"),
        "tiff": encoded(Image.fromarray(NOISE), "TIFF"),
        "tiff_lzw": encoded(Image.fromarray(NOISE), "TIFF", compression="tiff_lzw"),
        "gif": encoded(Image.fromarray(NOISE), "GIF"),
    }

    @pytest.mark.parametrize("name", BASES)
    def test_a_truncated_file_is_refused_or_whole(self, tmp_path: Path, name: str) -> None:
        data, path = self.BASES[name], tmp_path / "cut"
        path.write_bytes(data)
        whole = load_rgb(path)
        refused = 0
        for length in range(0, len(data), max(1, len(data) // 40)):
            path.write_bytes(data[:length])
            result = load_or_refuse(path)
            refused += result is None
            # Some formats end in bytes that no pixel needs.
            assert result is None or np.array_equal(result, whole)
        assert refused >= 30

    @pytest.mark.parametrize("name", BASES)
    def test_only_image_errors_escape_damage(self, tmp_path: Path, name: str) -> None:
        rng = np.random.default_rng(1)
        path = tmp_path / "damaged"
        for _ in range(60):
            data = bytearray(self.BASES[name])
            for position in rng.integers(rng.choice([60, len(data)]), size=rng.integers(1, 6)):
                data[position] = rng.integers(256)
            path.write_bytes(data)
            load_or_refuse(path)

    @given(st.binary(max_size=200))
    def test_arbitrary_bytes_are_refused(self, tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
        path = tmp_path_factory.getbasetemp() / "noise.png"
        path.write_bytes(data)
        with pytest.raises(ImageError, match=r"noise\.png"):
            load_rgb(path)

    def test_a_bomb_is_refused_by_its_header(self, tmp_path: Path) -> None:
        header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
        chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
        (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
        with pytest.raises(ImageError, match=r"bomb\.png"):
            load_rgb(tmp_path / "bomb.png")

    def test_our_pixel_limit_decides_without_a_warning(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        Image.fromarray(NOISE).save(tmp_path / "x.png")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)  # Pillow warns from here to twice as much
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert load_rgb(tmp_path / "x.png", max_pixels=480).shape == NOISE.shape
            with pytest.raises(ImageError, match=r"x\.png.*24 x 20 pixels.*limit of 479"):
                load_rgb(tmp_path / "x.png", max_pixels=479)

    @pytest.mark.parametrize(
        "error", [SyntaxError, EOFError, struct.error, zlib.error, MemoryError, IndexError, OverflowError, KeyError]
    )
    def test_what_decoders_raise_becomes_a_sentence(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
    ) -> None:
        def fail(*_: object) -> None:
            raise error("broken header")

        Image.fromarray(NOISE).save(tmp_path / "x.bmp")
        monkeypatch.setattr("PIL.BmpImagePlugin.BmpImageFile.load", fail)
        with pytest.raises(ImageError, match=r"x\.bmp: .*broken header"):
            load_rgb(tmp_path / "x.bmp")

    @pytest.mark.parametrize("name", ["absent.png", "folder", "text.jpg"])
    def test_what_is_no_file_or_no_picture(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "text.jpg").write_text("no picture")
        for load in (load_rgb, load_mask):
            with pytest.raises(ImageError, match=name):
                load(tmp_path / name)

    def test_formats_that_run_programs_are_not_tried(self, tmp_path: Path) -> None:
        Image.fromarray(NOISE).save(tmp_path / "x.eps")
        (tmp_path / "x.eps").rename(tmp_path / "x.png")
        with pytest.raises(ImageError, match="it is not a JPEG, PNG"):
            load_rgb(tmp_path / "x.png")


class TestSaving:
    @pytest.mark.parametrize("suffix", image.FORMATS)
    def test_every_suffix_can_be_written_and_read(self, tmp_path: Path, suffix: str) -> None:
        flat = np.full((9, 7, 3), 128, dtype=np.uint8)
        save_image(flat, tmp_path / f"x{suffix.upper()}")
        assert np.abs(load_rgb(tmp_path / f"x{suffix.upper()}").astype(int) - flat).max() <= 2
        assert len(list(tmp_path.iterdir())) == 1

    def test_png_is_lossless(self, tmp_path: Path) -> None:
        save_image(NOISE, tmp_path / "x.png")
        assert np.array_equal(load_rgb(tmp_path / "x.png"), NOISE)

    def test_an_unknown_suffix_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ImageError, match=r"x\.xyz.*\.png"):
            save_image(NOISE, tmp_path / "x.xyz")

    @pytest.mark.parametrize("failing", ["os.replace", "PIL.Image.Image.save"])
    def test_a_full_disk_leaves_the_old_file_and_nothing_else(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
    ) -> None:
        path = tmp_path / "x.png"
        save_image(NOISE, path)

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(failing, full)
        with pytest.raises(ImageError, match=r"x\.png: no space left"):
            save_image(255 - NOISE, path)
        assert list(tmp_path.iterdir()) == [path]
        assert np.array_equal(load_rgb(path), NOISE)

    def test_a_folder_that_is_a_file_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(ImageError, match="cannot write"):
            save_image(NOISE, tmp_path / "file" / "x.png")


class TestListing:
    def test_lists_pictures_sorted_and_leaves_out_the_hidden(self, tmp_path: Path) -> None:
        visible = ["B.PNG", "a.jpg", "sub/c d.JPeG", "sub/deep/é.webp", "z.tif"]
        for name in [*visible, "notes.txt", ".DS_Store", "._a.jpg", ".cache/x.png", "sub/.png", "jpg"]:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        assert [str(path.relative_to(tmp_path)) for path in list_images(tmp_path)] == visible

    def test_links_are_followed_once(self, tmp_path: Path) -> None:
        (tmp_path / "data" / "a").mkdir(parents=True)
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "data" / "a" / "1.png").touch()
        (tmp_path / "elsewhere" / "2.png").touch()
        os.symlink(tmp_path / "data", tmp_path / "data" / "a" / "loop")
        os.symlink(tmp_path / "elsewhere", tmp_path / "data" / "linked")
        found = list_images(tmp_path / "data")
        assert [str(path.relative_to(tmp_path / "data")) for path in found] == ["a/1.png", "linked/2.png"]

    def test_a_missing_folder_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ImageError, match=r"cannot read the folder .*nowhere"):
            list_images(tmp_path / "nowhere")


def test_a_phones_picture_is_not_turned_twice_and_damage_is_one_sentence(tmp_path: Path) -> None:
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:32, :48] = 250
    exif = Image.Exif()
    exif[0x0112] = 6  # in this format only a remark: the decoder has turned the picture already
    path = tmp_path / "IMG_0001.HEIC"
    Image.fromarray(pixels).save(path, "HEIF", quality=95, exif=exif)
    assert np.abs(load_rgb(path).astype(int) - pixels).mean() < 3
    assert list_images(tmp_path) == [path]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ImageError, match=r"^cannot read the image .*IMG_0001\.HEIC: .*; replace it or leave it out$"):
        load_rgb(path)


def test_what_is_not_a_regular_file_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageError, match="it is not a regular file"):
        load_rgb(tmp_path / "pipe.jpg")
