"""What was trained here, as videos for the page: reconstructions, new clips, and long videos; each with its figures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pvdm.demo.demo_figures import block_energy, drift, nearest_scenes, seam_ratios
from pvdm.demo.demo_folder import PARTS, Demo, read_part
from pvdm.demo.pictures import enlarged, filmstrip, forth_and_back, save_picture, stacked, tiled, write_media
from pvdm.demo.source_videos import DemoVideo
from pvdm.evaluation.metrics.fidelity import psnr
from pvdm.files.atomic_write import replacing
from pvdm.generation import VideoGenerator
from pvdm.generation.input_video import VideoSource, reconstructions
from pvdm.video import VideoWriter, to_float

SCALE = 3


def real_videos(demo: Demo, part: str | None = None) -> dict[str, Tensor]:
    """The frames of each real video by its name, all or those of `train` or `val`: (3, t, h, w) uint8."""
    chosen = PARTS if part is None else (part,)
    found = {video.name: [read_part(demo, video, name) for name in chosen] for video in demo.videos}
    there = {name: [clip for clip in clips if clip is not None] for name, clips in found.items()}
    return {name: torch.cat(clips, dim=1) for name, clips in there.items() if clips}


def reconstruct(demo: Demo) -> dict[str, Any]:
    """Writes each shown video beside its reconstruction; returns the PSNR of all clips before and after training."""
    before, after = (VideoGenerator.from_pretrained(path) for path in (demo.settings.start, demo.autoencoder))
    found: dict[str, dict[str, list[float]]] = {}
    blocks: list[tuple[Tensor, Tensor]] = []
    with replacing(demo.media / "reconstructions", overwrite=True) as folder:
        for video in demo.shown:
            found[video.name] = {}
            with VideoWriter(folder / f"{video.name}.mp4", fps=demo.fps) as writer:
                for part in _parts(demo, video):
                    source = VideoSource(demo.frames_of(video, part), after)
                    pairs = list(reconstructions(after, source))
                    found[video.name][part] = [_psnr(*pair) for pair in pairs]
                    for pair in pairs:
                        beside = torch.cat([enlarged(clip, SCALE, smooth=True) for clip in pair], dim=3)
                        writer.write(beside)
                    blocks += pairs
    first = {part: _mean_psnr(demo, before, part) for part in PARTS if any(part in parts for parts in found.values())}
    ratio = block_energy(
        [pair[1] for pair in blocks], [pair[0] for pair in blocks], after.autoencoder.config.patch_size
    )
    return {"psnr": found, "psnr_before": first, "blocks": ratio}


def _parts(demo: Demo, video: DemoVideo) -> list[str]:
    """Which of `train` and `val` a video has frames in."""
    return [part for part in PARTS if demo.frames_of(video, part).is_dir()]


def _mean_psnr(demo: Demo, generator: VideoGenerator, part: str) -> float:
    """Mean PSNR in dB of the clips of the shown videos."""
    folders = [demo.frames_of(video, part) for video in demo.shown if part in _parts(demo, video)]
    pairs = [pair for folder in folders for pair in reconstructions(generator, VideoSource(folder, generator))]
    return sum(_psnr(*pair) for pair in pairs) / len(pairs)


def _psnr(original: Tensor, reconstruction: Tensor) -> float:
    return psnr(to_float(reconstruction[None]), to_float(original[None])).item()


def sample(demo: Demo) -> dict[str, Any]:
    """Writes new clips, of each scene in turn; returns to which scene each is nearest, and how near."""
    generator, count = VideoGenerator.from_pretrained(demo.model), demo.settings.samples
    scenes = [video.name for video in demo.videos if video.trained]
    labels = [scenes[place % len(scenes)] for place in range(count)]
    videos = generator.sample(count, labels=labels, sampler=demo.sampler)
    clips = torch.stack([forth_and_back(enlarged(video, SCALE, smooth=True)) for video in videos])
    for name, columns in (("samples", count // 2), ("samples_narrow", 4)):
        write_media(demo.media / f"{name}.mp4", tiled(clips, columns, gap=SCALE * 2), fps=demo.fps / 2)
    return {"nearest": nearest_scenes(videos, real_videos(demo))}


def extend(demo: Demo) -> dict[str, Any]:
    """Writes one video from noise and one that continues a real clip, `long_frames` each; returns their figures."""
    generator, video = VideoGenerator.from_pretrained(demo.model), demo.continued
    head = real_videos(demo, "val")[video.name][:, : generator.frames]
    scene = video.name if video.trained else None
    real = real_videos(demo)
    long: dict[str, Any] = {}
    strips = []
    for name, start in (("long", None), ("continued", head)):
        video = _long_video(demo, generator, start, scene)
        write_media(demo.media / f"{name}.mp4", enlarged(video, SCALE * 2, smooth=True), fps=demo.fps)
        long[name] = {
            **seam_ratios(video, generator.frames),
            **drift(video, real, generator.frames),
            "clip": generator.frames,
        }
        strips.append(filmstrip(video, 16))
    save_picture(stacked(strips, gap=0), demo.media / "long.png", scale=2)
    return {"long": long}


def _long_video(demo: Demo, generator: VideoGenerator, head: Tensor | None, scene: str | None) -> Tensor:
    """(3, long_frames, h, w) uint8, sampled clip by clip; of a scene and after `head` (3, t, h, w) uint8, if given."""
    clips = [] if head is None else [head]
    missing = demo.settings.long_frames - sum(clip.shape[1] for clip in clips)
    new = generator.stream(num_frames=missing, context=head, labels=scene, sampler=demo.sampler)
    clips += [clip for (clip,) in new]
    return torch.cat(clips, dim=1)
