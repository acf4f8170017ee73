"""Precision and recall of `find_transitions` on joints and films with known answers, with TransNetV2 and without.

    python measure_cuts.py DATA FOLDER [--half 1] [--seed 2] [--videos 16] [--joints-only]

DATA and FOLDER: see fit_cuts.py, whose half of the sources is the other one. Prints figures, a line of JSON each.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import cut_data
import joined_clips
import numpy as np

from pvdm.curation.cuts.decision import find_transitions
from pvdm.curation.cuts.transition import Arbiter, Transition
from pvdm.curation.cuts.transnet import transnet_arbiter
from pvdm.video.reader import probe

EXACT = {"cut": 1, "dissolve": 0, "fade": 0}
"""Frames beside a joint at which a transition of its kind may lie."""

SINTEL = {
    "cut": [(286, 285), (348, 347), (372, 371), (523, 522), (573, 572), (610, 609), (624, 623)],
    "fade": [(0, 40), (160, 180), (230, 265), (320, 348), (385, 400), (445, 480), (625, 645), (703, 719)],
    "dissolve": [(66, 90)],
    "motion": [(355, 371), (575, 609), (664, 703)],
}
"""First and last frames, by eye (DATA/curation/README.md); in the spans of fast motion no transition begins."""


class Counted:
    """An arbiter whose work is counted."""

    def __init__(self, arbiter: Arbiter) -> None:
        self.arbiter, self.frames, self.seconds = arbiter, 0, 0.0

    def __call__(self, first: int, last: int) -> np.ndarray:
        start = time.process_time()
        verdict = self.arbiter(first, last)
        self.frames += last - first + 51
        self.seconds += time.process_time() - start
        return verdict


def matches(found: list[Transition], joints: list[dict], kind: str) -> Iterator[tuple[Transition, dict]]:
    """The pairs of a transition and the joint of this kind that it finds, each once."""
    free = [each for each in found if each.kind == kind]
    for joint in (joint for joint in joints if joint["kind"] == kind):
        first, last = joint["first"] - EXACT[kind], max(joint["last"], joint["first"]) + EXACT[kind]
        at = [each for each in free if each.first <= last and max(each.last, each.first) >= first]
        if at:
            free.remove(at[0])
            yield at[0], joint


def scored(videos: list[tuple[list[Transition], list[dict], int]]) -> dict[str, dict[str, float]]:
    """Counts and F1 of each kind; (found, joints, frames) of each video."""
    figures = {}
    for kind in joined_clips.KINDS:
        true = false = missed = exact = 0
        offsets = []
        for found, joints, frames in videos:
            left_out = joined_clips.ignored(joints, frames)
            pairs = list(matches(found, joints, kind))
            true += len(pairs)
            exact += sum(each.first == joint["first"] and each.last == joint["last"] for each, joint in pairs)
            offsets += [abs(each.first - joint["first"]) for each, joint in pairs]
            offsets += [abs(each.last - joint["last"]) for each, joint in pairs]
            missed += sum(joint["kind"] == kind for joint in joints) - len(pairs)
            paired = {id(each) for each, _ in pairs}
            beside = _black_cuts(joints)
            false += sum(
                each.kind == kind and id(each) not in paired and not left_out[each.first] and each.first not in beside
                for each in found
            )
        figures[kind] = {
            "true": true,
            "false": false,
            "missed": missed,
            "exact": exact,
            "f1": round(2 * true / max(2 * true + false + missed, 1), 4),
            "frames off": round(float(np.mean(offsets)), 2) if offsets else None,
        }
    return figures


def _black_cuts(joints: list[dict]) -> set[int]:
    """Where the steps of a fade of two or three frames may rightly count as cuts: at its blank frames."""
    steps = set()
    for joint in joints:
        if joint["kind"] == "fade" and min(joint["out"], joint["in"]) <= 3:
            steps |= set(range(joint["first"], joint["last"] + 2))
    return steps


def judged(path: Path, folder: Path, with_arbiter: bool, count: Counter) -> tuple[list[Transition], int]:
    """The transitions of a file, and its number of frames; adds the cost to `count`."""
    arrays = cut_data.recorded(path, folder)
    counted = Counted(transnet_arbiter(path, probe(path))) if with_arbiter else None
    start = time.process_time()
    found = find_transitions(arrays, counted)
    count["seconds"] += time.process_time() - start
    count["frames"] += len(arrays["frame_content"])
    if counted:
        count["seen"] += counted.frames
        count["arbiter seconds"] += counted.seconds
    return found, len(arrays["frame_content"])


def on_joints(options: argparse.Namespace, with_arbiter: bool) -> dict[str, object]:
    made = joined_clips.make_all(
        options.data,
        options.folder / f"half{options.half}",
        half=options.half,
        videos=options.videos,
        seed=options.seed,
    )
    videos, count = [], Counter()
    for name, joints in made.items():
        path = options.folder / f"half{options.half}" / name
        found, frames = judged(path, options.folder / "evidence", with_arbiter, count)
        videos.append((found, joints, frames))
    return {**scored(videos), **_cost(count)}


def _cost(count: Counter) -> dict[str, float]:
    frames = max(count["frames"], 1)
    return {
        "frames": count["frames"],
        "frames seen by the arbiter": count["seen"],
        "ms a frame": round(1000 * count["seconds"] / frames, 3),
        "of it the arbiter's": round(1000 * count["arbiter seconds"] / frames, 3),
    }


def on_single_shots(options: argparse.Namespace, with_arbiter: bool) -> dict[str, object]:
    """Transitions where there is none."""
    wrong, count = {}, Counter()
    for path in cut_data.single_shots(options.data, options.half):
        found, _ = judged(path, options.folder / "evidence", with_arbiter, count)
        if found:
            wrong[path.name] = [f"{each.kind} {each.first}-{each.last}" for each in found]
    hours = count["frames"] / 25 / 3600
    number = sum(len(each) for each in wrong.values())
    return {
        "hours": round(hours, 3),
        "false": number,
        "per hour": round(number / hours, 1),
        "where": wrong,
        **_cost(count),
    }


def on_sintel(options: argparse.Namespace, with_arbiter: bool) -> dict[str, object]:
    path = options.data / "curation" / "sintel_trailer.mp4"
    found, _ = judged(path, options.folder / "evidence", with_arbiter, Counter())
    cuts = [each.first for each in found if each.kind == "cut"]
    gradual = [(each.first, each.last) for each in found if each.kind != "cut"]
    near = 12  # half a second
    hit = lambda span: any(first - near <= span[1] and last + near >= span[0] for first, last in gradual)  # noqa: E731
    return {
        "cuts found": [first for first, _ in SINTEL["cut"] if min(abs(first - cut) for cut in cuts) <= 1],
        "fades found": [span for span in SINTEL["fade"] if hit(span)],
        "dissolves found": [span for span in SINTEL["dissolve"] if hit(span)],
        "inside fast motion": [
            each.first for each in found if any(first <= each.first < last for first, last in SINTEL["motion"])
        ],
        "all": [f"{each.kind} {each.first}-{each.last}" for each in found],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", type=int, default=1)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--videos", type=int, default=16)
    parser.add_argument("--joints-only", action="store_true")
    options = parser.parse_args()
    parts: dict[str, Callable[..., dict[str, object]]] = {"joints": on_joints}
    if not options.joints_only:
        parts |= {"single shots": on_single_shots, "sintel": on_sintel}
    for name, part in parts.items():
        for kind in ("evidence alone", "with TransNetV2"):
            print(json.dumps({f"{name}, {kind}": part(options, kind == "with TransNetV2")}), flush=True)


if __name__ == "__main__":
    main()
