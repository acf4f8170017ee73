"""Random draws for the samples of a batch, each a function of the sample's own key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from itertools import repeat
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pvdm.conditions.given_frames import GivenFrames, cached_frames
from pvdm.diffusion import NoiseSchedule, TimeDistribution
from pvdm.diffusion.noise import VideoNoise, generator_of
from pvdm.training.batches.batch import content, on_device

NEVER = repeat(False)


class Draw(IntEnum):
    """Purpose of a sample's random stream; part of its key, so never renumber."""

    NOISE = 0
    TIME = 1
    CONTEXT = 2
    FRAMES = 3
    LABEL = 4
    DROPOUT = 5
    CONTEXT_LEVEL = 6
    CONTEXT_NOISE = 7
    GIVEN_FRAMES = 8
    HINT_LEVEL = 9
    HINT_NOISE = 10
    CLAUSES = 11
    TEXT = 12
    PLANES = 13
    BLUR = 14
    CAMERA = 15
    SOUND = 16
    SCORES = 17
    JUMP = 18
    JUDGED_TIME = 19
    JUDGED_NOISE = 20
    GUIDANCE = 21
    LATENT_NOISE = 22
    LATENT_NOISE_LEVEL = 23


def keys(batch: Mapping[str, Any]) -> list[tuple[int, ...]]:
    """(seed, epoch, index) of each sample, which determine all its randomness."""
    return [tuple(key) for key in batch["key"].tolist()]


def noise_like(latent: Tensor, batch: Mapping[str, Any], *more: int, purpose: Draw = Draw.NOISE) -> Tensor:
    """Standard normal noise like latent (b, c, l), a function of each sample's key and `more`."""
    source = VideoNoise([(*key, purpose, *more) for key in keys(batch)])
    return source.normal(latent.shape[1:], device=latent.device)


def times(
    batch: Mapping[str, Any],
    schedule: NoiseSchedule,
    distribution: TimeDistribution = TimeDistribution(),
    has_context: Iterable[bool] = NEVER,
    purpose: Draw = Draw.TIME,
) -> Tensor:
    """A timestep of the schedule for each sample: (b,) int64; `has_context` says which samples keep their context."""
    pairs = zip(draws(batch, purpose), has_context, strict=False)
    return on_device(batch, [distribution.draw(draw, schedule, has_context=bool(kept)) for draw, kept in pairs])


def levels(batch: Mapping[str, Any], most: float, purpose: Draw) -> Tensor:
    """A level for each sample, uniform from 0 to `most`: (b,) float32."""
    return on_device(batch, [draw.uniform(0, most) for draw in draws(batch, purpose)]).float()


def keep(batch: Mapping[str, Any], dropout: float, purpose: Draw) -> Tensor:
    """Whether each sample keeps a part of its condition, with probability 1 - dropout: (b,) bool, on the CPU.

    The draw of a part, such as `Draw.CONTEXT`, is independent of those of others.
    """
    return torch.tensor([bool(draw.random() >= dropout) for draw in draws(batch, purpose)])


def keep_each(batch: Mapping[str, Any], dropout: float, count: int, purpose: Draw) -> Tensor:
    """`keep` of each of `count` things of a sample, independently: (b, count) bool, on the CPU."""
    return torch.from_numpy(np.stack([draw.random(count) >= dropout for draw in draws(batch, purpose)]))


def captions(batch: Mapping[str, Any], clause_dropout: float = 0.0) -> list[str]:
    """The caption of each sample; each of its clauses, between commas, is left out with this probability."""
    texts = batch["caption"]
    if clause_dropout == 0:
        return list(texts)
    pairs = zip((text.split(",") for text in texts), draws(batch, Draw.CLAUSES), strict=True)
    return [",".join(part for part in clauses if draw.random() >= clause_dropout) for clauses, draw in pairs]


def plane_times(batch: Mapping[str, Any], t: Tensor, share: float, timesteps: int) -> Tensor:
    """Timesteps of content and motion, (b, 2) int64: both are t (b,), but in this share of the samples.

    In these, one of the two, drawn at random, keeps t, and the other has one from 0 to `timesteps` - 1, mostly low, so
    that the network learns either given the other.
    """
    both = t[:, None].repeat(1, 2).cpu()
    for row, draw in zip(both, draws(batch, Draw.PLANES), strict=True):
        is_apart, which, place = draw.random() < share, draw.integers(2), draw.random()
        if is_apart:
            row[which] = int(timesteps * place**2)
    return on_device(batch, both)


def known_frames(batch: Mapping[str, Any], given: GivenFrames, frames: int) -> Tensor:
    """Which frames of each sample's clip are given: (b, frames) bool, on the CPU.

    Of cached hints, those of the kind that is drawn.
    """
    own = draws(batch, Draw.GIVEN_FRAMES)
    if "hints" not in batch:
        return torch.from_numpy(np.stack([given.draw(draw, frames) for draw in own]))
    pairs = zip((given.draw_kind(draw) for draw in own), batch["row"].tolist(), strict=True)
    return torch.from_numpy(np.stack([cached_frames(kind, frames, row) for kind, row in pairs]))


def blur_factors(batch: Mapping[str, Any], given: GivenFrames, known: Tensor) -> list[float]:
    """By how much each sample's clip, of which the frames `known` (b, t) are given, is blurred; 1 is not at all."""
    pairs = zip(draws(batch, Draw.BLUR), known.numpy(), strict=True)
    return [given.draw_factor(draw, frames) for draw, frames in pairs]


def frame_choice(batch: Mapping[str, Any], frames: int, count: int) -> Tensor:
    """Indices of `count` different frames for each sample: (b, count) int64."""
    chosen = [draw.choice(frames, size=min(count, frames), replace=False) for draw in draws(batch, Draw.FRAMES)]
    return on_device(batch, np.stack(chosen))


@contextmanager
def drawn_by(batch: Mapping[str, Any]) -> Iterator[None]:
    """Seeds PyTorch's own generators, from which dropout draws, by the batch's samples; restores them afterwards."""
    device = content(batch).device
    seed = generator_of((*keys(batch)[0], Draw.DROPOUT)).integers(2**63)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(seed))
        yield


def draws(batch: Mapping[str, Any], purpose: Draw) -> Iterator[np.random.Generator]:
    """The generator of each sample for a purpose."""
    return (generator_of((*key, purpose)) for key in keys(batch))
