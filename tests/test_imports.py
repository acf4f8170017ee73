"""What each command may import before it answers, so that help and refusals come at once."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from pvdm import cli
from pvdm.benchmark.speed.measured_model import CONFIGS
from pvdm.benchmark.speed.speed_options import SIZES
from pvdm.cli_parser import COMMANDS
from pvdm.commands import encode
from pvdm.data.latents.shards import DTYPES
from pvdm.diffusion import SAMPLERS
from pvdm.diffusion.sampler_config import SAMPLER_NAMES

SLOW = ("torch", "torchvision", "torchmetrics", "pytorch_lightning", "lightning_fabric", "lpips", "cv2", "matplotlib")
"""Packages whose import takes longer than an answer may."""

REFUSED = {
    "sample": ["nothere", "--output", "out"],
    "extend": ["nothere", "--frames", "32", "--output", "out"],
    "reconstruct": ["nothere", "video.mp4", "--output", "out"],
    "evaluate": ["--protocol", "nothing", "--fake", "nothere", "--output", "out.json"],
    "benchmark": ["ucf101", "--root", "nothere", "--model", "nothere", "--output", "out"],
    "encode": ["--output", "out", "--dtype", "float8"],
    "tune": ["--search", "nothere.yaml"],
    "study": ["nothere"],
    "configs": ["nothere"],
    "export": ["nothere", "--output", "out"],
    "push": ["nothere", "owner/name"],
    "convert": ["--autoencoder", "nothere", "--output", "out"],
    "demo": ["--autoencoder-steps", "0"],
    "explain": ["nothere.mp4", "--output", "out.html"],
    "studio": ["nothere"],
    "completion": ["nothere"],
    "provenance": ["keygen", "--days", "0"],
}
"""A mistake for each command."""


def imported(*command: str) -> tuple[int, set[str]]:
    """The exit status of a Python process, and the packages that it imported, as it reports them itself."""
    run = subprocess.run([sys.executable, "-X", "importtime", *command], capture_output=True, text=True)
    lines = (line for line in run.stderr.splitlines() if line.startswith("import time:"))
    return run.returncode, {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize("verb", sorted(COMMANDS))
def test_help_imports_nothing_slow(verb):
    status, packages = imported("-m", "pvdm.cli", verb, "--help")
    assert status == 0 and not packages.intersection(SLOW)


@pytest.mark.parametrize("verb", sorted(REFUSED))
def test_a_refusal_imports_nothing_slow(verb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, packages = imported("-m", "pvdm.cli", verb, *REFUSED[verb])
    assert status == 2 and not packages.intersection(SLOW)
    assert not list(tmp_path.iterdir())


def test_the_list_of_commands_imports_nothing_slow():
    status, packages = imported("-m", "pvdm.cli", "--help")
    assert status == 0 and not packages.intersection({*SLOW, "numpy"})


def test_a_data_set_is_inspected_without_pytorch(make_video, tmp_path):
    make_video("videos/a.mp4")
    status, packages = imported(
        "-m", "pvdm.cli", "inspect", str(tmp_path / "videos"), "--output", str(tmp_path / "out")
    )
    assert status == 0 and not packages.intersection(SLOW)
    assert (tmp_path / "out" / "report.json").is_file()


def test_sampling_imports_nothing_of_training_or_evaluation():
    ready = "from pvdm import generation, video; generation.VideoGenerator, video.write_video, video.read_clip"
    status, packages = imported("-c", ready)
    assert status == 0 and packages.intersection(SLOW) == {"torch"}


def test_rooms_give_out_the_names_of_their_stubs_when_asked():
    rooms = [f"pvdm.{path.parent.name}" for path in sorted(Path(cli.__file__).parent.glob("*/__init__.pyi"))]
    code = f"import sys, {', '.join(rooms)}\nsys.exit('torch' in sys.modules)"
    assert rooms and subprocess.run([sys.executable, "-c", code]).returncode == 0
    for room in map(import_module, rooms):
        assert room.__all__ and all(hasattr(room, name) for name in room.__all__)


def test_what_options_offer_is_what_there_is():
    """Choices are written down apart from the code that needs PyTorch."""
    assert tuple(DTYPES) == encode.DTYPES
    assert tuple(SAMPLERS) == SAMPLER_NAMES
    assert tuple(CONFIGS) == SIZES


def test_openmp_threads_sleep_while_they_wait(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    code = "import os; from pvdm.cli import main; main(['configs']); print(os.environ['OMP_WAIT_POLICY'])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert found.splitlines()[-1] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert found.splitlines()[-1] == "ACTIVE"
