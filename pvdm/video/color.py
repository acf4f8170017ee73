"""Color jitter for augmentation, the same for all frames of a clip."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from pvdm.errors import check_range

if TYPE_CHECKING:  # annotations are quoted, not postponed: for those, jsonargparse would import this
    from torch import Tensor

LEVELS = 255


@dataclass(frozen=True)
class ColorJitter:
    """The strengths of random changes of color; 0 is no change.

    Args:
        brightness: Pixels are multiplied by a factor between 1 - brightness and 1 + brightness.
        contrast: The same for the difference from a frame's mean gray.
        saturation: The same for the difference from the gray version of a frame.
        hue: Hues are rotated by at most this share of the color circle (0 to 0.5) in either direction; slow.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __post_init__(self) -> None:
        for name, strength in asdict(self).items():
            check_range(0, 0.5 if name == "hue" else 1, **{f"color_jitter.{name}": strength})

    def draw(self, generator: np.random.Generator) -> dict[str, float]:
        """A factor (for hue, a rotation) for each change with a strength; all four are drawn in any case."""
        strengths = asdict(self)
        shifts = dict(zip(strengths, generator.uniform(-1, 1, len(strengths)).tolist(), strict=True))
        middle = {"hue": 0.0}
        return {name: middle.get(name, 1.0) + shifts[name] * by for name, by in strengths.items() if by}


def change_colors(video: "Tensor", changes: Mapping[str, float]) -> "Tensor":
    """Applies the changes that `ColorJitter.draw` returned, in its order, to a video (3, t, h, w) uint8 or float32."""
    if not changes:
        return video
    from torchvision.transforms.v2 import functional  # takes seconds to import

    change = {
        "brightness": functional.adjust_brightness,
        "contrast": functional.adjust_contrast,
        "saturation": functional.adjust_saturation,
        "hue": functional.adjust_hue,
    }
    is_float, frames = video.is_floating_point(), video.movedim(0, 1)
    frames = frames / LEVELS if is_float else frames  # torchvision takes floats in [0, 1]
    for name, value in changes.items():
        frames = change[name](frames, value)
    return (frames * LEVELS if is_float else frames).movedim(1, 0).contiguous()
