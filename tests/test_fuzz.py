"""Damaged videos and checkpoints end well or with one sentence: no hang, no crash, no traceback, no half of a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fuzzing import make_case, make_originals
from isolation import Ended

CASES = int(os.environ.get("PVDM_FUZZ_CASES", "100"))
FIRST = int(os.environ.get("PVDM_FUZZ_FIRST", "0"))
SECONDS = 60.0


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    make_originals(folder)
    return folder


def problem(ended: Ended, left: list[str]) -> str | None:
    """What is wrong with the way in which a command ended, or None."""
    said = [line for line in ended.err.splitlines() if line.startswith("pvdm: error: ")]
    if ended.status is None:
        return "hangs"
    if "Traceback" in ended.err or ended.status not in (0, 2):
        return f"ends with {ended.status}: {ended.err[-2000:]}"
    if ended.status == 2 and (len(said) != 1 or not ended.err.endswith(f"{said[0]}\n")):
        return f"does not end with one sentence: {ended.err[-2000:]}"
    if ended.status == 2 and left:
        return f"leaves {left}"
    return None


def test_damaged_files(originals, isolation, tmp_path):
    problems, well = [], 0
    for seed in range(FIRST, FIRST + CASES):
        damaged, here = tmp_path / f"{seed}", tmp_path / f"{seed}-output"
        damaged.mkdir()
        here.mkdir()
        case = make_case(seed, originals, damaged)
        ended = isolation(case.arguments, here, target=case.target, seconds=SECONDS)
        left = sorted(path.name for path in here.iterdir())
        if found := problem(ended, left):
            problems.append(f"{case.name} {found}")
        well += ended.status == 0
    assert not problems, "\n\n".join(problems)
    assert 0 < well < CASES  # neither is every file refused nor is none


@pytest.mark.parametrize(
    "arguments", [("reconstruct", "reader", "a.mp4"), ("export", "second.ckpt"), ("convert", "--autoencoder")]
)
def test_whole_files_end_well(originals, isolation, tmp_path, arguments):
    verb, *names = arguments
    files = [originals / name if not name.startswith("--") else name for name in names]
    if verb == "convert":
        files += [originals / "autoencoder.pth", "--diffusion", originals / "diffusion.pth"]
    ended = isolation([verb, *files, "--output", "out"], tmp_path, seconds=SECONDS)
    assert problem(ended, []) is None and ended.status == 0
    assert (tmp_path / "out").exists()
