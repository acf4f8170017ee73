"""The next command after a training run, ready to copy: stage 2 after stage 1, sampling after stage 2."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace

from pvdm.training.cli.config_files import config_names, find_config

FIRST, SECOND = "autoencoder", "diffusion"
"""The stages' names in the names of their configs and folders."""

PAIRS = ((FIRST, SECOND), ("spectral", "velocity"))
"""Names of the stages of each recipe in the names of configs."""

SECOND_STAGE = "configs/diffusion.yaml"

OF_A_STAGE = ("batch_size", "clips", "clips_per_video", "color_jitter", "seed")
"""Data options that differ between the stages or follow from others."""

OF_A_MACHINE = ("accelerator", "devices", "num_nodes", "precision", "strategy")
"""Trainer options that both stages share."""

OF_BOTH = {"data", "seed_everything"}
"""Keys that a config for both stages may set."""

Parse = Callable[[Sequence[str]], Namespace]


def stage_2_command(given: Sequence[str], used: Namespace, checkpoint: Path, parse: Parse) -> str:
    """`pvdm fit` of stage 2 with the data, sizes and machine of stage 1.

    Args:
        given: Arguments of `pvdm fit` of stage 1, as the user typed them.
        used: The configuration they resulted in.
        checkpoint: The autoencoder.
        parse: Reads arguments as `pvdm fit` does.
    """
    configs = [part for name in _configs_of_stage_2(given) for part in ("-c", name)]
    path = [] if used.data.path is None else ["--data.path", str(used.data.path)]
    words = [*configs, *path, "--model.autoencoder", str(checkpoint)]
    planned = parse(words)
    there = _shared(planned)
    changed = {name: value for name, value in _shared(used).items() if value != there.get(name)}
    folder = _folder_of_stage_2(Path(used.trainer.default_root_dir or "."))
    if folder and folder != Path(planned.trainer.default_root_dir or "."):
        changed["trainer.default_root_dir"] = folder
    options = [part for name, value in changed.items() for part in (f"--{name}", as_text(value))]
    return shlex.join(["pvdm", "fit", *words, *options])


def sampling_command(checkpoint: Path, run: Path) -> str:
    """`pvdm sample` of a checkpoint of stage 2, into a new folder of the run."""
    return shlex.join(["pvdm", "sample", str(checkpoint), "--num-videos", "8", "--output", str(_new(run / "samples"))])


def export_command(checkpoint: Path, run: Path) -> str:
    """`pvdm export` of a checkpoint of stage 2, into a new folder of the run."""
    return shlex.join(["pvdm", "export", str(checkpoint), "--output", str(_new(run / "model"))])


def _configs_of_stage_2(given: Sequence[str]) -> list[str]:
    """The counterparts of the configs of stage 1, and those for both stages; the first one has all sizes."""
    names = list(config_names(given))
    found = [name for name in map(_of_stage_2, names) if name]
    has_sizes = names and _counterpart(names[0]) is not None
    return found if has_sizes else [SECOND_STAGE, *found]


def _of_stage_2(name: str) -> str | None:
    """The config of stage 2 that corresponds to this one of stage 1; None if there is none."""
    return _counterpart(name) or (name if _keys(name) <= OF_BOTH else None)


def _counterpart(name: str) -> str | None:
    """The config beside it whose name has the other stage in it."""
    path = Path(name)
    others = (path.with_name(path.name.replace(*pair)).as_posix() for pair in PAIRS)
    return next((other for other in others if other != path.as_posix() and Path(find_config(other)).is_file()), None)


def _keys(name: str) -> set[str]:
    return set(yaml.safe_load(Path(find_config(name)).read_text(encoding="utf-8")))


def _shared(config: Namespace) -> dict[str, Any]:
    """The values that both stages should share, by option name."""
    data = {f"data.{name}": value for name, value in config.data.items() if name.split(".")[0] not in OF_A_STAGE}
    trainer = {f"trainer.{name}": value for name, value in config.trainer.items() if name.split(".")[0] in OF_A_MACHINE}
    values = {**data, **trainer, "seed_everything": config.seed_everything}
    return {name.replace(".class_path", "").replace(".init_args", ""): value for name, value in values.items()}


def _folder_of_stage_2(folder: Path) -> Path | None:
    """The folder of stage 2 if stage 1 is in `folder`; None if that has no name, so that the config decides."""
    name = folder.name.replace(FIRST, SECOND)
    return folder.with_name(name if name != folder.name else f"{name}_{SECOND}") if name else None


def as_text(value: Any) -> str:
    """A value as text on the command line."""
    if isinstance(value, (str, Path)):
        return str(value)
    return yaml.safe_dump(_plain(value), default_flow_style=True, width=float("inf")).removesuffix("...\n").strip()


def _plain(value: Any) -> Any:
    """A value of lists, mappings and what YAML knows; of a mapping what is given."""
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, (dict, Namespace)):
        pairs = vars(value).items() if isinstance(value, Namespace) else value.items()
        return {name: _plain(each) for name, each in pairs if each is not None}
    return str(value) if isinstance(value, Path) else value


def _new(path: Path) -> Path:
    """The path, numbered if it exists."""
    names = (path.with_name(f"{path.name}_{number}") if number > 1 else path for number in count(1))
    return next(name for name in names if not name.exists())
