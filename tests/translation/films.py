"""Small videos for tests."""

from fractions import Fraction
from pathlib import Path

import numpy as np


def film(path: Path, height: int = 48, width: int = 64, count: int = 12, sound: bool = True, turned: int = 0) -> Path:
    """A square that moves over a still ground, with irregular timestamps and a tone.

    `turned` is how far players turn the frames, in degrees counter-clockwise, as a phone's films ask for.
    """
    import av

    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=10, options={"crf": "10"})
        stream.height, stream.width = height, width
        stream.pix_fmt = "yuv444p" if height % 2 else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        if turned:
            stream.set_display_rotation(turned)
        tone = file.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for number in range(count):
            picture = np.full((height, width, 3), 90, np.uint8)
            picture[8:24, 2 * number : 2 * number + 16] = (220, 40, 40)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = 100 * number + 13 * (number % 2), Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if tone:
            wave = (8000 * np.sin(np.arange(16_000) / 10)).astype(np.int16)[None]
            samples = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            samples.sample_rate, samples.pts = 16_000, 0
            file.mux(tone.encode(samples))
            file.mux(tone.encode(None))
    return path
