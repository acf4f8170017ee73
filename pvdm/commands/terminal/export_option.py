"""The option of `pvdm curate` and `pvdm select` that writes clips as files."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pvdm.data.catalogue.clip_table import ClipTable

logger = logging.getLogger(__name__)


def add_export_option(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--export-clips",
        type=Path,
        metavar="DIR",
        help="also write each clip as a file there, for other programs, as training needs none: copied where it is a "
        "whole file or its borders are keyframes, else encoded; files that are there already are kept",
    )


def export_chosen(clips: ClipTable, folder: Path | None) -> None:
    """Writes the clips if the option is given, with a progress bar, and says what was left out."""
    if folder is None:
        return
    from tqdm import tqdm

    from pvdm.curation.clip_export import export_clips

    with tqdm(total=len(clips), unit="clip", desc="exporting") as bar:
        done = export_clips(clips, folder, bar.update)
    present = f", {done.present:,} were there" if done.present else ""
    failed = f", {len(done.failed):,} could not be read" if done.failed else ""
    logger.info("%s: %d clips written%s%s", folder, done.written, present, failed)
