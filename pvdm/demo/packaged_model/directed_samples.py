"""What the packaged model makes of words, of a picture, and of the content of one clip with the motion of another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from pvdm.demo.demo_folder import Demo
from pvdm.demo.packaged_model.characters import ACTIONS, PROMPT_GUIDANCE, acting, characters, is_told
from pvdm.demo.packaged_model.packaged_samples import write_films
from pvdm.demo.pictures import save_picture
from pvdm.generation import VideoGenerator

MIXED = ("slash", "spellcast", "thrust")
"""Actions whose motion is given to as many characters."""

SCALE = 4


def show_directed(demo: Demo) -> dict[str, Any]:
    """Writes clips by prompts, clips that begin with a picture, and recombined ones, if the model takes these."""
    generator = VideoGenerator.from_pretrained(demo.settings.shown)
    takes = generator.denoiser.config
    if not (is_told(generator) and takes.hints and takes.plane_times):
        return {"directed": None}
    prompts, actions = acting(list(ACTIONS)), list(generator.classes)
    guided = replace(demo.sampler, prompt_guidance=PROMPT_GUIDANCE)
    told = generator.sample(len(prompts), prompt=prompts, sampler=guided, seed=3)
    for place, clip in enumerate(told):
        write_films(demo, f"told_{place}", clip[None], generator.fps)
    picture = told[0][:, 0]
    save_picture(picture, demo.media / "directed" / "picture.png", scale=SCALE)
    begun = generator.sample(len(actions), first_frame=picture, labels=actions, sampler=demo.sampler, seed=4)
    write_films(demo, "begun", begun, generator.fps)
    _write_mixed(demo, generator)
    return {"directed": {"prompts": prompts, "actions": actions}}


def _write_mixed(demo: Demo, generator: VideoGenerator) -> None:
    """A table of clips: those of its first row give the motion, and those of its first column the content."""
    described = characters(len(MIXED) + 1)
    contents = [f"{character}, walking, facing the viewer" for character in described[1:]]
    motions = [f"{described[0]}, {ACTIONS[action]}, facing the viewer" for action in MIXED]
    guided = replace(demo.sampler, prompt_guidance=PROMPT_GUIDANCE)
    clips = generator.sample(2 * len(MIXED), prompt=[*contents, *motions], sampler=guided, seed=5)
    first, above = clips[: len(MIXED)], clips[len(MIXED) :]
    made = [
        [content, *(generator.recombine(content=content, motion=motion, sampler=demo.sampler)[0] for motion in above)]
        for content in first
    ]
    table = torch.stack([torch.zeros_like(clips[0]), *above, *(clip for row in made for clip in row)])
    write_films(demo, "mixed", table, generator.fps, columns=(1 + len(MIXED), 1 + len(MIXED)))
