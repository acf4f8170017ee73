"""How an image series stores its values, and their way to pixels and back."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np

from pvdm.errors import InputError

MARK = "series:"
"""Begins a packed `StoredValues`, so that it is no index of packets."""


class StoredValues(NamedTuple):
    """Type and range of the values of an image series.

    Pixels are float32 on the scale of 8 bits, 0 to 255, with fractions; a series of uint8 in its full range has the
    pixels that it holds, uint8.

    Args:
        dtype: NumPy's name of the type, such as uint16.
        low, high: The values that become 0 and 255; values outside are clamped.
        grey: Whether the series has one channel, which becomes red, green and blue.
    """

    dtype: str = "uint16"
    low: float = 0
    high: float = 65535
    grey: bool = False

    @property
    def is_8_bit(self) -> bool:
        """Whether the values are pixels already."""
        return self.dtype == "uint8" and (self.low, self.high) == (0, 255)

    def with_range(self, low: float, high: float) -> StoredValues:
        """The same type with another range; InputError unless low is below high."""
        if not low < high or not np.isfinite([low, high]).all():
            raise InputError(f"the range of values is {low:g} to {high:g}", "give the lowest and the highest value")
        return self._replace(low=low, high=high)

    def to_pixels(self, values: np.ndarray) -> np.ndarray:
        """Values (t, h, w) or (t, h, w, 3) -> (t, h, w, 3) uint8 or float32; see above."""
        if not self.is_8_bit:
            scaled = (values.astype(np.float64) - self.low) * (255 / (self.high - self.low))
            values = scaled.clip(0, 255).astype(np.float32)
        return np.repeat(values[..., None], 3, axis=-1) if self.grey else np.ascontiguousarray(values)

    def from_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Inverse of `to_pixels`, integers rounded to the nearest; gray is the mean of red, green and blue."""
        if self.grey:
            pixels = pixels.mean(-1, dtype=np.float64)
        values = self.low + pixels.astype(np.float64) * ((self.high - self.low) / 255)
        if np.issubdtype(self.dtype, np.integer):
            bounds = np.iinfo(self.dtype)
            values = np.rint(values).clip(bounds.min, bounds.max)
        return values.astype(self.dtype)

    def pack(self) -> str:
        """As text, for `VideoInfo.index`."""
        return MARK + json.dumps(self)

    @classmethod
    def unpack(cls, text: str | None) -> StoredValues | None:
        """Inverse of `pack`; None for anything else."""
        return cls(*json.loads(text.removeprefix(MARK))) if text and text.startswith(MARK) else None
