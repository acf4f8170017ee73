"""FVD with random features responds to each kind of damage, and grows with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from pvdm.evaluation.clips.source import Clip, ClipSource
from pvdm.evaluation.features.cache import stored
from pvdm.evaluation.features.detectors import Detector, load_detector
from pvdm.evaluation.features.extraction import extract
from pvdm.evaluation.metrics.frechet import frechet_distance

CLIPS, FRAMES, SIZE = 6, 16, 64

Damage = Callable[[Tensor, int], Tensor]


class Moving(ClipSource):
    """Clips of a moving texture and a moving square, damaged by a function of the clip and its number."""

    def __init__(self, damage: Damage = lambda video, index: video) -> None:
        self.damage = damage

    def __len__(self) -> int:
        return CLIPS

    def read(self, indices: Sequence[int], *, batch_size: int = 1) -> Iterator[Clip]:
        for index in indices:
            yield Clip(index, self.damage(moving(index), index), f"moving-{index}")

    def describe(self) -> dict:
        return {"kind": "moving", "count": CLIPS}


def moving(index: int) -> Tensor:
    """(3, t, h, w) uint8; the spectrum of the texture falls off like that of photographs."""
    numbers = np.random.default_rng(index)
    frequencies = np.fft.fftfreq(SIZE)
    spectrum = 1 / (0.02 + np.hypot(frequencies[:, None], frequencies)) ** 1.2
    texture = np.fft.ifft2(np.fft.fft2(numbers.normal(size=(3, SIZE, SIZE))) * spectrum).real
    texture = 128 + 40 * (texture - texture.mean((1, 2), keepdims=True)) / texture.std((1, 2), keepdims=True)
    shift, step = numbers.integers(-3, 4, size=2), numbers.integers(-4, 5, size=2)
    place, color = numbers.integers(SIZE, size=2), numbers.uniform(0, 255, size=(3, 1, 1))
    frames = np.stack([np.roll(texture, shift * t, (1, 2)) for t in range(FRAMES)], axis=1)
    for t in range(FRAMES):
        rows, columns = ((np.arange(20) + start) % SIZE for start in place + step * t)
        frames[:, t, rows[:, None], columns] = color
    return torch.from_numpy(frames.clip(0, 255).astype(np.uint8))


def noisy(video: Tensor, index: int, *, level: float) -> Tensor:
    noise = torch.randn(video.shape, generator=torch.Generator().manual_seed(index))
    return (video + level * noise).clamp(0, 255).byte()


def blurred(video: Tensor, index: int, *, level: float) -> Tensor:
    width = 4 * int(np.ceil(level)) + 1
    frames = video.transpose(0, 1).float()
    return gaussian_blur(frames, [width, width], [level, level]).round().byte().transpose(0, 1)


def shuffled(video: Tensor, index: int, *, level: float) -> Tensor:
    """A share of the frames swap places."""
    chosen, damaged = some_frames(index, level), video.clone()
    damaged[:, chosen] = video[:, chosen.roll(1)]
    return damaged


def frozen(video: Tensor, index: int, *, level: float) -> Tensor:
    """A share of the frames repeat the frame before them."""
    shown = torch.arange(FRAMES)
    shown[some_frames(index, level)] = 0
    return video[:, shown.cummax(0).values]


def some_frames(index: int, share: float) -> Tensor:
    """A larger share includes the frames of a smaller one."""
    return torch.from_numpy(np.random.default_rng(1000 + index).permutation(FRAMES)[: round(share * FRAMES)])


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("i3d-random")


@pytest.fixture(scope="module")
def real(detector: Detector) -> np.ndarray:
    return extract(Moving(), detector, batch_size=3)


@pytest.mark.parametrize(
    ("damage", "levels"),
    [
        (noisy, (8, 24, 64)),
        (blurred, (0.7, 1.5, 3)),
        (shuffled, (0.125, 0.5, 1)),
        (frozen, (0.125, 0.5, 1)),
    ],
)
def test_more_damage_to_the_same_clips_is_a_greater_distance(damage, levels, detector, real):
    distances = [0.0]
    for level in levels:
        source = Moving(lambda video, index, level=level: damage(video, index, level=level))
        distances.append(frechet_distance(real, extract(source, detector, batch_size=3)))
        assert distances[-1] > 1.1 * distances[-2] + 1e-3, distances


def test_features_that_were_kept_give_the_same_number(detector, real):
    key = {"real": Moving().describe(), "detector": detector.describe()}
    first = stored(key, lambda: real)
    again = stored(key, lambda: pytest.fail("they are kept"))
    other = real[::2] + 1
    assert frechet_distance(again, other) == frechet_distance(first, other) == frechet_distance(real, other) > 0
    assert frechet_distance(real, again) == pytest.approx(0, abs=1e-9 * real.var(0).sum())
