"""Near duplicates: pictures that were recoded, resized, brightened or mirrored."""

import imagehash
import numpy as np
from PIL import Image

# Of 256 bits. Among 490 portraits the nearest two of different people differ in 60. A picture differs from itself at
# JPEG quality 20, at 96 pixels, in grey or 20 % brighter in at most 20, and with a caption over its foot in about 34.
NEAR = 32
_SIDE = 16  # of the square of lowest frequencies


def perceptual_hash(image: np.ndarray) -> str:
    """64 hexadecimal digits: which of the lowest frequencies of uint8 H x W x 3 lie above their median (pHash)."""
    return str(imagehash.phash(Image.fromarray(image), _SIDE))


class Seen:
    """The pictures kept so far."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._hashes = np.zeros((1024, _SIDE * _SIDE // 64), np.uint64)

    def nearest(self, *hashes: str) -> str | None:
        """The name of the picture nearest to one of the hashes, None where all differ in more than `NEAR` bits."""
        return next(iter(self.near(*hashes)), None)

    def near(self, *hashes: str) -> list[str]:
        """The names of all pictures that differ from one of the hashes in `NEAR` bits at most, the nearest first."""
        kept = self._hashes[: len(self._names)]
        distances = np.stack([np.bitwise_count(kept ^ _bits(phash)).sum(1, dtype=np.int64) for phash in hashes]).min(0)
        found = np.flatnonzero(distances <= NEAR)
        return [self._names[index] for index in found[np.argsort(distances[found], kind="stable")]]

    def add(self, name: str, phash: str) -> None:
        """Keep one more."""
        if len(self._names) == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
        self._hashes[len(self._names)] = _bits(phash)
        self._names.append(name)


def _bits(phash: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(phash), np.uint64)
