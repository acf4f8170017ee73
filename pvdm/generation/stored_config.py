"""Checks the configuration stored with a model's weights before anything is built from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any

from pvdm.autoencoder import AutoencoderConfig, autoencoder_class
from pvdm.conditions.text import TextConfig
from pvdm.diffusion import DiffusionConfig, TransformerConfig, UNetConfig
from pvdm.errors import ArgumentError, InputError

PARTS = {
    "autoencoder": AutoencoderConfig,
    "denoiser": UNetConfig,
    "diffusion": DiffusionConfig,
    "text": TextConfig,
}
"""The parts of a configuration; of the first two, the key "class" may say another class than the released one."""

MAY_LACK = ("denoiser", "text")
"""Parts that not every model has."""

TRAINED = ("autoencoder", "denoiser")
"""The parts that are trained, each in a run of its own."""

AnyDenoiserConfig = UNetConfig | TransformerConfig

DENOISERS = {kind.__name__: kind for kind in (UNetConfig, TransformerConfig)}
"""Classes of a denoiser's sizes; the key "class" of stored ones says which, and its absence the first."""

MAX_SIZE = 1_000_000
MAX_LAYERS = 1000
LAYERS = ("depth", "projection_depth", "blocks_per_level", "encoder_depth", "decoder_depth", "text_layers")
"""Limits, so that a damaged number does not build a network that exceeds memory or takes an hour."""

COUNTS = ("few_steps",)
"""Tuples of whole numbers that may be empty; any other that may be is of names."""

MAY_BE_EMPTY = ("attention_factors",)
"""Tuples of sizes that may be empty."""

MAY_BE_ZERO = ("text_layers",)
"""Numbers of layers that may be 0."""


def checked(config: Any, source: object) -> Mapping[str, Any]:
    """The configuration; InputError that names `source` if it is not a mapping or a value is impossible.

    `VideoGenerator.from_config` checks that all parts are there and known.
    """
    if not isinstance(config, Mapping):
        raise InputError(f"{source} holds no configuration of a model", "export the model again")
    problems = [*_problems(config)]
    if problems:
        raise InputError(
            f"{source}: the model's configuration is not one of this version of pvdm ({problems[0]})",
            "export it again",
        )
    return config


def denoiser_fields(config: AnyDenoiserConfig) -> dict[str, Any]:
    """The fields of a denoiser's sizes, JSON-able, with their class unless it is that of the released one."""
    return {**({} if isinstance(config, UNetConfig) else {"class": type(config).__name__}), **asdict(config)}


def denoiser_class(stored: Mapping[str, Any]) -> type[AnyDenoiserConfig]:
    """The class of stored sizes; ArgumentError for one that this version lacks."""
    name = stored.get("class", UNetConfig.__name__)
    if name not in DENOISERS:
        raise ArgumentError(f"class is {name!r}", f"this version knows {', '.join(DENOISERS)}", option="class")
    return DENOISERS[name]


def denoiser_config(stored: Mapping[str, Any]) -> AnyDenoiserConfig:
    """The inverse of `denoiser_fields`; TypeError or ArgumentError for fields that do not fit."""
    return denoiser_class(stored)(**{name: value for name, value in stored.items() if name != "class"})


def _problems(config: Mapping[str, Any]) -> list[str]:
    problems = []
    if not _is_pace(config.get("fps")):
        problems.append(f"fps is {config['fps']!r}")
    if not _is_whole(config.get("training_step", 0), least=0):
        problems.append(f"training_step is {config['training_step']!r}")
    if not _are_ranges(config.get("score_ranges")):
        problems.append(f"score_ranges are {config['score_ranges']!r}")
    if not _are_energies(config.get("energy", ())):
        problems.append(f"energy is {config['energy']!r}")
    for name in PARTS:
        part = config.get(name)
        if isinstance(part, Mapping):
            problems += [f"{name}.{problem}" for problem in _problems_of_part(part, name)]
        elif name in config and not (part is None and name in MAY_LACK):
            problems.append(f"{name} is {part!r}")
    return problems


def class_of_part(name: str, stored: Mapping[str, Any]) -> type:
    """The class of a stored part of a configuration; ArgumentError for one that this version lacks."""
    chosen = {"autoencoder": autoencoder_class, "denoiser": denoiser_class}
    return chosen[name](stored) if name in chosen else PARTS[name]


def _problems_of_part(part: Mapping[str, Any], name: str) -> list[str]:
    try:
        kind = class_of_part(name, part)
    except ArgumentError as error:
        return [error.problem]
    named = [field for field in fields(kind) if field.name in part]
    wrong = [field.name for field in named if not _is_like(part[field.name], field.default, field.name)]
    return [f"{name} is {part[name]!r}" for name in wrong]


def _is_pace(value: Any) -> bool:
    """None where no training video recorded its rate."""
    return value is None or (_is_number(value) and 0 < value <= 1000)


def _are_ranges(value: Any) -> bool:
    """None for a model without scores."""
    pairs = value.values() if isinstance(value, Mapping) else ()
    is_mapping = value is None or isinstance(value, Mapping)
    return is_mapping and all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 and all(map(_is_number, pair)) for pair in pairs
    )


def _are_energies(value: Any) -> bool:
    """Whether these are records of `Energy`, of the model's parts."""
    amounts = {"kwh": False, "cpu_kwh": False, "gpu_kwh": True, "co2_g": True, "seconds": False}
    return isinstance(value, (list, tuple)) and all(
        isinstance(record, Mapping)
        and record.get("part") in TRAINED
        and isinstance(record.get("notes"), (list, tuple))
        and all(
            (may_lack and record.get(name, 0) is None) or (_is_number(record.get(name)) and record[name] >= 0)
            for name, may_lack in amounts.items()
        )
        for record in value
    )


def _is_like(value: Any, default: Any, name: str) -> bool:
    """Whether a value has the type of the default and a possible size; always true where the default is None."""
    if isinstance(default, bool):
        return isinstance(value, bool)
    if isinstance(default, int):
        least = 0 if name in MAY_BE_ZERO else min(1, default)
        return _is_whole(value, least=least, most=MAX_LAYERS if name in LAYERS else MAX_SIZE)
    if isinstance(default, float):
        return _is_number(value)
    if name == "searched_times":
        return isinstance(value, (list, tuple)) and all(_are_whole(times, least=0) for times in value)
    if name in COUNTS:
        return _are_whole(value, least=1)
    if default == ():
        return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
    if isinstance(default, tuple):
        return _are_whole(value, least=1) and (len(value) > 0 or name in MAY_BE_EMPTY)
    return default in (None, MISSING) or isinstance(value, type(default))


def _are_whole(value: Any, *, least: int) -> bool:
    return isinstance(value, (list, tuple)) and all(_is_whole(item, least=least) for item in value)


def _is_whole(value: Any, *, least: int, most: float = math.inf) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
