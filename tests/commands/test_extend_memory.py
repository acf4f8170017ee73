"""`pvdm extend` needs no more memory for a long video than for a short one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from generation.small_models import small_autoencoder, small_unet

from pvdm import VideoGenerator
from pvdm.video import probe

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")

FRAMES, HEIGHT, WIDTH = 8, 256, 384

SCRIPT = """
import re, sys
from pathlib import Path
from pvdm.cli import main
status = main(sys.argv[1:])
# Not ru_maxrss: that begins at the size of the process that started this one.
print("peak", re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
sys.exit(status)
"""


def peak(*arguments: object) -> int:
    """Largest resident memory of the command in a process of its own, in bytes."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return 1024 * int(done.stdout.split()[-1])


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A network that costs next to nothing, of frames that cost much, all of them gray, so that coding is quick."""
    autoencoder = small_autoencoder(frames=FRAMES, height=HEIGHT, width=WIDTH, patch_size=64)
    generator = VideoGenerator(autoencoder, small_unet(autoencoder, channel_multipliers=(1,)))
    torch.nn.init.zeros_(generator.autoencoder.to_pixels.weight)
    folder = tmp_path_factory.mktemp("memory") / "model"
    generator.save_pretrained(folder)
    return folder


def test_memory_does_not_grow_with_length(model, make_video, tmp_path):
    """Neither with that of the input, nor with that of what is new: each is half of the output."""
    peaks = {}
    for frames in (160, 640):
        source = make_video(f"in{frames}.mp4", frames=frames // 2, height=HEIGHT, width=WIDTH)
        output = tmp_path / f"out{frames}.mp4"
        lengths = ["--input", source, "--frames", frames, "--output", output]
        peaks[frames] = peak("extend", model, *lengths, "--steps", 1, "--device", "cpu")
        assert probe(output).frames == frames
    kept = (640 - 160) // 2 * 3 * HEIGHT * WIDTH
    # The encoder looks ahead some 50 frames, which the shorter one fills as well.
    assert peaks[640] - peaks[160] < kept
