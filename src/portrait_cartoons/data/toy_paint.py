"""The photo and the cartoon of a face, each with the exact mask of the person.

The cartoon paints the shapes of the face in bright colours with ink around them; the photo paints the same shapes muted
and without ink, then adds light, texture, blur, noise and a backdrop. A face is the same at every size.
"""

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from portrait_cartoons.data.toy_face import Face, Point, Shape

CANVAS = 256  # pixels; smaller pictures are painted this large, and others at twice their size, then reduced
COARSE = 64  # pixels of the fields that are smooth at every size: light, backdrop, folds

INK = np.array((0.15, 0.10, 0.15))

# What the light and the texture of a photo see of a part: hair, cloth, and height towards the viewer.
# A part that is not named here lies flat on the one below it.
SURFACES: dict[str, np.ndarray] = {
    "hair": np.array((1.0, 0.0, 0.95)),
    "beard": np.array((0.6, 0.0, 0.85)),
    "cloth": np.array((0.0, 1.0, 0.45)),
    "trim": np.array((0.0, 1.0, 0.50)),
    "neck": np.array((0.0, 0.0, 0.45)),
    "ear": np.array((0.0, 0.0, 0.60)),
    "skin": np.array((0.0, 0.0, 0.85)),
    "nose": np.array((0.0, 0.0, 1.00)),
}


def paint_cartoon(face: Face, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Image, uint8 H x W x 3, and mask, uint8 H x W, 0 or 255: flat colours, outlines, a flat backdrop."""
    ink = dict.fromkeys(("ink", "crease", "lash", "pupil", "frame", "seam"), INK)
    person, cover = _paint(face.shapes, {**face.colours, **ink}, size)
    return _as_bytes(person + (1 - cover) * face.backdrop), _mask(cover)


def paint_photo(face: Face, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Image and mask as above: muted colours, light, texture, blur, noise, a backdrop out of focus."""
    exposure = rng.uniform(0.85, 1.1) * rng.uniform(0.97, 1.03, 3).astype(np.float32)
    light = rng.uniform((-1.0, 0.3), (1.0, 0.8)).tolist()
    skin, cloth, hair = (face.colours[part] for part in ("skin", "cloth", "hair"))
    dark = {"crease": 0.55 * skin, "seam": 0.8 * cloth, "lash": 0.4 * hair, "pupil": INK, "frame": INK}
    colours = {part: _muted(colour) for part, colour in {**face.colours, **dark}.items()}
    backdrop = _backdrop(_muted(face.backdrop), size, rng)

    person, cover = _paint(face.shapes, colours, size)
    surface, _ = _paint([shape for shape in face.shapes if shape.part in SURFACES], SURFACES, size)
    # Softened within the person: divided by its share of the neighbourhood, the backdrop adds no dark rim.
    soft = cv2.GaussianBlur(np.dstack([person, cover]), (0, 0), 0.1 + 0.003 * size)
    person = soft[..., :3] / soft[..., 3:].clip(1e-3)
    person *= (_shading(surface[..., 2], light) * _texture(surface, face.crown, rng))[..., None]

    image = exposure * (backdrop * (1 - cover) + person * cover)
    image += rng.uniform(0.02, 0.05) * rng.standard_normal(image.shape, np.float32)
    return _as_bytes(image), _mask(cover)


def _paint(shapes: Sequence[Shape], colours: Mapping[str, np.ndarray], size: int) -> tuple[np.ndarray, np.ndarray]:
    """The shapes on black, float32 size x size x 3, and the share of each pixel they cover, size x size x 1.

    Filled shapes are outlined in the colour of "ink", without one in their own.
    """
    scale, fraction_bits = size * max(2, math.ceil(CANVAS / size)), 4
    canvas = np.zeros((scale, scale, 4), np.uint8)
    for shape in shapes:
        # OpenCV puts whole numbers at the middle of pixels.
        points = [np.rint((shape.points * scale - 0.5) * 2**fraction_bits).astype(np.int32)]
        colour = _opaque(colours[shape.part])
        if shape.filled:
            cv2.fillPoly(canvas, points, colour, cv2.LINE_AA, fraction_bits)
            colour = _opaque(colours.get("ink", colours[shape.part]))
        if shape.line:
            width = max(1, round(shape.line * scale))
            cv2.polylines(canvas, points, shape.closed, colour, width, cv2.LINE_AA, fraction_bits)
    layers = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return layers[..., :3], layers[..., 3:]


def _opaque(colour: np.ndarray) -> tuple[float, ...]:
    return (*(255 * colour.clip(0, 1)).tolist(), 255.0)


def _mask(cover: np.ndarray) -> np.ndarray:
    return (cover[..., 0] > 0).astype(np.uint8) * 255


def _as_bytes(image: np.ndarray) -> np.ndarray:
    return np.rint(255 * image.clip(0, 1)).astype(np.uint8)


def _muted(colour: np.ndarray) -> np.ndarray:
    """A cartoon's colour as the camera sees it: darker, greyer, with less contrast."""
    return 0.03 + 0.70 * (0.72 * colour + 0.28 * colour.mean())


def _shading(height: np.ndarray, light: Point) -> np.ndarray:
    """Brightness, about 1, of a relief that is lit from (x, y) and darker where higher parts are near."""
    size = len(height)
    coarse = _resized(height, COARSE)
    form, detail = (cv2.GaussianBlur(coarse, (0, 0), share * COARSE) for share in (0.05, 0.012))
    lit = form + 0.3 * detail
    slope = light[1] * cv2.Sobel(lit, -1, 0, 1) - light[0] * cv2.Sobel(lit, -1, 1, 0)
    hollow = (form - detail).clip(0)
    return _resized(1.10 + 1.1 * slope - 0.7 * hollow, size).clip(0.35, 1.6)


def _texture(surface: np.ndarray, crown: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Brightness, about 1, of strands of hair that run from the crown, and of folds and weave of cloth."""
    size = len(surface)
    strands: np.ndarray = rng.standard_normal((CANVAS, 8), np.float32)
    folds, weave = (_noise(cells, rng) for cells in (9, COARSE))
    # Strands too fine for the size are merged, angle by angle, before they spread out.
    strands = cv2.resize(strands, (8, min(CANVAS, size)), interpolation=cv2.INTER_AREA)
    polar = cv2.WARP_POLAR_LINEAR | cv2.WARP_INVERSE_MAP | cv2.WARP_FILL_OUTLIERS | cv2.INTER_LINEAR
    strands = cv2.warpPolar(strands, (size, size), (size * crown).tolist(), size, polar)
    hair, cloth = surface[..., 0], surface[..., 1]
    return 1 + 0.12 * hair * strands + cloth * _resized(0.06 * folds + 0.03 * weave, size)


def _backdrop(colour: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """A gradient, with clouds, boards or lights out of focus, in shades of one colour; float32 size x size x 3."""
    kind = rng.integers(4)
    across, down = rng.uniform(-0.2, 0.2, 2).tolist()
    ramp = np.linspace(-1, 1, COARSE, dtype=np.float32)
    shade: np.ndarray = 1 + across * ramp + down * ramp[:, None]
    if kind == 1:
        shade += 0.13 * _noise(5, rng) + 0.05 * _noise(24, rng)
    if kind == 2:
        for x in np.arange(rng.integers(4, 9), COARSE, rng.integers(8, 16)):
            shade[:, x : x + rng.integers(3, 8)] *= rng.uniform(0.6, 1.3)
        shade = cv2.GaussianBlur(shade, (0, 0), rng.uniform(0.8, 2))
    if kind == 3:
        for _ in range(14):
            centre, radius = rng.integers(COARSE, size=2).tolist(), int(rng.integers(3, 9))
            shade += rng.uniform(-0.1, 0.3) * cv2.circle(np.zeros_like(shade), centre, radius, 1.0, cv2.FILLED)
        shade = cv2.GaussianBlur(shade, (0, 0), 0.7)
    return _resized(shade, size)[..., None] * colour.astype(np.float32)


def _noise(cells: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise, about -1 to 1, that varies `cells` times across a field of COARSE pixels."""
    return _resized(rng.standard_normal((cells, cells), np.float32), COARSE)


def _resized(field: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(field, (size, size), interpolation=cv2.INTER_AREA if size < len(field) else cv2.INTER_CUBIC)
