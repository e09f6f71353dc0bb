"""What is compared in the pixels themselves: colours with those of the photo, and each pixel with its neighbours."""

from kornia.color import rgb_to_yuv
from torch import Tensor
from torch.nn.functional import huber_loss, l1_loss


def colour(output: Tensor, photo: Tensor) -> Tensor:
    """Distance of the colours of N x 3 x H x W images in [-1, 1], of [0, 1] each: L1 of Y, Huber (delta 1) of U and V.

    AnimeGAN (Chen et al. 2020), equations 6 and 7; a scalar, the mean over pixels and batch.
    """
    (y, u, v), (y_x, u_x, v_x) = (rgb_to_yuv((image + 1) / 2).unbind(1) for image in (output, photo))
    return l1_loss(y, y_x) + huber_loss(u, u_x) + huber_loss(v, v_x)


def total_variation(image: Tensor) -> Tensor:
    """Half the mean square of the steps from each pixel to the next, down and right; N x C x H x W -> a scalar."""
    down, right = image.diff(dim=2), image.diff(dim=3)
    return (down.square().mean() + right.square().mean()) / 2
