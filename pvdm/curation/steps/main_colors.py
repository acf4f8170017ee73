"""The names of the main colors of a picture."""

from __future__ import annotations

import numpy as np

MAIN_SHARE, MOSTLY_SHARE = 0.25, 0.6
"""Of the picture: at least this much for a color to be one of its main ones, and for the picture to be mostly of it."""

DARK, LIGHT, PALE, SOFT = 45, 205, 26, 90
"""Of 255: a greatest channel below DARK is black; one that is less than PALE above the least is white from LIGHT on,
else gray, and so is one that is less than PALE_SHARE of itself above it; and in warm hues of at least DIM, one that is
less than SOFT above it is beige."""

PALE_SHARE = 0.15

WARM, DIM = (4, 28), 150
"""The hues from red to yellow that are brown where the greatest channel is below DIM."""

HUES = (
    *((8, "red"), (20, "orange"), (33, "yellow"), (80, "green"), (97, "turquoise"), (130, "blue")),
    *((150, "purple"), (172, "pink"), (180, "red")),
)
"""Where each ends, in OpenCV's hues of 0 to 179."""

NEUTRAL, NEUTRAL_SHARE = ("black", "white", "gray"), 0.98
NAMES = (*NEUTRAL, "brown", "beige", *dict.fromkeys(name for _, name in HUES))


def main_colors(picture: np.ndarray) -> list[tuple[str, float]]:
    """Names and shares, in [0, 1], of the main colors of a picture, (h, w, 3) uint8 RGB, the greatest first."""
    names = color_names(picture)
    shares = [(name, float((names == number).mean())) for number, name in enumerate(NAMES)]
    return sorted((pair for pair in shares if pair[1] >= MAIN_SHARE), key=lambda pair: -pair[1])


def is_black_and_white(picture: np.ndarray) -> bool:
    """Whether hardly a pixel of a picture, (h, w, 3) uint8 RGB, has a hue."""
    return float(np.isin(color_names(picture), [NAMES.index(name) for name in NEUTRAL]).mean()) >= NEUTRAL_SHARE


def color_names(picture: np.ndarray) -> np.ndarray:
    """The color of each pixel, (h, w) int, as its place in NAMES."""
    import cv2

    picture = np.ascontiguousarray(picture)
    hue = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)[..., 0]
    value = picture.max(-1).astype(np.int64)
    chroma = value - picture.min(-1)
    ends, places = zip(*((end, NAMES.index(name)) for end, name in HUES), strict=True)
    names = np.array(places)[np.searchsorted(ends, hue, side="right")]
    warm = (hue >= WARM[0]) & (hue < WARM[1])
    names[warm & (value < DIM)] = NAMES.index("brown")
    names[warm & (value >= DIM) & (chroma < SOFT)] = NAMES.index("beige")
    pale = (chroma < PALE) | (chroma < PALE_SHARE * value)
    names[pale] = NAMES.index("gray")
    names[pale & (value >= LIGHT)] = NAMES.index("white")
    names[value < DARK] = NAMES.index("black")
    return names
