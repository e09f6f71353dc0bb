"""The history of generated images that a discriminator learns from (Shrivastava et al. 2017, section 2.3)."""

from typing import Any

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """The last `size` fakes. While it fills it stores and returns each image; then with probability 1/2 it returns a
    random stored image and puts the new one in its place, else it returns the new one. Size 0 returns every batch.

    Its images travel in the state dict as extra state, not as a buffer, which DDP would copy from rank 0 to all.
    Draws come from torch's global generator.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.images: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        """N x C x H x W fakes in, as many images out, without gradients."""
        # A run can go on at another size, or on another device, than that of the images it saved.
        self.images = [image.to(images.device) for image in self.images if image.shape == images.shape[1:]]
        return torch.stack([self._exchange(image) for image in images.detach()])

    def _exchange(self, image: Tensor) -> Tensor:
        if len(self.images) < self.size:
            self.images.append(image.clone())
            return image
        if self.size == 0 or torch.rand(()) < 0.5:
            return image
        slot = int(torch.randint(self.size, ()))
        stored, self.images[slot] = self.images[slot], image.clone()
        return stored

    def get_extra_state(self) -> list[Tensor]:
        return self.images

    def set_extra_state(self, state: Any) -> None:
        if not isinstance(state, list) or not all(isinstance(image, Tensor) for image in state):
            raise ValueError("the state of an image pool must be a list of images")
        self.images = [image.clone() for image in state]
