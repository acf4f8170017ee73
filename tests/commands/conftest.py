"""What the tests of the commands share: a small exported model and how a command is run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from generation.small_models import labelled_generator, small_generator
from torch import Tensor

from pvdm import VideoGenerator
from pvdm.cli import main
from pvdm.video import probe, read_frames


@pytest.fixture(scope="session")
def generator() -> VideoGenerator:
    """Clips of 8 frames of 32x32 pixels."""
    return small_generator()


@pytest.fixture(scope="session")
def model(generator, tmp_path_factory) -> str:
    """The exported folder of `generator`."""
    folder = tmp_path_factory.mktemp("exported") / "model"
    generator.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def stage_1_model(tmp_path_factory) -> str:
    """An exported folder without a denoiser."""
    folder = tmp_path_factory.mktemp("exported") / "stage-1"
    small_generator(denoiser=False).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def labelled() -> VideoGenerator:
    """The same with three classes."""
    return labelled_generator()


@pytest.fixture(scope="session")
def labelled_model(labelled, tmp_path_factory) -> str:
    """The exported folder of `labelled`."""
    folder = tmp_path_factory.mktemp("exported") / "labelled"
    labelled.save_pretrained(folder)
    return str(folder)


@pytest.fixture
def pvdm() -> Callable[..., None]:
    """`pvdm("sample", model, "--steps", 2)` runs the command on the CPU; it must succeed."""

    def run(verb: str, *arguments: object) -> None:
        device = [] if verb in ("export", "convert") else ["--device", "cpu"]
        assert main([verb, *map(str, arguments), *device]) == 0

    return run


@pytest.fixture
def refusal(caplog) -> Callable[..., str]:
    """`refusal("sample", model, ...)` -> the one sentence that the command ends with, its exit status being 2."""

    def run(*arguments: object) -> str:
        caplog.clear()
        with caplog.at_level(logging.INFO):
            assert main(list(map(str, arguments))) == 2
        (message,) = caplog.messages
        assert message.startswith("pvdm: error: ") and "\n" not in message
        return message

    return run


@pytest.fixture
def frames() -> Callable[[Path], Tensor]:
    """`frames(path)` -> all frames of a video file or folder, (3, t, h, w) uint8."""

    def read(path: Path) -> Tensor:
        return torch.from_numpy(read_frames(path, range(probe(path).frames))).permute(3, 0, 1, 2)

    return read
