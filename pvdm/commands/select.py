"""`pvdm select`: chooses clips of a catalogue by an expression, and deletes nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from pvdm.commands.terminal.export_option import add_export_option, export_chosen
from pvdm.commands.terminal.shared_options import positive
from pvdm.data.catalogue.presets import FRAMES, PRESETS, PresetName
from pvdm.errors import InputError
from pvdm.files.atomic_write import check_output_file

if TYPE_CHECKING:
    from pvdm.data.catalogue.clip_table import ClipTable
    from pvdm.data.catalogue.selection import Removal, Selected


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("catalogue", type=Path, help="output of pvdm curate, or a selection")
    parser.add_argument(
        "--where",
        metavar="EXPRESSION",
        help='what clips must pass, over the columns of the catalogue: "motion > 0.3 and text_area < 0.07 and kind in '
        "['video', 'shaking']\"; also with frames and seconds, the lengths of a clip; a score that a clip lacks passes "
        "nothing",
    )
    parser.add_argument(
        "--preset",
        choices=get_args(PresetName),
        help="conditions of a published data set, which are shown with what its source leaves open; default: no cut "
        "inside, decodable, long enough, no duplicate; that applies to a catalogue without --where, too",
    )
    parser.add_argument(
        "--frames",
        type=positive,
        help="leave out clips with fewer frames than this, as many as a sample spans: data.frames, twice for a context "
        f"in stage 2, times the stride; by default {FRAMES} with a preset, and none with --where alone",
    )
    parser.add_argument("--root", type=Path, help="where the videos are now, if they have moved")
    parser.add_argument("--output", type=Path, required=True, help="the selection, a .parquet file for data.path")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    add_export_option(parser)


def run(options: argparse.Namespace) -> None:
    from pvdm.data.catalogue.clip_table import read_clips, table_path, write_clips
    from pvdm.data.catalogue.selection import check_some_left, select

    if options.output.suffix != ".parquet":
        problem = f"{options.output} is no name of a selection"
        raise InputError(problem, "give one that ends in .parquet", option="output")
    inputs = [table_path(options.catalogue)]
    check_output_file(options.output, overwrite=options.overwrite, inputs=inputs)
    clips = read_clips(options.catalogue)
    selected = select(clips, where=options.where, preset=options.preset, frames=options.frames)
    sys.stdout.write("\n".join(_lines(clips, selected)) + "\n")
    check_some_left(selected)
    root = _root(options.root or clips.root)
    kept = selected.clips
    write_clips(options.output, kept.table, {**kept.metadata, "root": root}, overwrite=options.overwrite)
    export_chosen(kept.having(kept.table, root=root), options.export_clips)


def _root(folder: Path) -> str:
    """The folder of the videos, which a selection may lie far from."""
    if not folder.is_dir():
        raise InputError(f"the folder {folder} of the videos does not exist", "say where they are now: {root}")
    return str(folder.absolute())


def _lines(clips: ClipTable, selected: Selected) -> Iterator[str]:
    from pvdm.data.catalogue.selection import seconds_of

    if selected.preset:
        preset = PRESETS[selected.preset]
        yield f"preset {selected.preset}: {preset.source}"
        yield f"  fixes: {preset.fixes}"
        yield f"  leaves open: {preset.leaves_open}"
    hours = float(seconds_of(clips.table).sum()) / 3600
    yield from _columns(
        [
            ("condition", "removes", "hours", "leaves", "hours", "reason"),
            ("all", "", "", f"{len(clips):,}", f"{hours:,.3f}", "clips, and files that cannot be used"),
            *map(_row, selected.removals),
        ]
    )
    yield from (f"not applied: {missing}" for missing in selected.not_applied)
    yield f"where: {selected.clips.selection['where']}"


def _row(removal: Removal) -> tuple[str, ...]:
    is_share = removal.title != removal.expression
    reason = f"{removal.title}: {removal.reason}" if is_share else removal.reason
    numbers = f"{removal.clips:,}", f"{removal.hours:,.3f}", f"{removal.left:,}", f"{removal.left_hours:,.3f}"
    return removal.expression, *numbers, reason


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Aligned, the numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *numbers, last = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join((first.strip().ljust(widths[0]), *numbers, last.strip()))
