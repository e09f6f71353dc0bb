"""Trained networks that make cartoons and masks, loaded once in each process."""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import torch
from torch import nn

from portrait_cartoons.image import from_uint8
from portrait_cartoons.inference import Cartoonizer
from portrait_cartoons.networks.unet import UNet
from portrait_cartoons.runs import checkpoint


@cache
def cartoonizer(path: str) -> Cartoonizer:
    """The generator of a checkpoint or run folder. Raises CheckpointError."""
    return Cartoonizer.load(path)


@cache
def segmenter(path: str) -> Callable[[np.ndarray], np.ndarray]:
    """The U-Net of a SelfieGAN checkpoint, as a function from uint8 H x W x 3 to the person's mask, uint8 H x W.

    Raises CheckpointError for a checkpoint without one.
    """
    network = next((part for part in checkpoint.load(path).children() if isinstance(part, UNet)), None)
    if network is None:
        raise checkpoint.CheckpointError(f"by={path} holds no U-Net, which makes masks: name a checkpoint of selfiegan")
    return lambda image: _mask(network, image)


@torch.inference_mode()
def _mask(network: nn.Module, image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    divisor = int(network.size_divisor)  # type: ignore[arg-type]
    fitting = -(-width // divisor) * divisor, -(-height // divisor) * divisor
    x = from_uint8(cv2.resize(image, fitting, interpolation=cv2.INTER_AREA))
    person = torch.sigmoid(network(x.unsqueeze(0)))[0, 0].numpy()
    return np.rint(255 * cv2.resize(person, (width, height), interpolation=cv2.INTER_LINEAR)).astype(np.uint8)
