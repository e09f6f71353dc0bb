"""A report as an evaluation leaves it, with pictures."""

import math
from pathlib import Path

import pytest
from PIL import Image

from portrait_cartoons.evaluation.report import Report, Row, Value

HOSTILE = '</td><script>alert("x")</script>|<!--'
PHOTOS = 30


def report(**protocol: str | int) -> Report:
    """Two systems with one advantage each, a third without a cycle, and both baselines."""
    return Report(
        {"split": "test", "n": PHOTOS, **protocol},
        [
            Row("unchanged photo", "baseline", {"fid": Value(5.0), "content/psnr": Value(math.inf)}),
            Row(
                "camgan",
                "system",
                {
                    "fid": Value(46.123456789, 44.0, 48.5),
                    "content/psnr": Value(17.0),
                    "cycle/ssim": Value(0.85),
                    "parameters": Value(7228437),
                },
                "runs/camgan/last.ckpt",
                "ab" * 32,
                "pictures/camgan",
            ),
            Row("cyclegan", "system", {"fid": Value(60.1), "content/psnr": Value(19.5)}, pictures="pictures/cyclegan"),
            Row(HOSTILE, "system", {"fid": Value(70.0)}),
            Row("photo set", "baseline", {"fid": Value(112.2)}),
        ],
        "pictures/photo",
        "pictures/target",
        ["python -m src.evaluate ckpt='runs/*' data=toy"],
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A report's folder: picture i of each column is red by i and green by the column's number."""
    for number, name in enumerate(("photo", "camgan", "cyclegan", "target")):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(PHOTOS):
            Image.new("RGB", (64, 64), (8 * i, 60 * number, 0)).save(tmp_path / "pictures" / name / f"{i:03d}.png")
    return tmp_path
