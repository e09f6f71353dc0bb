from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portrait_cartoons.data.picture import Picture
from portrait_cartoons.data.toy import Portrait, ToyImages, portrait, toy_pictures
from portrait_cartoons.data.toy_paint import INK
from portrait_cartoons.errors import UserError

seeds = st.integers(0, 2**32)
indices = st.integers(0, 10**6)
sizes = st.sampled_from([16, 17, 40, 64, 100])


def pictures(images: ToyImages) -> list[Picture]:
    return [images[i] for i in range(len(images))]


def assert_same(one: Picture, other: Picture) -> None:
    for field in Picture._fields:
        assert np.array_equal(getattr(one, field), getattr(other, field)), field


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2))


@pytest.fixture(scope="module")
def faces() -> list[Portrait]:
    return [portrait(seed=0, index=index, size=64) for index in range(32)]


@settings(max_examples=40, deadline=None)
@given(seeds, indices, sizes)
def test_a_portrait_is_a_pure_function_of_its_arguments(seed: int, index: int, size: int) -> None:
    once = portrait(seed, index, size)
    portrait(seed + 1, index + 1, size)
    again = portrait(seed, index, size)

    assert once.photo.shape == once.cartoon.shape == (size, size, 3)
    assert once.mask.shape == (size, size)
    for name in ("photo", "cartoon", "mask"):
        picture = getattr(once, name)
        assert picture.dtype == np.uint8
        assert np.array_equal(picture, getattr(again, name)), name


@settings(max_examples=40, deadline=None)
@given(seeds, indices, sizes)
def test_the_mask_is_exact(seed: int, index: int, size: int) -> None:
    face = portrait(seed, index, size)
    person = face.mask == 255
    assert np.all(person | (face.mask == 0))
    assert 0.25 < person.mean() < 0.75

    backdrop = face.cartoon[0, 0]
    assert np.all(face.cartoon[~person] == backdrop)
    # The upper rim of the person is ink, of which the least trace may round to the backdrop's colour.
    rim = person & ~np.pad(person, 1, mode="edge")[:-2, 1:-1]
    assert np.mean(np.any(face.cartoon[rim] != backdrop, axis=1)) > 0.75


def test_a_photo_shows_its_person_where_the_mask_is(faces: list[Portrait]) -> None:
    across, within = [], []
    for face in faces:
        step = np.abs(face.photo[:, 4:].astype(int) - face.photo[:, :-4]).mean(axis=2)
        left, right = face.mask[:, :-4], face.mask[:, 4:]
        across.append(step[left != right].mean())
        within.append(step[(left == 0) & (right == 0)].mean())
    assert np.mean(across) > 2 * np.mean(within)


def test_other_indices_and_seeds_are_other_faces(faces: list[Portrait]) -> None:
    assert len({face.cartoon.tobytes() for face in faces}) == len(faces)
    assert not np.array_equal(portrait(0, 0, 64).cartoon, portrait(1, 0, 64).cartoon)


@pytest.mark.parametrize("index", range(4))
def test_a_face_is_the_same_at_every_size(index: int) -> None:
    small, large = portrait(0, index, 64), portrait(0, index, 128)
    reduced = large.cartoon.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert psnr(small.cartoon, reduced) > 25
    reduced = large.photo.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert psnr(small.photo, reduced) > 22


def test_photos_are_noisier_darker_and_greyer_than_cartoons(faces: list[Portrait]) -> None:
    def noise(image: np.ndarray, backdrop: np.ndarray) -> float:
        """The median second difference along rows, which the smooth shades of a backdrop leave small."""
        differences = np.abs(np.diff(image.astype(int), n=2, axis=1)).mean(axis=2)
        return float(np.median(differences[backdrop[:, :-2] & backdrop[:, 2:]]))

    def saturation(image: np.ndarray) -> float:
        return float(np.ptp(image, axis=2).mean())

    for face in faces:
        backdrop = face.mask == 0
        assert noise(face.photo, backdrop) > 4
        assert noise(face.cartoon, backdrop) == 0
    photos, cartoons = (np.stack([getattr(face, name) for face in faces]) for name in ("photo", "cartoon"))
    assert photos.mean() < cartoons.mean() - 20
    assert np.mean([*map(saturation, photos)]) < 0.8 * np.mean([*map(saturation, cartoons)])


def test_cartoons_are_outlined_in_ink(faces: list[Portrait]) -> None:
    inked = [np.all(np.abs(face.cartoon - 255 * INK) < 15, axis=2).mean() for face in faces]
    assert np.mean(inked) > 0.03


def test_photos_are_neither_near_their_cartoons_nor_unlike_them(faces: list[Portrait]) -> None:
    assert 9 < np.mean([psnr(face.photo, face.cartoon) for face in faces]) < 16


def test_the_colours_of_a_face_carry_over_to_its_cartoon(faces: list[Portrait]) -> None:
    own = np.mean([psnr(face.photo, face.cartoon) for face in faces])
    others = np.mean([psnr(face.photo, other.cartoon) for face, other in pairwise(faces)])
    assert own > others + 2


def test_an_item_is_the_picture_of_its_face() -> None:
    face = portrait(seed=5, index=12, size=32)
    photo = Picture(face.photo, face.mask, face.cartoon, "toy-photo-000012")
    cartoon = Picture(face.cartoon, face.mask, None, "toy-cartoon-000012")
    assert_same(ToyImages("photo", range(10, 13), size=32, seed=5, paired=True)[2], photo)
    assert_same(ToyImages("cartoon", range(10, 13), size=32, seed=5)[2], cartoon)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_no_face_is_in_two_places_and_the_splits_do_not_depend_on_each_other(
    train: int, val: int, test: int, other_train: int
) -> None:
    splits = toy_pictures(train, val, test, 16, 0)
    faces = [set(part.faces) for part in vars(splits).values()]
    assert [len(part) for part in faces] == [train, train, val, val, test, test]
    assert len(set.union(*faces)) == 2 * (train + val + test)
    # Trained on more faces, a model has not seen those that it is measured on either.
    other = [set(part.faces) for part in vars(toy_pictures(other_train, val, test, 16, 0)).values()]
    assert other[2:] == faces[2:]
    assert not set.union(*other[:2]) & set.union(*faces[2:])


def test_val_and_test_photos_have_their_true_cartoons() -> None:
    splits = toy_pictures(1, 1, 1, 16, 0)
    for photo in (splits.val_photos[0], splits.test_photos[0]):
        assert photo.target is not None
        assert np.array_equal(photo.target, portrait(0, int(photo.name[-6:]), 16).cartoon)


def test_joined_pictures_are_those_of_the_parts() -> None:
    one, two = (ToyImages("photo", range(part, part + 2), size=16, seed=0, paired=True) for part in (3, 8))
    assert [p.name for p in pictures(one + two)] == [p.name for part in (one, two) for p in pictures(part)]


def test_items_end_with_the_count() -> None:
    with pytest.raises(IndexError):
        ToyImages("photo", range(2), size=16, seed=0)[2]


@pytest.mark.parametrize(("size", "seed", "named"), [(15, 0, "15"), (16, -1, "-1")])
def test_what_cannot_be_drawn_is_refused_in_a_sentence(size: int, seed: int, named: str) -> None:
    with pytest.raises(UserError, match=named):
        ToyImages("photo", range(1), size=size, seed=seed)
