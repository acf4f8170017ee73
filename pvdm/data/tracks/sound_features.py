"""What is heard around each frame of a video, as a vector of features of its sound."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

import numpy as np

from pvdm.errors import InputError
from pvdm.video.sound.soundtrack import RATE, Sound

MEL = "mel"
MELS, HOP, WINDOW, BINS = 40, 160, 400, 512
"""Bands of the mel spectrum, samples from one spectrum to the next, samples of one, and of its Fourier transform."""

FLOOR, SCALE = 1e-5, 2.5
"""Power that counts as silence, and the powers of ten above it that make a feature 0; silence is -1."""

AROUND = 2
"""Frames before and after a frame that are heard with it."""

ReadSound = Callable[[float, float], Sound]
"""Reads the sound from a time on, for some seconds."""


class SoundEncoder(Protocol):
    """A frozen encoder of sound."""

    channels: int
    """Features at a time."""

    rate: float
    """Times per second."""

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Samples (n,) float32, mono at 16 kHz -> features (m, channels) float32, the k-th of the time k / rate."""


@lru_cache(maxsize=2)
def sound_encoder(name: str) -> SoundEncoder:
    """The encoder of a name: `mel`, or an encoder of `transformers`, such as wav2vec 2.0, by folder or name on the Hub.

    InputError if it cannot be loaded.
    """
    return MelEncoder() if name == MEL else PretrainedSoundEncoder(name)


def sound_width(name: str) -> int:
    """Numbers of a frame's vector."""
    return (2 * AROUND + 1) * sound_encoder(name).channels


def encoder_name(setting: bool | str) -> str | None:
    """The name of the encoder of a setting: true is `mel`, false None."""
    return {True: MEL, False: None}[setting] if isinstance(setting, bool) else setting


def sound_vectors(encoder: SoundEncoder, read: ReadSound, times: np.ndarray, step: float) -> tuple[np.ndarray, float]:
    """(t, d) float32 of frames that begin at some times, in seconds, and last `step`; and when the sound ends.

    Features are averaged over each frame, and a vector has those of its frame and of the two before and after it, as in
    Hallo (Xu et al. 2024, arXiv 2406.08801).
    """
    first = float(times.min()) - AROUND * step
    sound = read(first, float(times.max()) + (AROUND + 1) * step - first)
    features = encoder(sound.samples)
    begins = times[:, None] + step * np.arange(-AROUND, AROUND + 1) - first
    low = np.clip(np.ceil(begins * encoder.rate - 1e-6).astype(int), 0, len(features) - 1)
    high = np.clip(np.ceil((begins + step) * encoder.rate - 1e-6).astype(int), low + 1, len(features))
    sums = np.concatenate([np.zeros((1, encoder.channels)), np.cumsum(features, axis=0, dtype=np.float64)])
    means = (sums[high] - sums[low]) / (high - low)[..., None]
    return means.reshape(len(times), -1).astype(np.float32), sound.end


class MelEncoder:
    """The logarithm of the power in 40 bands, -1 for silence."""

    channels, rate = MELS, RATE / HOP

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """See `SoundEncoder`."""
        padded = np.pad(samples.astype(np.float64), WINDOW // 2)
        windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
        hann = np.hanning(WINDOW)
        power = np.abs(np.fft.rfft(windows * hann, BINS) / hann.sum()) ** 2
        return (np.log10(np.maximum(power @ _mel_bands().T, FLOOR)) - np.log10(FLOOR) - SCALE).astype(
            np.float32
        ) / SCALE


class PretrainedSoundEncoder:
    """The last hidden states of an encoder of `transformers` that takes sound as it is, such as wav2vec 2.0 or HuBERT.

    Args:
        name: Local folder, or name on the Hub.
    """

    def __init__(self, name: str) -> None:
        try:
            import transformers
        except ImportError as error:
            raise InputError("this sound encoder needs transformers", "pip install 'pvdm[text]'") from error
        try:
            self._model = transformers.AutoModel.from_pretrained(name).eval().requires_grad_(False)
            ratio = self._model.config.inputs_to_logits_ratio
        except (OSError, ValueError, AttributeError) as error:
            problem = f"there is no sound encoder {name} ({str(error).splitlines()[0]})"
            raise InputError(problem, f"give {MEL}, a folder in the layout of the Hub, or a name on the Hub") from error
        self.channels, self.rate = self._model.config.hidden_size, RATE / ratio

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """See `SoundEncoder`."""
        import torch

        centered = samples - samples.mean()
        normed = torch.from_numpy(np.pad(centered / np.sqrt(samples.var() + 1e-7), WINDOW)).float()
        with torch.no_grad():
            states = self._model(normed[None]).last_hidden_state[0].float().numpy()
        return states[round(WINDOW / 2 / RATE * self.rate) :]  # the first is around sample 200 of the padded ones


@lru_cache(maxsize=1)
def _mel_bands() -> np.ndarray:
    """(40, 257): triangles that overlap by half, at equal distances on the mel scale from 0 to 8 kHz."""
    frequencies = np.fft.rfftfreq(BINS, 1 / RATE)
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), MELS + 2) / 2595) - 1)
    rising = (frequencies - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - frequencies) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rising, falling))
