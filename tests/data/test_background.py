import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portrait_cartoons.data.background import Background, replace_background
from portrait_cartoons.data.picture import Picture
from portrait_cartoons.errors import UserError

REPLACED: tuple[Background, ...] = ("white", "random", "blur")
NOBODY = np.zeros((20, 12), np.uint8)

seeds = st.integers(0, 2**32)


def random_image(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(256, size=(20, 12, 3), dtype=np.uint8)


def random_person(seed: int) -> np.ndarray:
    return np.random.default_rng([seed, 1]).random((20, 12)) < 0.5


def replaced(image: np.ndarray, mask: np.ndarray, background: Background, seed: int = 0) -> np.ndarray:
    return replace_background(Picture(image, mask, None, "p"), background, np.random.default_rng(seed)).image


@pytest.mark.parametrize("background", REPLACED)
@given(seed=seeds)
def test_the_person_stays_and_does_not_show_in_the_background(background: Background, seed: int) -> None:
    image, person = random_image(seed), random_person(seed)
    recoloured = np.where(person[..., None], random_image(seed + 1), image)
    mask = person.astype(np.uint8) * 255
    ours, theirs = replaced(image, mask, background), replaced(recoloured, mask, background)
    assert ours.dtype == np.uint8
    assert np.array_equal(ours[person], image[person])
    assert np.array_equal(theirs[person], recoloured[person])
    assert np.array_equal(ours[~person], theirs[~person])


@given(seed=seeds)
def test_backgrounds_are_exactly_what_their_names_say(seed: int) -> None:
    image, person = random_image(seed), random_person(seed)
    mask = person.astype(np.uint8) * 255
    assert (replaced(image, mask, "white")[~person] == 255).all()
    assert len(np.unique(replaced(image, mask, "random")[~person], axis=0)) == 1
    grey = np.where(person[..., None], image, np.uint8(90))
    assert np.array_equal(replaced(grey, mask, "blur"), grey)
    assert replaced(image, NOBODY, "blur").std() < 0.5 * image.std()


@pytest.mark.parametrize("background", REPLACED)
@given(seed=seeds, share=st.integers(0, 255))
def test_a_soft_mask_blends_by_its_share(background: Background, seed: int, share: int) -> None:
    image = random_image(seed)
    soft = replaced(image, np.full_like(NOBODY, share), background)
    person = share / 255
    expected = person * image + (1 - person) * replaced(image, NOBODY, background)
    assert np.abs(soft - expected).max() <= 1.01  # both were rounded


def test_blur_keeps_the_brightness_of_a_lone_background_pixel() -> None:
    image, mask = np.full((200, 200, 3), 90, np.uint8), np.full((200, 200), 255, np.uint8)
    mask[100, 100] = 0
    assert np.array_equal(replaced(image, mask, "blur"), image)


def test_random_colours_come_from_the_generator() -> None:
    first, again, other = (replaced(random_image(0), NOBODY, "random", seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("background", REPLACED)
def test_a_photo_without_mask_can_only_keep_its_background(background: Background) -> None:
    photo = Picture(random_image(0), None, None, "p")
    assert replace_background(photo, "keep", np.random.default_rng(0)) is photo
    with pytest.raises(UserError, match=rf"data\.background={background} needs .*data\.source\.photo_mask=<folder>"):
        replace_background(photo, background, np.random.default_rng(0))
