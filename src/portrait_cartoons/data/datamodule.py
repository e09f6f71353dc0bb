"""The one LightningDataModule of all systems: training batches that resume exactly, and splits to measure."""

import operator
from collections.abc import Collection
from functools import cached_property, partial, reduce
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, Literal, cast

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from portrait_cartoons.data import transforms, workers
from portrait_cartoons.data.background import Background
from portrait_cartoons.data.dataset import Keep, Sample, TestDataset, TrainingDataset, collate
from portrait_cartoons.data.encoded import DataError
from portrait_cartoons.data.fields import Domain, known
from portrait_cartoons.data.fingerprint import identities
from portrait_cartoons.data.memory import Kept, Memory
from portrait_cartoons.data.picture import Splits, Transform
from portrait_cartoons.data.sampler import EpochSampler, Position
from portrait_cartoons.files import write

UNREADABLE = "unreadable.txt"  # in the run folder: pictures that could not be read

DOMAINS: tuple[Domain, Domain] = ("photo", "cartoon")


class Portraits(lightning.LightningDataModule):
    """Batches of N samples as `TrainingDataset` and `TestDataset` define them.

    Args:
        source: the pictures.
        size: side of the squares that the networks see, in pixels.
        load_size: shorter side to which training pictures are brought before the random crop, at least `size`.
        flip: whether training mirrors half of the pictures.
        fields: what training samples hold, of those that `fields.FIELDS` explains.
        background: what it is to be in all splits. White, a random colour per sample and a blur need person masks.
        background_of: the domains, photo or cartoon, whose background that is; the others keep theirs.
        smooth_noise: standard deviation, 0 to 1 (full range), of Gaussian noise on those blurred edges.
        batch_size, val_batch_size: photos per batch in training, and in validation and test.
        num_workers: loader processes of each rank, or auto: as many as suit the machine, and none for pictures that are
            drawn on the fly. The samples and their order do not depend on it.
        seed: of order and augmentation.
        max_unreadable: the share of unreadable files, 0 to 1, above which training stops.
        cache_gb: memory in which each rank keeps decoded pictures, for all of its workers; 0 for none. What does not
            fit is read from its file every time. The samples do not depend on it.
    """

    def __init__(
        self,
        source: Splits,
        size: int,
        load_size: int,
        flip: bool,
        fields: Collection[str],
        background: Background,
        background_of: Collection[Domain],
        smooth_noise: float,
        batch_size: int,
        val_batch_size: int,
        num_workers: int | Literal["auto"],
        seed: int,
        max_unreadable: float,
        cache_gb: float = 0.0,
    ) -> None:
        super().__init__()
        self.source, self.seed, self.max_unreadable = source, seed, max_unreadable
        self.size, self.fields = size, known(fields)
        self.backgrounds: dict[Domain, Background] = {
            domain: background if domain in background_of else "keep" for domain in DOMAINS
        }
        # What decides, beside the pictures themselves, what the networks see of the val and test splits.
        self.preprocessing: dict[str, int | str] = {
            "size": size,
            "load_size": load_size,
            "resize": transforms.EVALUATION_RESIZE,
        }
        self.batch_size, self.val_batch_size, self._num_workers = batch_size, val_batch_size, num_workers
        self.memory = Memory(cache_gb) if cache_gb else None
        self.train = TrainingDataset(
            source.train_photos,
            source.train_cartoons,
            transforms.training(size, load_size, flip),
            seed,
            self.fields,
            self.backgrounds,
            smooth_noise,
            self._keep(transforms.loaded(load_size)),
        )
        self.val, self.val_cartoons = self.split("val")
        self.test, self.test_cartoons = self.split("test")
        self.unreadable: set[str] = set()
        self._start = Position()
        self._seen: dict[str, Tensor] = {}

    @property
    def num_workers(self) -> int:
        """Loader processes of each rank."""
        if self._num_workers != "auto":
            return self._num_workers
        drawn = all(type(pictures).drawn for pictures in vars(self.source).values())
        return 0 if drawn else workers.automatic(self.trainer.num_devices if self.trainer else 1)

    def train_dataloader(self) -> DataLoader[Sample]:
        trainer: Any = self.trainer
        rank, ranks = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        if len(self.train) < ranks:  # Lightning would end at once, as if all were done
            raise DataError(f"{len(self.train)} training pictures cannot be shared by {ranks} devices: use fewer")
        sampler = EpochSampler(len(self.train), self.seed, self._start, self.batch_size, rank, ranks)
        if trainer:
            sampler.set_epoch(max(self._start.epoch, trainer.current_epoch))
            if self._start.sample != self._start.batch * self.batch_size * ranks:
                # After another batch size the rest of this epoch has a number of batches of its own, and Lightning
                # counts them only when it asks for the loader.
                trainer.reload_dataloaders_every_n_epochs = int(sampler.epoch == self._start.epoch)
        return self.loader(self.train, self.batch_size, sampler)

    def val_dataloader(self) -> DataLoader[Sample]:
        """Of this rank's share, which is not filled up: each picture is measured once."""
        trainer: Any = self.trainer
        rank, ranks = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        share = Subset(self.val, range(rank, len(self.val), ranks)) if ranks > 1 else self.val
        return self.loader(share, self.val_batch_size)

    def test_dataloader(self) -> DataLoader[Sample]:
        return self.loader(self.test, self.val_batch_size)

    def split(self, name: Literal["train", "val", "test", "all"]) -> tuple[TestDataset, TestDataset]:
        """The photos and the cartoons of a split, or of all three one after another, as they are measured."""
        return self._measured("photo", name), self._measured("cartoon", name)

    def _measured(self, domain: Domain, name: str) -> TestDataset:
        names = ("train", "val", "test") if name == "all" else (name,)
        parts = [getattr(self.source, f"{part}_{domain}s") for part in names]
        pictures = reduce(operator.add, [part for part in parts if part] or parts[:1])
        transform = transforms.evaluation(self.size)
        kept = self._keep(transform) if name == "val" else None  # the others are read once
        return TestDataset(domain, pictures, transform, self.backgrounds[domain], self.fields, kept)

    def _keep(self, resize: Transform) -> Keep | None:
        """How pictures are kept in memory, None for not at all."""
        return partial(Kept, resize=resize, memory=self.memory) if self.memory else None

    def state_dict(self) -> dict[str, Any]:
        """How far training has come, what could not be read so far, and what was trained on and chosen by.

        The last, `seen`, holds the `identities` of the pictures of the train and val splits, of which the resumed run's
        count as well.
        """
        return {**self._position()._asdict(), "unreadable": sorted(self.unreadable), "seen": self.seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._start = Position(*(state_dict[name] for name in Position._fields))
        self.unreadable = set(state_dict["unreadable"])
        self._seen = state_dict["seen"]

    @cached_property
    def seen(self) -> dict[str, Tensor]:
        """The identities of the pictures by `train_photos`, `train_cartoons`, `val_photos` and `val_cartoons`."""
        names = [name for name in vars(self.source) if not name.startswith("test")]
        now = {name: identities(getattr(self.source, name)) for name in names}
        return {name: torch.cat([now[name], self._seen.get(name, now[name])]).unique() for name in names}

    def _position(self) -> Position:
        trainer = cast(lightning.Trainer, self.trainer)
        progress = trainer.fit_loop.epoch_loop.batch_progress
        batch = progress.current.ready
        if progress.is_last_batch or batch >= trainer.num_training_batches:
            return Position(trainer.current_epoch + 1)
        done = self._start if self._start.epoch == trainer.current_epoch else Position()
        sample = done.sample + (batch - done.batch) * self.batch_size * trainer.world_size
        return Position(trainer.current_epoch, batch, sample)

    def teardown(self, stage: str) -> None:
        if stage == "fit" and self.unreadable:
            print(f"{len(self.unreadable)} images could not be read; {UNREADABLE} in the run folder lists them")

    def on_before_batch_transfer(self, batch: Sample, dataloader_idx: int) -> Sample:
        """Take the unreadable files out of the batch, list them in the run folder, and stop if they are too many."""
        if new := set(batch.pop("unreadable")) - self.unreadable:
            listing = Path(cast(lightning.Trainer, self.trainer).default_root_dir, UNREADABLE)
            if not self.unreadable:
                print(f"warning: {min(new)}; another picture is used in its place, and {listing} lists all such files")
            self.unreadable |= new
            write(listing, "".join(f"{sentence}\n" for sentence in sorted(self.unreadable)))
            total = sum(len(pictures) for pictures in vars(self.source).values())
            if len(self.unreadable) > self.max_unreadable * total:
                raise DataError(
                    f"{len(self.unreadable)} of {total} images cannot be read, more than data.max_unreadable="
                    f"{self.max_unreadable} allows; {listing} names them: replace them or raise the limit"
                )
        return batch

    def loader(self, dataset: Any, batch_size: int, sampler: EpochSampler | None = None) -> DataLoader[Sample]:
        """Batches of a data set, or of a part of one, loaded in the way of all others."""
        if self.num_workers:
            workers.allow_open_files(self.num_workers, len(self.fields))
            Finalize(None, workers.kill_all, exitpriority=0)  # before the program waits for its children
        return DataLoader(
            dataset,
            batch_size,
            sampler=sampler,
            num_workers=self.num_workers,
            multiprocessing_context="fork" if self.memory and self.num_workers else None,  # which shares the memory
            collate_fn=collate,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=workers.start,
            persistent_workers=self.num_workers > 0,
            timeout=workers.TIMEOUT if self.num_workers else 0,
        )
