"""Fits the weights of pvdm/curation/cuts/decision.py on one half of the sources.

    python fit_cuts.py DATA FOLDER

DATA: UCF-101, captioned, curation, sky_timelapse, signs, weizmann. FOLDER takes the joined videos and their evidence.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cut_data
import joined_clips
import numpy as np
from sklearn.linear_model import LogisticRegression

from pvdm.curation.cuts.frame_evidence import FrameEvidence
from pvdm.curation.cuts.windows import (
    CUT_FEATURES,
    DISSOLVE_FEATURES,
    LENGTHS,
    LogisticModel,
    cut_features,
    dissolve_windows,
)

HALF, SEED, VIDEOS = 0, 1, 16
INVERSE_PENALTY, CUT_WEIGHT, DISSOLVE_WEIGHT = 0.1, 10, 6
"""Of L2 on standardized features; weights of a true transition."""

CHANGED = 4.0
"""Step or content score of the frames that are learned from."""

SLACK, LONGER = 3, 6
"""Frames by which a window may begin early or end late, and by which it may be longer than the dissolve in it."""


def fitted(features: np.ndarray, labels: np.ndarray, weight: float) -> LogisticModel:
    """A logistic model of features as they are."""
    mean, deviation = features.mean(0), features.std(0)
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=500, class_weight={0: 1, 1: weight})
    model.fit((features - mean) / deviation, labels)
    weights = model.coef_[0] / deviation
    return LogisticModel(float(model.intercept_[0] - weights @ mean), tuple(weights.tolist()))


def cut_rows(frames: FrameEvidence, joints: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of the frames that change, without those of fades."""
    label, left_out = np.zeros(len(frames), int), np.zeros(len(frames), bool)
    if joints:
        left_out |= joined_clips.ignored(joints, len(frames))
    for joint in joints:
        if joint["kind"] == "fade":
            left_out[max(joint["first"] - 1, 0) : joint["last"] + 3] = True
        elif joint["kind"] == "cut":
            label[joint["first"]] = 1
    changed = (label == 1) | (frames.content > CHANGED) | (frames.step > CHANGED)
    number = np.flatnonzero(changed & ~left_out)
    number = number[number > 0]
    return cut_features(frames, number), label[number]


def dissolve_rows(frames: FrameEvidence, joints: list[dict], cuts: LogisticModel) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of the windows that hold one dissolve, or nothing that was joined or cut."""
    number = np.arange(1, len(frames))
    cut = np.concatenate(([0], cuts.log_odds(cut_features(frames, number)) > 0))
    left_out = joined_clips.ignored(joints, len(frames)) if joints else np.zeros(len(frames), bool)
    joined = np.zeros(len(frames), int)
    for joint in joints:
        joined[joint["first"] : max(joint["last"], joint["first"]) + 1] = 1
    rows, labels = [], []
    for length in LENGTHS:
        windows = dissolve_windows(frames, length, least=6)
        before, after = windows.before, windows.after
        holds = [np.cumsum(mask)[after] - np.cumsum(mask)[before] for mask in (joined, cut, left_out)]
        wider = np.cumsum(joined)[np.minimum(after + 2, len(frames) - 1)] - np.cumsum(joined)[np.maximum(before - 2, 0)]
        true = np.zeros(len(before), bool)
        for joint in (joint for joint in joints if joint["kind"] == "dissolve"):
            early, late = joint["first"] - 1 - before, after - joint["last"] - 1
            near = (np.minimum(early, late) >= -1) & (np.maximum(early, late) <= SLACK)
            took = joint["last"] - joint["first"] + 1
            true |= near & (length <= took + 1 + LONGER) & (holds[0] <= took)
        kept = (true | ((wider == 0) & (holds[2] == 0))) & (holds[1] == 0)
        rows.append(windows.features[kept])
        labels.append(true[kept].astype(int))
    return np.concatenate(rows), np.concatenate(labels)


def main() -> None:
    data, folder = Path(sys.argv[1]), Path(sys.argv[2])
    made = joined_clips.make_all(data, folder / f"half{HALF}", half=HALF, videos=VIDEOS, seed=SEED)
    shots = cut_data.single_shots(data, HALF)
    lit = [cut_data.lit(path, np.random.default_rng((HALF, k))) for k, path in enumerate(shots[::3])]
    videos = [
        *(
            (cut_data.recorded(folder / f"half{HALF}" / name, folder / "evidence"), joints)
            for name, joints in made.items()
        ),
        *((cut_data.recorded(path, folder / "evidence"), []) for path in shots),
    ]
    known = [(FrameEvidence(arrays), joints) for arrays, joints in videos]
    known += [(frames, []) for frames in lit] + list(cut_data.alike(shots, np.random.default_rng(HALF)))
    rows, labels = zip(*(cut_rows(frames, joints) for frames, joints in known), strict=True)
    cuts = fitted(np.concatenate(rows), np.concatenate(labels), CUT_WEIGHT)
    rows, labels = zip(*(dissolve_rows(frames, joints, cuts) for frames, joints in known), strict=True)
    dissolves = fitted(np.concatenate(rows), np.concatenate(labels), DISSOLVE_WEIGHT)
    for name, model, features in (("CUTS", cuts, CUT_FEATURES), ("DISSOLVES", dissolves, DISSOLVE_FEATURES)):
        print(f"{name} = LogisticModel({model.bias:.2f}, {tuple(round(weight, 2) for weight in model.weights)})")
        print("   ", dict(zip(features, (round(weight, 2) for weight in model.weights), strict=True)))


if __name__ == "__main__":
    main()
