"""Fidelity of reconstructions: PSNR, SSIM, LPIPS, ST-RRED and sharpness of clips against their originals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.image import structural_similarity_index_measure
from torchmetrics.utilities import dim_zero_cat

from pvdm.errors import InputError
from pvdm.evaluation.metrics.naturalness import st_rred
from pvdm.runtime.precision import full_float32
from pvdm.runtime.processes import gathered_rows
from pvdm.video import to_float

LEAST_ERROR = 1e-10
"""Smallest squared error of pixels in [-1, 1]: a clip without error counts as 106 dB."""

LPIPS_FRAMES = 16
"""Frames that go through the LPIPS network at once, however long a clip is."""


def psnr(reconstruction: Tensor, original: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each clip (b, ...), float in [-1, 1], in dB: (b,)."""
    return _decibels((reconstruction.clamp(-1, 1) - original).square().flatten(1).mean(1))


def ssim(reconstruction: Tensor, original: Tensor) -> Tensor:
    """Structural similarity, the mean over all frames of clips (b, 3, t, h, w), float in [-1, 1]: a scalar."""
    with torch.autocast(original.device.type, enabled=False):  # bf16 would lose the variances
        frames = _frames(reconstruction), _frames(original)
        return structural_similarity_index_measure(*frames, data_range=(-1.0, 1.0))


def high_frequency_energy(video: Tensor) -> Tensor:
    """Energy of each clip (b, 3, t, h, w), in [-1, 1], above a quarter of the sampling rate: (b,) float32.

    The sum of squared magnitudes of the 2D Fourier transform of each frame and channel over the frequencies (f_h, f_w),
    in cycles per pixel, with f_h^2 + f_w^2 > 1/16, divided by the squared number of pixels so that clips of different
    sizes compare. Frames are clamped and multiplied by a periodic Hann window in both directions, because the jump from
    one border to the opposite one would otherwise count as an edge.
    """
    height, width = video.shape[-2:]
    window = torch.hann_window(height, device=video.device)[:, None] * torch.hann_window(width, device=video.device)
    spectrum = torch.fft.fft2(video.float().clamp(-1, 1) * window).abs().square()
    rows, columns = torch.fft.fftfreq(height, device=video.device), torch.fft.fftfreq(width, device=video.device)
    is_high = rows[:, None].square() + columns.square() > 1 / 16
    return (spectrum * is_high).sum((-1, -2)).flatten(1).mean(1) / (height * width) ** 2


class Sharpness(Metric):
    """High-frequency energy of reconstructions relative to that of the originals: 1 is as sharp, 0 has no detail.

    The ratio of the sums of `high_frequency_energy` over all clips, in all processes.
    """

    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        for name in ("reconstructed", "original"):
            self.add_state(name, torch.zeros(()), dist_reduce_fx="sum")

    def update(self, reconstruction: Tensor, original: Tensor) -> None:
        """Clips (b, 3, t, h, w), float in [-1, 1]."""
        self.reconstructed += high_frequency_energy(reconstruction).sum()
        self.original += high_frequency_energy(original).sum()

    def compute(self) -> Tensor:
        """The ratio, a scalar; NaN if the originals have no such energy."""
        return self.reconstructed / self.original


class Fidelity(Metric):
    """Means over reconstructed clips, the same for any batch size, order and number of processes.

    Each clip is measured by itself and gives one float64 row on the CPU; `compute` sorts the rows of all processes by
    clip number. PSNR is the mean over clips of the PSNR of each in dB, as in PVDM's code (evals/eval.py, test_psnr),
    not the PSNR of the mean error; here of the 8-bit pixels that a user gets. An identical clip counts as 106 dB.

    Args:
        lpips: LPIPS of each frame, (reconstruction, original) -> (n,), frames (n, 3, h, w) float in [-1, 1]; None
            leaves it out.
        st_rred: Whether to compute ST-RRED, see `naturalness.st_rred`: about a second for 16 frames of 128x128.
    """

    full_state_update = False

    def __init__(self, *, lpips: Callable[[Tensor, Tensor], Tensor] | None = None, st_rred: bool = False) -> None:
        super().__init__(dist_sync_fn=gathered_rows)
        self.lpips, self.has_st_rred = lpips, st_rred
        for name in ("clips", "frames"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, indices: Sequence[int], reconstruction: Tensor, original: Tensor) -> None:
        """Clips (b, 3, t, h, w) uint8 and their numbers in the source; a number that comes twice counts once."""
        shapes, types = [reconstruction.shape, original.shape], [reconstruction.dtype, original.dtype]
        if shapes[0] != shapes[1] or len(shapes[0]) != 5 or set(types) != {torch.uint8}:
            raise InputError(
                f"fidelity was given clips {tuple(shapes[0])} of {types[0]} and {tuple(shapes[1])} of {types[1]}",
                "give both as (b, 3, t, h, w) of uint8",
            )
        for index, *pair in zip(indices, reconstruction, original, strict=True):
            self._add(int(index), *pair)

    def compute(self) -> dict[str, float | list[float] | None]:
        """See `fidelity_means`; InputError if there are no clips."""
        if not len(self.clips):
            raise InputError("fidelity was given no clips", "give at least one")
        return fidelity_means(**self.rows())

    def rows(self) -> dict[str, Tensor]:
        """The arguments of `fidelity_means` for the clips of this process so far."""
        return {name: dim_zero_cat(getattr(self, name)) for name in ("clips", "frames")}

    def _add(self, index: int, reconstruction: Tensor, original: Tensor) -> None:
        """Measures one clip (3, t, h, w) uint8 by itself, because the size of a batch would change the last digits."""
        errors = _frame_errors(reconstruction, original)
        floats = to_float(reconstruction[None]), to_float(original[None])
        with full_float32(original.device):
            by_frame = ssim(*floats), self._lpips(*floats)
        row = [index, _decibels(errors.mean()), *by_frame, self._st_rred(reconstruction, original)]
        _check_finite(index, {"ssim": row[2]} if self.lpips is None else {"ssim": row[2], "lpips": row[3]})
        self.clips.append(torch.tensor([[float(value) for value in row]], dtype=torch.float64))
        per_frame = enumerate(_decibels(errors).tolist())
        self.frames.append(torch.tensor([[index, *pair] for pair in per_frame], dtype=torch.float64))

    def _lpips(self, reconstruction: Tensor, original: Tensor) -> Tensor | float:
        """The mean over the frames of a clip (1, 3, t, h, w); NaN if LPIPS is left out."""
        if self.lpips is None:
            return float("nan")
        batches = (_frames(clip).split(LPIPS_FRAMES) for clip in (reconstruction, original))
        return torch.cat([self.lpips(*frames) for frames in zip(*batches, strict=True)]).double().mean()

    def _st_rred(self, reconstruction: Tensor, original: Tensor) -> float:
        return st_rred(original, reconstruction) if self.has_st_rred else float("nan")


def fidelity_means(clips: Tensor, frames: Tensor) -> dict[str, float | list[float] | None]:
    """`psnr`, `ssim`, `lpips`, `st_rred` (None if not measured), and `psnr_per_frame`.

    ST-RRED is the mean over the clips that have one. PSNR per frame is the mean over clips of the PSNR of each frame.

    clips: (n, 5), the number and the four scores of each clip; frames: (m, 3), the number of the clip, that of the
    frame, and its PSNR; both float64 in any order, as `Fidelity.rows` returns them.
    """
    clips, frames = _sorted_once(clips, keys=1), _sorted_once(frames, keys=2)
    means = {name: _mean(clips[:, 1 + i]) for i, name in enumerate(("psnr", "ssim", "lpips", "st_rred"))}
    lengths = range(int(frames[:, 1].max()) + 1)
    return {**means, "psnr_per_frame": [_mean(frames[frames[:, 1] == i, 2]) for i in lengths]}


def frames_at(video: Tensor, chosen: Tensor) -> Tensor:
    """The frames (b * n, 3, h, w) of video (b, 3, t, h, w) at the indices chosen (b, n)."""
    rows = torch.arange(len(video), device=video.device)[:, None]
    return video.transpose(1, 2)[rows, chosen].flatten(0, 1)


def _frames(video: Tensor) -> Tensor:
    """(b, 3, t, h, w) -> (b * t, 3, h, w), clamped to [-1, 1]."""
    return video.float().transpose(1, 2).flatten(0, 1).clamp(-1, 1)


def _frame_errors(reconstruction: Tensor, original: Tensor) -> Tensor:
    """Mean squared error of each frame of clips (3, t, h, w) uint8, on the scale of [-1, 1]: (t,) float64, exact."""
    difference = (reconstruction.int() - original.int()).square().transpose(0, 1).flatten(1)
    return difference.sum(1).cpu().double() / (difference.shape[1] * 127.5**2)


def _check_finite(index: int, scores: Mapping[str, Tensor | float]) -> None:
    """InputError for a score of a clip that is not finite, which the mean would skip."""
    for name, value in scores.items():
        if not math.isfinite(float(value)):
            raise InputError(f"{name} of clip {index} is {float(value)}", "check this clip, or leave it out")


def _decibels(error: Tensor) -> Tensor:
    """PSNR of a mean squared error of pixels in [-1, 1]."""
    return 10 * torch.log10(4 / error.clamp(min=LEAST_ERROR))


def _sorted_once(rows: Tensor, *, keys: int) -> Tensor:
    """Rows sorted by their first `keys` columns, without duplicates: processes may have been given a clip twice."""
    _, first = np.unique(rows[:, :keys].numpy(), axis=0, return_index=True)
    return rows[first]


def _mean(values: Tensor) -> float | None:
    """The mean of the values that are not NaN; None if there are none."""
    known = values[~values.isnan()]
    return known.mean().item() if len(known) else None
