"""Measures what a model of rendered scenes does with its conditions, on held-out scenes, against shuffled ones.

    python measure_scenes.py MODEL FIGURES.json --only text [--clips 200] [--seed 0] [--steps 20]

text needs a model that was trained on scenes of one body with a still camera; views one of turntables, with
`model.camera`; sound one of scenes that are heard; given and upscaled any with given frames. PSNR is in dB.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measured_frames import BATCH, KINDS, given_figures, motion, psnr
from torch import Tensor

from pvdm import VideoGenerator
from pvdm.conditions.blurred_clips import enlarged
from pvdm.conditions.cameras import CameraPath
from pvdm.data.scenes import MOTIONS, RenderedScene, ScenePath, scene_of
from pvdm.data.scenes.rendered_scene import FPS
from pvdm.data.scenes.scene_videos import read_clip, scene_camera, scene_sound
from pvdm.diffusion import SamplerConfig
from pvdm.evaluation.scene_reading import Claim, agreement, claims_of, read_bodies, read_scene
from pvdm.video import ClipShape

SEED = 3_000_017
"""Of the scenes that are measured; trainings have other seeds."""

SHAPE = ClipShape(16, 64, 64)
PROPERTIES = ("color", "shape", "direction", "together")
SMALL = 16
"""Pixels a side of the videos that are upscaled."""

RATE = 16000
SHARP = 0.012
"""By how much of the picture's height a body's way bends at a bounce, from one frame to the next."""


def captioned_scenes(count: int) -> list[RenderedScene]:
    """Scenes of one body with a still camera that have a body in their caption."""
    scenes, number = [], 0
    while len(scenes) < count:
        made = scene_of(ScenePath(SEED, number, 16, bodies=1, camera="still").path, SHAPE)
        if claims_of(made.caption):
            scenes.append(made)
        number += 1
    return scenes


def rendered(scenes: Sequence[RenderedScene]) -> Tensor:
    """(n, 3, t, h, w) uint8."""
    return torch.from_numpy(np.stack([made.frames for made in scenes])).permute(0, 4, 1, 2, 3).contiguous()


def claim_of(made: RenderedScene) -> Claim:
    """What the caption says of the only body, and the directions that are as true of it."""
    (claim,) = claims_of(made.caption)
    return replace(claim, directions=(*claim.directions, *made.facts[0].also))


def turntables(count: int) -> tuple[Tensor, list[CameraPath]]:
    """Scenes of one body from cameras that turn around it."""
    paths = [ScenePath(SEED, number, 16, bodies=1, turntable=True).path for number in range(count)]
    cameras = [CameraPath(*scene_camera(path, np.arange(16))) for path in paths]
    return torch.stack([read_clip(path, SHAPE) for path in paths]), cameras


def small_clips(clips: Tensor) -> Tensor:
    """Clips (n, 3, t, h, w) uint8 scaled down to 16 pixels a side."""
    frames = clips.transpose(1, 2).flatten(0, 1).float()
    small = torch.nn.functional.interpolate(frames, size=(SMALL, SMALL), mode="bicubic", antialias=True)
    return small.round().clamp(0, 255).byte().unflatten(0, (len(clips), -1)).transpose(1, 2)


def read_right(clips: Tensor, claims: list[Claim]) -> dict[str, float]:
    """The share of clips in which each property of a claim is read; one that it does not name counts as right."""
    found = [
        agreement(read_scene(clip.permute(1, 2, 3, 0).numpy()), claim)
        for clip, claim in zip(clips, claims, strict=True)
    ]
    return {name: sum(getattr(each, name) is not False for each in found) / len(found) for name in PROPERTIES}


def text(generator: VideoGenerator, count: int, sampler: SamplerConfig, seed: int) -> dict[str, Any]:
    """Clips by captions of scenes that training never saw, read back."""
    scenes = captioned_scenes(count)
    real, claims = rendered(scenes), [claim_of(each) for each in scenes]
    captions = [each.caption for each in scenes]
    made = generator.sample(count, prompt=captions, seed=seed, sampler=sampler, batch_size=BATCH)
    return {
        **read_right(made, claims),
        "real clips": read_right(real, claims),
        "captions of others": read_right(made, claims[1:] + claims[:1]),
        "motion": motion(made) / motion(real),
    }


def views(generator: VideoGenerator, count: int, sampler: SamplerConfig, seed: int) -> dict[str, float]:
    """One view given, and the others by their cameras."""
    real, cameras = turntables(count)
    others = cameras[1:] + cameras[:1]
    right, wrong = (
        torch.cat(
            [
                generator.sample(1, first_frame=clip[:, 0], camera=camera, seed=seed + number, sampler=sampler)
                for number, (clip, camera) in enumerate(zip(real, each, strict=True))
            ]
        )
        for each in (cameras, others)
    )
    missing, still = range(1, 16), real[:, :, :1].expand_as(real)
    figures = {
        "made": right,
        "made, cameras of others": wrong,
        "given view repeated": still,
        "autoencoder": generator.reconstruct(real),
    }
    return {name: psnr(clips, real, missing) for name, clips in figures.items()}


def bouncing(count: int) -> tuple[list[ScenePath], list[np.ndarray]]:
    """Scenes of one body that bounces, and the frames, not whole numbers, of its impacts away from both ends."""
    paths, clicks, number = [], [], 0
    while len(paths) < count:
        path = ScenePath(SEED, number * len(MOTIONS), 16, bodies=1, camera="still")
        moments = path.world.bodies[0].motion.impacts[0] * FPS
        moments = moments[(moments > 1.5) & (moments < 13.5)]
        if len(moments):
            paths.append(path)
            clicks.append(moments)
        number += 1
    return paths, clicks


def bounces_in(clip: Tensor) -> list[int]:
    """The frames at which the largest body is lowest, and turns sharply."""
    found = read_bodies(clip.permute(1, 2, 3, 0).numpy())
    down = [np.nan if place is None else place[1] for place in found[0].path] if found else []
    return [
        frame
        for frame in range(1, len(down) - 1)
        if down[frame] >= max(down[frame - 1], down[frame + 1])
        and 2 * down[frame] - down[frame - 1] - down[frame + 1] > SHARP
    ]


def heard(clips: Tensor, clicks: list[np.ndarray]) -> dict[str, float]:
    """The share of clicks with a bounce within a frame, and of bounces with a click."""
    bounces = [np.array(bounces_in(clip)) for clip in clips]
    pairs = [np.abs(one[:, None] - other[None]) <= 1 for one, other in zip(clicks, bounces, strict=True)]
    seen, meant = (np.concatenate([pair.any(axis) for pair in pairs]).mean() for axis in (1, 0))
    return {"clicks with a bounce": float(seen), "bounces with a click": float(meant)}


def sound(generator: VideoGenerator, count: int, sampler: SamplerConfig, seed: int) -> dict[str, Any]:
    """Clips by the sound of scenes in which a body bounces."""
    paths, clicks = bouncing(count)
    real, made = torch.stack([read_clip(path.path, SHAPE) for path in paths]), []
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(paths):
            file = Path(folder) / f"{number}.wav"
            write_sound(file, scene_sound(path.path, 0.0, (SHAPE.frames + 4) / FPS, RATE))
            made.append(generator.sample(1, sound=file, seed=seed + number, sampler=sampler))
    clips = torch.cat(made)
    return {
        **heard(clips, clicks),
        "real clips": heard(real, clicks),
        "sounds of others": heard(clips, clicks[1:] + clicks[:1]),
        "motion": motion(clips) / motion(real),
    }


def write_sound(file: Path, samples: np.ndarray) -> None:
    """A .wav of one channel, of (n,) in [-1, 1]."""
    with wave.open(str(file), "wb") as track:
        track.setparams((1, 2, RATE, 0, "NONE", ""))
        track.writeframes((samples * 32767).astype("<i2").tobytes())


def upscaled(generator: VideoGenerator, count: int, sampler: SamplerConfig, seed: int) -> dict[str, float]:
    """Clips of 16 pixels a side, made larger."""
    real = rendered(captioned_scenes(count))
    small = small_clips(real)
    bicubic = torch.stack([enlarged(clip, (64, 64)) for clip in small])
    made = torch.stack(
        [generator.upscale(clip, seed=seed + number, sampler=sampler) for number, clip in enumerate(small)]
    )
    everywhere = range(16)
    figures = {"made": made, "bicubic": bicubic, "autoencoder": generator.reconstruct(real)}
    return {name: psnr(clips, real, everywhere) for name, clips in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("figures", type=Path)
    parser.add_argument("--only", nargs="+", required=True, choices=("text", "views", "sound", "upscaled", "given"))
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--prompt-guidance", type=float, default=1.0)
    parser.add_argument("--hint-guidance", type=float, default=0.0)
    parser.add_argument("--camera-guidance", type=float, default=0.0)
    parser.add_argument("--sound-guidance", type=float, default=0.0)
    options = parser.parse_args()
    names = ("prompt_guidance", "hint_guidance", "camera_guidance", "sound_guidance")
    weights = {name: getattr(options, name) for name in names}
    generator, sampler = VideoGenerator.load(options.model), SamplerConfig(steps=options.steps, **weights)
    figures: dict[str, Any] = {}
    for what, measure in (("text", text), ("views", views), ("sound", sound), ("upscaled", upscaled)):
        if what in options.only:
            figures[what] = measure(generator, options.clips, sampler, options.seed)
    if "given" in options.only:
        clips = rendered(captioned_scenes(options.clips))
        figures["given"] = {
            name: given_figures(generator, clips, frames, sampler, options.seed) for name, frames in KINDS.items()
        }
    settings = {"seed": options.seed, "steps": options.steps, "clips": options.clips, **weights}
    settings["training_step"] = generator.training_step
    report = {"settings": settings, "versions": {name: version(name) for name in ("pvdm", "torch")}, **figures}
    options.figures.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
