"""Sampling of clip k + 1 and decoding of clip k while the caller writes clip k - 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext

import torch
from torch import Tensor

from pvdm.runtime.prefetch import prefetch
from pvdm.runtime.progress_callback import Progress
from pvdm.runtime.worker_process import in_a_process

Latents = Callable[[Progress | None], Iterator[Tensor]]
Decode = Callable[[Tensor], Tensor]


def pipelined(
    latents: Latents,
    decode: Decode,
    progress: Progress | None,
    *,
    device: torch.device,
    decode_device: torch.device,
) -> Iterator[Tensor]:
    """Yields the decoded latents in order; each stage is at most one clip ahead.

    They are bit by bit what they are without it: on a CPU, if one thread computes there, as in the process.

    Sampling and decoding have a thread each, with a stream of its own on a GPU. On a CPU, where threads would wait for
    each other's Python, a process decodes; it is forked when the first clip is asked for.

    Args:
        latents: Makes the iterator of latents, given what to call after each step of a clip.
        decode: Decodes latents to clips on the CPU.
        progress: Called after each step of sampling, by the thread that samples.
        device: Where latents are sampled.
        decode_device: Where they are decoded.
    """
    is_on_cpu = device.type == decode_device.type == "cpu"
    with in_a_process(decode) if is_on_cpu else nullcontext(decode) as run:

        def decoded(check: Callable[[], None]) -> Iterator[Tensor]:
            with closing(_sampled(latents, progress, check, device)) as sampled:
                for latent in sampled:
                    check()
                    yield run(latent)

        with closing(prefetch(decoded, device=decode_device)) as clips:
            yield from clips


def _sampled(
    latents: Latents, progress: Progress | None, is_wanted: Callable[[], None], device: torch.device
) -> Iterator[Tensor]:
    """The latents, sampled by a thread that ends between two steps once its own iterator or the decoder's is closed."""

    def produce(check: Callable[[], None]) -> Iterator[Tensor]:
        def report(done: int, total: int) -> None:
            check()
            is_wanted()
            if progress is not None:
                progress(done, total)

        return latents(report)

    return prefetch(produce, device=device)
