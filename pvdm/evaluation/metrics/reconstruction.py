"""Reconstruction: R-FVD, PSNR, SSIM, LPIPS and ST-RRED of clips and what an autoencoder makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.image import structural_similarity_index_measure
from torchmetrics.utilities import dim_zero_cat

from pvdm.errors import InputError
from pvdm.evaluation.clips.model_clips import ReconstructedClips
from pvdm.evaluation.clips.source import Clip, ClipSource
from pvdm.evaluation.features.extraction import FeatureTable
from pvdm.evaluation.metrics.floor import floor_of
from pvdm.evaluation.metrics.frechet import frechet_distance
from pvdm.evaluation.metrics.naturalness import st_rred
from pvdm.evaluation.metrics.setup import MetricSetup
from pvdm.evaluation.results import Outcome, Score
from pvdm.runtime.precision import full_float32
from pvdm.runtime.processes import gathered_rows
from pvdm.video import to_float

NO_CLIPS = torch.empty(0, 3, 0, 0, 0, dtype=torch.uint8)


LEAST_ERROR = 1e-10
"""Of pixels in [-1, 1], squared: a clip without error has this one, that is 106 dB."""

LPIPS_FRAMES = 16
"""Frames that go through its network at once, however long a clip is."""


def measure(real: ClipSource, fake: ClipSource, setting: MetricSetup) -> Outcome:
    """`rfvd` (if the protocol has a detector), `psnr`, `ssim`, `lpips`, `st_rred`, and the curve `psnr_per_frame`.

    Clip i of one side is compared with clip i of the other, of the same name; InputError if the names differ.
    """
    wanted = setting.real_features(real) if setting.detector else None
    found, fidelity = _compare(real, fake, setting)
    figures = {} if wanted is None else {"rfvd": _frechet(real, found, wanted, setting)}
    return Outcome({**figures, **_figures(fidelity, setting)}, {"psnr_per_frame": fidelity["psnr_per_frame"]})


def _frechet(real: ClipSource, found: np.ndarray, wanted: np.ndarray, setting: MetricSetup) -> Score:
    """R-FVD; it compares the same clips, so that unlike FVD it may lie below the floor."""
    among_real = setting.real_halves(real, wanted, len(found))
    return Score(frechet_distance(found, wanted), "lower", floor=floor_of(frechet_distance, among_real))


def _figures(fidelity: dict, setting: MetricSetup) -> dict[str, Score]:
    missing = {"lpips": str(setting.lpips), "st_rred": "ST-RRED takes its time; ask for it with --st-rred"}
    better = {"psnr": "higher", "ssim": "higher", "lpips": "lower", "st_rred": "lower"}
    return {
        name: Score(fidelity[name], better[name], missing=missing.get(name) if fidelity[name] is None else None)
        for name in better
    }


def _compare(real: ClipSource, fake: ClipSource, setting: MetricSetup) -> tuple[np.ndarray | None, dict]:
    """Features of the generated clips, and the measures of all pairs, in one pass."""
    lpips = None if isinstance(setting.lpips, str) else setting.lpips.per_frame
    fidelity, table = Fidelity(lpips=lpips, st_rred=setting.st_rred), FeatureTable()
    numbers = range(len(real))
    batches = [numbers[i : i + setting.batch_size] for i in range(0, len(real), setting.batch_size)]
    mine = setting.processes.share(batches)
    told, total, done = setting.told("reconstructions"), sum(map(len, mine)), 0
    for indices, found, wanted in _pairs(real, fake, mine, setting.batch_size):
        fidelity.update(indices, found.to(setting.device), wanted.to(setting.device))
        if setting.detector:
            table.update(indices, setting.detector(found))
        done += len(indices)
        if told:
            told(done, total)
    if not mine:  # metrics that nothing was put into warn
        table.update([], torch.empty(0, 0))
        fidelity.update([], NO_CLIPS, NO_CLIPS)
    return table.compute() if setting.detector else None, fidelity.compute()


def _pairs(
    real: ClipSource, fake: ClipSource, batches: list[range], batch_size: int
) -> Iterator[tuple[range, Tensor, Tensor]]:
    """(numbers, found, wanted), both (b, 3, t, h, w) uint8; what a model makes of clips is not read twice."""
    for indices in batches:
        originals = list(real.read(indices, batch_size=batch_size))
        wanted = torch.stack([clip.video for clip in originals])
        if isinstance(fake, ReconstructedClips):
            yield indices, fake.reconstruct(wanted), wanted
            continue
        clips = list(fake.read(indices, batch_size=batch_size))
        for original, clip in zip(originals, clips, strict=True):
            _check_same(original, clip)
        yield indices, torch.stack([clip.video for clip in clips]), wanted


def _check_same(original: Clip, clip: Clip) -> None:
    names = [PurePosixPath(name).with_suffix("").name for name in (original.name, clip.name)]
    if names[0] != names[1]:
        raise InputError(
            f"clip {clip.index} is {original.name} of the real videos and {clip.name} of the others",
            "give reconstructions under the names of their originals, or a model as --fake",
        )
    if original.video.shape != clip.video.shape:
        sizes = ["x".join(map(str, video.shape[1:])) for video in (original.video, clip.video)]
        raise InputError(f"{original.name} is {sizes[0]} and its reconstruction {sizes[1]}", "give both one --size")


def psnr(found: Tensor, wanted: Tensor) -> Tensor:
    """Peak signal to noise ratio of each clip (b, ...) in [-1, 1], in dB: (b,)."""
    error = (found.clamp(-1, 1) - wanted).square().flatten(1).mean(1)
    return 10 * torch.log10(4 / error.clamp(min=LEAST_ERROR))


def ssim(found: Tensor, wanted: Tensor) -> Tensor:
    """Structural similarity, the mean of all frames of clips (b, 3, t, h, w) in [-1, 1]: a scalar."""
    with torch.autocast(found.device.type, enabled=False):  # its variances would be lost in bf16
        return structural_similarity_index_measure(_frames(found), _frames(wanted), data_range=(-1.0, 1.0))


def high_frequency_energy(video: Tensor) -> Tensor:
    """Energy of each clip (b, 3, t, h, w) in [-1, 1] beyond a quarter of the sampling rate: (b,), float32.

    It is the sum of the squared magnitudes of the 2D Fourier transform of its frames, each channel by itself, at the
    frequencies (f_h, f_w), in cycles per pixel, of which f_h^2 + f_w^2 > 1/16; relative to the number of all pixels
    squared, so that clips of different sizes compare. Frames are clamped and multiplied by a periodic Hann window in
    both directions, else the jump from one border to the opposite one would count as an edge.
    """
    height, width = video.shape[-2:]
    window = torch.hann_window(height, device=video.device)[:, None] * torch.hann_window(width, device=video.device)
    spectrum = torch.fft.fft2(video.float().clamp(-1, 1) * window).abs().square()
    rows, columns = torch.fft.fftfreq(height, device=video.device), torch.fft.fftfreq(width, device=video.device)
    is_high = rows[:, None].square() + columns.square() > 1 / 16
    return (spectrum * is_high).sum((-1, -2)).flatten(1).mean(1) / (height * width) ** 2


class Sharpness(Metric):
    """High-frequency energy of reconstructions relative to that of the real clips: 1 is as sharp, 0 has no detail.

    The ratio of the means over all clips seen, in all processes, see `high_frequency_energy`.
    """

    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        for name in ("found", "wanted"):
            self.add_state(name, torch.zeros(()), dist_reduce_fx="sum")

    def update(self, found: Tensor, wanted: Tensor) -> None:
        """Clips (b, 3, t, h, w), float in [-1, 1]."""
        self.found += high_frequency_energy(found).sum()
        self.wanted += high_frequency_energy(wanted).sum()

    def compute(self) -> Tensor:
        """The ratio, a scalar; NaN if the real clips have no such energy."""
        return self.found / self.wanted


class Fidelity(Metric):
    """Means over reconstructed clips, the same for any batches, order and number of processes.

    Each clip is measured by itself and is one row of float64, on the CPU; `compute` sorts the rows of all processes by
    the clips' numbers. PSNR is the mean over clips of each clip's own in dB, as in PVDM's code (evals/eval.py,
    test_psnr), not the PSNR of the mean error; here of the 8-bit pixels that a user gets. An equal clip counts as 106
    dB.

    Args:
        lpips: LPIPS of each frame, (found, wanted) -> (n,), frames (n, 3, h, w) float in [-1, 1]; None leaves it out.
        st_rred: Whether to compute ST-RRED, see `naturalness.st_rred`: about a second for 16 frames of 128x128.
    """

    full_state_update = False

    def __init__(self, *, lpips: Callable[[Tensor, Tensor], Tensor] | None = None, st_rred: bool = False) -> None:
        super().__init__(dist_sync_fn=gathered_rows)
        self.lpips, self.has_st_rred = lpips, st_rred
        for name in ("clips", "frames"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, indices: Sequence[int], found: Tensor, wanted: Tensor) -> None:
        """Clips (b, 3, t, h, w) uint8, their numbers in the source; one that comes again is the same clip."""
        if found.shape != wanted.shape or found.ndim != 5 or {found.dtype, wanted.dtype} != {torch.uint8}:
            raise InputError(
                f"fidelity found clips {tuple(found.shape)} of {found.dtype} and {tuple(wanted.shape)} of "
                f"{wanted.dtype}",
                "give both as (b, 3, t, h, w) of uint8",
            )
        for index, clip, original in zip(indices, found, wanted, strict=True):
            self._add(int(index), clip, original)

    def compute(self) -> dict[str, float | list[float] | None]:
        """See `fidelity_means`; InputError if there are no clips."""
        if not len(self.clips):
            raise InputError("fidelity found no clips", "give at least one")
        return fidelity_means(**self.rows())

    def rows(self) -> dict[str, Tensor]:
        """Of this process's clips so far what `fidelity_means` takes."""
        return {name: dim_zero_cat(getattr(self, name)) for name in ("clips", "frames")}

    def _add(self, index: int, found: Tensor, wanted: Tensor) -> None:
        """Measures one clip (3, t, h, w) uint8 by itself: in company, a batch's size would change the last digits."""
        errors = _frame_errors(found, wanted)
        floats = to_float(found[None]), to_float(wanted[None])
        with full_float32(found.device):
            by_frame = ssim(*floats), self._lpips(*floats)
        row = [index, _decibels(errors.mean()), *by_frame, self._st_rred(found, wanted)]
        _check_finite(index, {"ssim": row[2]} if self.lpips is None else {"ssim": row[2], "lpips": row[3]})
        self.clips.append(torch.tensor([[float(value) for value in row]], dtype=torch.float64))
        per_frame = enumerate(_decibels(errors).tolist())
        self.frames.append(torch.tensor([[index, *pair] for pair in per_frame], dtype=torch.float64))

    def _lpips(self, found: Tensor, wanted: Tensor) -> Tensor | float:
        """Of a clip (1, 3, t, h, w): the mean over its frames."""
        if self.lpips is None:
            return float("nan")
        some = zip(_frames(found).split(LPIPS_FRAMES), _frames(wanted).split(LPIPS_FRAMES), strict=True)
        return torch.cat([self.lpips(*frames) for frames in some]).double().mean()

    def _st_rred(self, found: Tensor, wanted: Tensor) -> float:
        return st_rred(wanted, found) if self.has_st_rred else float("nan")


def fidelity_means(clips: Tensor, frames: Tensor) -> dict[str, float | list[float] | None]:
    """`psnr`, `ssim`, `lpips` and `st_rred`, which are None where not measured, and `psnr_per_frame`.

    ST-RRED is over those clips that have one. PSNR per frame is the mean over the clips of each frame's own.

    clips: (n, 5), the number and the four measures of each clip; frames: (m, 3), the numbers of clip and frame and its
    PSNR; both float64 in any order, as `Fidelity.rows` gives them.
    """
    clips, frames = _sorted_once(clips, keys=1), _sorted_once(frames, keys=2)
    means = {name: _mean(clips[:, 1 + i]) for i, name in enumerate(("psnr", "ssim", "lpips", "st_rred"))}
    lengths = range(int(frames[:, 1].max()) + 1)
    return {**means, "psnr_per_frame": [_mean(frames[frames[:, 1] == i, 2]) for i in lengths]}


def frames_at(video: Tensor, chosen: Tensor) -> Tensor:
    """Frames (b * n, 3, h, w) of video (b, 3, t, h, w) at indices chosen (b, n)."""
    rows = torch.arange(len(video), device=video.device)[:, None]
    return video.transpose(1, 2)[rows, chosen].flatten(0, 1)


def _frames(video: Tensor) -> Tensor:
    """(b, 3, t, h, w) -> (b * t, 3, h, w), clamped to [-1, 1]."""
    return video.float().transpose(1, 2).flatten(0, 1).clamp(-1, 1)


def _frame_errors(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error of each frame of clips (3, t, h, w) uint8, in the scale of [-1, 1]: (t,) float64, exact."""
    difference = (found.int() - wanted.int()).square().transpose(0, 1).flatten(1)
    return difference.sum(1).cpu().double() / (difference.shape[1] * 127.5**2)


def _check_finite(index: int, measures: Mapping[str, Tensor | float]) -> None:
    """InputError for a measure of a clip that is not finite: the mean would pass it over."""
    for name, value in measures.items():
        if not math.isfinite(float(value)):
            raise InputError(f"{name} of clip {index} is {float(value)}", "look at this clip, or leave it out")


def _decibels(error: Tensor) -> Tensor:
    return 10 * torch.log10(4 / error.clamp(min=LEAST_ERROR))


def _sorted_once(rows: Tensor, *, keys: int) -> Tensor:
    """Rows by their first columns, those of the same ones once: processes may have been given a clip twice."""
    _, first = np.unique(rows[:, :keys].numpy(), axis=0, return_index=True)
    return rows[first]


def _mean(values: Tensor) -> float | None:
    """Of those that are numbers."""
    known = values[~values.isnan()]
    return known.mean().item() if len(known) else None
