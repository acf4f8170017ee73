"""Draws what a model was given, what it made of it and what was real, below each other, for each of its tasks.

    python pictures.py sprites MODEL FOLDER --clips CLIPS    text, given frames, recombination
    python pictures.py scenes MODEL FOLDER --tasks text      or given, upscaled, views
    python pictures.py ucf101 MODEL FOLDER --clips CLIPS     given frames

FOLDER takes a JPEG for each task. CLIPS are those of sprites_reader.py and of measure_clips.py; scenes are those of
measure_scenes.py.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path

import torch
from measure_clips import held_out
from measure_scenes import captioned_scenes, rendered, small_clips, turntables
from measured_frames import KINDS, completed
from PIL import Image, ImageDraw, ImageFont
from sprites_reader import clips_of
from torch import Tensor

from pvdm import VideoGenerator
from pvdm.diffusion import SamplerConfig
from pvdm.video import to_uint8

SHOWN, FRAMES = 4, (0, 2, 4, 8, 12, 15)
MARGIN, LINE, BLANK = 6, 15, 96

Row = tuple[str, Tensor | list[str]]
"""A title, and clips (n, 3, t, h, w) uint8 or texts."""


def picture(rows: Sequence[Row]) -> Image.Image:
    """The rows below each other; a clip is a strip of some of its frames."""
    side = next(content for _, content in rows if isinstance(content, Tensor)).shape[-1]
    width, font = len(FRAMES) * side + MARGIN, ImageFont.load_default(12)
    heights = [LINE + MARGIN + (side if isinstance(content, Tensor) else 4 * LINE) for _, content in rows]
    sheet = Image.new("RGB", (SHOWN * width + MARGIN, sum(heights) + MARGIN), (255, 255, 255))
    draw, top = ImageDraw.Draw(sheet), MARGIN
    for (title, content), height in zip(rows, heights, strict=True):
        draw.text((MARGIN, top), title, (90, 90, 90), font=font)
        for place, item in enumerate(content[:SHOWN]):
            corner = (MARGIN + place * width, top + LINE)
            if isinstance(item, Tensor):
                frames = [frame for frame in FRAMES if frame < item.shape[1]]
                strip = torch.cat([item[:, frame] for frame in frames], dim=2)
                sheet.paste(Image.fromarray(strip.permute(1, 2, 0).numpy()), corner)
            else:
                draw.multiline_text(corner, textwrap.fill(item, 64), (20, 20, 20), font=font)
        top += height
    return sheet


def only_given(clips: Tensor, frames: Sequence[int]) -> Tensor:
    """The clips with gray in place of what is not given."""
    shown = torch.full_like(clips, BLANK)
    shown[:, :, list(frames)] = clips[:, :, list(frames)]
    return shown


def given_rows(generator: VideoGenerator, clips: Tensor, kind: str, sampler: SamplerConfig) -> list[Row]:
    known = torch.zeros(len(clips), generator.frames, dtype=torch.bool)
    known[:, KINDS[kind]] = True
    made = completed(generator, clips, known, sampler)
    return [("given", only_given(clips, KINDS[kind])), ("made", made), ("real", clips)]


def text_rows(generator: VideoGenerator, captions: list[str], clips: Tensor, sampler: SamplerConfig) -> list[Row]:
    made = generator.sample(len(captions), prompt=captions, sampler=sampler)
    return [("given", captions), ("made", made), ("real, of the same text", clips)]


def recombined_rows(generator: VideoGenerator, clips: Tensor, others: Tensor) -> list[Row]:
    made = [
        generator.recombine(content=one, motion=other, seed=number)[0]
        for number, (one, other) in enumerate(zip(clips, others, strict=True))
    ]
    return [("content", clips), ("motion", others), ("made", torch.stack(made))]


def upscaled_rows(generator: VideoGenerator, clips: Tensor, sampler: SamplerConfig) -> list[Row]:
    small = small_clips(clips)
    made = torch.stack([generator.upscale(clip, seed=number, sampler=sampler) for number, clip in enumerate(small)])
    size = clips.shape[2:]
    shown = to_uint8(torch.nn.functional.interpolate(small.float() / 127.5 - 1, size=size, mode="nearest"))
    return [("given", shown), ("made", made), ("real", clips)]


def view_rows(generator: VideoGenerator, count: int, sampler: SamplerConfig) -> list[Row]:
    clips, cameras = turntables(count)
    made = [
        generator.sample(1, first_frame=clip[:, 0], camera=camera, seed=number, sampler=sampler)[0]
        for number, (clip, camera) in enumerate(zip(clips, cameras, strict=True))
    ]
    return [
        ("given, with the camera of each frame", only_given(clips, [0])),
        ("made", torch.stack(made)),
        ("real", clips),
    ]


def of_sprites(generator: VideoGenerator, folder: Path, sampler: SamplerConfig) -> dict[str, list[Row]]:
    rows, clips = clips_of(folder, "val")
    chosen = torch.linspace(0, len(rows) - 1, 2 * SHOWN).round().long()
    clips, captions = clips[chosen], [rows[index]["caption"] for index in chosen]
    shown, others = clips[::2], clips[1::2]
    found = {"text": text_rows(generator, captions[::2], shown, sampler)}
    found |= {kind.replace(" ", "_"): given_rows(generator, shown, kind, sampler) for kind in KINDS}
    return found | {"recombined": recombined_rows(generator, shown, others)}


def of_scenes(generator: VideoGenerator, tasks: Sequence[str], sampler: SamplerConfig) -> dict[str, list[Row]]:
    scenes = captioned_scenes(SHOWN)
    captions, clips = [made.caption for made in scenes], rendered(scenes)
    found: dict[str, list[Row]] = {}
    if "text" in tasks:
        found["text"] = text_rows(generator, captions, clips, sampler)
    if "given" in tasks:
        found |= {kind.replace(" ", "_"): given_rows(generator, clips, kind, sampler) for kind in KINDS}
    if "upscaled" in tasks:
        found["upscaled"] = upscaled_rows(generator, clips, sampler)
    if "views" in tasks:
        found["views"] = view_rows(generator, SHOWN, sampler)
    return found


def of_clips(generator: VideoGenerator, folder: Path, sampler: SamplerConfig) -> dict[str, list[Row]]:
    clips = held_out(generator, folder)
    shown = clips[torch.linspace(0, len(clips) - 1, 2 * SHOWN + 1).round().long()[1::2]]
    return {kind.replace(" ", "_"): given_rows(generator, shown, kind, sampler) for kind in KINDS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=("sprites", "scenes", "ucf101"))
    parser.add_argument("model")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--tasks", nargs="*", default=())
    options = parser.parse_args()
    generator, sampler = VideoGenerator.load(options.model), SamplerConfig(prompt_guidance=1.0)
    if options.data == "sprites":
        found = of_sprites(generator, options.clips, sampler)
    elif options.data == "ucf101":
        found = of_clips(generator, options.clips, sampler)
    else:
        found = of_scenes(generator, options.tasks, sampler)
    options.folder.mkdir(parents=True, exist_ok=True)
    for task, rows in found.items():
        picture(rows).save(options.folder / f"{options.data}_{task}.jpg", quality=88)


if __name__ == "__main__":
    main()
