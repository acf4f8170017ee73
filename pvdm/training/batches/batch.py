"""The contents of a batch as tensors on its device: clips as floats, and the latents of stage 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from pvdm.autoencoder import VideoAutoencoder
from pvdm.conditions.blurred_clips import blurred
from pvdm.conditions.given_frames import cached_frames
from pvdm.conditions.hints import hint_clip
from pvdm.diffusion import Condition
from pvdm.video import to_float


def clips(batch: Mapping[str, Any]) -> Tensor:
    """The videos of a batch, (b, 3, t, h, w), as floats in [-1, 1]."""
    return to_float(batch["video"])


def content(batch: Mapping[str, Any]) -> Tensor:
    """The samples: "latent" (b, 2, c, l), of context and target, or "video" (b, 3, t, h, w) uint8."""
    return batch["latent"] if "latent" in batch else batch["video"]


def on_device(batch: Mapping[str, Any], values: Any) -> Tensor:
    """Values as a tensor on the batch's device; does not wait for CUDA."""
    device, tensor = content(batch).device, torch.as_tensor(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


@torch.no_grad()
def latents_of(autoencoder: VideoAutoencoder, batch: Mapping[str, Any], keep: Tensor) -> tuple[Tensor, Condition]:
    """Latents of the targets (b, c, l), and of the contexts that `keep` (b,) marks: encoded here, or cached.

    A sample without a context keeps none. Does not wait for the device if `keep` and `has_context` are on the CPU.
    """
    keep = keep.cpu() & batch["has_context"].cpu()
    if "latent" in batch:
        contexts, target = batch["latent"].float().unbind(dim=1)
    else:
        contexts, target = _encoded(autoencoder, batch, on_device(batch, keep.nonzero().flatten()))
    mask = on_device(batch, keep)
    contexts = contexts.masked_fill(rearrange(~mask, "b -> b 1 1"), 0)
    return target, Condition(contexts, mask)


@torch.no_grad()
def hint_of(
    autoencoder: VideoAutoencoder,
    batch: Mapping[str, Any],
    known: Tensor,
    like: Tensor,
    factors: Sequence[float] | None = None,
) -> Condition:
    """The hints of targets (b, c, l) of which the frames `known` (b, t), on the CPU, are given; zeros without any.

    They are encoded here, or cached: "hints" of the batch then has those of all kinds of given frames, and `known` is
    that of one of these kinds for each sample, see `known_frames`.

    factors: By how much the clip of each sample is blurred first, see `blurred`; None for none. Cached ones have been.
    """
    if "latent" in batch:
        return Condition(hint=_cached_hint(batch, known, like), known=on_device(batch, known))
    given = known.any(1).nonzero().flatten()
    hint, marks = torch.zeros_like(like), on_device(batch, known)
    if given.numel():
        chosen = on_device(batch, given)
        _, target = batch["video"].chunk(2, dim=2)
        video = target[chosen]
        if factors is not None:
            video = blurred(video, [factors[index] for index in given.tolist()])
        hint[chosen] = autoencoder.encode(hint_clip(video, marks[chosen])).flatten().float()
    return Condition(hint=hint, known=marks)


def _cached_hint(batch: Mapping[str, Any], known: Tensor, like: Tensor) -> Tensor:
    """The cached hint of each sample by its given frames, (b, c, l); zeros without any."""
    hint = torch.zeros_like(like)
    for kind, cached in batch["hints"].items():
        own = np.stack([cached_frames(kind, known.shape[1], row) for row in batch["row"].tolist()])
        is_given = (known == torch.from_numpy(own)).all(1)
        hint = torch.where(rearrange(on_device(batch, is_given), "b -> b 1 1"), cached.to(like.dtype), hint)
    return hint


def _encoded(autoencoder: VideoAutoencoder, batch: Mapping[str, Any], kept: Tensor) -> tuple[Tensor, Tensor]:
    """Latents of the contexts with the indices `kept`, zeros for the others, and latents of all targets."""
    context, target = clips(batch).chunk(2, dim=2)
    latent = autoencoder.encode(target).flatten().float()
    contexts = torch.zeros_like(latent)
    if kept.numel():
        contexts[kept] = autoencoder.encode(context[kept]).flatten().float()
    return contexts, latent
