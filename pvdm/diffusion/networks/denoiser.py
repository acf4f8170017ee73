"""What both denoisers share: the check of their input, and the embedding of times and of what a sample is to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from pvdm.autoencoder import Triplane, TriplaneShape
from pvdm.diffusion.condition import ROWS, Condition, are_readable
from pvdm.diffusion.networks.blocks import LevelEmbedding, timestep_embedding, zero
from pvdm.diffusion.networks.frame_rows import FrameRows, check_rows, planes_of_rows
from pvdm.diffusion.networks.guidance_embedding import GuidanceEmbedding, check_guidance_input, embedded_guidance
from pvdm.diffusion.networks.score_embedding import ScoreEmbedding, check_scores, embedded_scores
from pvdm.diffusion.networks.text_tokens import TextEmbedding, TextTokens, check_text, embedded_text
from pvdm.errors import ArgumentError


@dataclass(frozen=True, kw_only=True)
class DenoiserConfig:
    """What a network may be told beside noise; base of the sizes of both.

    Args:
        classes: Number of classes; None builds a network without labels.
        context_levels: Whether the network is told how noisy the context is, which training with `context_noise` sets.
        hints: Whether it takes hints, clips of which some frames are given, which training with `given_frames` sets.
        blurred_hints: Whether it was trained with blurred clips as hints, so that it can upscale.
        text_width: Channels of a text's token states, which training with `text` sets; None for a network without text.
        text_tokens: The most tokens of a text, which training with `text` sets.
        text_layers: Transformer layers over the tokens of a text.
        camera_width: Numbers of a frame's camera, which training with `camera` sets; None for a network without.
        sound_width: Numbers of a frame's sound, which training with `sound` sets; None for a network without.
        plane_times: Whether content and motion may have noise of different levels, which training with `planes_apart`
            sets.
        scores: Names of the scores of a clip, such as motion, which training with `scores` sets.
        few_steps: Numbers of steps that it makes clips in, which consistency tuning sets.
        guidance_input: Weight of a `SamplerConfig` that it is told instead of being guided, which consistency tuning
            with a drawn weight sets.
        guidance_most: The largest such weight.
    """

    classes: int | None = None
    context_levels: bool = False
    hints: bool = False
    blurred_hints: bool = False
    text_width: int | None = None
    text_tokens: int = 32
    text_layers: int = 2
    plane_times: bool = False
    camera_width: int | None = None
    sound_width: int | None = None
    scores: tuple[str, ...] = ()
    few_steps: tuple[int, ...] = ()
    guidance_input: str | None = None
    guidance_most: float = 0.0

    def check_parts(self, width: int) -> None:
        """ArgumentError for impossible sizes of these parts in a network whose positions have `width` channels."""
        if self.classes is not None and self.classes < 1:
            remedy = "give a number of at least 1, or leave it out for no labels"
            raise ArgumentError(f"classes is {self.classes}", remedy, option="classes")
        check_text(self, width)
        check_rows(self)
        check_guidance_input(self)
        object.__setattr__(self, "scores", check_scores(self.scores))
        object.__setattr__(self, "few_steps", tuple(self.few_steps))


class Denoiser(nn.Module):
    """Base of the networks (z, t, condition) -> what they were trained to predict, see parameterization.py.

    Args:
        config: Its sizes.
        channels: Channels of the sinusoids of times, and of positions after the first layer.
        embedding_channels: Channels of their embedding.
    """

    added: ClassVar[tuple[str, ...]] = (
        "embed_level.",
        "embed_hint_level.",
        "hint_in.",
        "embed_hint.",
        "embed_motion_time.",
        "embed_text.",
        "attend_text.",
        "embed_camera.",
        "embed_sound.",
        "embed_scores.",
        "embed_steps.",
        "embed_guidance.",
    )
    """Parts of the names of weights that start without effect, which those of an older network may lack."""

    def __init__(self, config: DenoiserConfig, channels: int, embedding_channels: int) -> None:
        super().__init__()
        self.config, self.shape, size = config, TriplaneShape(*config.latent_shape), embedding_channels
        self.embed_time = nn.Sequential(nn.Linear(channels, size), nn.SiLU(), nn.Linear(size, size))
        self.embed_label = zero(nn.Embedding(config.classes, size)) if config.classes else None
        self.embed_level = LevelEmbedding(channels, size) if config.context_levels else None
        self.embed_hint_level = LevelEmbedding(channels, size) if config.hints else None
        self.embed_motion_time = LevelEmbedding(channels, size) if config.plane_times else None
        sizes = (config.text_width, config.text_tokens, channels, size)
        layers = {"layers": config.text_layers, "heads": config.heads}
        self.embed_text = TextEmbedding(*sizes, **layers) if config.text_width else None
        rows = {name: getattr(config, f"{name}_width") for name in ROWS}
        self.embed_camera, self.embed_sound = (
            FrameRows(width, config.frame_patch, channels) if width else None for width in rows.values()
        )
        self.embed_scores = ScoreEmbedding(config.scores, channels, size) if config.scores else None
        self.embed_steps = zero(nn.Embedding(len(config.few_steps), size)) if config.few_steps else None
        self.embed_guidance = GuidanceEmbedding(channels, size) if config.guidance_input else None
        self._time_channels = channels

    def without_block(self, number: int) -> Denoiser:
        """This network without one of its blocks, which shares all weights; ArgumentError if it cannot do without."""
        problem = f"a {type(self).__name__} cannot leave out a block"
        raise ArgumentError(problem, "choose another weak model", option="skipped_block")

    def embed(self, z: Tensor, t: Tensor, condition: Condition) -> tuple[Tensor, TextTokens | None]:
        """The embedding (b, e) of time, noise levels, text, scores and label, as of ADM (Dhariwal & Nichol 2021).

        With it come the tokens of the text; None without one.

        t: (b,) for all planes; or (b, 2) of content and of motion, for a network with `plane_times`.
        """
        content, motion = (t, t) if t.ndim == 1 else t.unbind(1)
        embedding = self.embed_time(timestep_embedding(content, self._time_channels).to(z.dtype))
        if self.embed_motion_time is not None:
            everyone = torch.ones_like(motion, dtype=torch.bool)
            embedding = embedding + self.embed_motion_time((motion, everyone), embedding)
        elif t.ndim != 1:
            raise ValueError("the network has one time for all planes; give t as (b,)")
        if self.embed_level is not None:
            embedding = embedding + self.embed_level(condition.levels(z.shape[0], z.device), embedding)
        if self.embed_hint_level is not None:
            embedding = embedding + self.embed_hint_level(condition.hint_levels(z.shape[0], z.device), embedding)
        text, pooled = embedded_text(self.embed_text, condition, z.dtype)
        embedding = embedding + pooled + embedded_scores(self.embed_scores, condition, z.dtype)
        embedding = embedding + self._embedded_steps(condition, embedding)
        embedding = embedding + embedded_guidance(self.embed_guidance, condition, z.dtype)
        if (given := condition.labels(z.shape[0], self.config.classes)) is None:
            return embedding, text
        label, mask = given
        return embedding + (self.embed_label(label) * mask[:, None]).to(embedding.dtype), text

    def _embedded_steps(self, condition: Condition, like: Tensor) -> Tensor | float:
        """Of the samples made in few steps, (b, e) like `like`; ValueError for another number than the network's."""
        if condition.steps is None:
            return 0.0
        counts = torch.tensor(self.config.few_steps, device=like.device)
        is_count = condition.steps[:, None] == counts
        if are_readable(is_count) and (unknown := condition.steps[(condition.steps > 0) & ~is_count.any(1)]).numel():
            raise ValueError(f"{int(unknown[0])} steps are none of {list(self.config.few_steps)}, the network's")
        return is_count.to(like.dtype) @ self.embed_steps.weight.to(like.dtype)

    def hint(self, condition: Condition, dtype: torch.dtype) -> Triplane | None:
        """The planes of the hint; ValueError if there is one and the network takes none."""
        planes = condition.hint_planes(self.shape, dtype)
        if planes is not None and not self.config.hints:
            raise ValueError("a hint is given to a network without hints; leave out the hint")
        return planes

    def frame_rows(self, condition: Condition, z: Tensor) -> Triplane | None:
        """What the vectors of frames add after the first layer: (b, c, 1, 1), (b, c, t / frame_patch, 1) twice.

        None without any; ValueError for a part that the network does not take, or of other sizes.
        """
        found: Tensor | None = None
        for name, layer in zip(ROWS, (self.embed_camera, self.embed_sound), strict=True):
            if (given := condition.rows(name, z.dtype)) is None:
                continue
            if layer is None:
                raise ValueError(f"a {name} is given to a network without {name}; leave out the {name}")
            width = getattr(self.config, f"{name}_width")
            if given.shape != (z.shape[0], self.shape.t, width):
                expected = f"{self.shape.t} frames of {width} numbers for each of {len(z)} samples"
                raise ValueError(f"the {name} is {tuple(given.shape)}; this network takes {expected}")
            found = layer(given) if found is None else found + layer(given)
        return None if found is None else planes_of_rows(found)

    def check(self, z: Tensor) -> None:
        """ArgumentError unless z is a flat latent of the network's channels."""
        channels = self.config.latent_channels
        if z.ndim != 3 or z.shape[1] != channels or not z.is_floating_point():
            expected = f"floats (b, {channels}, {self.shape.positions})"
            raise ArgumentError(f"z is {z.dtype} {tuple(z.shape)}", f"this denoiser takes flat latents, {expected}")
