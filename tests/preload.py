"""Imported once by the process that tests fork commands from: imports take seconds, a fork milliseconds."""

import lightning  # noqa: F401
import torch  # noqa: F401

import src.callbacks.metrics
import src.data.datamodule
import src.data.toy
import src.models.cyclegan
import src.train  # noqa: F401
