"""Trained networks that make cartoons and masks, loaded once in each process."""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import torch
from torch import Tensor

from portrait_cartoons.image import from_uint8
from portrait_cartoons.inference import Cartoonizer
from portrait_cartoons.networks import weights
from portrait_cartoons.networks.unet import UNet
from portrait_cartoons.runs import checkpoint

DEEPLAB = "deeplabv3"
_DEEPLAB_URL = "https://download.pytorch.org/models/deeplabv3_resnet50_coco-cd0a2569.pth"
_DEEPLAB_SIDE = 520  # pixels that it was trained on
_PERSON = 15  # among the 21 classes of Pascal VOC
_IMAGENET = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)  # mean and deviation

Segmenter = Callable[[np.ndarray], np.ndarray]


@cache
def cartoonizer(path: str) -> Cartoonizer:
    """The generator of a checkpoint or run folder. Raises CheckpointError."""
    return Cartoonizer.load(path)


@cache
def segmenter(path: str) -> Segmenter:
    """A function from uint8 H x W x 3 to the person's mask, uint8 H x W: the U-Net of a SelfieGAN's checkpoint.

    For `DEEPLAB`, torchvision's network of Chen et al. 2017, trained on COCO, which is downloaded once. Raises
    CheckpointError for a checkpoint without a U-Net, and WeightsError where DeepLabV3's weights cannot be had.
    """
    if path == DEEPLAB:
        return _deeplab()
    network = next((part for part in checkpoint.load(path).children() if isinstance(part, UNet)), None)
    if network is None:
        raise checkpoint.CheckpointError(f"{path} holds no U-Net, which makes masks; name a checkpoint of selfiegan")
    divisor = network.size_divisor

    def mask(image: np.ndarray) -> np.ndarray:
        height, width = (-(-side // divisor) * divisor for side in image.shape[:2])
        return _mask(lambda x: torch.sigmoid(network(x))[:, 0], image, height, width)

    return mask


def _deeplab() -> Segmenter:
    from torchvision.models.segmentation import deeplabv3_resnet50

    ways_out = "or use GrabCut: leave out by=deeplabv3"
    file = weights.published(_DEEPLAB_URL, "DeepLabV3's weights", ways_out)
    network = deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=21, aux_loss=True).eval()
    network.load_state_dict(weights.state_dict(file, "DeepLabV3's weights", ways_out))

    def person(x: Tensor) -> Tensor:
        return network(((x + 1) / 2 - _IMAGENET[0]) / _IMAGENET[1])["out"].softmax(1)[:, _PERSON]

    return lambda image: _mask(person, image, _DEEPLAB_SIDE, _DEEPLAB_SIDE)


@torch.inference_mode()
def _mask(person: Callable[[Tensor], Tensor], image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The mask that a network finds in the picture brought to that size; `person` maps N x 3 x H x W to N x H x W."""
    larger = height > image.shape[0]
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC if larger else cv2.INTER_AREA)
    share = person(from_uint8(resized).unsqueeze(0))[0].numpy()
    back = cv2.resize(share, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.rint(255 * back).clip(0, 255).astype(np.uint8)
