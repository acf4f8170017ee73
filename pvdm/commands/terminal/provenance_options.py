"""Options of what a video says of how it was made."""

from __future__ import annotations

import argparse
from pathlib import Path

from pvdm.cli_parser import whole
from pvdm.errors import InputError
from pvdm.generation.model_files import weights_file
from pvdm.provenance.bch_code import DATA_BITS
from pvdm.provenance.credentials import stored_credentials
from pvdm.provenance.origin import Provenance

GIVEN = ("input", "content", "motion", "first_frame", "last_frame", "keyframe")
"""Options that give a model video or pictures, which then are part of what it makes."""


def add_provenance(parser: argparse.ArgumentParser) -> None:
    """What the files say of how they were made, which `provenance_of` reads."""
    group = parser.add_argument_group("provenance")
    group.add_argument(
        "--no-provenance",
        action="store_true",
        help="do not write into the files by what they were made, neither as metadata nor, signed, as a C2PA manifest",
    )
    group.add_argument(
        "--watermark",
        type=payload,
        metavar="ID",
        help="invisible watermark in the pixels: a number from 0 to 65535, which pvdm provenance detect reads",
    )


def payload(text: str) -> int:
    """A number of 16 bits."""
    number = whole(text, 0)
    if number >= 1 << DATA_BITS:
        raise InputError(f"{text} is no watermark", f"give a number from 0 to {(1 << DATA_BITS) - 1}")
    return number


def provenance_of(options: argparse.Namespace) -> Provenance | None:
    """What the options' model makes videos by; None if files are not to say it. InputError if they cannot be signed."""
    is_told, number = not getattr(options, "no_provenance", True), getattr(options, "watermark", None)
    if not is_told and number is None:
        return None
    credentials = stored_credentials() if is_told else None
    from pvdm.files.weights import sha256_of
    from pvdm.provenance.watermark import Watermark

    return Provenance(
        model_name(options.model),
        sha256_of(weights_file(options.model)),
        tuple(Path(path).name for path, _ in getattr(options, "adapter", None) or ()),
        from_video=any(getattr(options, name, None) for name in GIVEN)
        or getattr(options, "anchor", None) not in (None, "first"),
        is_told=is_told,
        credentials=credentials,
        watermark=None if number is None else Watermark(number),
    )


def model_name(model: str) -> str:
    """A model's name without the folders of this machine: the last part of a path, or owner/name."""
    return Path(model).resolve().name if Path(model).exists() else model
