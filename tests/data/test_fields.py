from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from portrait_cartoons.data.datamodule import Portraits
from portrait_cartoons.data.edges import smooth_edges
from portrait_cartoons.data.fields import FIELDS, outline
from portrait_cartoons.data.toy import toy_pictures
from portrait_cartoons.errors import UserError
from portrait_cartoons.image import from_uint8, to_uint8
from tests.data.test_datamodule import broken_among_good, portraits


def toy(*fields: str, **options: object) -> Portraits:
    return portraits(toy_pictures(4, 2, 2, 36, 0), size=32, load_size=36, fields=fields, **options)


def pixels(sample: dict[str, torch.Tensor], field: str) -> np.ndarray:
    return to_uint8(sample[field]).permute(1, 2, 0).numpy()


@pytest.mark.parametrize("field", FIELDS)
def test_a_sample_holds_what_is_asked_for_and_nothing_else(field: str) -> None:
    sample = toy("photo", field).train[0, 1]
    assert sample.keys() == {"photo", field, "unreadable"}
    assert sample[field].shape == (1 if field.endswith("mask") else 3, 32, 32)
    # The same crop, whatever else is asked for.
    assert torch.equal(sample[field], toy(*FIELDS).train[0, 1][field])


def test_fields_are_made_of_one_crop() -> None:
    sample = toy(*FIELDS).train[1, 2]
    cartoon, photo = pixels(sample, "cartoon"), pixels(sample, "photo")
    grey = cv2.cvtColor(cartoon, cv2.COLOR_RGB2GRAY)
    assert np.array_equal(pixels(sample, "cartoon_grey"), np.dstack([grey] * 3))
    assert np.array_equal(pixels(sample, "cartoon_smooth"), smooth_edges(cartoon, 0.0, np.random.default_rng(0)))
    for image, field in ((photo, "photo_outline"), (cartoon, "cartoon_outline")):
        assert np.array_equal(pixels(sample, field), outline(image))
    # The true cartoon is ink and flat colour where the photo's person is, and its own backdrop is one colour.
    nobody = (sample["photo_mask"] == 0).expand(3, -1, -1)
    assert len(sample["target"][nobody].reshape(3, -1).unique(dim=1).T) == 1


def test_an_outline_is_the_dilation_less_the_erosion() -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    around = np.stack([padded[y : y + 9, x : x + 7] for y in range(3) for x in range(3)])
    assert np.array_equal(outline(image), around.max(0) - around.min(0))


def test_a_field_that_does_not_exist_is_one_sentence() -> None:
    with pytest.raises(UserError, match="name photo_depth, which no batch can hold; choose from photo, cartoon"):
        toy("photo", "photo_depth")


@pytest.mark.parametrize("field", ["photo_mask", "cartoon_mask", "target"])
def test_a_field_that_the_pictures_lack_names_the_key(tmp_path: Path, field: str) -> None:
    data = portraits(broken_among_good(tmp_path, 0), fields=(field,))
    with pytest.raises(UserError, match=rf"needs the {field} of each picture.*data\.source\.{field}=<folder>"):
        data.train[0, 0]


def test_what_no_field_needs_is_not_read(tmp_path: Path) -> None:
    source = broken_among_good(tmp_path, 0)
    absent = [tmp_path / "absent.png"] * 8
    photos = replace(source.train_photos, masks=absent, targets=absent)  # type: ignore[type-var]
    data = portraits(replace(source, train_photos=photos), fields=("photo",))
    assert len(data.train) == 8
    assert data.train[0, 0]["unreadable"] == []


@pytest.mark.parametrize("of", [(), ("photo",), ("cartoon",), ("photo", "cartoon")])
def test_backgrounds_are_replaced_in_the_domains_that_are_named(of: tuple[str, ...]) -> None:
    fields = ("photo", "cartoon", "photo_mask", "cartoon_mask", "cartoon_smooth")
    data, plain = (toy(*fields, background=background, background_of=of) for background in ("white", "keep"))
    sample, before = data.train[0, 0], plain.train[0, 0]
    for domain in ("photo", "cartoon"):
        person = sample[f"{domain}_mask"].bool().expand(3, -1, -1)
        assert torch.equal(sample[domain][person], before[domain][person])
        assert bool((sample[domain][~person] == 1).all()) == (domain in of)
        measured = data.split("test")[domain == "cartoon"][0]
        assert bool((measured[domain][~measured[f"{domain}_mask"].bool().expand(3, -1, -1)] == 1).all()) == (
            domain in of
        )
    assert np.array_equal(
        pixels(sample, "cartoon_smooth"), smooth_edges(pixels(sample, "cartoon"), 0.0, np.random.default_rng(0))
    )


def test_measured_samples_hold_the_outlines_that_training_uses() -> None:
    data = toy("photo", "photo_outline", "cartoon_grey", "cartoon_smooth")
    assert data.test[0].keys() == {"photo", "photo_mask", "target", "photo_outline", "unreadable"}
    assert torch.equal(data.test[0]["photo_outline"], from_uint8(outline(pixels(data.test[0], "photo"))))
