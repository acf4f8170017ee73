"""What cuts in the data cost: a model of a heap of joined videos, and one of the same heap after `pvdm curate`.

python docs/benchmarks/curation/heap.py make DATA/UCF-101 WORK: joins the training videos of UCF-101 into long files.
python docs/benchmarks/curation/heap.py measure DATA/UCF-101 WORK: compares the models of WORK/comparison.
docs/benchmarks/curation/heap.sh runs all of it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import torch

from pvdm.benchmark.learning.learning_figures import Judge, RealClips
from pvdm.curation.cuts.decision import find_transitions
from pvdm.curation.cuts.evidence import CutEvidence
from pvdm.data import DataOptions, find_splits
from pvdm.data.video_collection import VideoCollection
from pvdm.diffusion import SamplerConfig
from pvdm.evaluation.features.detectors import load_detector
from pvdm.generation import VideoGenerator
from pvdm.video import probe, read_frames

SIZE, FPS, SHOTS = (240, 320), 25, 16
SHORTEST, LONGEST, MIXED = 36, 80, 12
SAMPLES, EXTENDED, STEPS = 512, 64, 20
DETECTOR = "efficientnet-lite0"


def make(data: Path, work: Path) -> None:
    """Files of 16 shots of other videos each, two of each training video; every fourth joint is a dissolve."""
    generator = np.random.default_rng(0)
    paths = [entry.path for entry in find_splits(data, "ucf101").training]
    order = np.concatenate([generator.permutation(len(paths)) for _ in range(2)])
    known = {}
    for number, first in enumerate(range(0, len(order), SHOTS)):
        shots = [_shot(paths[index], generator) for index in order[first : first + SHOTS]]
        name = f"{number:02d}.mp4"
        known[name] = _write(work / "heap" / name, shots, dissolves=[i % 4 == 3 for i in range(len(shots))])
    (work / "joints.json").write_text(json.dumps(known, indent=1) + "\n")


def _shot(path: Path, generator: np.random.Generator) -> np.ndarray:
    """A span of a video, (t, 240, 320, 3) uint8."""
    info = probe(path)
    frames = min(info.frames, int(generator.integers(SHORTEST, LONGEST)))
    first = int(generator.integers(info.frames - frames + 1))
    pixels = read_frames(path, range(first, first + frames), info=info)
    return np.stack([cv2.resize(frame, SIZE[::-1], interpolation=cv2.INTER_AREA) for frame in pixels])


def _write(path: Path, shots: list[np.ndarray], dissolves: list[bool]) -> list[list[int]]:
    """Writes the joined shots; the first and last frame of each joint."""
    joined, joints = shots[0], []
    for shot, mixed in zip(shots[1:], dissolves[1:], strict=True):
        if mixed:
            weights = (np.arange(1, MIXED + 1) / (MIXED + 1))[:, None, None, None]
            blend = (joined[-MIXED:] * (1 - weights) + shot[:MIXED] * weights).round().astype(np.uint8)
            joints.append([len(joined) - MIXED, len(joined) - 1])
            joined = np.concatenate([joined[:-MIXED], blend, shot[MIXED:]])
        else:
            joints.append([len(joined), len(joined) - 1])
            joined = np.concatenate([joined, shot])
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "20", "preset": "veryfast"})
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        for frame in joined:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return joints


@torch.no_grad()
def measure(data: Path, work: Path) -> None:
    """Distances of samples and of 64 frames from real clips without cuts, and cuts inside of what was generated."""
    options = DataOptions(path=data, layout="ucf101", frames=16, height=64, width=64, validation_clips=64)
    detector = load_detector(DETECTOR, None, device="cpu")
    real = RealClips.of(VideoCollection.of(options), detector, 1024)
    judge = Judge(real, detector, SAMPLES, EXTENDED, SamplerConfig(steps=STEPS))
    found = {"real": {"cuts": _cuts([clip.numpy() for clip in real.test])}}
    for run in sorted((work / "comparison" / "runs").iterdir()):
        generator = VideoGenerator.load(run / "diffusion" / "checkpoints" / "last.ckpt")
        figures, _ = judge.figures(generator)
        for part in figures.values():
            part.pop("draws", None)
        videos = [(2, index) for index in range(EXTENDED)]
        sampler = SamplerConfig(steps=STEPS)
        long = torch.cat(list(generator.stream(num_frames=64, videos=videos, sampler=sampler)), dim=2)
        found[run.name] = {**figures, "cuts": _cuts([video.numpy() for video in long])}
        sys.stdout.write(f"{run.name}: {json.dumps(found[run.name])}\n")
    (work / "heap.json").write_text(json.dumps(found, indent=1) + "\n")


def _cuts(videos: list[np.ndarray]) -> dict[str, float]:
    """Of videos (3, t, h, w) uint8: the share with a transition inside, and transitions in 100 frames."""
    counts = [len(find_transitions(_evidence(video))) for video in videos]
    frames = sum(video.shape[1] for video in videos)
    return {"share": float(np.mean(np.array(counts) > 0)), "in_100_frames": 100 * sum(counts) / frames}


def _evidence(video: np.ndarray) -> dict[str, np.ndarray]:
    recorder, seconds = CutEvidence(), np.arange(video.shape[1]) / FPS
    for number, frame in enumerate(video.transpose(1, 2, 3, 0)):
        recorder.frame(number, float(seconds[number]), np.ascontiguousarray(frame[..., ::-1]))
    numbers = np.arange(len(seconds))
    return {**recorder.arrays(), "frame_number": numbers, "frame_seconds": seconds}


if __name__ == "__main__":
    {"make": make, "measure": measure}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
