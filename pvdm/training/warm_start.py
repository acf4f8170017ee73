"""Initializes training with the weights of an existing model."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pvdm.autoencoder import TriplaneShape
from pvdm.autoencoder.position_embeddings import grids, resize_grids, resize_line
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.generation import model_files as files

NAMED = 3
"""Number of misfits that a message names."""

SAMPLING = (
    "border_fade",
    "autoguidance",
    "skipped_block",
    "few_steps",
    "searched_times",
    "guidance_input",
    "guidance_most",
)
"""Fields that only say how a model is used."""

FEW_STEPS = "embed_steps."
"""Beginning of the names of weights that tell the number of few steps; a network without them is told of no number."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WarmStart:
    """The model whose weights initialize the trained network; everything else starts anew, and updates count from 0.

    The model may have another size, length or number of classes. In the autoencoder, only `*.position` of the three
    projections depends on size and length: its first axis is the number of frames, or of rows or columns of patches,
    plus one; in the joint transformer, it is `position`. Only the class embedding depends on the number of classes.

    Args:
        init_from: Exported folder, training checkpoint of either stage, or output of `pvdm convert`.
        reinitialize: Whether to keep the random initialization of parameters that the model lacks or has in another
            shape, instead of raising an error.
        resize_positions: Whether to interpolate the position embeddings of a model of another size or length.
    """

    init_from: Path
    reinitialize: bool = False
    resize_positions: bool = False

    def fill(self, generator: VideoGenerator, part: str) -> None:
        """Copies the weights of a part of the model, "autoencoder" or "denoiser"; InputError if they do not fit."""
        config, weights = read_model(self.init_from)
        if not config.get(part):
            raise InputError(
                f"{self.init_from} is a stage-1 autoencoder without a denoiser",
                "give a model of stage 2 as --model.init_from, or leave it out",
            )
        network, settings_here = getattr(generator, part), generator.to_config()
        settings = other_settings(part, config, settings_here)
        found = {name.removeprefix(f"{part}."): value for name, value in weights.items() if name.startswith(f"{part}.")}
        if self.resize_positions:
            found |= resized_positions(part, found, network.state_dict(), config[part], settings_here[part])
        derived, added = (network.derived, ()) if part == "autoencoder" else ((), network.added)
        if part == "denoiser" and not network.config.few_steps and any(map(_is_of_few_steps, found)):
            logger.info("%s is tuned for few steps; without that, it is trained for any number", self.init_from)
            found = {name: value for name, value in found.items() if not _is_of_few_steps(name)}
        differences = misfits(found, network.state_dict())
        reported = {
            name: what
            for name, what in differences.items()
            if not name.startswith(derived) and not (name not in found and any(part in name for part in added))
        }
        if reported:
            self._report(part, reported, settings)
        if part == "denoiser" and not _same_latents(weights, generator):
            logger.warning("the denoiser of %s was trained on latents of another autoencoder", self.init_from)
        if settings:
            logger.warning("%s has other settings: %s", self.init_from, "; ".join(settings))
        fitting = {name: value for name, value in found.items() if name not in differences}
        network.load_state_dict(fitting, strict=False)
        if part == "autoencoder":
            network.adapt(config[part])
        others = [record for record in generator.energy if record["part"] != part]
        generator.energy = (*others, *(record for record in config.get("energy", ()) if record["part"] == part))
        logger.info("%s: %d of %d tensors from %s", part, len(fitting), len(network.state_dict()), self.init_from)

    def _report(self, part: str, differences: Mapping[str, str], settings: Sequence[str]) -> None:
        """InputError that names what does not fit, or a warning with `reinitialize`."""
        named = "; ".join(f"{part}.{name} {what}" for name, what in list(differences.items())[:NAMED])
        more = f"; and {len(differences) - NAMED} more" if len(differences) > NAMED else ""
        if not self.reinitialize:
            is_size = not self.resize_positions and any(map(is_position, differences))
            resize = "pass --model.resize_positions true to interpolate position embeddings, " if is_size else ""
            raise InputError(
                f"{len(differences)} parameters of {self.init_from} do not fit this model ({named}{more}), for "
                f"{' and '.join(settings) or 'it is of another version'}",
                f"make these agree, {resize}or pass --model.reinitialize true to initialize such parameters randomly",
            )
        logger.warning("%d parameters are initialized randomly: %s%s", len(differences), named, more)


def _is_of_few_steps(name: str) -> bool:
    return name.startswith(FEW_STEPS)


def is_position(name: str) -> bool:
    """Whether a tensor holds position embeddings."""
    return name.rpartition(".")[2] == "position"


def resized_positions(
    part: str,
    found: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
    there: Mapping[str, Any],
    here: Mapping[str, Any],
) -> dict[str, Tensor]:
    """The position embeddings of other shapes than wanted, interpolated; logs which.

    there, here: The settings of the part in the model and in the network.
    """
    names = [name for name in found if is_position(name) and name in wanted]
    names = [name for name in names if found[name].shape != wanted[name].shape]
    if part == "autoencoder":
        resized = {name: resize_line(found[name], len(wanted[name]) - 1) for name in names}
    else:
        shapes = [
            grids(TriplaneShape(*sizes["latent_shape"]), sizes["frame_patch"]) for sizes in (there, here) if names
        ]
        resized = {name: resize_grids(found[name], *shapes) for name in names}
    if resized:
        told = (f"{part}.{name} from {len(found[name])} to {len(wanted[name])}" for name in resized)
        logger.info("position embeddings are interpolated: %s", "; ".join(told))
    return resized


def read_model(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Configuration and (averaged) weights of an exported folder or a training checkpoint; otherwise InputError."""
    if Path(path).is_file():
        return files.read_checkpoint(path)
    folder = files.resolve_folder(path)
    return files.read_config(folder), files.read_weights(folder)


def _same_latents(weights: Mapping[str, Tensor], generator: VideoGenerator) -> bool:
    """Whether a model's autoencoder has the generator's latents, to half precision."""
    own = {f"autoencoder.{name}": value.cpu() for name, value in generator.autoencoder.encoder_state().items()}
    pairs = ((weights.get(name), value) for name, value in own.items())
    return all(
        found is not None and found.shape == value.shape and torch.allclose(found.float(), value, rtol=1e-2, atol=1e-4)
        for found, value in pairs
    )


def misfits(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, str]:
    """What is wrong with each tensor that does not fit, by its name."""
    wrong = {name: "is missing there" for name in wanted if name not in found}
    wrong |= {name: "is unknown here" for name in found if name not in wanted}
    for name in found.keys() & wanted.keys():
        there, here = tuple(found[name].shape), tuple(wanted[name].shape)
        if there != here:
            wrong[name] = f"is {there} there and {here} here"
    return dict(sorted(wrong.items()))


def other_settings(part: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Differences of a part's configuration; for a denoiser also of the noise process, which shapes do not show."""
    return [
        f"{name}.{key} is {_plain(found[key])} there and {_plain(wanted)} here"
        for name in ([part, "diffusion"] if part == "denoiser" else [part])
        for found in [there.get(name) or {}]
        for key, wanted in here[name].items()
        if key in found and key not in SAMPLING and _plain(found[key]) != _plain(wanted)
    ]


def _plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    return list(value) if isinstance(value, tuple) else value
