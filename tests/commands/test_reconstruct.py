"""`pvdm reconstruct`: every frame of the input through the autoencoder, at any length from one clip on."""

import logging
import math

import pytest
import torch

from pvdm.commands.files import VideoSource
from pvdm.commands.reconstruct import reconstructions
from pvdm.video import ClipShape, probe, read_clip


@pytest.fixture
def source(make_video):
    """A video whose length is no multiple of the model's clip of 8 frames."""
    return make_video("in.mp4", frames=19, fps=12)


def test_every_frame_is_reconstructed(pvdm, model, generator, frames, source, tmp_path):
    pvdm("reconstruct", model, source, "--output", tmp_path / "out")
    original = read_clip(source, ClipShape(19, 32, 32))
    clips = [original[None, :, start : start + 8] for start in (0, 8, 11)]
    first, second, last = (generator.reconstruct(clip)[0] for clip in clips)
    expected = torch.cat((first, second, last[:, 5:]), dim=1)  # the last clip overlaps to end with the video
    torch.testing.assert_close(frames(tmp_path / "out").int(), expected.int(), rtol=0, atol=1)


def test_side_by_side(pvdm, model, frames, source, tmp_path):
    pvdm("reconstruct", model, source, "--output", tmp_path / "out")
    pvdm("reconstruct", model, source, "--output", tmp_path / "both", "--side-by-side")
    original, found = frames(tmp_path / "both").split(32, dim=3)
    assert torch.equal(original, read_clip(source, ClipShape(19, 32, 32)))
    assert torch.equal(found, frames(tmp_path / "out"))


@pytest.mark.parametrize(("options", "fps"), [([], 12), (["--fps", 25], 25)])
def test_the_rate_is_the_input_s_or_another(pvdm, stage_1_model, source, tmp_path, options, fps):
    pvdm("reconstruct", stage_1_model, source, "--output", tmp_path / "out.mp4", *options)
    info = probe(tmp_path / "out.mp4")
    assert (info.frames, info.height, info.width, info.fps) == (19, 32, 32, fps)


def test_the_error_is_told(pvdm, model, frames, source, tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="pvdm"):
        pvdm("reconstruct", model, source, "--output", tmp_path / "out", "--side-by-side")
    original, found = frames(tmp_path / "out").double().split(32, dim=3)
    expected = 10 * math.log10(255**2 / (original - found).square().mean())
    assert f"PSNR {expected:.2f} dB over 19 frames, which are in {tmp_path / 'out'}" in caplog.text


def test_refusals_leave_nothing(refusal, model, make_video, tmp_path):
    short, output = make_video("in.mp4", frames=7), ["--output", tmp_path / "out.mp4"]
    assert "in.mp4 has 7 frames; this model takes clips of 8" in refusal("reconstruct", model, short, *output)
    assert "none.mp4 does not exist" in refusal("reconstruct", model, tmp_path / "none.mp4", *output)
    assert "no device cuda:99" in refusal("reconstruct", model, short, *output, "--device", "cuda:99")
    assert "in.mp4 exists" in refusal("reconstruct", model, short, "--output", short)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize(("given", "passes"), [(1, [1, 1, 1]), (2, [2, 1]), (None, [3])])
def test_clips_go_through_the_autoencoder_together(generator, source, monkeypatch, given, passes):
    clips, seen = VideoSource(source, generator), []
    wanted = torch.cat([found for _, found in reconstructions(generator, clips)], dim=1)
    monkeypatch.setattr(generator, "clips_at_once", given, raising=False)
    reconstruct = generator.reconstruct
    monkeypatch.setattr(generator, "reconstruct", lambda video: seen.append(len(video)) or reconstruct(video))
    found = torch.cat([found for _, found in reconstructions(generator, clips)], dim=1)
    assert seen == passes
    torch.testing.assert_close(found.int(), wanted.int(), rtol=0, atol=1)
