"""Dense Farneback flow at full size, and the codec's motion vectors, of all clips: the reference of measure_motion.py.

    python dense_motion.py DATA DENSE.json [SET ...]

Up to four pairs of frames of each clip, half a second apart as the recorder's. Flow: mean length in hundredths of the
short side. Vectors: mean length a frame in the same unit, weighted by the blocks' areas.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
from av.sidedata.motionvectors import MotionVectors
from scanning import SETS, decoded, luma, sampled, videos

PAIRS = 4


def flow(path: Path) -> dict[str, list]:
    """`pairs`: the numbers of the samples that end a pair; `lengths` of their flows.

    `speeds`: the flow from the first frame of a pair to the next frame, times the frames in half a second. Farneback's
    flow is reliable for it, while it falls short of what moves far in half a second.
    """
    samples: list[list[np.ndarray]] = []  # with the frame after each
    times = []
    for is_sample, _, seconds, frame in sampled(decoded(path)):
        times.append(seconds)
        if is_sample:
            samples.append([])
        if len(samples[-1]) < 2:
            samples[-1].append(np.array(luma(frame)))
    count = len(samples) - 1
    pairs = np.unique(np.linspace(1, count, min(PAIRS, count)).astype(int)).tolist()
    to_hundredths = 100 / min(samples[0][0].shape)
    frames = 0.5 / float(np.median(np.diff(times)))
    return {
        "pairs": pairs,
        "lengths": [to_hundredths * dense_length(samples[end - 1][0], samples[end][0]) for end in pairs],
        "speeds": [
            to_hundredths * frames * dense_length(*samples[end - 1]) for end in pairs if len(samples[end - 1]) > 1
        ],
    }


def dense_length(before: np.ndarray, after: np.ndarray) -> float:
    """Mean length in pixels; as many pyramid levels as leave 15 pixels, so that large motion is found."""
    levels = max(1, int(np.log2(min(before.shape) / 15)))
    field = cv2.calcOpticalFlowFarneback(before, after, None, 0.5, levels, 21, 3, 7, 1.5, 0)
    return float(np.hypot(field[..., 0], field[..., 1]).mean())


def vectors(path: Path) -> float | None:
    """The codec's motion vectors; None where it exports none."""
    found = [length(frame) for _, _, frame in decoded(path, {"flags2": "+export_mvs"})]
    lengths = [value for value in found if value is not None]
    return float(np.mean(lengths)) if lengths else None


def length(frame: av.VideoFrame) -> float | None:
    """Of one frame; blocks without a vector have not moved; None for an intra frame."""
    found = [data for data in frame.side_data if isinstance(data, MotionVectors)]
    if not found:
        return None
    table = found[0].to_ndarray()
    lengths = np.hypot(table["motion_x"], table["motion_y"]) / table["motion_scale"]
    area = table["w"].astype(float) * table["h"]
    return 100 * float(
        (lengths * area).sum() / max(area.sum(), frame.width * frame.height) / min(frame.width, frame.height)
    )


def main() -> None:
    data, output = map(Path, sys.argv[1:3])
    cv2.setNumThreads(1)
    figures: dict[str, dict[str, object]] = {}
    for path in (path for name in sys.argv[3:] or SETS for path in videos(data / name)):
        start = time.process_time()
        figures[str(path.relative_to(data))] = {
            "flow": flow(path),
            "flow_seconds": time.process_time() - start,
            "vectors": vectors(path),
        }
        output.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
