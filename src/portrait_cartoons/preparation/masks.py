"""Person masks without training: GrabCut (Rother et al. 2004), begun from where the face says that the person is."""

import cv2
import numpy as np

from portrait_cartoons.preparation.faces import Box, find_face

_CENTRAL = Box(0.3, 0.15, 0.4, 0.4)  # where a portrait's face is when none is found
_ITERATIONS = 5


def person_mask(image: np.ndarray) -> np.ndarray:
    """uint8 H x W, 255 on the person and 0 elsewhere, of uint8 H x W x 3, RGB."""
    height, width = image.shape[:2]
    trimap = _trimap(height, width, find_face(image) or _CENTRAL)
    cv2.setRNGSeed(0)  # GrabCut begins with random clusters
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(
        cv2.cvtColor(image, cv2.COLOR_RGB2BGR), trimap, (0, 0, 0, 0), *models, _ITERATIONS, cv2.GC_INIT_WITH_MASK
    )
    person = np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8) * 255
    return _whole(person)


def _trimap(height: int, width: int, face: Box) -> np.ndarray:
    """GrabCut's guess: surely the face, probably hair, neck and shoulders, surely not the upper corners."""
    middle = (face.left + face.width / 2) * width
    eyes = (face.top + face.height / 2) * height
    side = max(face.width * width, face.height * height)
    trimap = np.full((height, width), cv2.GC_PR_BGD, np.uint8)

    def ellipse(y: float, half_width: float, half_height: float, value: int) -> None:
        centre, axes = (round(middle), round(eyes + y * side)), (round(half_width * side), round(half_height * side))
        cv2.ellipse(trimap, centre, axes, 0, 0, 360, value, -1)

    ellipse(0, 0.75, 0.95, cv2.GC_PR_FGD)  # the head with its hair
    ellipse(2.2, 1.5, 1.5, cv2.GC_PR_FGD)  # the shoulders
    trimap[: max(1, round(eyes - 1.1 * side))] = cv2.GC_BGD
    for edge in (slice(0, 2), slice(-2, None)):  # beside the head
        trimap[: max(1, round(eyes)), edge] = cv2.GC_BGD
    ellipse(0, 0.38, 0.5, cv2.GC_FGD)
    ellipse(2.4, 0.5, 1.2, cv2.GC_FGD)  # neck and chest
    return trimap


def _whole(mask: np.ndarray) -> np.ndarray:
    """The largest connected part, with its holes filled."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    mask = cv2.morphologyEx(cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel), cv2.MORPH_CLOSE, kernel)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    whole = np.zeros_like(mask)
    if outlines:
        cv2.drawContours(whole, [max(outlines, key=cv2.contourArea)], -1, 255, cv2.FILLED)
    return whole
