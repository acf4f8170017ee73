"""Makes near-duplicates of clips, to measure the search for them.

    python make_copies.py DATA COPIES

Of every third UCF-101 clip and every second captioned one: re-encoded at CRF 35 (`crf35`), at half the size (`half`),
mirrored (`mirrored`), without 1 to 3 s at either end or both (`trimmed`), and all of it at once (`all`). COPIES gets
files <set>__<folder>__<clip>__<kind>.mp4.
"""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import av
from scanning import videos

SHORTEST = 1.5  # seconds that trimming leaves


def main() -> None:
    data, output = map(Path, sys.argv[1:3])
    output.mkdir(parents=True, exist_ok=True)
    draw = random.Random(0)
    for path in [*videos(data / "UCF-101")[::3], *videos(data / "captioned")[::2]]:
        make(path, output / "__".join(path.relative_to(data).with_suffix("").parts), draw)


def make(path: Path, stem: Path, draw: random.Random) -> None:
    with av.open(str(path)) as container:
        seconds = float(container.duration or 0) / av.time_base
    cuts = [trim(seconds, draw) for _ in range(2)]
    outputs = {
        "crf35": ["-crf", "35"],
        "half": ["-vf", "scale=trunc(iw/4)*2:trunc(ih/4)*2"],
        "mirrored": ["-vf", "hflip"],
        "trimmed": cuts[0],
        "all": [*cuts[1], "-vf", "scale=trunc(iw/4)*2:trunc(ih/4)*2,hflip", "-crf", "32"],
    }
    command = ["ffmpeg", "-v", "error", "-y", "-threads", "1", "-i", str(path)]
    for kind, options in outputs.items():
        encoder = ["-an", "-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", "-pix_fmt", "yuv420p"]
        command += [*encoder, *options, f"{stem}__{kind}.mp4"]
    subprocess.run(command, check=True)


def trim(seconds: float, draw: random.Random) -> list[str]:
    """FFmpeg's options for a part: 1 to 3 s less at the start, the end or both, as far as that leaves enough."""
    spare = max(0.0, seconds - SHORTEST)
    start, end = draw.choice([(1, 0), (0, 1), (1, 1)])
    start, end = start * draw.uniform(1, 3), end * draw.uniform(1, 3)
    scale = min(1.0, spare / (start + end))
    return ["-ss", f"{start * scale:.3f}", "-t", f"{seconds - (start + end) * scale:.3f}"]


if __name__ == "__main__":
    main()
