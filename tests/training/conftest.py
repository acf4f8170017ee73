"""Videos for trainings of a second, and the command lines of these."""

from __future__ import annotations

import sys

import pytest
from miniature import AUTOENCODER, arguments
from runs import Forks

from pvdm.generation import VideoGenerator


@pytest.fixture
def videos(make_video, tmp_path):
    """Five videos, of which two clips each make five batches of two."""
    for index in range(5):
        make_video(f"videos/train/{index}.mp4", frames=20 + index, height=16, width=24)
    make_video("videos/val/0.mp4", frames=12, height=16, width=24)
    return tmp_path / "videos"


@pytest.fixture
def command(videos, tmp_path):
    """`command("fit", "diffusion", "name of a run", data__workers=2)` -> its arguments."""
    VideoGenerator(AUTOENCODER).save_pretrained(tmp_path / "first")

    def command(verb, stage, name="run", **more):
        options = {"data__clips_per_video": 2, "trainer__max_steps": 2}
        if stage == "diffusion":
            options["model__autoencoder"] = tmp_path / "first"
        return arguments(verb, stage, tmp_path / name, videos, **{**options, **more})

    return command


@pytest.fixture(scope="session")
def forks(tmp_path_factory, isolation):
    """A server that runs commands in processes of their own."""
    if sys.platform != "linux":
        pytest.skip("processes are forked, watched in /proc and killed by groups")
    forks = Forks(tmp_path_factory.mktemp("forks"), isolation)
    yield forks
    forks.close()
