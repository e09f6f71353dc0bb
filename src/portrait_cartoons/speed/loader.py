"""Where the time of a training sample goes, without the processes that share it out."""

from time import perf_counter

import numpy as np

from portrait_cartoons.data import fields
from portrait_cartoons.data.background import replace_background
from portrait_cartoons.data.datamodule import Portraits
from portrait_cartoons.data.picture import read, transformed

READ, CROP, FIELDS = "read and decode", "resize, crop, flip", "fields of the batch"


def stages(data: Portraits, samples: int) -> dict[str, float]:
    """Seconds of this process for each stage of a sample, all its pictures together: the mean of so many samples."""
    spent, rng = {READ: 0.0, CROP: 0.0, FIELDS: 0.0}, np.random.default_rng(0)
    for index in range(samples):
        for domain, pictures in data.train.pictures.items():
            times = [perf_counter()]
            picture = read(pictures, index % len(pictures), [])
            times.append(perf_counter())
            cropped = transformed(picture, data.train.transform)
            times.append(perf_counter())
            replaced = replace_background(cropped, data.train.backgrounds[domain], rng)
            for field in data.train.fields:
                if fields.domain(field) == domain:
                    fields.make(field, replaced, data.train.smooth_noise, rng)
            times.append(perf_counter())
            for stage, seconds in zip(spent, np.diff(times), strict=True):
                spent[stage] += float(seconds)
    return {stage: seconds / samples for stage, seconds in spent.items()}
