"""Recipes: the stages of a training, each with its configs, its own values and its share of the computation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from pvdm.cli_parser import nearest
from pvdm.errors import InputError
from pvdm.training.cli.config_files import check_configs, find_config

PLACE = re.compile(r"\{(\w+)\}")
NAME = re.compile(r"[\w-]+")
LINK = re.compile(r"\{output\}/([\w-]+)")


@dataclass(frozen=True)
class RecipeStage:
    """One run of `pvdm fit`, of stage 2 perhaps after one of `pvdm encode`.

    Args:
        name: Name of its folder, unique in the recipe.
        config: Configs, in the order of `-c`.
        overrides: Values of config keys (`data.batch_size: 8`). Texts may name places that the runner fills in, such
            as `{output}`, the folder that holds those of the stages: `{output}/images/checkpoints/last.ckpt` is the
            newest checkpoint of an earlier stage.
        budget: Seconds of computation; None if the runner decides.
        encode: Frames from one sample to the next of the latents that `pvdm encode` makes of the data and from which
            the stage trains, at the expense of its budget; None trains it from the videos.
    """

    name: str
    config: tuple[str, ...]
    overrides: Mapping[str, Any] = field(default_factory=dict)
    budget: float | None = None
    encode: int | None = None

    def arguments(self, places: Mapping[str, object] = {}) -> list[str]:
        """The arguments of `pvdm fit`; InputError for a place that the runner does not have."""
        configs = [argument for name in self.config for argument in ("-c", name)]
        values = ((f"--{key}", self._filled(key, value, places)) for key, value in self.overrides.items())
        return [*configs, *(argument for pair in values for argument in pair)]

    def latents(self, folder: Path) -> Path:
        """Where the latents of the stage are cached, in the folder that holds those of the stages."""
        return folder / f"latents-{self.name}"

    def latent_arguments(self, folder: Path) -> list[str]:
        """More arguments of `pvdm fit` for a stage that trains from cached latents; none for any other."""
        return ["--data.layout", "latents", "--data.path", str(self.latents(folder))] if self.encode else []

    def _filled(self, key: str, value: Any, places: Mapping[str, object]) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        if unknown := [name for name in PLACE.findall(text) if name not in places]:
            known = ", ".join(f"{{{name}}}" for name in places) or "none"
            raise InputError(
                f"{key} of stage {self.name} names the place {{{unknown[0]}}}", f"the places here are: {known}"
            )
        return PLACE.sub(lambda match: str(places[match[1]]), text)


@dataclass(frozen=True)
class Recipe:
    """The stages of a training in their order, and the file that says so."""

    file: Path
    stages: tuple[RecipeStage, ...]

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.file.stem


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a YAML file, or of the package (`configs/recipes/released.yaml`).

    `InputError` that names the file, the stage and the key, if it is not YAML, has no stage, an unknown key or a value
    of the wrong kind, or if one of its configs does not exist.
    """
    file = Path(find_config(str(path)))
    check_configs(["-c", str(file)])
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    _check_keys(content, ("stages",), f"the recipe {file}")
    stages = content.get("stages")
    if not isinstance(stages, list) or not stages:
        raise InputError(f"the recipe {file} has no stages", "list them: stages: [{name: autoencoder, config: [...]}]")
    found = tuple(_stage(stage, f"stage {number} of {file}") for number, stage in enumerate(stages, 1))
    names = [stage.name for stage in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"the recipe {file} has two stages {twice}", "give each a name of its own")
    for number, stage in enumerate(found):
        _check_links(stage, names[:number], file)
    return Recipe(file, found)


def as_option(text: str) -> list[str]:
    """KEY=VALUE as an option of `pvdm fit`; InputError if there is no value."""
    key, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"--set {text} has no value", "give KEY=VALUE, such as data.loop=true")
    return [f"--{key}", value]


def _stage(values: Any, where: str) -> RecipeStage:
    """One entry of `stages`, checked."""
    _check_keys(values, [known.name for known in fields(RecipeStage)], where)
    name, config = values.get("name"), values.get("config")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InputError(f"the name of {where} is {name}", "give letters, digits, - and _, since a folder is called so")
    config = [config] if isinstance(config, str) else config
    if not isinstance(config, list) or not config or not all(isinstance(file, str) for file in config):
        raise InputError(f"config of {where} is {config}", "list its configs, as for -c of pvdm fit")
    check_configs([argument for file in config for argument in ("-c", str(find_config(file)))])
    overrides = values.get("overrides") or {}
    if not isinstance(overrides, dict) or not all(isinstance(key, str) for key in overrides):
        raise InputError(f"overrides of {where} is {overrides}", "give keys with values, such as data.batch_size: 8")
    budget = values.get("budget")
    if budget is not None and (isinstance(budget, bool) or not isinstance(budget, (int, float)) or not budget > 0):
        raise InputError(f"budget of {where} is {budget}", "give seconds, or null")
    encode = values.get("encode")
    if encode is not None and (isinstance(encode, bool) or not isinstance(encode, int) or encode < 1):
        raise InputError(f"encode of {where} is {encode}", "give the frames from one sample to the next, or null")
    return RecipeStage(name, tuple(config), overrides, budget, encode)


def _check_links(stage: RecipeStage, earlier: Sequence[str], file: Path) -> None:
    """InputError if a stage names the folder of one that does not come before it."""
    for key, value in stage.overrides.items():
        for name in LINK.findall(json.dumps(value)):
            if name not in earlier:
                raise InputError(
                    f"{key} of stage {stage.name} of {file} names {name}, which is no earlier stage",
                    f"the stages before it are: {', '.join(earlier) or 'none'}",
                )


def _check_keys(values: Any, known: list[str] | tuple[str, ...], where: str) -> None:
    if not isinstance(values, dict):
        raise InputError(f"{where} is {values}", f"give a mapping of {', '.join(known)}")
    if unknown := next((key for key in values if key not in known), None):
        raise InputError(
            f"{where} has the unknown key {unknown}{nearest(str(unknown), known)}", f"the keys are {', '.join(known)}"
        )
