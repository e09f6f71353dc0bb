import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from portrait_cartoons.preparation.faces import Box
from portrait_cartoons.preparation.squares import needed_side, region, square

SIDES = st.integers(8, 90)
SIZES = st.integers(8, 40)
SHARE = st.floats(0, 1)
CROPS = st.sampled_from(("centre", "face", "pad"))


@st.composite
def faces(draw: st.DrawFn) -> Box | None:
    left, top = draw(st.floats(0, 0.9)), draw(st.floats(0, 0.9))
    box = Box(left, top, draw(st.floats(0.05, 1 - left)), draw(st.floats(0.05, 1 - top)))
    return draw(st.sampled_from((None, box)))


@given(SIDES, SIDES, faces())
@settings(deadline=None)
def test_the_region_is_a_square_inside_the_picture_and_as_central_as_the_sides_allow(
    width: int, height: int, face: Box | None
) -> None:
    left, top, side = region(width, height, face)
    assert 0 < side <= min(width, height)
    assert 0 <= left <= left + side <= width + 1e-9
    assert 0 <= top <= top + side <= height + 1e-9
    if face is None:
        assert (left + side / 2, top + side / 2, side) == (width / 2, height / 2, min(width, height))
    else:
        centre = (face.left + face.width / 2) * width
        assert left in (0, width - side) or abs(left + side / 2 - centre) < 1e-6


@given(SIDES, SIDES, SIZES)
@settings(deadline=None)
def test_a_ramp_shows_where_each_pixel_comes_from(width: int, height: int, size: int) -> None:
    ramp = np.repeat(np.linspace(0, 255, width)[None, :, None], height, 0).repeat(3, 2)
    cut = square(np.rint(ramp).astype(np.uint8), size, "centre")
    left, _, side = region(width, height, None)
    centres = left + (np.arange(size) + 0.5) * side / size - 0.5
    expected = np.interp(centres, np.arange(width), ramp[0, :, 0])
    inner = slice(3, -3)  # at the border the filter has less to average
    assert np.abs(cut[size // 2, inner, 0] - expected[inner]).max(initial=0) <= 255 / width + 2


@given(SIDES, SIDES, SIZES)
@settings(deadline=None)
def test_padding_keeps_all_of_the_picture_and_adds_white_evenly(width: int, height: int, size: int) -> None:
    padded = square(np.zeros((height, width, 3), np.uint8), size, "pad")
    dark = np.argwhere(padded[..., 0] < 128)
    inner = dark.max(0) - dark.min(0) + 1
    longest = max(width, height)
    assert tuple(inner) == (max(1, round(size * height / longest)), max(1, round(size * width / longest)))
    for axis in (0, 1):
        before, after = dark.min(0)[axis], size - 1 - dark.max(0)[axis]
        assert after - before in (0, 1)
    assert set(np.unique(padded)) <= {0, 255}


def test_reducing_averages_what_sampling_would_alias() -> None:
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(square(stripes, 32, "centre").astype(int) - 127).max() < 12


@given(st.integers(20, 400), st.integers(20, 400), SIZES, CROPS, faces())
def test_a_reduced_decoding_never_enlarges(width: int, height: int, size: int, crop: str, face: Box | None) -> None:
    shorter = needed_side(width, height, size, crop, face)
    scale = shorter / min(width, height)
    side = max(width, height) if crop == "pad" else region(width, height, face if crop == "face" else None)[2]
    assert side * scale >= size - 1e-6
