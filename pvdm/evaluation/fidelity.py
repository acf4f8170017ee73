"""How near reconstructions are: the measures of validation in stage 1."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.image import structural_similarity_index_measure


def psnr(found: Tensor, wanted: Tensor) -> Tensor:
    """Peak signal to noise ratio of each clip (b, ...) in [-1, 1], in dB: (b,)."""
    error = (found.clamp(-1, 1) - wanted).square().flatten(1).mean(1)
    return 10 * torch.log10(4 / error.clamp(min=1e-10))


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


def frames_at(video: Tensor, chosen: Tensor) -> Tensor:
    """Frames (b * n, 3, h, w) of video (b, 3, t, h, w) at indices chosen (b, n)."""
    rows = torch.arange(len(video), device=video.device)[:, None]
    return video.transpose(1, 2)[rows, chosen].flatten(0, 1)


def _frames(video: Tensor) -> Tensor:
    """(b, 3, t, h, w) -> (b * t, 3, h, w), clamped to [-1, 1]."""
    return video.float().transpose(1, 2).flatten(0, 1).clamp(-1, 1)
