"""The recorder's motion, and the codec's vectors, against dense flow; and what the recorder costs.

    python measure_motion.py DATA DENSE.json CACHE MOTION.json

DENSE.json is that of dense_motion.py. Figures: Spearman's rank correlation and the number of clips, of the same pairs
of frames; CPU milliseconds a frame at 640x360 for decoding, for the recorder beyond what the driver hands it,
and for the export of motion vectors.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from av.sidedata.motionvectors import MotionVectors
from scanning import SETS, decoded, luma, sampled, scaled, scanned, videos
from scipy.stats import spearmanr

from pvdm.curation.signals.signal_recorder import SignalRecorder


def correlations(data: Path, cache: Path, dense: dict[str, dict]) -> dict[str, dict[str, object]]:
    """Of each set."""
    found = {}
    for name in SETS:
        references = {path: dense[str(path.relative_to(data))] for path in videos(data / name)}
        rows = [row(scanned(path, data, cache)["sample_flow"], known) for path, known in references.items()]
        found[name] = correlation(np.array([each for each in rows if each], np.float64))
    return found


def row(flow: np.ndarray, reference: dict) -> list[float | None] | None:
    """Dense flow over half a second and from frame to frame, the recorder's motion, the codec's vectors."""
    pairs, lengths = reference["flow"]["pairs"], reference["flow"]["lengths"]
    if not pairs:
        return None
    speeds = reference["flow"].get("speeds")
    speed = float(np.mean(speeds)) if speeds else None
    return [float(np.mean(lengths)), speed, float(flow[pairs].mean()), reference["vectors"]]


def correlation(values: np.ndarray) -> dict[str, object]:
    """Of the columns of `row` (n, 4), NaN for None: motion and vectors with either flow, and the numbers of clips."""
    figures: dict[str, object] = {}
    for name, dense in (("half_a_second", values[:, 0]), ("frame_to_frame", values[:, 1])):
        for other, measured in (("motion", values[:, 2]), ("vectors", values[:, 3])):
            known = ~np.isnan(dense) & ~np.isnan(measured)
            if known.sum() >= 3:
                rank = spearmanr(dense[known], measured[known]).statistic
                figures[f"{other}, {name}"] = [round(float(rank), 3), int(known.sum())]
    return figures


def costs(paths: list[Path]) -> dict[str, float]:
    """CPU milliseconds a frame."""
    seconds = dict.fromkeys(("decoding", "recorder", "vectors"), 0.0)
    frames = 0
    for path in paths:
        start = time.process_time()
        frames += sum(1 for _ in decoded(path))
        middle = time.process_time()
        for _, _, frame in decoded(path, {"flags2": "+export_mvs"}):
            for data in frame.side_data:
                isinstance(data, MotionVectors) and data.to_ndarray()["motion_x"].sum()
        seconds["decoding"] += middle - start
        seconds["vectors"] += time.process_time() - middle - (middle - start)
        seconds["recorder"] += recording(path)
    return {name: round(1000 * value / frames, 3) for name, value in seconds.items()}


def recording(path: Path) -> float:
    """CPU seconds in the recorder alone."""
    recorder, seconds = SignalRecorder(), 0.0
    for is_sample, number, at, frame in sampled(decoded(path)):
        small = scaled(frame, 90, "bgr24")
        picture, plane = (scaled(frame, 256, "rgb24"), luma(frame)) if is_sample else (small, small)
        start = time.process_time()
        recorder.frame(number, at, small)
        if is_sample:
            recorder.sample(number, at, picture, plane)
        seconds += time.process_time() - start
    return seconds


def main() -> None:
    data, dense, cache, output = map(Path, sys.argv[1:5])
    cv2.setNumThreads(1)
    figures = {
        "rank_correlation": correlations(data, cache, json.loads(dense.read_text())),
        "cpu_ms_a_frame_at_640x360": costs(videos(data / "captioned")[:8]),
    }
    output.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
