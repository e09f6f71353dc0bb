import re
import resource
import sys
from dataclasses import replace
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from portrait_cartoons.data.datamodule import Portraits
from portrait_cartoons.data.edges import smooth_edges
from portrait_cartoons.data.encoded import DataError
from portrait_cartoons.data.folder import folder_pictures
from portrait_cartoons.data.picture import Picture, Pictures, Splits
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
        "fields": ("photo", "cartoon"),
        "background_of": ("photo",),
        "smooth_noise": 0.0,
        "batch_size": 2,
        "val_batch_size": 2,
        "num_workers": 0,
        "seed": 0,
        "max_unreadable": 0.5,
    }
    return Portraits(source, **{**defaults, **options})


ALL = ("photo", "cartoon", "photo_mask", "cartoon_mask", "cartoon_smooth", "target")


def two_epochs(workers: int, skip: int = 0) -> list[dict[str, Any]]:
    drawn = {"background": "random", "fields": ALL, "smooth_noise": 0.1}
    data = portraits(toy_pictures(7, 2, 2, 18, 0), num_workers=workers, **drawn)
    data.load_state_dict({"epoch": 0, "batch": skip, "sample": 2 * skip, "unreadable": [], "seen": {}})
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
    for ours, theirs in zip(batches, in_process, strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in ALL)


@pytest.mark.parametrize("skip", [1, 3])
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


@pytest.mark.parametrize(("photos", "cartoons"), [(9, 3), (3, 9), (8, 8)])
def test_an_epoch_shows_each_picture_of_the_larger_set_once_and_draws_from_the_other(
    photos: int, cartoons: int
) -> None:
    source = replace(
        toy_pictures(photos, 2, 2, 16, 0), train_cartoons=toy_pictures(cartoons, 2, 2, 16, 1).train_cartoons
    )
    data = portraits(source, load_size=16, flip=False, batch_size=1)
    pairs = []
    for epoch in range(6):
        loader = data.train_dataloader()
        loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        pairs.append([(batch["photo"].numpy().tobytes(), batch["cartoon"].numpy().tobytes()) for batch in loader])
    larger, other = (0, 1) if photos >= cartoons else (1, 0)
    for epoch_pairs in pairs:
        assert len(epoch_pairs) == len({pair[larger] for pair in epoch_pairs}) == max(photos, cartoons)
    # The partner of each picture is another one in nearly every epoch, also where both sets are equally large.
    partners: dict[bytes, list[bytes]] = {}
    for pair in chain.from_iterable(pairs):
        partners.setdefault(pair[larger], []).append(pair[other])
    assert np.mean([len(set(drawn)) for drawn in partners.values()]) > min(photos, cartoons, 6) / 2


class Gradient(Pictures):
    """One picture, 60 x 40, whose red is each pixel's column and whose green is its row; its mask is the left half.

    Its true cartoon has the column in blue.
    """

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Picture:  # type: ignore[override]
        rows, columns = np.mgrid[:40, :60].astype(np.uint8)
        image, target = np.dstack([columns, rows, 0 * rows]), np.dstack([0 * rows, rows, columns])
        return Picture(image, ((columns < 30) * 255).astype(np.uint8), target, "gradient")

    def __add__(self, other: Self) -> Self:
        raise NotImplementedError

    def without(self, mask: bool = False, target: bool = False) -> Self:
        return self

    def identity(self, index: int) -> bytes:
        return b""


def gradients(**options: Any) -> Portraits:
    return portraits(Splits(*[Gradient()] * 6), size=16, fields=ALL, **options)


def corner(sample: dict[str, Any]) -> tuple[tuple[int, int], bool]:
    """Where the crop of a sample lies in the gradient, row and column, and whether it is flipped."""
    red, green, _ = to_uint8(sample["photo"]).int()
    flipped = bool(red[0, 0] > red[0, -1])
    return (int(green[0, 0]), int(red.min())), flipped


def test_a_photo_and_all_that_belongs_to_it_are_cropped_and_flipped_alike() -> None:
    data = gradients(load_size=40)
    for epoch in range(30):
        sample = data.train[epoch, 0]
        red, green, _ = to_uint8(sample["photo"]).int()
        assert torch.equal(sample["photo_mask"][0], (red < 30).float())
        assert torch.equal(to_uint8(sample["target"]).int()[2], red)
        assert torch.equal(to_uint8(sample["target"]).int()[1], green)


def test_training_crops_at_random_places_and_flips_every_second_time() -> None:
    found = [corner(gradients(load_size=40).train[epoch, 0]) for epoch in range(200)]
    rows, columns = ({place[axis] for place, _ in found} for axis in (0, 1))
    assert (min(rows), max(rows)) == (0, 40 - 16)
    assert len(rows) > 15
    assert min(columns) <= 2
    assert max(columns) >= 60 - 16 - 2
    assert len(columns) > 25
    assert 70 < sum(flipped for _, flipped in found) < 130
    assert not any(corner(gradients(load_size=40, flip=False).train[epoch, 0])[1] for epoch in range(40))


@pytest.mark.parametrize("load_size", [16, 20, 40])
def test_training_pictures_are_brought_to_the_load_size_first(load_size: int) -> None:
    photo = to_uint8(gradients(load_size=load_size, flip=False).train[0, 0]["photo"]).float()
    steps = photo[1].diff(dim=0).mean(), photo[0].diff(dim=1).mean()
    assert all(step.item() == pytest.approx(40 / load_size, rel=0.1) for step in steps)


def test_measured_pictures_are_the_middle_of_the_whole_height() -> None:
    data = gradients(load_size=40)
    for sample in (data.val[0], data.test[0]):
        photo = to_uint8(sample["photo"]).float()
        assert photo[1].mean().item() == pytest.approx(19.5, abs=0.6)
        assert photo[0].mean().item() == pytest.approx(29.5, abs=0.6)
        assert photo[1].diff(dim=0).mean().item() == pytest.approx(40 / 16, rel=0.05)
        assert torch.equal(sample["photo"], data.test[0]["photo"])


def test_reducing_takes_the_mean_of_areas() -> None:
    from portrait_cartoons.data import transforms

    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::4] = 255  # a mean of 64; any interpolation that skips pixels gives stripes again
    for transform in (transforms.training(16, 16, False), transforms.evaluation(16)):
        assert set(np.unique(transform(image=stripes)["image"])) == {64}


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
    data = portraits(toy_pictures(4, 2, 2, 36, 0), size=32, load_size=36, fields=ALL)
    for index in range(4):
        sample = data.train[0, index]
        crop = to_uint8(sample["cartoon"]).permute(1, 2, 0).numpy()
        smooth = smooth_edges(crop, 0.0, np.random.default_rng(0))
        assert not np.array_equal(smooth, crop)
        assert torch.equal(sample["cartoon_smooth"], from_uint8(smooth))


def test_options_change_neither_partner_nor_crop() -> None:
    source = toy_pictures(4, 2, 2, 18, 0)
    plain = portraits(source, fields=("photo", "cartoon", "photo_mask"))
    rich = portraits(source, background="random", fields=ALL, smooth_noise=0.1)
    for index in range(4):
        before, after = plain.train[0, index], rich.train[0, index]
        assert after.keys() - before.keys() == {"cartoon_mask", "cartoon_smooth", "target"}
        assert all(torch.equal(before[name], after[name]) for name in ("cartoon", "photo_mask"))
        person = before["photo_mask"].bool().expand(3, -1, -1)
        assert torch.equal(before["photo"][person], after["photo"][person])
        assert not torch.equal(before["photo"], after["photo"])
    assert torch.equal(plain.test_cartoons[0]["cartoon"], rich.test_cartoons[0]["cartoon"])


def test_random_backgrounds_vary_in_training_and_stay_in_the_test_split() -> None:
    data = portraits(toy_pictures(4, 4, 4, 16, 0), load_size=16, flip=False, background="random", fields=ALL)

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
    data = portraits(broken_among_good(tmp_path, 0), background="white", num_workers=workers)
    sentence = r"data\.background=white needs person masks.*data\.source\.photo_mask=<folder>"
    for loader in (data.train_dataloader(), data.val_dataloader()):
        with pytest.raises(UserError, match=sentence):
            next(iter(loader))
        if workers:  # the exception's frames hold the iterator: found as garbage it would wait 10 s for its worker
            loader._iterator._shutdown_workers()  # type: ignore[union-attr]
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


def in_folder(folder: Path) -> Any:
    """What the data ask of a trainer."""
    return SimpleNamespace(default_root_dir=str(folder), global_rank=0, world_size=1, current_epoch=0)


def test_unreadable_files_are_replaced_counted_and_listed(tmp_path: Path) -> None:
    data = portraits(broken_among_good(tmp_path, 2), batch_size=4)
    data.trainer = in_folder(tmp_path)
    batches = [data.on_before_batch_transfer(batch, 0) for batch in data.train_dataloader()]
    assert [len(batch["photo"]) for batch in batches] == [4, 4]
    listing = (tmp_path / "unreadable.txt").read_text().splitlines()
    assert len(listing) == len(data.unreadable) == 2
    assert all(f"p{n}.png" in line for n, line in enumerate(listing))


def test_unreadable_files_below_the_limit_are_mentioned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = portraits(broken_among_good(tmp_path, 2), batch_size=4)
    data.trainer = in_folder(tmp_path)
    for batch in data.train_dataloader():
        data.on_before_batch_transfer(batch, 0)
    data.teardown("fit")
    first, last = capsys.readouterr().out.splitlines()
    assert re.match(r"warning: .*p[01]\.png.*unreadable\.txt lists all such files", first)
    assert last.startswith("2 images could not be read")


def start_workers(limits: tuple[int, int], num_workers: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    data = portraits(toy_pictures(7, 2, 2, 18, 0), num_workers=num_workers, fields=ALL)
    try:
        batches = list(data.train_dataloader())
    except UserError as error:
        sys.exit(2 if re.match(r"data.num_workers=8 needs \d+ open files, but the limit here is 64", str(error)) else 3)
    sys.exit(0 if len(batches) == 4 else 4)


@pytest.mark.parametrize(("limits", "num_workers", "code"), [((64, 64), 8, 2), ((64, 1024), 2, 0)])
def test_workers_get_the_open_files_they_need_or_a_sentence_says_so(
    limits: tuple[int, int], num_workers: int, code: int
) -> None:
    child = get_context("fork").Process(target=start_workers, args=(limits, num_workers))
    child.start()
    child.join(60)
    assert child.exitcode == code


def test_too_many_unreadable_files_stop_the_run(tmp_path: Path) -> None:
    data = portraits(broken_among_good(tmp_path, 2), max_unreadable=0.05)
    data.trainer = in_folder(tmp_path)
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
    batches = iter(portraits(toy_pictures(7, 2, 2, 18, 0), num_workers=1).train_dataloader())
    next(batches)
    sys.exit(7)  # while `batches`, and so its worker, is still referred to


def test_workers_that_an_exception_leaves_behind_do_not_keep_the_program_alive() -> None:
    child = get_context("fork").Process(target=crash_with_workers)
    child.start()
    child.join(30)
    assert child.exitcode == 7
