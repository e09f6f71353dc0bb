"""What a picture is, told by its file."""

import cv2
import numpy as np

from portrait_cartoons.image import Description, ImageError, describe, load_rgb, reason
from portrait_cartoons.preparation.duplicates import perceptual_hash
from portrait_cartoons.preparation.faces import find_face
from portrait_cartoons.preparation.manifest import Facts
from portrait_cartoons.preparation.sources import Source

_SEEN_AT = 320  # pixels of the shorter side that a large JPEG is decoded at, enough to find a face
_ALIKE = 8  # of 255: values that differ by less are the same to the eye
_BLURRED = 4.0  # standard deviation of the Laplacian at that size below which nothing is sharp


def examine(source: Source, with_face: bool) -> Facts | str:
    """The facts of a picture, or why it cannot be read. Finding its face takes twice as long as all the rest."""
    try:
        description = describe(source.path)
        image = load_rgb(source.path, _SEEN_AT)
    except ImageError as error:
        return reason(error.__cause__ or error)
    few = image[::4, ::4]  # enough of the pixels, in a sixteenth of the time
    if np.ptp(few, (0, 1)).max() < _ALIKE:
        return "it shows a single colour"
    face = find_face(image) if with_face else None
    notes = _notes(description, image)
    if with_face and face is None:
        notes.append("no face: the central square is taken")
    return Facts(
        width=description.width,
        height=description.height,
        format=description.format,
        phash=perceptual_hash(image),
        mirrored=perceptual_hash(cv2.flip(image, 1)),
        face=",".join(f"{share:.4f}" for share in face) if face else "none" if with_face else "",
        note="; ".join(notes),
    )


def _notes(description: Description, image: np.ndarray) -> list[str]:
    """What may be wrong with a readable picture."""
    notes = []
    if description.animated:
        notes.append("an animation, of which the first frame is taken")
    if description.transparent:
        notes.append("transparent, laid on white")
    if description.mode not in ("RGB", "RGBA", "P", "L"):
        notes.append(f"converted from {description.mode}")
    if np.ptp(image[::4, ::4], 2).max() < _ALIKE:
        notes.append("without colour")
    scale = _SEEN_AT / min(image.shape[:2])
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if cv2.Laplacian(grey, cv2.CV_32F).std() < _BLURRED:
        notes.append("blurred")
    return notes
