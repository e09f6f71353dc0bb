"""How well a segmentation network's logits match masks; both are N x 1 x H x W, masks in [0, 1]."""

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def bce(logits: Tensor, masks: Tensor) -> Tensor:
    """Binary cross-entropy of the logits' sigmoid, the mean over pixels and batch; a scalar."""
    return binary_cross_entropy_with_logits(logits, masks)


def iou(logits: Tensor, masks: Tensor) -> Tensor:
    """Intersection over union of the pixels with more than even odds, the mean over the batch; a scalar in [0, 1].

    It has no gradient. Where neither has such a pixel it is 1.
    """
    found, true = logits > 0, masks > 0.5
    intersection, union = (found & true).sum((1, 2, 3)), (found | true).sum((1, 2, 3))
    return (intersection / union).where(union > 0, 1.0).mean()
