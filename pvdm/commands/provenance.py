"""`pvdm provenance`: keys that sign generated files, and what a file says of how it was made."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdm import video
from pvdm.cli_parser import CommandParser, whole
from pvdm.errors import InputError
from pvdm.provenance.credentials import (
    DAYS,
    MOST_DAYS,
    NAME,
    make_credentials,
    read_credentials,
    store_credentials,
)
from pvdm.provenance.manifest import State, read_manifest
from pvdm.provenance.metadata_fields import read_fields
from pvdm.video.suffixes import FRAME_SUFFIXES

if TYPE_CHECKING:
    from torch import Tensor

    from pvdm.provenance.manifest import Manifest

STATUS: dict[State, int] = {"trusted": 0, "none": 1, "valid": 3, "invalid": 4}
"""Exit statuses of `verify`; 2 is that of any error."""

MEANING: dict[State, str] = {
    "trusted": "trusted: unchanged since it was signed, by a signer whose authority is known",
    "valid": "valid: unchanged since it was signed, but the signer's authority is not known (give it as --trust)",
    "invalid": "invalid: changed since it was signed, or wrongly signed",
    "none": "no manifest",
}
EXPIRED = "invalid: unchanged since it was signed, but the signer's certificate has expired"
NOT_FOUND = 1
"""Exit status of `detect` without a watermark."""

AT_ONCE = 32
"""Frames that are read at once."""

logger = logging.getLogger(__name__)


def add_arguments(parser: CommandParser) -> None:
    parts = parser.add_subparsers(dest="what", required=True)
    for name, (summary, add, go) in PARTS.items():
        part = parts.add_parser(name, description=summary, formatter_class=parser.formatter_class)
        part.set_defaults(run=go, parser=part)
        add(part)


def run(options: argparse.Namespace) -> None:
    """Each part has a function of its own."""


def _days(text: str) -> int:
    number = whole(text, 1)
    if number > MOST_DAYS:
        raise InputError(f"{text} days are too many", f"give at most {MOST_DAYS}")
    return number


def _add_keygen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", default=NAME, help="whom the certificate names")
    parser.add_argument("--days", type=_days, default=DAYS, help="how long it is valid")
    parser.add_argument("--certificate", type=Path, metavar="PEM", help="take this chain instead, the signer's first")
    parser.add_argument("--key", type=Path, metavar="PEM", help="private key of --certificate, without a password")
    parser.add_argument("--overwrite", action="store_true", help="replace the credentials that there are")


def _keygen(options: argparse.Namespace) -> None:
    if (options.certificate is None) != (options.key is None):
        raise InputError("--certificate and --key go together", "give both, or neither to make new ones")
    if options.certificate:
        given = read_credentials(options.certificate, options.key)
        folder = store_credentials(given.certificates, given.key, overwrite=options.overwrite)
        logger.info("files are now signed by the certificate in %s", folder)
    else:
        folder = make_credentials(options.name, days=options.days, overwrite=options.overwrite)
        logger.info("files are now signed by a self-made certificate in %s; others trust it by authority.pem", folder)


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="video or picture")
    parser.add_argument(
        "--trust",
        type=Path,
        nargs="+",
        default=[],
        metavar="PEM",
        help="certificate authorities to trust, beside that of a self-made certificate of this user",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.description += (
        "\nExit status: 0 if the manifest is trusted, 3 if it is valid but its signer not known, 4 if it is invalid,"
        "\n1 if there is none, 2 for an error."
    )


def _verify(options: argparse.Namespace) -> None:
    manifest, fields = read_manifest(options.file, options.trust), read_fields(options.file)
    if options.json:
        sys.stdout.write(json.dumps({**asdict(manifest), "fields": fields}, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(manifest, fields))
    _end(STATUS[manifest.state])


def _lines(manifest: Manifest, fields: dict[str, str]) -> Iterator[str]:
    yield f"manifest     {EXPIRED if manifest.is_expired else MEANING[manifest.state]}"
    yield from (f"             {problem}" for problem in manifest.problems)
    for name in ("signer", "date", "software", "source_type"):
        if value := getattr(manifest, name):
            yield f"{name.replace('_', ' '):12} {value}"
    if manifest.model:
        yield f"model        {manifest.model.get('name')} (SHA-256 {manifest.model.get('sha256')})"
    yield f"metadata     {fields.get('comment') or 'no fields of generated media'}"


def _add_detect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="video, folder of frames, or picture; any part and any size of it")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.description += (
        "\nThe key is that of $PVDM_WATERMARK_KEY, as when the video was made. Exit status: 0 if there is a watermark,"
        "\n1 if there is none, 2 for an error."
    )


def _detect(options: argparse.Namespace) -> None:
    from pvdm.provenance.detection import FALSE_ALARMS, detect

    found = detect(_frames(options.file))
    if options.json:
        sys.stdout.write(json.dumps({**asdict(found), "found": found.is_found}, indent=2) + "\n")
    elif found.is_found:
        chance = f"a file without one looks like this with a chance of at most {found.false_alarms:.1g}"
        sys.stdout.write(f"watermark {found.payload}, {found.wrong_bits} of 63 bits wrong; {chance}\n")
    else:
        sys.stdout.write(f"no watermark of this key that chance would not give more often than {FALSE_ALARMS:g}\n")
    _end(0 if found.is_found else NOT_FOUND)


def _frames(path: Path) -> Iterator[Tensor]:
    """The frames of a video, or a picture, (3, t, h, w) uint8 part by part."""
    if path.is_file() and path.suffix.lower() in FRAME_SUFFIXES:
        import torch

        from pvdm.video.decoding.frame_folder import read

        yield torch.from_numpy(read([path], [0])).permute(3, 0, 1, 2)
        return
    yield from video.PacedVideo(path).runs(AT_ONCE)


def _end(status: int) -> None:
    if status:
        raise SystemExit(status)


PARTS: dict[str, tuple[str, Any, Any]] = {
    "keygen": ("Set up the certificate and the key that sign what is generated from now on.", _add_keygen, _keygen),
    "verify": ("Say by what a file was made, and whether it was changed since.", _add_verify, _verify),
    "detect": ("Read the watermark in the pixels of a video.", _add_detect, _detect),
}
"""Summary of each part, what adds its arguments, and what runs it."""
