import sys
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from portrait_cartoons.data.datamodule import Portraits
from portrait_cartoons.data.edges import smooth_edges
from portrait_cartoons.data.folder import DataError, folder_pictures
from portrait_cartoons.data.picture import Splits
from portrait_cartoons.data.toy import toy_pictures
from portrait_cartoons.errors import UserError
from portrait_cartoons.image import from_uint8, to_uint8
from tests.data.test_folder import DEFAULTS, draw


def portraits(source: Splits, **options: Any) -> Portraits:
    defaults: dict[str, Any] = {
        "size": 16,
        "load_size": 18,
        "flip": True,
        "background": "keep",
        "smooth_edges": False,
        "smooth_noise": 0.0,
        "batch_size": 2,
        "val_batch_size": 2,
        "workers": 0,
        "seed": 0,
        "max_unreadable": 0.5,
    }
    return Portraits(source, **{**defaults, **options})


def two_epochs(workers: int, skip: int = 0) -> list[dict[str, Any]]:
    drawn = {"background": "random", "smooth_edges": True, "smooth_noise": 0.1}
    data = portraits(toy_pictures(7, 2, 2, 18, 0), workers=workers, **drawn)
    data.load_state_dict({"epoch": 0, "batch": skip, "unreadable": []})
    loader = data.train_dataloader()
    batches = list(loader)
    loader.sampler.set_epoch(loader.sampler.epoch + 1)  # type: ignore[attr-defined]
    return batches + list(loader)


@pytest.fixture(scope="module")
def in_process() -> list[dict[str, Any]]:
    return two_epochs(workers=0)


@pytest.mark.parametrize("workers", [1, 4])
def test_the_same_samples_come_in_the_same_order_for_any_number_of_workers(
    in_process: list[dict[str, Any]], workers: int
) -> None:
    batches = two_epochs(workers)
    assert len(batches) == len(in_process) == 8
    names = ("photo", "cartoon", "photo_mask", "cartoon_mask", "cartoon_smooth")
    for ours, theirs in zip(batches, in_process, strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in names)


@pytest.mark.parametrize("skip", [1, 3, 4])
def test_a_resumed_loader_goes_on_with_the_next_batch(in_process: list[dict[str, Any]], skip: int) -> None:
    resumed = two_epochs(workers=0, skip=skip)
    assert torch.equal(resumed[0]["photo"], in_process[skip]["photo"])


def test_epochs_differ_in_order_partner_and_augmentation(in_process: list[dict[str, Any]]) -> None:
    first, second = in_process[:4], in_process[4:]
    assert not any(torch.equal(a["photo"], b["photo"]) for a in first for b in second)


def test_batches_have_the_promised_shapes_and_ranges(in_process: list[dict[str, Any]]) -> None:
    batch = in_process[0]
    for name, channels, low in (("photo", 3, -1), ("cartoon", 3, -1), ("photo_mask", 1, 0), ("cartoon_mask", 1, 0)):
        assert batch[name].shape == (2, channels, 16, 16)
        assert batch[name].dtype == torch.float32
        assert low <= batch[name].min() < batch[name].max() <= 1
    assert set(batch["photo_mask"].unique().tolist()) == {0.0, 1.0}
    assert len(in_process[3]["photo"]) == 1  # the last batch holds what is left of 7


def test_an_epoch_shows_each_picture_of_the_larger_set_once_and_draws_from_the_other() -> None:
    large, small = toy_pictures(9, 2, 2, 16, 0), toy_pictures(3, 2, 2, 16, 1)
    source = replace(large, train_cartoons=small.train_cartoons)
    data = portraits(source, load_size=16, flip=False, batch_size=1)
    epochs = []
    for epoch in range(2):
        loader = data.train_dataloader()
        loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        batches = list(loader)
        assert len({batch["photo"].numpy().tobytes() for batch in batches}) == 9
        assert len({batch["cartoon"].numpy().tobytes() for batch in batches}) <= 3
        epochs.append([batch["cartoon"].numpy().tobytes() for batch in batches])
    assert epochs[0] != epochs[1]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60))
def test_pictures_of_any_size_and_shape_become_squares(width: int, height: int) -> None:
    from portrait_cartoons.data import transforms

    image, mask = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)
    for transform in (transforms.training(16, 18, True), transforms.evaluation(16)):
        moved = transform(image=image, mask=mask)
        assert moved["image"].shape == (16, 16, 3)
        assert moved["mask"].shape == (16, 16)


def test_test_photos_come_with_their_true_cartoon_in_order() -> None:
    data = portraits(toy_pictures(3, 3, 3, 16, 0), load_size=16)
    first, second = list(data.val_dataloader())
    assert first["photo"].shape == first["target"].shape == (2, 3, 16, 16)
    assert second["photo"].shape == (1, 3, 16, 16)
    assert [len(batch["cartoon"]) for batch in data.loader(data.val_cartoons, 2)] == [2, 1]


@pytest.mark.parametrize("background", ["white", "random"])
def test_a_new_background_is_that_of_photo_and_true_cartoon(background: str) -> None:
    (batch,) = portraits(toy_pictures(3, 2, 2, 32, 0), size=32, load_size=32, background=background).val_dataloader()
    nobody = (batch["photo_mask"] == 0).expand(-1, 3, -1, -1)
    assert nobody.sum() > 100
    assert torch.equal(batch["photo"][nobody], batch["target"][nobody])
    assert not torch.equal(batch["photo"][~nobody], batch["target"][~nobody])


def test_smooth_cartoons_are_the_very_crops_with_smoothed_edges() -> None:
    data = portraits(toy_pictures(4, 2, 2, 36, 0), size=32, load_size=36, smooth_edges=True)
    for index in range(4):
        sample = data.train[0, index]
        crop = to_uint8(sample["cartoon"]).permute(1, 2, 0).numpy()
        smooth = smooth_edges(crop, 0.0, np.random.default_rng(0))
        assert not np.array_equal(smooth, crop)
        assert torch.equal(sample["cartoon_smooth"], from_uint8(smooth))


def test_options_change_neither_partner_nor_crop() -> None:
    source = toy_pictures(4, 2, 2, 18, 0)
    plain = portraits(source)
    rich = portraits(source, background="random", smooth_edges=True, smooth_noise=0.1)
    for index in range(4):
        before, after = plain.train[0, index], rich.train[0, index]
        assert after.keys() - before.keys() == {"cartoon_smooth"}
        assert all(torch.equal(before[name], after[name]) for name in ("cartoon", "photo_mask", "cartoon_mask"))
        person = before["photo_mask"].bool().expand(3, -1, -1)
        assert torch.equal(before["photo"][person], after["photo"][person])
        assert not torch.equal(before["photo"], after["photo"])
    assert torch.equal(plain.test_cartoons[0]["cartoon"], rich.test_cartoons[0]["cartoon"])


def test_random_backgrounds_vary_in_training_and_stay_in_the_test_split() -> None:
    data = portraits(toy_pictures(4, 4, 4, 16, 0), load_size=16, flip=False, background="random")

    def colour(sample: dict[str, Any]) -> tuple[float, ...]:
        background = sample["photo"][:, sample["photo_mask"][0] == 0]
        assert (background == background[:, :1]).all()
        return tuple(background[:, 0].tolist())

    assert len({colour(data.train[epoch, index]) for epoch in range(2) for index in range(4)}) == 8
    assert colour(data.train[1, 2]) == colour(data.train[1, 2])
    assert len({colour(data.test[index]) for index in range(4)}) == 4
    assert colour(data.test[1]) == colour(data.test[1])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_background_that_needs_masks_says_so(tmp_path: Path, workers: int) -> None:
    data = portraits(broken_among_good(tmp_path, 0), background="white", workers=workers)
    sentence = r"data\.background=white needs person masks.*data\.source\.photo_mask=<folder>"
    for loader in (data.train_dataloader(), data.val_dataloader()):
        with pytest.raises(UserError, match=sentence):
            next(iter(loader))
    assert len(list(data.loader(data.test_cartoons, 2))) == 1


def broken_among_good(folder: Path, broken: int) -> Splits:
    for n in range(8):
        draw(folder / "photos/train" / f"p{n}.png")
        draw(folder / "cartoons/train" / f"c{n}.png")
    for split in ("photos/val", "cartoons/val", "photos/test", "cartoons/test"):
        draw(folder / split / "t.png")
    for n in range(broken):
        path = folder / "photos/train" / f"p{n}.png"
        path.write_bytes(path.read_bytes()[:40])
    return folder_pictures(**{**DEFAULTS, "photo": str(folder / "photos"), "cartoon": str(folder / "cartoons")})


def test_unreadable_files_are_replaced_counted_and_listed(tmp_path: Path) -> None:
    data = portraits(broken_among_good(tmp_path, 2), batch_size=4)
    data.trainer = SimpleNamespace(default_root_dir=str(tmp_path))  # type: ignore[assignment]
    batches = [data.on_before_batch_transfer(batch, 0) for batch in data.train_dataloader()]
    assert [len(batch["photo"]) for batch in batches] == [4, 4]
    listing = (tmp_path / "unreadable.txt").read_text().splitlines()
    assert len(listing) == len(data.unreadable) == 2
    assert all(f"p{n}.png" in line for n, line in enumerate(listing))


def test_too_many_unreadable_files_stop_the_run(tmp_path: Path) -> None:
    data = portraits(broken_among_good(tmp_path, 2), max_unreadable=0.05)
    data.trainer = SimpleNamespace(default_root_dir=str(tmp_path))  # type: ignore[assignment]
    batches = list(data.train_dataloader())
    with pytest.raises(DataError, match=r"2 of 20 images cannot be read, more than data\.max_unreadable=0\.05 allows"):
        [data.on_before_batch_transfer(batch, 0) for batch in batches]


def test_the_reader_of_a_folder_survives_pictures_that_vanish(tmp_path: Path) -> None:
    source = broken_among_good(tmp_path, 0)
    (tmp_path / "photos/train/p3.png").unlink()
    Image.new("RGB", (9, 9)).save(tmp_path / "photos/train/p3.png", "TIFF")  # another format under the same name
    (tmp_path / "photos/train/p5.png").unlink()
    unreadable = [s for batch in portraits(source).train_dataloader() for s in batch["unreadable"]]
    assert len(unreadable) == 1
    assert "p5.png" in unreadable[0]


def crash_with_workers() -> None:
    batches = iter(portraits(toy_pictures(7, 2, 2, 18, 0), workers=1).train_dataloader())
    next(batches)
    sys.exit(7)  # while `batches`, and so its worker, is still referred to


def test_workers_that_an_exception_leaves_behind_do_not_keep_the_program_alive() -> None:
    child = get_context("fork").Process(target=crash_with_workers)
    child.start()
    child.join(30)
    assert child.exitcode == 7
