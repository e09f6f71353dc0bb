"""The card beside an exported file: what it is, how to use it, and what was checked."""

from collections.abc import Mapping

from portrait_cartoons.deployment.contract import INPUT, OUTPUT

_CARD = """\
# {name}

A generator that turns portraits into cartoons: {model}, exported by portrait-cartoons ({version}).

| | |
|---|---|
| network | {generator} |
| parameters | {parameters:,} |
| weights | {weights} |
| trained on | pictures of {size} x {size} pixels; it draws best near that size, so reduce larger photos |
| input | `{input}`: {layout}, {colour_order} in {range}; any height and width |
| output | `{output}`: the same |
| largest difference from PyTorch | {difference:.1e} of a range of 2 |
| sha256 | `{sha256}` |
| licence of the weights | {licence} |

The padding to sides that the network takes, and the cropping back, are part of the file.

## Use

{use}
## Differences from PyTorch

| photos | largest difference |
|---|---|
{differences}

A picture of one colour has no contrast for instance norm to measure. There the outputs of two programs can differ.
"""

_USE = {
    "onnx": """\
ONNX Runtime, NumPy and Pillow are enough:

```python
import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession("{name}")
photo = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")
x = np.asarray(photo, np.float32).transpose(2, 0, 1)[None] / 127.5 - 1
(y,) = session.run(None, {{"photo": x}})
pixels = ((y[0].transpose(1, 2, 0) + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
Image.fromarray(pixels).save("cartoon.png")
```
""",
    "web": """\
Open it in a browser, from a disk or a server: it holds the generator and ONNX Runtime, and needs no network. Photos
stay on the machine.
""",
    "torch_export": """\
torch is enough:

```python
import torch

draw = torch.export.load("{name}").module()
cartoon = draw(torch.zeros(1, 3, 240, 320))
```
""",
    "safetensors": """\
It needs this package:

```python
from portrait_cartoons import Cartoonizer

cartoon = Cartoonizer.load("{name}").translate("photo.jpg")
```
""",
}


def card(
    name: str,
    format: str,  # noqa: A002
    described: Mapping[str, str],
    sha256: str,
    parameters: int,
    differences: Mapping[str, float],
) -> str:
    """The card as Markdown."""
    return _CARD.format(
        **described,
        name=name,
        input=INPUT,
        output=OUTPUT,
        use=_USE[format].format(name=name),
        sha256=sha256,
        parameters=parameters,
        difference=max(differences.values()),
        differences="\n".join(f"| {size} | {difference:.1e} |" for size, difference in differences.items()),
    )
