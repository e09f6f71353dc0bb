"""How well a segmentation network's logits match masks; both are N x 1 x H x W, masks in [0, 1]."""

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def bce(logits: Tensor, masks: Tensor) -> Tensor:
    """Binary cross-entropy of the logits' sigmoid, the mean over pixels and batch; a scalar."""
    return binary_cross_entropy_with_logits(logits, masks)
