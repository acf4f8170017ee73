"""Options of what a video says of how it was made."""

from __future__ import annotations

import argparse
from pathlib import Path

from pvdm.generation.model_files import weights_file
from pvdm.provenance.origin import Provenance

GIVEN = ("input", "content", "motion", "first_frame", "last_frame", "keyframe")
"""Options that give a model video or pictures, which then are part of what it makes."""


def add_provenance(parser: argparse.ArgumentParser) -> None:
    """What the files say of how they were made, which `provenance_of` reads."""
    group = parser.add_argument_group("provenance")
    group.add_argument(
        "--no-provenance",
        action="store_true",
        help="do not write into the files by what they were made",
    )


def provenance_of(options: argparse.Namespace) -> Provenance | None:
    """What the options' model makes videos by; None if files are not to say it."""
    if getattr(options, "no_provenance", True):
        return None
    from pvdm.files.weights import sha256_of

    return Provenance(
        model_name(options.model),
        sha256_of(weights_file(options.model)),
        tuple(Path(path).name for path, _ in getattr(options, "adapter", None) or ()),
        from_video=any(getattr(options, name, None) for name in GIVEN),
    )


def model_name(model: str) -> str:
    """A model's name without the folders of this machine: the last part of a path, or owner/name."""
    return Path(model).resolve().name if Path(model).exists() else model
