"""Imported once by the process that tests fork commands from: imports take seconds, a fork milliseconds."""

import lightning  # noqa: F401
import torch  # noqa: F401

import portrait_cartoons.callbacks.metrics
import portrait_cartoons.data.datamodule
import portrait_cartoons.data.toy
import portrait_cartoons.models.cyclegan
import portrait_cartoons.train  # noqa: F401
import src  # noqa: F401 - makes the package importable
