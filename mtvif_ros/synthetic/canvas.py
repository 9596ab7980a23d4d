"""Draw visible light, heat and label at once.

A canvas keeps two uint8 images: `paint` (H, W, 4) with R, G, B and heat, and `tag` (H, W) with the class
index and, in the highest bit, whether the pixel is a light source. Fixed points (N, 2) are pixels times 16.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mtvif_ros.image import Image
from mtvif_ros.synthetic.camera import Homography, Points

Pixel = tuple[float, float]
Fixed = npt.NDArray[np.int32]

SHINES = 0x80
HOLE = 0x7F  # where a texture shows what is behind it
_SUBPIXEL_BITS = 4


class Ink(NamedTuple):
    """Hold a colour and a heat, both in 0..255."""

    r: float
    g: float
    b: float
    heat: float

    def shaded(self, factor: float) -> Ink:
        """Return the ink in another light, with the same heat."""
        return Ink(self.r * factor, self.g * factor, self.b * factor, self.heat)


class Texture(NamedTuple):
    """Hold a flat picture; pixels with the tag HOLE show nothing. An `opaque` one has none."""

    paint: Image
    tag: Image
    opaque: bool = False

    def smaller(self, factor: tuple[int, int]) -> Texture:
        """Return the texture averaged over `factor` (columns, rows), for drawing far away."""
        height, width = self.tag.shape
        size = (width // factor[0], height // factor[1])
        return Texture(
            np.asarray(cv2.resize(self.paint, size, interpolation=cv2.INTER_AREA), np.uint8),
            np.asarray(cv2.resize(self.tag, size, interpolation=cv2.INTER_NEAREST), np.uint8),
            self.opaque,
        )


class Canvas:
    """Collect what one frame shows, drawn from far to near."""

    def __init__(self, background: Image):
        """Begin with a background (H, W, 4) that is a light source, as a sky is."""
        self.paint = background.copy()
        self.tag = np.full(background.shape[:2], SHINES, np.uint8)

    def polygon(self, points: Points, ink: Ink, tag: int | None) -> None:
        """Fill a convex polygon of pixels (N, 2); without a tag it keeps the labels below."""
        self.fill(fixed_points(points), ink, tag)

    def fill(self, fixed: Fixed, ink: Ink, tag: int | None) -> None:
        """Fill a convex polygon of fixed points; without a tag it keeps the labels below."""
        cv2.fillConvexPoly(self.paint, fixed, ink, cv2.LINE_AA, _SUBPIXEL_BITS)
        if tag is not None:
            cv2.fillConvexPoly(self.tag, fixed, (tag,), cv2.LINE_8, _SUBPIXEL_BITS)

    def mark(self, fixed: Fixed, tag: int) -> None:
        """Label a convex polygon of fixed points without painting it, for see-through things."""
        left, top = np.maximum(0, (fixed.min(0) >> _SUBPIXEL_BITS) - 1).tolist()
        right, bottom = np.maximum(0, (fixed.max(0) >> _SUBPIXEL_BITS) + 3).tolist()
        area = self.tag[top:bottom, left:right]
        if not area.size:
            return
        inside = np.zeros_like(area)
        moved = fixed - np.array((left, top), np.int32) * (1 << _SUBPIXEL_BITS)
        cv2.fillConvexPoly(inside, moved, (1,), cv2.LINE_8, _SUBPIXEL_BITS)
        np.copyto(area, area & SHINES | tag, where=inside.astype(bool))

    def line(self, start: Pixel, end: Pixel, width: float, ink: Ink, tag: int) -> None:
        """Draw a line with round ends between two pixels."""
        a, b = _fixed(start), _fixed(end)
        thick = max(1, round(width))
        cv2.line(self.paint, a, b, ink, thick, cv2.LINE_AA, _SUBPIXEL_BITS)
        cv2.line(self.tag, a, b, (tag,), thick, cv2.LINE_8, _SUBPIXEL_BITS)

    def ellipse(self, centre: Pixel, axes: Pixel, ink: Ink, tag: int, thick: float | None = None) -> None:
        """Draw an upright ellipse, filled or, with `thick` in pixels, as a ring."""
        c = _fixed(centre)
        a = [max(1, size) for size in _fixed(axes)]
        width = -1 if thick is None else max(1, round(thick))
        cv2.ellipse(self.paint, c, a, 0, 0, 360, ink, width, cv2.LINE_AA, _SUBPIXEL_BITS)
        cv2.ellipse(self.tag, c, a, 0, 0, 360, (tag,), width, cv2.LINE_8, _SUBPIXEL_BITS)

    def plane(
        self,
        texture: Texture,
        homography: Homography,
        window: tuple[int, int, int, int],
        outline: Points | None = None,
    ) -> None:
        """Draw an endlessly repeated texture into `window` (left, top, right, bottom) of the image.

        `outline`, a convex polygon of pixels (N, 2), limits it further.
        """
        left, top, right, bottom = window
        if right <= left or bottom <= top:
            return
        moved = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]]) @ homography
        size = (right - left, bottom - top)
        area = np.s_[top:bottom, left:right]
        tag = _warp(texture.tag, moved, size, cv2.INTER_NEAREST)
        paint = _warp(texture.paint, moved, size, cv2.INTER_LINEAR)
        if texture.opaque and outline is None:
            self.tag[area], self.paint[area] = tag, paint
            return
        shown = np.not_equal(tag, HOLE).view(np.uint8)
        if outline is not None:
            inside = np.zeros(tag.shape, np.uint8)
            corners = np.clip(outline - (left, top), -30000, 30000).round().astype(np.int32)
            cv2.fillConvexPoly(inside, corners, (1,))
            shown &= inside
        cv2.copyTo(paint, shown, self.paint[area])
        cv2.copyTo(tag, shown, self.tag[area])

    def sprite(self, levels: list[Texture], box: tuple[float, float, float, float]) -> None:
        """Draw an upright picture into `box` (left, top, right, bottom) in pixels.

        `levels` holds the picture at sizes that halve from one to the next; the best one is drawn.
        """
        left, top, right, bottom = box
        height, width = self.tag.shape
        x0, y0 = max(0, int(np.floor(left))), max(0, int(np.floor(top)))
        x1, y1 = min(width, int(np.ceil(right))), min(height, int(np.ceil(bottom)))
        if x1 <= x0 or y1 <= y0:
            return
        wanted = np.log2(max(1.0, levels[0].tag.shape[0] / (bottom - top)))
        texture = levels[min(len(levels) - 1, int(wanted))]
        rows, columns = texture.tag.shape
        affine = np.array([[(right - left) / columns, 0, left - x0], [0, (bottom - top) / rows, top - y0]])
        area, size = np.s_[y0:y1, x0:x1], (x1 - x0, y1 - y0)
        paint = cv2.warpAffine(texture.paint, affine, size, flags=cv2.INTER_LINEAR)
        tag = cv2.warpAffine(texture.tag, affine, size, flags=cv2.INTER_NEAREST, borderValue=HOLE)
        shown = np.not_equal(tag, HOLE).view(np.uint8)
        cv2.copyTo(paint, shown, self.paint[area])
        cv2.copyTo(tag, shown, self.tag[area])


def fixed_points(points: Points) -> Fixed:
    """Return pixels (N, 2) in OpenCV's fixed-point form."""
    return np.rint(points.clip(-4000, 4000) * (1 << _SUBPIXEL_BITS)).astype(np.int32)


def _fixed(pixel: Pixel) -> tuple[int, int]:
    """Return a pixel in OpenCV's fixed-point form."""
    x, y = pixel
    scale = 1 << _SUBPIXEL_BITS
    return int(min(4000.0, max(-4000.0, x)) * scale), int(min(4000.0, max(-4000.0, y)) * scale)


def _warp(image: Image, homography: Homography, size: tuple[int, int], how: int) -> Image:
    warped = cv2.warpPerspective(image, homography, size, flags=how, borderMode=cv2.BORDER_WRAP)
    return np.asarray(warped, np.uint8)
