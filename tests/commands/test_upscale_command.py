"""`pvdm upscale`: a file becomes larger at its own rate, and what cannot be made larger is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from generation.small_models import hinted_generator, noise_video

from pvdm.cli import main
from pvdm.video import probe, write_video


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """Clips of 8 frames of 32x32."""
    folder = tmp_path_factory.mktemp("upscale") / "model"
    hinted_generator().save_pretrained(folder)
    return folder


def command(model: Path, source: Path, output: Path) -> list[str]:
    fast = ["--sampler", "ddim", "--steps", "2", "--device", "cpu"]
    return ["upscale", str(model), str(source), "--output", str(output), *fast]


def test_a_small_file_becomes_large_at_its_rate(model, tmp_path):
    write_video(tmp_path / "small.mp4", noise_video(11)[..., :16, :16], fps=25)
    assert main(command(model, tmp_path / "small.mp4", tmp_path / "large.mp4")) == 0
    found = probe(tmp_path / "large.mp4")
    assert (found.frames, found.height, found.width, found.fps) == (11, 32, 32, 25)


def test_what_cannot_be_made_larger_is_one_sentence(model, tmp_path, refusal):
    write_video(tmp_path / "large.mp4", noise_video(4), fps=25)
    text = refusal(*command(model, tmp_path / "large.mp4", tmp_path / "out.mp4"))
    assert text.endswith("the video has 32x32 pixels, and this model makes 32x32; give a smaller video")
    assert "nowhere.mp4 does not exist" in refusal(*command(model, tmp_path / "nowhere.mp4", tmp_path / "out.mp4"))
    assert not (tmp_path / "out.mp4").exists()
