"""The linear triplane code of a spectrum: where the spectral autoencoder begins, and what its network corrects."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvdm.runtime.precision import in_float32


class Code(NamedTuple):
    """A clip as channels-last planes, the motion planes as frequencies.

    content: (b, h, w, channels); tw: (b, w, k, c); th: (b, h, k, c).
    """

    content: Tensor
    tw: Tensor
    th: Tensor


class ContentCode(nn.Module):
    """The first temporal frequencies of each patch, in few channels each.

    Args:
        values: Values of a patch, 3 * patch**2.
        channels: Channels of each frequency.
    """

    def __init__(self, values: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.channels = channels
        self.encoders = nn.ModuleList(nn.Linear(values, count) for count in channels)
        self.decoders = nn.ModuleList(nn.Linear(count, values) for count in channels)

    def encode(self, spectrum: Tensor) -> Tensor:
        """spectrum: (b, h, w, k, values) -> (b, h, w, all channels)."""
        return torch.cat([encode(spectrum[..., k, :]) for k, encode in enumerate(self.encoders)], dim=-1)

    def decode(self, content: Tensor, frequencies: int) -> Tensor:
        """content: (b, h, w, all channels) -> (b, h, w, k, values), zeros in the frequencies that it lacks."""
        # Slices: as one split, an exported graph would have more outputs than a browser's WebGPU has buffers.
        ends = list(accumulate(self.channels, initial=0))
        parts = (content[..., start:end] for start, end in pairwise(ends))
        found = torch.stack([decode(part) for decode, part in zip(self.decoders, parts, strict=True)], dim=3)
        return functional.pad(found, (0, 0, 0, frequencies - len(self.channels)))


class MotionCode(nn.Module):
    """What a line of patches has in common, in few channels for each frequency.

    Args:
        values: Values of a patch.
        channels: Channels of the plane.
        axis: The axis of a spectrum (b, h, w, k, values) that the plane lacks.
    """

    def __init__(self, values: int, channels: int, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.encoder = nn.Linear(values, channels, bias=False)
        self.decoder = nn.Linear(channels, values, bias=False)

    def encode(self, spectrum: Tensor) -> Tensor:
        """spectrum: (b, h, w, k, values) -> (b, n, k, channels), n positions along the axis that is kept."""
        return self.encoder(spectrum.mean(self.axis))

    def decode(self, motion: Tensor) -> Tensor:
        """The inverse of `encode`, to be broadcast along the axis that the plane lacks."""
        return self.decoder(motion).unsqueeze(self.axis)


class LinearCode(nn.Module):
    """Content of the first frequencies, then what is left along rows and columns; in float32 whatever autocast says.

    `residual_scale` (k, 1) is the root mean square of what the content plane leaves of each frequency.

    Args:
        frequencies: Temporal frequencies of a spectrum.
        values: Values of a patch.
        content_channels: Channels of the content plane for each of the first frequencies.
        motion_channels: Channels of each motion plane.
    """

    stays_float32 = True

    def __init__(self, frequencies: int, values: int, content_channels: tuple[int, ...], motion_channels: int) -> None:
        super().__init__()
        self.frequencies = frequencies
        self.content = ContentCode(values, content_channels)
        self.tw = MotionCode(values, motion_channels, axis=1)
        self.th = MotionCode(values, motion_channels, axis=2)
        self.register_buffer("residual_scale", torch.ones(frequencies, 1))

    def norms(self) -> tuple[Tensor, Tensor, Tensor]:
        """Length of what a unit of each channel adds to a patch, (channels,) for each plane: content, tw, th."""
        content = torch.cat([decode.weight.norm(dim=0) for decode in self.content.decoders])
        return content, self.tw.decoder.weight.norm(dim=0), self.th.decoder.weight.norm(dim=0)

    @in_float32
    def encode(self, spectrum: Tensor) -> tuple[Code, Tensor]:
        """spectrum: (b, h, w, k, values) -> its code, and what the content plane leaves, like the spectrum."""
        content = self.content.encode(spectrum)
        residual = spectrum - self.content.decode(content, self.frequencies)
        tw = self.tw.encode(residual)
        th = self.th.encode(residual - self.tw.decode(tw))
        return Code(content, tw, th), residual

    @in_float32
    def decode(self, code: Code) -> Tensor:
        """The spectrum (b, h, w, k, values) of a code."""
        content = self.content.decode(code.content, self.frequencies)
        return content + self.tw.decode(code.tw) + self.th.decode(code.th)
