"""Imported once by the process that tests fork commands from: imports take seconds, a fork milliseconds."""

from PIL import Image

import portrait_cartoons.callbacks.balance
import portrait_cartoons.callbacks.health
import portrait_cartoons.callbacks.metrics
import portrait_cartoons.callbacks.progress
import portrait_cartoons.callbacks.samples
import portrait_cartoons.check.trial
import portrait_cartoons.data.toy
import portrait_cartoons.evaluate
import portrait_cartoons.models.cyclegan
import portrait_cartoons.train
import portrait_cartoons.training
import portrait_cartoons.translate  # noqa: F401
import tests.guards  # noqa: F401
from portrait_cartoons.cli.config import composed

Image.init()  # Pillow's formats
composed("train", [])  # Hydra's plugins
