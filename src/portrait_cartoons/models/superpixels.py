"""Superpixels: small areas of like colour (SLIC, Achanta et al. 2012). The step that connects each one is left out."""

import torch
from kornia.color import rgb_to_lab
from kornia.filters import gaussian_blur2d
from torch import Tensor

_ROUNDS = 5
_COMPACTNESS = 10.0  # how many units of CIELAB weigh as much as the distance of two neighbouring areas


@torch.no_grad()
def superpixels(images: Tensor, count: int = 200) -> Tensor:
    """N x 3 x H x W in [-1, 1], each of about `count` areas in its mean colour. No gradients pass.

    k-means on colour and place from a grid of areas, in which a pixel can move to the eight areas around its own.
    """
    n, _, height, width = images.shape
    side = (height * width / count) ** 0.5
    rows, columns = max(1, round(height / side)), max(1, round(width / side))
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    row, column = (y * rows // height).flatten(), (x * columns // width).flatten()
    shifts = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    near = torch.stack(
        [(row + down).clamp(0, rows - 1) * columns + (column + right).clamp(0, columns - 1) for down, right in shifts]
    ).to(images.device)  # 9 x HW, the areas that each pixel can belong to

    lab = rgb_to_lab(gaussian_blur2d((images + 1) / 2, (5, 5), (1.0, 1.0)).clamp(0, 1))
    places = (torch.stack([y, x]) * _COMPACTNESS / side).to(lab).expand(n, -1, -1, -1)
    points = torch.cat([lab, places], 1).flatten(2)  # N x 5 x HW
    area = near[4].expand(n, -1)
    for _ in range(_ROUNDS):
        centres = _means(points, area, rows * columns)
        distances = (centres[:, :, near] - points[:, :, None]).square().sum(1)  # N x 9 x HW
        area = near.expand(n, -1, -1).gather(1, distances.argmin(1, keepdim=True))[:, 0]
    colours = _means(images.flatten(2), area, rows * columns)
    return colours.gather(2, area[:, None].expand(-1, 3, -1)).view_as(images)


def _means(values: Tensor, area: Tensor, count: int) -> Tensor:
    """N x C x `count`: the means of N x C x HW values over the pixels of each area, N x HW; 0 for an empty one."""
    values = torch.cat([values, torch.ones_like(values[:, :1])], 1)
    sums = values.new_zeros(len(values), values.shape[1], count)
    sums.scatter_add_(2, area[:, None].expand(-1, values.shape[1], -1), values)
    return sums[:, :-1] / sums[:, -1:].clamp_min(1)
