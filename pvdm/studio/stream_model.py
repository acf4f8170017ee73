"""What a page must know of the model that it plays with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from pvdm.conditions.text import WORDS, TextConfig

if TYPE_CHECKING:
    from pvdm.generation import VideoGenerator

STEPS = (2, 4, 8, 20)
GUIDANCE = {"guidance": 20.0, "prompt_guidance": 20.0, "label_guidance": 20.0}
"""The largest weights of guidance."""


@dataclass(frozen=True)
class StreamModel:
    """A model as clients see it.

    Args:
        name: As the command was given it.
        frames: Frames of a clip.
        fps: Frames per second at which they are to be shown.
        width: Of a frame, in pixels.
        height: Of a frame, in pixels.
        classes: Names of the classes; their indices, if they have none; None for a model without.
        text: The encoder of prompts; None for a model without.
        takes: What a clip may be given: "context", "label", "text", "hint", "blurred", "camera", "sound" and "scores".
        scores: Names of the scores.
        extends: Whether a clip may continue another one.
        recombines: Whether content and motion may come from two videos.
        steps: The numbers of steps that clients choose from.
        device: Where it runs.
        most_guidance: The largest weights of guidance, by name; less for one that is an input of its network.
    """

    name: str
    frames: int
    fps: float
    width: int
    height: int
    classes: tuple[str, ...] | None = None
    text: TextConfig | None = None
    takes: tuple[str, ...] = ("context",)
    scores: tuple[str, ...] = ()
    extends: bool = True
    recombines: bool = False
    steps: tuple[int, ...] = STEPS
    device: str = "cpu"
    most_guidance: Mapping[str, float] = field(default_factory=GUIDANCE.copy)

    @classmethod
    def of(cls, generator: VideoGenerator, name: str) -> StreamModel:
        """The facts of a model; InputError if it holds no denoiser."""
        generator.check_can_continue(None)
        config, (height, width) = generator.denoiser.config, generator.size
        names = generator.classes or tuple(map(str, range(config.classes or 0)))
        told = config.guidance_input
        takes = {
            "context": True,
            "label": config.classes,
            "text": generator.text,
            "hint": config.hints,
            "blurred": config.blurred_hints,
            "camera": config.camera_width,
            "sound": config.sound_width,
            "scores": config.scores,
        }
        return cls(
            name,
            generator.frames,
            generator.fps,
            width,
            height,
            classes=names or None,
            text=generator.text,
            takes=tuple(part for part, there in takes.items() if there),
            scores=tuple(config.scores),
            recombines=config.plane_times,
            steps=tuple(steps for steps in STEPS if steps <= generator.diffusion.timesteps),
            device=str(generator.device),
            most_guidance={**GUIDANCE, **({told: config.guidance_most} if told in GUIDANCE else {})},
        )

    @property
    def words(self) -> tuple[str, ...] | None:
        """The words that prompts may have; None if any, or if there are no prompts."""
        return self.text.words if self.text and self.text.encoder == WORDS else None

    @property
    def examples(self) -> tuple[str, ...]:
        """Prompts that the model was trained with."""
        return self.text.examples if self.text else ()

    def to_json(self) -> dict[str, Any]:
        """All of it, JSON-able, with the words and examples in place of the encoder."""
        values = {part.name: getattr(self, part.name) for part in fields(self) if part.name != "text"}
        text = self.text.encoder if self.text else None
        return {**values, "words": self.words, "examples": self.examples, "text": text}
