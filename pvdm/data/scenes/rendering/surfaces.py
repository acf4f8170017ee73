"""The looks of bodies, ground and sky: colours, patterns and gloss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from pvdm.data.scenes.rendering.solids import Triple

Rgb = tuple[float, float, float]
Pattern = Literal["plain", "striped", "checkered", "dotted"]
Finish = Literal["matt", "glossy", "metallic"]
Floor = Literal["plain", "tiles", "boards", "marble"]

COLORS: dict[str, Rgb] = {
    "red": (0.85, 0.14, 0.13),
    "orange": (0.96, 0.50, 0.10),
    "yellow": (0.97, 0.80, 0.16),
    "green": (0.20, 0.62, 0.27),
    "turquoise": (0.10, 0.68, 0.68),
    "blue": (0.15, 0.36, 0.84),
    "purple": (0.50, 0.24, 0.70),
    "pink": (0.96, 0.50, 0.68),
    "white": (0.95, 0.94, 0.91),
    "brown": (0.47, 0.28, 0.16),
}
"""Colours of bodies by their names, sRGB in [0, 1]."""

LIGHT = ("white", "yellow", "pink")
"""Colours whose patterns are dark on them; those of the others are light."""


class Place(NamedTuple):
    """Sky and ground and the light between them, sRGB in [0, 1].

    zenith, horizon: The sky's gradient. ground, second: The colours of the ground's pattern. sun: Colour of its light.
    """

    zenith: Rgb
    horizon: Rgb
    ground: Rgb
    second: Rgb
    sun: Rgb


PLACES = (
    Place((0.28, 0.52, 0.86), (0.80, 0.90, 0.97), (0.72, 0.68, 0.60), (0.60, 0.56, 0.49), (1.0, 0.96, 0.88)),  # noon
    Place((0.36, 0.42, 0.70), (0.99, 0.80, 0.64), (0.66, 0.52, 0.44), (0.54, 0.41, 0.36), (1.0, 0.83, 0.62)),  # evening
    Place((0.44, 0.60, 0.78), (0.90, 0.93, 0.93), (0.46, 0.60, 0.40), (0.38, 0.52, 0.33), (1.0, 0.97, 0.90)),  # meadow
    Place((0.62, 0.68, 0.76), (0.88, 0.89, 0.91), (0.62, 0.64, 0.68), (0.50, 0.52, 0.57), (0.98, 0.97, 0.95)),  # clouds
    Place((0.26, 0.26, 0.50), (0.93, 0.70, 0.74), (0.58, 0.53, 0.62), (0.47, 0.43, 0.53), (1.0, 0.84, 0.78)),  # dusk
    Place((0.80, 0.88, 0.92), (0.97, 0.96, 0.93), (0.87, 0.84, 0.79), (0.74, 0.70, 0.65), (1.0, 0.97, 0.93)),  # studio
    Place((0.20, 0.56, 0.72), (0.84, 0.95, 0.93), (0.88, 0.80, 0.62), (0.78, 0.69, 0.51), (1.0, 0.95, 0.84)),  # beach
)
"""Places whose colours go together."""


@dataclass(frozen=True)
class Surface:
    """The look of a body.

    Args:
        color: Name of its colour.
        pattern: What is on it in a second colour.
        finish: How it reflects.
    """

    color: str
    pattern: Pattern
    finish: Finish

    @property
    def colors(self) -> tuple[np.ndarray, np.ndarray]:
        """The colour and that of the pattern, (3,) each, linear."""
        first = linear(COLORS[self.color])
        if self.pattern == "plain":
            return first, first
        return first, 0.16 * first if self.color in LIGHT else linear((0.97, 0.95, 0.90))

    def share(self, point: Triple, size: float, blur: np.ndarray) -> np.ndarray | None:
        """How much of the second colour points of the surface have, in [0, 1]; None if none has any.

        point: In the body's own coordinates. blur: Width in metres over which the colours blend, that of a pixel.
        """
        x, y, z = point
        if self.pattern == "striped":
            wave = 2 * np.pi / (0.62 * size)
            return _edge(np.cos(wave * y), wave * blur)
        if self.pattern == "checkered":
            wave = np.pi / (0.6 * size)
            return _edge(np.cos(wave * x) * np.cos(wave * y) * np.cos(wave * z), wave * blur)
        if self.pattern == "dotted":
            wave = 2 * np.pi / (0.66 * size)
            return _edge(np.cos(wave * x) + np.cos(wave * y) + np.cos(wave * z) - 0.95, 1.5 * wave * blur)
        return None


def floor_share(floor: Floor, x: np.ndarray, z: np.ndarray, blur: np.ndarray) -> np.ndarray | None:
    """How much of the second colour points of the ground have, in [0, 1]; None if none has any."""
    if floor == "tiles":
        wave = np.pi / 1.1
        return _faded(np.sin(wave * x) * np.sin(wave * z), wave * blur)
    if floor == "boards":
        return _faded(np.sin(np.pi / 0.7 * x), np.pi / 0.7 * blur)
    if floor == "marble":
        vein = np.sin(1.3 * x + 1.7 * np.sin(0.9 * z)) + np.sin(1.1 * z - 0.7 * x + 1.3 * np.sin(1.2 * x))
        return np.clip(0.5 + 0.22 * vein, 0, 1)
    return None


def linear(color: Rgb) -> np.ndarray:
    """(3,) float32 proportional to light, by a gamma of 2."""
    return np.square(np.array(color, np.float32))


def _edge(wave: np.ndarray, blur: np.ndarray) -> np.ndarray:
    """0 where a wave is below 0, 1 where it is above, and between them over a width of `blur`."""
    return np.clip(0.5 + wave / (blur + 0.08), 0, 1)


def _faded(wave: np.ndarray, blur: np.ndarray) -> np.ndarray:
    """As `_edge`, and one half where the wave is finer than the pixels."""
    return 0.5 + (_edge(wave, blur) - 0.5) * np.clip(2.2 - blur, 0, 1)
