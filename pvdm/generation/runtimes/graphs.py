"""The networks as graphs: tensors of fixed names in, one tensor out, for any batch.

encode(video) -> latent        video: (b, 3, t, h, w) float in [-1, 1]; latent: (b, c, l) float
decode(latent) -> video
denoise(z, t, ...) -> output   output: what the network predicts, (b, c, l) float; after `z` and `t`, each part of a
                               `Condition` that it takes, with masks of the samples that have it
"""

from __future__ import annotations

from dataclasses import fields
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pvdm.autoencoder import AnyAutoencoderConfig, Triplane, TriplaneShape
from pvdm.diffusion.condition import Condition
from pvdm.diffusion.networks.denoiser import DenoiserConfig
from pvdm.generation.stored_config import AnyDenoiserConfig

NAMES = {"mask": "context_mask", "level": "context_level"}
"""Parts of a `Condition` that graphs name otherwise."""

CLEAN = ("level", "hint_level")
"""Parts that are -1 where they are absent."""


SUFFIXES = {"onnxruntime": ".onnx", "torch-export": ".pt2"}
"""Of the files of graphs, by what runs them."""


class GraphTensor(NamedTuple):
    """An input of a graph: its name, its sizes after the batch, and its type (float32, int64 or bool)."""

    name: str
    sizes: tuple[int, ...]
    dtype: torch.dtype

    def absent(self, batch: int) -> Tensor:
        """What stands for no such part."""
        value = -1 if self.name in map(graph_name, CLEAN) else 0
        return torch.full((batch, *self.sizes), value, dtype=self.dtype)


class EncodeGraph(nn.Module):
    """Video to flat latents."""

    output = "latent"

    def __init__(self, autoencoder: nn.Module) -> None:
        super().__init__()
        self.autoencoder, config = autoencoder, autoencoder.config
        self.inputs = [GraphTensor("video", (3, config.frames, config.height, config.width), torch.float32)]

    def forward(self, video: Tensor) -> Tensor:
        """video: (b, 3, t, h, w) -> (b, c, l)."""
        return self.autoencoder.encode(video).flatten().float()


class DecodeGraph(nn.Module):
    """Flat latents to video."""

    output = "video"

    def __init__(self, autoencoder: nn.Module) -> None:
        super().__init__()
        self.autoencoder, self.inputs = autoencoder, [latent_input(autoencoder.config)]

    def forward(self, latent: Tensor) -> Tensor:
        """latent: (b, c, l) -> (b, 3, t, h, w)."""
        return self.autoencoder.decode(Triplane.split(latent, self.autoencoder.config.latent_shape)).float()


class DenoiseGraph(nn.Module):
    """The denoiser, with each part of the condition that it takes as inputs of its own."""

    output = "output"

    def __init__(self, denoiser: nn.Module) -> None:
        super().__init__()
        self.denoiser, self.inputs = denoiser, denoise_inputs(denoiser.config)

    def forward(self, *values: Tensor) -> Tensor:
        """values: those of `denoise_inputs` -> (b, c, l)."""
        for value in values:  # of the same batch, which a trace cannot know
            torch._check(value.shape[0] == values[0].shape[0])
        (z, t), parts = values[:2], {part_name(i.name): value for i, value in zip(self.inputs, values, strict=True)}
        condition = Condition(**{name: value for name, value in parts.items() if name not in ("z", "t")})
        return self.denoiser(z, t, condition).float()


def latent_input(config: AnyAutoencoderConfig) -> GraphTensor:
    """The input of `DecodeGraph`."""
    return GraphTensor("latent", (config.latent_channels, config.latent_shape.positions), torch.float32)


def denoise_inputs(config: AnyDenoiserConfig) -> list[GraphTensor]:
    """The inputs of `DenoiseGraph`; t has two values a sample, of content and motion, with `plane_times`."""
    shape = TriplaneShape(*config.latent_shape)
    latent = (config.latent_channels, shape.positions)
    time = (2,) if config.plane_times else ()
    floats, whole, marks = torch.float32, torch.int64, torch.bool
    found = [("z", latent, floats), ("t", time, whole), ("context", latent, floats), ("mask", (), marks)]
    found += [("level", (), whole)] if config.context_levels else []
    found += [("label", (), whole), ("label_mask", (), marks)] if config.classes else []
    if config.hints:
        found += [("hint", latent, floats), ("known", (shape.t,), marks), ("hint_level", (), whole)]
    if config.text_width:
        tokens = config.text_tokens
        found += [("text", (tokens, config.text_width), floats), ("text_mask", (tokens,), marks)]
    for name, width in (("camera", config.camera_width), ("sound", config.sound_width)):
        found += [(name, (shape.t, width), floats), (f"{name}_mask", (), marks)] if width else []
    names = (len(config.scores),)
    found += [("scores", names, floats), ("scores_mask", names, marks)] if config.scores else []
    found += [("steps", (), whole)] if config.few_steps else []
    found += [("weight", (), floats)] if config.guidance_input else []
    return [GraphTensor(graph_name(name), *rest) for name, *rest in found]


def denoise_values(config: DenoiserConfig, z: Tensor, t: Tensor, condition: Condition) -> list[Tensor]:
    """The values of `denoise_inputs`; ValueError for a part that the network does not take."""
    given = {field.name: getattr(condition, field.name) for field in fields(condition)}
    given = {name: value for name, value in given.items() if value is not None and not name.startswith("negative")}
    for mask, part in (("mask", "context"), *((f"{name}_mask", name) for name in ("label", "camera", "sound"))):
        if part in given:
            given.setdefault(mask, torch.ones(len(z), dtype=torch.bool))
    given |= {"z": z, "t": t[:, None].expand(-1, 2) if config.plane_times and t.ndim == 1 else t}
    inputs = denoise_inputs(config)
    if unknown := given.keys() - {part_name(item.name) for item in inputs}:
        raise ValueError(f"a {min(unknown)} is given to a network without it; leave it out")
    values = ((item, given.get(part_name(item.name))) for item in inputs)
    return [_fitted(item, value, len(z)) for item, value in values]


def graph_name(part: str) -> str:
    """The name of a part of a `Condition` in graphs."""
    return NAMES.get(part, part)


def part_name(name: str) -> str:
    """The inverse of `graph_name`."""
    return {graph: part for part, graph in NAMES.items()}.get(name, name)


def _fitted(item: GraphTensor, value: Tensor | None, batch: int) -> Tensor:
    """A value as a graph takes it; ValueError for other sizes, which a graph would refuse less clearly."""
    if value is None:
        return item.absent(batch)
    if value.shape != (batch, *item.sizes):
        raise ValueError(f"{item.name} is {tuple(value.shape)}; this network takes {(batch, *item.sizes)}")
    return value.to(item.dtype)
