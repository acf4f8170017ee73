"""A model that makes gray clips at once, and what is built on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import torch

from pvdm.conditions.text import TextConfig
from pvdm.studio.access import Access
from pvdm.studio.app import Studio
from pvdm.studio.limits import Limits
from pvdm.studio.stream_model import StreamModel
from pvdm.studio.streams.clip_batch import ClipRequest, MadeClip
from pvdm.studio.streams.clip_engine import ClipEngine

FRAMES, SIDE = 4, 16
MODEL = StreamModel(
    "stub",
    FRAMES,
    10.0,
    SIDE,
    SIDE,
    classes=("run", "jump"),
    text=TextConfig(tokens=4, words=("a", "ball", "red")),
    takes=("context", "label", "text", "hint"),
)


class GrayModel:
    """Stands for a generator: a latent is a gray level."""

    device, diffusion = torch.device("cpu"), SimpleNamespace(border_fade=0)

    def precision(self, name: str) -> nullcontext:
        return nullcontext()

    def decode_latent(self, latents: torch.Tensor) -> torch.Tensor:
        return latents[:, :, :1, None, None].expand(-1, 3, FRAMES, SIDE, SIDE).byte()


def gray_of(request: ClipRequest) -> int:
    """The level of a clip: one more than that of the clip which it continues."""
    return 10 * request.settings.seed if request.context is None else int(request.context) + 1


def make_gray(generator: GrayModel, requests: list[ClipRequest]) -> list[MadeClip]:
    """A gray clip for each; RuntimeError for a batch in which a request has the seed 13."""
    if any(request.settings.seed == 13 for request in requests):
        raise RuntimeError("thirteen")
    latents = [torch.full((1, 1), float(gray_of(request))) for request in requests]
    clips = [generator.decode_latent(latent[None])[0] for latent in latents]
    return [MadeClip(*parts, 0.0, 0.001, len(requests)) for parts in zip(requests, latents, clips, strict=True)]


def stub_engine(make: Callable[..., Any] = make_gray, **options: Any) -> ClipEngine:
    """An engine, not yet started, of such a model."""
    return ClipEngine(GrayModel(), make=make, **options)


def stub_studio(make: Callable[..., Any] = make_gray, *, access: Access | None = None, **limits: Any) -> Studio:
    """A studio of such a model."""
    access, limits = access or Access("127.0.0.1", names=("testserver",)), Limits(**limits)
    return Studio(MODEL, stub_engine(make, max_batch=limits.batch), access=access, limits=limits)


async def until(done: Callable[[], Any], seconds: float = 30.0) -> None:
    """Waits until something is true; AssertionError if it takes longer."""
    for _ in range(int(seconds / 0.005)):
        if done():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"still not true after {seconds} seconds")
