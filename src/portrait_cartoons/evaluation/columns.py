"""The columns of a report: what is measured of a system, and how it is shown."""

from collections.abc import Mapping
from typing import Literal, NamedTuple


class Column(NamedTuple):
    """How the values of one kind are shown: multiplied by `factor`, with so many decimals."""

    title: str
    better: Literal["higher", "lower"] | None
    decimals: int
    factor: float = 1.0


COLUMNS: Mapping[str, Column] = {
    "fid": Column("FID", "lower", 2),
    "kid": Column("KID", "lower", 4),
    "precision": Column("Precision", "higher", 3),
    "recall": Column("Recall", "higher", 3),
    "squeeze_fd": Column("Squeeze FD", "lower", 2),
    "squeeze_kd": Column("Squeeze KD", "lower", 4),
    "random_fd": Column("Random FD", "lower", 4),
    "random_kd": Column("Random KD", "lower", 4),
    "content/psnr": Column("Content PSNR dB", "higher", 2),
    "content/ssim": Column("Content SSIM", "higher", 3),
    "content/mse": Column("Content MSE", "lower", 4),
    "content/lpips": Column("Content LPIPS", "lower", 3),
    "cycle/psnr": Column("Cycle PSNR dB", "higher", 2),
    "cycle/ssim": Column("Cycle SSIM", "higher", 3),
    "cycle/mse": Column("Cycle MSE", "lower", 4),
    "target/psnr": Column("Target PSNR dB", "higher", 2),
    "target/ssim": Column("Target SSIM", "higher", 3),
    "target/mse": Column("Target MSE", "lower", 4),
    "target/lpips": Column("Target LPIPS", "lower", 3),
    "parameters": Column("Generator parameters M", "lower", 3, 1e-6),
    "milliseconds": Column("ms per image", "lower", 1),
}

ENOUGH = 2048  # images, below which FID depends more on their number than on the systems
