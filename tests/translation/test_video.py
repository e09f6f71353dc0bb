"""Videos keep their sound, their timestamps and their way up; smoothing lowers the flicker."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av", reason="the extra video is not installed")

from portrait_cartoons.translation.video import Smoothing, VideoError, frames, translate  # noqa: E402
from tests.translation.films import film  # noqa: E402


def restless(seed: int = 0) -> Callable[[np.ndarray], np.ndarray]:
    noise = np.random.default_rng(seed)

    def draw(photo: np.ndarray) -> np.ndarray:
        return (255 - photo.astype(int) + noise.integers(-12, 13, photo.shape)).clip(0, 255).astype(np.uint8)

    return draw


def seconds(path: Path) -> list[float]:
    with av.open(str(path)) as file:
        return [round(frame.time, 3) for frame in file.decode(video=0)]


def test_sound_timestamps_and_length_are_kept(tmp_path: Path) -> None:
    source, target = film(tmp_path / "a.mp4"), tmp_path / "b.mp4"
    done = list(translate(source, target, lambda photo: 255 - photo, Smoothing(0)))
    assert done == list(range(1, frames(source) + 1))
    assert seconds(target) == pytest.approx(seconds(source), abs=0.002)
    with av.open(str(source)) as one, av.open(str(target)) as other:
        sounds = [[bytes(packet) for packet in file.demux(audio=0) if packet.size] for file in (one, other)]
        assert sounds[0] == sounds[1]
    with av.open(str(target)) as other:
        picture = next(other.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(picture[40:].astype(int) - 165).mean() < 4


def test_without_sound(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mp4", sound=False)
    list(translate(source, tmp_path / "b.mp4", lambda photo: photo, Smoothing(0)))
    with av.open(str(tmp_path / "b.mp4")) as file:
        assert not file.streams.audio


def test_odd_sides_become_even(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mp4", 49, 65)
    shapes = set()

    def draw(photo: np.ndarray) -> np.ndarray:
        shapes.add(photo.shape)
        return photo

    list(translate(source, tmp_path / "b.mp4", draw, Smoothing(0.5)))
    assert shapes == {(49, 65, 3)}
    with av.open(str(tmp_path / "b.mp4")) as file:
        assert (file.streams.video[0].height, file.streams.video[0].width) == (50, 66)


def test_smoothing_lowers_the_flicker_and_smears_nothing(tmp_path: Path) -> None:
    source, smooth = film(tmp_path / "a.mp4"), Smoothing(0.8)
    list(translate(source, tmp_path / "b.mp4", restless(), smooth))
    raw, written = smooth.measured()
    assert raw > 5
    assert written < raw / 2
    with av.open(str(tmp_path / "b.mp4")) as file:
        last = list(file.decode(video=0))[-1].to_ndarray(format="rgb24")
    assert np.abs(last[12:20, 26:36].astype(int) - (35, 215, 215)).mean() < 20  # the square is where it is
    assert np.abs(last[12:20, :16].astype(int) - 165).mean() < 20  # and no longer where it was


@pytest.mark.parametrize("content", [b"", b"no video", b"\x00" * 5000])
def test_what_is_no_video_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(VideoError, match=r"a\.mp4"):
        list(translate(tmp_path / "a.mp4", tmp_path / "b.mp4", lambda photo: photo, Smoothing(0)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]


def test_a_video_that_breaks_off_leaves_no_half_file(tmp_path: Path) -> None:
    source = film(tmp_path / "a.mp4")

    def fail(_: np.ndarray) -> np.ndarray:
        raise VideoError("stop")

    with pytest.raises(VideoError, match="stop"):
        list(translate(source, tmp_path / "b.mp4", fail, Smoothing(0)))
    assert not (tmp_path / "b.mp4").exists()


@pytest.mark.parametrize("turned", [90, -90, 180])
def test_the_way_up_is_kept(tmp_path: Path, turned: int) -> None:
    """A film that is to be turned by its player comes out turned, of the size and look that the player shows."""
    source, target = film(tmp_path / "a.mp4", turned=turned), tmp_path / "b.mp4"
    list(translate(source, target, lambda photo: photo, Smoothing(0)))
    with av.open(str(source)) as one, av.open(str(target)) as other:
        frame, made = next(one.decode(video=0)), next(other.decode(video=0))
        assert (frame.rotation - turned) % 360 == 0
        assert made.rotation == 0
        shown = np.rot90(frame.to_ndarray(format="rgb24"), turned // 90)
        picture = made.to_ndarray(format="rgb24")
    assert picture.shape == shown.shape
    assert np.abs(picture.astype(int) - shown).mean() < 3
    assert np.abs(picture.astype(int) - np.rot90(shown, 2)).mean() > 10
