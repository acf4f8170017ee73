"""What the packaged model makes of words, of a picture, and of the content of one clip with the motion of another."""

from __future__ import annotations

from typing import Any

import torch

from pvdm.conditions.text import vocabulary
from pvdm.demo.demo_folder import Demo
from pvdm.demo.packaged_model.packaged_samples import write_films
from pvdm.demo.pictures import save_picture
from pvdm.diffusion import SamplerConfig
from pvdm.generation import VideoGenerator

PROMPTS = (
    "a light-skinned character with red hair, wearing a blue shirt and white trousers, walking, facing the viewer",
    "a green orc with purple curly hair, wearing chain mail and red trousers, swinging an arm, facing right",
    "a brown-skinned character with orange curly hair, wearing a white shirt and teal trousers, raising both arms, "
    "facing the viewer",
    "a dark-skinned character with pink spiky hair, wearing a leather vest and metal leg armour, thrusting forward, "
    "facing left",
)
"""Sentences for the model that comes with the package."""

CONTENTS = (
    "a light-skinned character with orange messy hair, wearing a maroon shirt and teal trousers",
    "a green orc with white hair, wearing a white shirt and red trousers",
    "a grey-skinned character with purple curly hair, wearing chain mail and a brown skirt",
)
MOTIONS = ("swinging an arm", "raising both arms", "thrusting forward")
"""What is combined in all ways; all walk, or are of one character, and face the viewer."""

PROMPT_GUIDANCE = 1.0
SCALE = 4


def show_directed(demo: Demo) -> dict[str, Any]:
    """Writes clips by prompts, clips that begin with a picture, and recombined ones, if the model takes these."""
    generator = VideoGenerator.from_pretrained(demo.settings.shown)
    takes = generator.denoiser.config
    is_told = generator.text is not None and set(vocabulary((*PROMPTS, *_mixed_prompts()))) <= set(generator.text.words)
    if not (is_told and takes.hints and takes.plane_times and generator.classes):
        return {"directed": None}
    sampler = SamplerConfig(demo.sampler.name, demo.sampler.steps, prompt_guidance=PROMPT_GUIDANCE)
    told = generator.sample(len(PROMPTS), prompt=list(PROMPTS), sampler=sampler, seed=3)
    for place, clip in enumerate(told):
        write_films(demo, f"told_{place}", clip[None], generator.fps)
    picture, actions = told[0][:, 0], list(generator.classes)
    save_picture(picture, demo.media / "directed" / "picture.png", scale=SCALE)
    begun = generator.sample(len(actions), first_frame=picture, labels=actions, sampler=demo.sampler, seed=4)
    write_films(demo, "begun", begun, generator.fps)
    _write_mixed(demo, generator)
    return {"directed": {"prompts": list(PROMPTS), "actions": actions}}


def _write_mixed(demo: Demo, generator: VideoGenerator) -> None:
    """A table of clips: those of its first row give the motion, and those of its first column the content."""
    clips = generator.sample(len(CONTENTS) + len(MOTIONS), prompt=_mixed_prompts(), sampler=demo.sampler, seed=5)
    contents, motions = clips[: len(CONTENTS)], clips[len(CONTENTS) :]
    made = [
        [content, *(generator.recombine(content=content, motion=motion, sampler=demo.sampler)[0] for motion in motions)]
        for content in contents
    ]
    table = torch.stack([torch.zeros_like(clips[0]), *motions, *(clip for row in made for clip in row)])
    write_films(demo, "mixed", table, generator.fps, columns=(1 + len(motions), 1 + len(motions)))


def _mixed_prompts() -> list[str]:
    """Of the clips that give their content, and then of those that give their motion."""
    return [
        *(f"{content}, walking, facing the viewer" for content in CONTENTS),
        *(f"{CONTENTS[0]}, {motion}, facing the viewer" for motion in MOTIONS),
    ]
