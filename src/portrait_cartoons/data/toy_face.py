"""Faces drawn at random: their shapes in painting order, and the colours of their parts.

Lengths are fractions of the picture, x to the right and y down. Heads are laid out in units of their own, (u, v): the
centre is (0, 0), the top of the skull v = -1, the chin v = 1.
"""

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

Point = tuple[float, float]

OUTLINE = 0.014  # width of the ink

SKINS = np.array([(1.0, 0.88, 0.77), (1.0, 0.78, 0.61), (0.86, 0.59, 0.40), (0.58, 0.37, 0.25)])
HAIRS = np.array(
    [
        (0.27, 0.23, 0.30),
        (0.44, 0.26, 0.17),
        (0.64, 0.37, 0.19),
        (0.82, 0.33, 0.19),
        (1.00, 0.58, 0.22),
        (1.00, 0.84, 0.42),
        (0.84, 0.84, 0.90),
        (0.95, 0.45, 0.64),
        (0.34, 0.57, 0.93),
    ]
)
IRISES = np.array([(0.40, 0.23, 0.12), (0.25, 0.55, 0.85), (0.30, 0.60, 0.36), (0.42, 0.46, 0.52)])


class Style(NamedTuple):
    """A hair style, in head units; the u of its hairline in half widths of the head.

    volume: thickness over the skull.
    side: v at which the hair before the ears ends.
    hairline: from left to right.
    waves, depth: number on each half turn, and depth, of the curls of the outline.
    fall: v down to which hair falls behind the head; None if none does.
    """

    volume: float
    side: float
    hairline: tuple[Point, ...]
    waves: int = 0
    depth: float = 0.0
    fall: float | None = None


HIGH = ((-0.75, -0.50), (-0.4, -0.66), (0.0, -0.62), (0.4, -0.66), (0.75, -0.50))
FRINGE = ((-0.8, -0.30), (-0.4, -0.38), (0.0, -0.34), (0.4, -0.38), (0.8, -0.30))
SWEPT = ((-0.78, -0.38), (-0.5, -0.66), (-0.1, -0.60), (0.4, -0.42), (0.8, -0.22))
CURTAIN = ((-0.82, -0.10), (-0.5, -0.46), (0.0, -0.74), (0.5, -0.46), (0.82, -0.10))
STYLES: tuple[Style | None, ...] = (
    None,  # bald
    Style(0.06, -0.10, HIGH),
    Style(0.16, 0.00, SWEPT),
    Style(0.20, -0.05, HIGH, waves=6, depth=0.14),
    Style(0.16, 0.05, FRINGE),
    Style(0.22, 0.10, SWEPT, waves=9, depth=0.09),
    Style(0.36, 0.10, HIGH, waves=11, depth=0.05, fall=0.60),
    Style(0.16, 0.45, FRINGE, fall=0.95),
    Style(0.14, 0.40, CURTAIN, fall=1.50),
    Style(0.18, 0.35, SWEPT, fall=1.85),
)


class Shape(NamedTuple):
    """Points (n x 2) to fill and to draw a line along, `line` wide, in the colour of `part`.

    The line of a filled shape is its outline: ink in a cartoon.
    """

    part: str
    points: np.ndarray
    line: float = OUTLINE
    filled: bool = True
    closed: bool = True


@dataclass(frozen=True)
class Face:
    """Shapes in painting order, the cartoon's colours (RGB, 0 to 1), and where the hair grows from (x, y)."""

    shapes: tuple[Shape, ...]
    colours: Mapping[str, np.ndarray]
    backdrop: np.ndarray
    crown: np.ndarray


@dataclass(frozen=True)
class Pose:
    """How a head stands in the picture.

    centre: (x, y). scale: half its height. roll: radians. width: half its width, in head units.
    turn: how far looking aside shifts the middle of the face, in head units.
    """

    centre: np.ndarray
    scale: float
    roll: float
    turn: np.ndarray
    width: float

    def head(self, points: np.ndarray) -> np.ndarray:
        """Head units to the picture: what is on the face turns with it, most in its middle and not at its rim."""
        bulge = 1 - (points[:, :1] / self.width) ** 2 - points[:, 1:] ** 2
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        return self.body((points + bulge.clip(0) * self.turn) @ np.array([(cos, sin), (-sin, cos)]))

    def body(self, points: np.ndarray) -> np.ndarray:
        """Head units to the picture for what neither rolls nor turns."""
        return self.centre + self.scale * points


def random_face(rng: np.random.Generator) -> Face:
    pose = Pose(
        centre=rng.uniform((0.46, 0.44), (0.54, 0.50)),
        scale=rng.uniform(0.25, 0.30),
        roll=rng.uniform(-0.12, 0.12),
        turn=rng.uniform((-0.16, -0.07), (0.16, 0.07)),
        width=rng.uniform(0.72, 0.82),
    )
    skull = _skull(pose.width, taper=rng.uniform(0.1, 0.4))
    style = STYLES[rng.integers(len(STYLES))]
    flip = rng.choice((-1, 1))
    shapes = [
        *([_back_hair(pose, style, style.fall)] if style and style.fall else []),
        *_body(pose, rng),
        *([] if style and style.fall else _ears(pose)),
        Shape("skin", pose.head(skull)),
        *_cheeks(pose),
        *_eyes(pose, rng),
        *_nose(pose, rng),
        *_beard(pose, skull, rng),
        *_mouth(pose, rng),
        *([_front_hair(pose, style, int(flip))] if style else []),
        *_glasses(pose, rng),
    ]
    colours, backdrop = _colours(rng)
    return Face(tuple(shapes), colours, backdrop, crown=pose.head(np.array([(0.3 * flip, -1.0)]))[0])


def _colours(rng: np.random.Generator) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The cartoon's colour of each part, and of the backdrop."""
    tone = rng.uniform(0, len(SKINS) - 1)
    skin = np.array([np.interp(tone, range(len(SKINS)), channel) for channel in SKINS.T])
    hair = HAIRS[rng.integers(len(HAIRS))] * rng.uniform(0.9, 1.05)
    hue, saturation, value, other_hue = rng.uniform((0, 0.45, 0.75, 0), (1, 0.80, 1, 1))
    colours = {
        **dict.fromkeys(("skin", "ear", "neck", "nose"), skin),
        "shade": skin * (0.84, 0.74, 0.74),
        "blush": skin * (1.0, 0.84, 0.82),
        "lips": 0.5 * skin * (1.0, 0.6, 0.6) + 0.5 * np.array((0.9, 0.35, 0.4)),
        "mouth": np.array((0.55, 0.15, 0.2)),
        "teeth": np.ones(3),
        "hair": hair,
        "beard": 0.9 * hair,
        "brow": 0.55 * hair,
        "eye": np.ones(3),
        "iris": IRISES[rng.integers(len(IRISES))],
        "glint": np.ones(3),
        "cloth": np.array(colorsys.hsv_to_rgb(hue, saturation, value)),
        "trim": np.array(colorsys.hsv_to_rgb(other_hue, 0.15, 1)),
    }
    return colours, np.array(colorsys.hsv_to_rgb(*rng.uniform((0, 0.2, 0.92), (1, 0.42, 1))))


def _skull(width: float, taper: float) -> np.ndarray:
    outline = _ellipse(0, 0, width, 1)
    return outline * np.stack([1 - taper * outline[:, 1].clip(0) ** 2, np.ones(len(outline))], axis=1)


def _back_hair(pose: Pose, style: Style, fall: float) -> Shape:
    rim = _rim(pose, style, np.pi / 2)
    half = [(1.06 * rim[-1, 0], 0.6 * fall), (0.85 * rim[-1, 0], fall)]
    return Shape("hair", pose.head(np.concatenate([rim, _curve([rim[-1], *half, *_mirrored(half), rim[0]])])))


def _front_hair(pose: Pose, style: Style, flip: int) -> Shape:
    """A cap: along its rim from the left to the right, then back along the hairline."""
    rim = _rim(pose, style, np.arccos(-style.side / (1 + style.volume)))
    hairline = [(flip * u * pose.width, v) for u, v in style.hairline[::-flip]]
    right, left = (0.92 * pose.width, style.side), (-0.92 * pose.width, style.side)
    return Shape("hair", pose.head(np.concatenate([rim, _curve([right, *hairline, left])])))


def _rim(pose: Pose, style: Style, reach: float) -> np.ndarray:
    """The outline of hair from `reach` radians left of the top of the head to as many right of it."""
    angle = np.linspace(-reach, reach, 80)
    curls = 1 + style.depth * (np.abs(np.sin(style.waves * angle)) - 0.5)
    rim = [(pose.width + 0.8 * style.volume) * np.sin(angle), -(1 + style.volume) * np.cos(angle)]
    return np.stack(rim, axis=1) * curls[:, None]


def _ears(pose: Pose) -> list[Shape]:
    return [Shape("ear", pose.head(_ellipse(u, 0.08, 0.12, 0.19))) for u in (-pose.width, pose.width)]


def _body(pose: Pose, rng: np.random.Generator) -> list[Shape]:
    """Shoulders and neck in clothes that are plain, striped, or have an open or a high collar."""
    clothes = rng.integers(4)
    shoulder, slope, neck = rng.uniform((1.35, 1.45, 0.34), (1.65, 1.60, 0.44))
    half = [(shoulder, 4), (shoulder, slope + 0.35), (0.8 * shoulder, slope), (neck, 1.25)]
    torso = pose.body(_curve([*half, *_mirrored(half)], closed=True))
    throat = [(neck, 0.4), (neck, 1.2), (0.8 * neck, 1.4)]
    shade = [(neck, 0.4), (neck, 0.95), (0.5 * neck, 1.15)]
    collar = [(0.3 * neck, 1.18), (neck + 0.05, 1.05), (neck + 0.12, 1.4), (0.3 * neck, 1.5)]
    shapes = [Shape("cloth", torso)]
    if clothes == 1:
        # Every other band in its own colour: each covers all that is below its upper edge.
        for band, v in enumerate(np.arange(1.5, 2.4, 0.15)):
            edge = pose.body(np.array([(-9, v)]))
            shapes.append(Shape(("trim", "cloth")[band % 2], np.maximum(torso, edge), line=0))
        shapes.append(Shape("seam", torso, filled=False))
    shapes += [
        Shape("neck", pose.body(_curve([*throat, *_mirrored(throat)], closed=True))),
        Shape("shade", pose.body(_curve([*shade, *_mirrored(shade)], closed=True)), line=0),
    ]
    if clothes == 2:
        lapel = np.array([(neck, 1.1), (neck + 0.3, 1.35), (0.32, 1.9), (0.02, 1.7), (0.6 * neck, 1.4)])
        shapes += [Shape("trim", pose.body(lapel * (side, 1))) for side in (-1, 1)]
    if clothes == 3:
        shapes.append(Shape("trim", pose.body(_curve([*collar, *_mirrored(collar)], closed=True))))
    return shapes


def _cheeks(pose: Pose) -> list[Shape]:
    return [Shape("blush", pose.head(_ellipse(0.6 * u, 0.36, 0.14, 0.09)), line=0) for u in (-pose.width, pose.width)]


def _eyes(pose: Pose, rng: np.random.Generator) -> list[Shape]:
    apart, level, width, openness, gaze = rng.uniform((0.31, -0.02, 0.15, 0.6, -0.05), (0.37, 0.06, 0.19, 0.9, 0.05))
    brow_level, arch, brow_width = rng.uniform((0.24, 0.0, 0.05), (0.32, 0.1, 0.11))
    height = openness * width
    iris = 0.85 * height
    shapes = []
    for side in (-1, 1):
        eye, pupil = side * apart, side * apart + gaze
        brow = [(eye - side * width, level - brow_level), (eye, level - brow_level - arch)]
        brow.append((eye + 1.3 * side * width, level - brow_level + 0.05))
        glint = _ellipse(pupil + 0.35 * iris, level - 0.4 * iris, 0.3 * iris, 0.3 * iris)
        shapes += [
            Shape("eye", pose.head(_ellipse(eye, level, width, height)), line=0),
            Shape("iris", pose.head(_ellipse(pupil, level, iris, iris)), line=0),
            Shape("pupil", pose.head(_ellipse(pupil, level, 0.55 * iris, 0.55 * iris)), line=0),
            Shape("glint", pose.head(glint), line=0),
            Shape("lash", pose.head(_ellipse(eye, level, 1.1 * width, height)[18:]), filled=False, closed=False),
            Shape("brow", pose.head(_curve(brow)), brow_width * pose.scale, filled=False, closed=False),
        ]
    return shapes


def _nose(pose: Pose, rng: np.random.Generator) -> list[Shape]:
    width, tip = rng.uniform((0.09, 0.30), (0.15, 0.40))
    side = rng.choice((-1, 1))
    body = [(0, -0.1), (width, tip - 0.05), (0, tip + 0.02), (-width, tip - 0.05)]
    ridge = np.array([(0.4, -0.22), (1.0, -0.06), (0.7, 0.03), (-0.4, 0.03)]) * (side * width, 1) + (0, tip)
    return [
        Shape("nose", pose.head(_curve(body, closed=True)), line=0),
        Shape("crease", pose.head(_curve(ridge)), filled=False, closed=False),
    ]


def _mouth(pose: Pose, rng: np.random.Generator) -> list[Shape]:
    """Lips, or one time in three an open smile."""
    width, level, smile, lips = rng.uniform((0.2, 0.60, -0.02, 0.04), (0.32, 0.68, 0.1, 0.1))
    right, left = (width, level - smile), (-width, level - smile)
    if rng.random() < 1 / 3:
        depth = 0.16 + smile
        upper = _curve([left, (0, level), right])
        lower, teeth = (_curve([right, (0, level + share * depth), left]) for share in (1.0, 0.4))
        return [
            Shape("mouth", pose.head(np.concatenate([upper, lower]))),
            Shape("teeth", pose.head(np.concatenate([upper, teeth])), line=0),
        ]
    bow = [(0.35 * width, level - lips), (0, level - 0.7 * lips), (-0.35 * width, level - lips)]
    return [
        Shape("lips", pose.head(_curve([right, *bow, left, (0, level + 1.4 * lips)], closed=True)), line=0),
        Shape("crease", pose.head(_curve([left, (0, level), right])), filled=False, closed=False),
    ]


def _beard(pose: Pose, skull: np.ndarray, rng: np.random.Generator) -> list[Shape]:
    """A full beard or a moustache, on three faces in ten."""
    kind, length = rng.uniform((0, 1.02), (1, 1.15))
    if kind > 0.3:
        return []
    if kind > 0.2:
        moustache = [(0.38, 0.6), (0.15, 0.44), (0, 0.47)]
        return [Shape("beard", pose.head(_curve([(0, 0.6), *moustache, *_mirrored(moustache[:2])], closed=True)))]
    jaw = skull[skull[:, 1] > 0.1] * (1.01, length)
    right, left = jaw[0], jaw[-1]
    inner = [left, (0.75 * left[0], 0.42), (-0.3, 0.52), (0, 0.47), (0.3, 0.52), (0.75 * right[0], 0.42), right]
    return [Shape("beard", pose.head(np.concatenate([jaw, _curve(inner)])))]


def _glasses(pose: Pose, rng: np.random.Generator) -> list[Shape]:
    """Round or square glasses, on three faces in ten."""
    kind, width, height = rng.uniform((0, 0.24, 0.20), (1, 0.29, 0.26))
    if kind > 0.3:
        return []
    bridge = _curve([(width - 0.34, 0.0), (0, -0.06), (0.34 - width, 0.0)])
    frames = [_ellipse(u, 0.02, width, height, squareness=0.5 if kind < 0.15 else 1.0) for u in (-0.34, 0.34)]
    return [
        *(Shape("frame", pose.head(frame), filled=False) for frame in frames),
        Shape("frame", pose.head(bridge), filled=False, closed=False),
    ]


def _mirrored(points: Sequence[Point]) -> list[Point]:
    """The points of the right half on the left, in the order that goes on around."""
    return [(-u, v) for u, v in reversed(points)]


def _ellipse(u: float, v: float, width: float, height: float, squareness: float = 1.0) -> np.ndarray:
    """36 points of an ellipse around (u, v) with these half axes; a rounded rectangle for a smaller exponent."""
    angle = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (u, v) + (width, height) * np.copysign(np.abs(circle) ** squareness, circle)


def _curve(points: Sequence[Point] | np.ndarray, closed: bool = False) -> np.ndarray:
    """A smooth curve through the points."""
    return _catmull_rom(len(points), closed) @ np.asarray(points)


@lru_cache
def _catmull_rom(count: int, closed: bool, steps: int = 6) -> np.ndarray:
    """The matrix from `count` points to `steps` points of the spline for each of its segments."""
    t = np.linspace(0, 1, steps, endpoint=False)
    weights = 0.5 * np.stack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2])
    neighbours = np.arange(count if closed else count - 1)[:, None] + np.arange(-1, 3)
    neighbours = neighbours % count if closed else neighbours.clip(0, count - 1)
    return np.einsum("ws,nwp->nsp", weights, np.eye(count)[neighbours]).reshape(-1, count)
