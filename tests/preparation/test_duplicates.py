import io

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from portrait_cartoons.preparation.duplicates import NEAR, Seen, perceptual_hash
from tests.preparation.pictures import picture

BITS = st.integers(0, 2**256 - 1)


def text(bits: int) -> str:
    return f"{bits:064x}"


@given(st.lists(BITS, min_size=1, max_size=5), BITS, st.sets(st.integers(0, 255), max_size=60))
def test_the_nearest_is_found_within_the_limit_only(kept: list[int], other: int, flips: set[int]) -> None:
    seen = Seen()
    for number, bits in enumerate(kept):
        seen.add(str(number), text(bits))
    query = kept[-1]
    for flip in flips:
        query ^= 1 << flip
    distances = [(query ^ bits).bit_count() for bits in kept]
    expected = str(distances.index(min(distances))) if min(distances) <= NEAR else None
    assert seen.nearest(text(query)) == expected
    far = text(query ^ (2**256 - 1))
    assert seen.nearest(far, text(query)) in (expected, seen.nearest(far))


def test_more_pictures_than_there_was_room_for() -> None:
    seen = Seen()
    bits = [int.from_bytes(np.random.default_rng(n).bytes(32)) for n in range(1500)]
    for number, value in enumerate(bits):
        seen.add(str(number), text(value))
    assert all(seen.nearest(text(bits[n])) == str(n) for n in (0, 1023, 1024, 1499))


def recoded(image: np.ndarray) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=30)
    return np.array(Image.open(stream))


@given(st.integers(0, 10_000), st.sampled_from(("half", "jpeg", "brighter", "grey", "mirrored")))
@settings(deadline=None, max_examples=40)
def test_changed_copies_are_found_and_other_pictures_are_not(number: int, change: str) -> None:
    original = picture(number, 160, 120)
    changed = {
        "half": lambda: cv2.resize(original, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        "jpeg": lambda: recoded(original),
        "brighter": lambda: cv2.convertScaleAbs(original, alpha=1.1),
        "grey": lambda: cv2.cvtColor(cv2.cvtColor(original, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB),
        "mirrored": lambda: original[:, ::-1],
    }[change]()
    seen = Seen()
    seen.add("original", perceptual_hash(original))
    hashes = [perceptual_hash(np.ascontiguousarray(image)) for image in (changed, changed[:, ::-1])]
    assert seen.nearest(*hashes) == "original"
    assert seen.nearest(perceptual_hash(picture(number + 1, 160, 120))) is None
