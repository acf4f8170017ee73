"""Files with sound for tests."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np


def tone(seconds: float, *, begins: float = 0.0, pitch: float = 440.0, rate: int = 16_000) -> np.ndarray:
    """(n,) float32: silence, and from `begins` on a tone."""
    times = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * pitch * times) * (times >= begins)).astype(np.float32)


def write_wav(path: Path, samples: np.ndarray, rate: int = 16_000) -> Path:
    """A file of these samples, mono, 16 bits."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).round().astype("<i2").tobytes())
    return path
