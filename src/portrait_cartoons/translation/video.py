"""Videos, frame by frame: sound, timestamps and the way up are kept, and memory does not grow with the length."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from portrait_cartoons.errors import UserError
from portrait_cartoons.files import atomic

_RESTLESS = 12.0  # mean change of a pixel's channels, of 255, at which its past counts 1/e of what it does in rest


class VideoError(UserError):
    """A video that cannot be read or written; the sentence names it."""


class Smoothing:
    """Frames in which what rests in the video rests in the cartoon, too.

    c_t = w c_(t-1) + (1 - w) G(x_t), w = strength exp(-|x_t - x_(t-1)| / 12) for each pixel: where the video moves the
    past counts nothing, so that nothing is smeared. `flicker` is the mean of |c_t - c_(t-1)| - |x_t - x_(t-1)| over all
    frames so far, in levels of 255; `raw` is the same of G(x) as it was drawn.
    """

    def __init__(self, strength: float) -> None:
        self.strength, self.frames, self.raw, self.flicker = strength, 0, 0.0, 0.0
        self.last: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def __call__(self, photo: np.ndarray, cartoon: np.ndarray) -> np.ndarray:
        """The next frame's cartoon, uint8 H x W x 3 as both arguments."""
        drawn, smooth = cartoon.astype(np.float32), cartoon.astype(np.float32)
        if self.last is not None:
            last_photo, last_drawn, last_smooth = self.last
            change = np.abs(photo.astype(np.float32) - last_photo)
            weight = self.strength * np.exp(-change.mean(2, keepdims=True) / _RESTLESS)
            smooth = weight * last_smooth + (1 - weight) * drawn
            self.raw += float(np.abs(drawn - last_drawn).mean() - change.mean())
            self.flicker += float(np.abs(smooth - last_smooth).mean() - change.mean())
            self.frames += 1
        self.last = photo.astype(np.float32), drawn, smooth
        return np.rint(smooth).astype(np.uint8)

    def measured(self) -> tuple[float, float]:
        """The flicker as drawn and as written, 0 for a single frame."""
        return self.raw / max(self.frames, 1), self.flicker / max(self.frames, 1)


def frames(path: Path) -> int:
    """How many frames the video says it has; 0 where it does not say. Raises VideoError."""
    with _opened(path) as video:
        return int(video.streams.video[0].frames)


def translate(source: Path, target: Path, draw: Callable[[np.ndarray], np.ndarray], smooth: Smoothing) -> Iterator[int]:
    """Write the cartoon of a video as H.264 with its sound, yielding after each frame. Sides become even numbers.

    Raises VideoError; `target` is written whole or not at all.
    """
    try:
        size = _size(source)
        with _opened(source) as video, atomic(target) as file, av.open(file, "w", format="mp4") as written:
            yield from _copied(video, written, size, draw, smooth)
    except FFmpegError as error:
        raise VideoError(f"the video {source} cannot be translated ({error.strerror}); convert it first") from error


def _copied(
    video: Any, written: Any, size: tuple[int, ...], draw: Callable[[np.ndarray], np.ndarray], smooth: Smoothing
) -> Iterator[int]:
    pictures = video.streams.video[0]
    sound = next(iter(video.streams.audio), None)
    output = written.add_stream("libx264", rate=pictures.average_rate or 25, options={"crf": "18"})
    output.pix_fmt = "yuv420p"
    output.codec_context.time_base = pictures.time_base
    output.height, output.width = size
    kept = written.add_stream_from_template(sound) if sound else None
    number = 0
    for packet in video.demux([stream for stream in (pictures, sound) if stream]):
        if packet.stream is sound:
            if packet.dts is not None:
                packet.stream = kept
                written.mux(packet)
            continue
        for frame in packet.decode():
            photo = _upright(frame)
            cartoon = _even(smooth(photo, draw(photo)))
            made = av.VideoFrame.from_ndarray(cartoon, format="rgb24")
            made.pts, made.time_base = frame.pts, frame.time_base
            written.mux(output.encode(made))
            number += 1
            yield number
    written.mux(output.encode(None))


def _size(path: Path) -> tuple[int, ...]:
    """Height and width of what is written."""
    with _opened(path) as video:
        first = next(video.decode(video=0), None)
        if first is None:
            raise VideoError(f"the video {path} has no frames; use another one")
        return _even(_upright(first)).shape[:2]


def _upright(frame: Any) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90)))


def _even(picture: np.ndarray) -> np.ndarray:
    """The last row and column repeated where a side is odd, which H.264 does not take."""
    height, width = picture.shape[:2]
    return np.pad(picture, [(0, height % 2), (0, width % 2), (0, 0)], mode="edge")


def _opened(path: Path) -> Any:
    try:
        video = av.open(str(path))
    except (FFmpegError, OSError) as error:
        raise VideoError(f"the video {path} cannot be read ({error.strerror}); convert it to MP4") from error
    if not video.streams.video:
        video.close()
        raise VideoError(f"the file {path} holds no pictures; name a video")
    return video
