"""What users give a model, as the parts of a `Condition`: classes, prompts, frames; each is refused by name."""

from __future__ import annotations

import logging
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import torch
from torch import Tensor

from pvdm.conditions.cameras import Camera
from pvdm.conditions.hints import hint_clip
from pvdm.conditions.keyframes import Keyframes
from pvdm.conditions.sound import MEL
from pvdm.conditions.text import check_prompt
from pvdm.conditions.tracks import Tracks
from pvdm.diffusion import Condition
from pvdm.errors import InputError
from pvdm.generation import model_files as files
from pvdm.generation.stored_model import StoredModel
from pvdm.runtime.finite import first_not_finite, is_finite

Label = int | str
"""A class: its index from 0, its name, or its index written as text."""

Prompts = str | Sequence[str | None] | Mapping[int, str] | None
"""One for each video, one for all, or several for all by the numbers of the frames from which they hold."""

Scores = Mapping[str, float]
"""Numbers by the names of a model's scores, such as motion and fps."""

NAMED = {"camera": "cameras", "sound": "sound"}

SUGGESTIONS = 3
"""Class names that the message about an unknown one shows."""


logger = logging.getLogger(__name__)


class ConditionedModel(StoredModel):
    """Makes conditions; its arguments are those of `StoredModel`."""

    def check_result(self, values: Tensor, doing: str) -> Tensor:
        """Returns the values, floats; InputError that names the model if they are not finite. Waits for the device."""
        if not is_finite(values):
            name = first_not_finite(self.state_dict())
            problem = f"{doing} with {self.source} gave values that are not finite (NaN or infinity)"
            if name:
                raise InputError(f"{problem}, as its {name} is not", files.DIVERGED)
            raise InputError(problem, "try {precision=32}, or guidance of less weight")
        return values

    def class_labels(self, labels: Label | Sequence[Label], videos: int) -> Tensor:
        """Indices (videos,) int64 of classes, one for each video or one for all, given by index or name."""
        self.check_can_continue(None)
        indices = [class_index(label, self.class_count, self.classes) for label in one_each(labels, videos)]
        return torch.tensor(indices, device=self.device)

    def class_condition(self, labels: Label | Sequence[Label | None] | None, videos: int) -> Condition:
        """The condition of `videos` videos with these labels, of which None stands for no particular class."""
        if labels is None:
            return Condition()
        each = one_each(labels, videos)
        label = self.class_labels([0 if label is None else label for label in each], videos)
        is_given = [label is not None for label in each]
        mask = None if all(is_given) else torch.tensor(is_given, device=self.device)
        return Condition(label=label, label_mask=mask)

    def described(
        self,
        videos: int,
        *,
        labels: Label | Sequence[Label | None] | None = None,
        prompts: str | Sequence[str | None] | None = None,
        negative_prompt: str | None = None,
        scores: Scores | None = None,
    ) -> Condition:
        """The condition of `videos` videos of these classes, prompts and scores."""
        condition = self.scored(self.class_condition(labels, videos), scores, videos)
        return self.prompted(condition, prompts, videos, negative_prompt)

    def scored(self, condition: Condition, scores: Scores | None, videos: int) -> Condition:
        """The condition of `videos` videos with these scores, and without those that are not named.

        InputError as of `check_scores`; logs a warning for one that few of the training clips had.
        """
        if not scores:
            return condition
        self.check_scores(scores)
        for name, value in scores.items():
            low, high = self.score_ranges.get(name, (value, value))
            if not low <= value <= high:
                logger.warning("%s %g is unusual: 90 %% of the training clips had %g to %g", name, value, low, high)
        names = self.denoiser.config.scores
        values = torch.tensor([float(scores.get(name, 0)) for name in names], device=self.device)
        mask = torch.tensor([name in scores for name in names], device=self.device)
        return replace(condition, scores=values.expand(videos, -1), scores_mask=mask.expand(videos, -1))

    def check_scores(self, scores: Scores) -> None:
        """InputError for a score that the denoiser was not trained with, or that is not finite."""
        self.check_can_continue(None)
        own = self.denoiser.config.scores
        for name, value in scores.items():
            if name not in own:
                problem = f"this model was not trained with a score {name}: it takes {self.takes}"
                known = f"give {' or '.join(own)}" if own else "leave it out"
                raise InputError(problem, f"{known}, or train with model.scores")
            if not math.isfinite(value):
                raise InputError(f"the score {name} is {value}", "give a finite number")

    def hinted(self, condition: Condition, keyframes: Keyframes | None, start: int, videos: int) -> Condition:
        """The condition of `videos` clips from frame `start` on with the keyframes in them as hint.

        InputError if this model does not take given frames.
        """
        if keyframes is None:
            return condition
        self.check_takes_frames()
        if (part := keyframes.clip(start, self.frames)) is None:
            return condition
        hint = self.hint(*(value[None] for value in part))
        return replace(condition, hint=hint.hint.expand(videos, -1, -1), known=hint.known.expand(videos, -1))

    @torch.no_grad()
    def hint(self, video: Tensor, known: Tensor) -> Condition:
        """The hints of clips (b, 3, t, h, w) uint8 of which the frames `known` (b, t) are given; the rest is not read.

        InputError if this model does not take given frames.
        """
        self.check_takes_frames()
        known = known.to(self.device)
        latent = self.autoencoder.encode(hint_clip(video.to(self.device), known)).flatten().float()
        return Condition(hint=self.check_result(latent, "encoding"), known=known)

    def tracks(
        self, frames: int, *, camera: Camera | None = None, sound: str | Path | None = None, fps: float | None = None
    ) -> Tracks | None:
        """The camera and the sound of a video of so many frames; None without any.

        InputError if they do not fit it, or if this model does not take them. fps: by default those of the model.
        """
        given = [name for name, value in (("camera", camera), ("sound", sound)) if value is not None]
        self.check_takes(given)
        options = {"fps": fps or self.fps, "encoder": self.sound or MEL}
        return Tracks.of(frames, camera=camera, sound=sound, **options)

    def tracked(self, condition: Condition, tracks: Tracks | None, start: int, videos: int) -> Condition:
        """The condition of `videos` clips from frame `start` on with the camera and the sound of their frames.

        InputError if this model does not take them.
        """
        if tracks is None:
            return condition
        self.check_takes(tracks.given)
        rows = tracks.clip(start, self.frames)
        return replace(condition, **{name: row.to(self.device).expand(videos, -1, -1) for name, row in rows.items()})

    def check_takes(self, rows: Sequence[str]) -> None:
        """InputError unless the denoiser was trained with these of "camera" and "sound"."""
        for name in rows:
            self.check_can_continue(None)
            if getattr(self.denoiser.config, f"{name}_width") is None:
                problem = f"this model was not trained with {NAMED[name]}: it takes {self.takes}"
                raise InputError(problem, f"leave out the {name}, or train with model.{name}")

    def check_takes_frames(self) -> None:
        """InputError unless the denoiser was trained with given frames."""
        self.check_can_continue(None)
        if not self.denoiser.config.hints:
            problem = f"this model was not trained with given frames: it takes {self.takes}"
            raise InputError(problem, "leave them out, or train with model.given_frames")

    def check_recombines(self) -> None:
        """InputError unless the denoiser was trained with noise of content and motion apart."""
        self.check_can_continue(None)
        if not self.denoiser.config.plane_times:
            problem = f"this model was not trained to keep content or motion: it takes {self.takes}"
            raise InputError(problem, "train one with model.planes_apart")

    def check_upscales(self) -> None:
        """InputError unless the denoiser was trained with blurred clips."""
        self.check_takes_frames()
        if not self.denoiser.config.blurred_hints:
            problem = f"this model was not trained to upscale: it takes {self.takes}"
            raise InputError(problem, "train one with model.given_frames.blurred")

    def prompted(
        self,
        condition: Condition,
        prompts: str | Sequence[str | None] | None,
        videos: int,
        negative: str | None = None,
    ) -> Condition:
        """The condition of `videos` videos with prompts, one for each or one for all, of which None stands for none.

        InputError for a prompt that is empty or has an unknown word, or if this model takes none.

        Args:
            condition: What they are given besides.
            prompts: What is to be seen.
            videos: How many there are.
            negative: What guidance leads away from.
        """
        if prompts is None:
            if negative is not None:
                raise InputError("there is a negative prompt and no prompt", "give both, or leave it out")
            return condition
        self.check_can_continue(None)
        encoder = self.text_encoder
        each = [prompt and check_prompt(prompt, self.text) for prompt in one_each(prompts, videos, "prompts")]
        if "" in each:
            raise InputError("the prompt is empty", "say what is to be seen, or leave it out")
        parts = {"text": encoder([prompt or "" for prompt in each])}
        if negative is not None:
            parts["negative"] = encoder([check_prompt(negative, self.text)] * videos)
        states = {name: value.to(self.device) for name, (value, _) in parts.items()}
        masks = {f"{name}_mask": mask.to(self.device) for name, (_, mask) in parts.items()}
        return replace(condition, **states, **masks)

    def prompted_clips(
        self, condition: Condition, prompts: Prompts, videos: int, negative: str | None = None
    ) -> Callable[[int], Condition]:
        """The condition of the clips that begin at a frame, of `videos` videos, as a function of that frame.

        All prompts are checked and encoded here. Those by frames hold from theirs on, the first also before.
        """
        if not isinstance(prompts, Mapping):
            always = self.prompted(condition, prompts, videos, negative)
            return lambda start: always
        if not prompts:
            raise InputError("there is no prompt at any frame", "give one, or leave prompts out")
        told = {number: self.prompted(condition, text, videos, negative) for number, text in sorted(prompts.items())}
        return lambda start: told[max((number for number in told if number <= start), default=min(told))]

    def check_prompts(self, prompts: Prompts, videos: int, negative: str | None = None) -> None:
        """InputError for prompts that `prompted_clips` would refuse."""
        self.prompted_clips(Condition(), prompts, videos, negative)

    def check_can_continue(self, video: Tensor | None) -> None:
        """InputError if there is no denoiser, or if video (3, n, h, w) is shorter than the context of a clip."""
        if self.denoiser is None:
            raise InputError("this model is a stage-1 autoencoder without a denoiser", "train stage 2 with it first")
        if video is not None and video.shape[1] < self.frames:
            raise InputError(
                f"the video has {video.shape[1]} frames",
                f"the context of this model is a clip of {self.frames}, give a longer video",
            )


def class_index(label: Label, count: int | None, names: Sequence[str] | None) -> int:
    """The index of a class, 0 .. count - 1; InputError if there is no such class, or none at all (count None)."""
    if count is None:
        raise InputError(
            "this model has no classes",
            "leave out the label, or train stage 2 with model.denoiser.classes",
        )
    if isinstance(label, str) and names and label in names:
        return list(names).index(label)
    if isinstance(label, str) and not label.strip().removeprefix("-").isdecimal():
        raise _no_class(label, count, names)
    index = int(label) if isinstance(label, str) else operator.index(label)
    if not 0 <= index < count:
        raise InputError(f"the label is {index}", f"the {count} classes of this model are 0 to {count - 1}")
    return index


def one_each(values: Label | Sequence[Label | None], videos: int, name: str = "labels") -> list[Label | None]:
    """A label for each of the videos: those given, or a single one for all; InputError for another number."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        return [values] * videos
    if len(values) != videos:
        raise InputError(f"there are {len(values)} {name} for {videos} videos", "give one for each, or one for all")
    return list(values)


def _no_class(name: str, count: int, names: Sequence[str] | None) -> InputError:
    if not names:
        problem = f"this model knows its {count} classes by index alone, not {name!r}"
        return InputError(problem, f"give 0 to {count - 1}")
    lower = {known.lower(): known for known in names}
    near = [lower[match] for match in get_close_matches(name.lower(), lower, SUGGESTIONS)]
    shown = f"near it are {', '.join(near)}" if near else f"the first are {', '.join(names[:SUGGESTIONS])}"
    problem = f"{name!r} is none of this model's {count} classes ({shown})"
    return InputError(problem, f"give a name or an index from 0 to {count - 1}")
