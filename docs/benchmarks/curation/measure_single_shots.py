"""Transitions that are found in clips of one shot, where there is none, with TransNetV2 and without.

    python measure_single_shots.py DATA WORK SINGLE_SHOTS.json [SET ...]

Clips with cuts of their own, seen by eye, are left out. Half of the other clips had a part in fitting the evidence
(`joined_clips`); `held out` are those of the other half, and all of the sets that had none.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path, PurePosixPath

import joined_clips

from pvdm.curation.curation import Curated, curate
from pvdm.curation.curation_plan import Plan
from pvdm.curation.engines.local_processes import LocalProcesses

SETS = ("UCF-101", "captioned", "curation", "signs", "weizmann", "wild", "faces", "sprites")
NOT_SINGLE = (*joined_clips.WITH_CUTS, "sintel_trailer", "slideshow")


def counted(curated: Curated, fitted: set[str]) -> dict[str, object]:
    """Of the clips of a set, and of those that had no part in the fit."""
    rows = {"all": [0, 0.0, 0, 0], "held out": [0, 0.0, 0, 0]}
    where = {}
    for file, clips in curated.files:
        stem = PurePosixPath(file.file).stem
        if stem in NOT_SINGLE:
            continue
        ends = [row["first_frame"] for row in clips.rows], [row["last_frame"] for row in clips.rows]
        is_whole = ends == ([0], [file.info.frames - 1])
        unsure = sum(row["cuts"] for row in clips.rows)
        if unsure or not is_whole:
            where[file.file] = {"clips": list(zip(*ends, strict=True)), "unsure": unsure}
        for name in ("all",) if stem in fitted else ("all", "held out"):
            added = (1, file.duration / 60, int(not is_whole), int(unsure > 0))
            rows[name] = [old + new for old, new in zip(rows[name], added, strict=True)]
    columns = ("clips", "minutes", "split", "with unsure joints")
    figures = {name: dict(zip(columns, (round(x, 2) for x in row), strict=True)) for name, row in rows.items()}
    return {**figures, "where": where}


def main() -> None:
    data, work, output = map(Path, sys.argv[1:4])
    fitted = {clip.path.stem for clips in joined_clips.sources(data, 0).values() for clip in clips}
    found = json.loads(output.read_text()) if output.is_file() else {}
    with closing(LocalProcesses(1)) as engine:
        for name in sys.argv[4:] or SETS:
            for arbitrated in (False, True):
                plan = Plan(data / name, work / name, ("cuts", "motion"), (), arbitrated)
                how = "with TransNetV2" if arbitrated else "without"
                found[f"{name}, {how}"] = counted(curate(plan, engine), fitted)
                output.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
