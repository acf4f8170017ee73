"""`pvdm reconstruct`: every frame of the input through the autoencoder, at any length from one clip on."""

import logging
import math

import pytest
import torch

from pvdm.generation.input_video import VideoSource, reconstructions
from pvdm.video import ClipShape, probe, read_clip


@pytest.fixture
def source(make_video):
    """A video whose length is no multiple of the model's clip of 8 frames."""
    return make_video("in.mp4", frames=19, fps=10)


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


@pytest.mark.parametrize(
    ("options", "fps", "told"),
    [
        ([], 10, ["read at 10 frames per second, the model's pace; in.mp4 has 8.5714"]),
        (["--fps", 4], 4, ["read at 4 frames per second as requested; the model's pace is 10 and in.mp4 has 8.5714"]),
    ],
)
def test_an_uneven_input_is_read_by_time(
    pvdm, stage_1_model, make_video, frame_numbers, frames, tmp_path, caplog, options, fps, told
):
    shown = [*range(0, 1000, 50), *range(1000, 3501, 250)]
    source = make_video("in.mp4", len(shown), 32, 32, milliseconds=shown)
    arguments = ["reconstruct", stage_1_model, source, "--side-by-side", *options]
    pvdm(*arguments, "--output", tmp_path / "both")
    pvdm(*arguments, "--output", tmp_path / "both.mp4")
    original, _ = frames(tmp_path / "both").split(32, dim=3)
    times = [shown[i] for i in frame_numbers(original.permute(1, 2, 3, 0).numpy())]
    wanted = [1000 * k / fps for k in range(len(times))]
    assert len(times) == math.ceil(
        (3.5 + 0.025) * fps
    )  # until half of the last frame, which is taken to be as long as most
    assert all(abs(time - instant) <= 125 for time, instant in zip(times, wanted, strict=True))
    assert (probe(tmp_path / "both.mp4").frames, probe(tmp_path / "both.mp4").fps) == (len(times), fps)
    assert [line for line in caplog.messages if line.startswith("read")] == told * 2


@pytest.mark.parametrize(("options", "fps", "count"), [([], 12, 19), (["--fps", 6], 6, 10)])
def test_a_model_without_a_pace_reads_every_frame_and_says_nothing(
    pvdm, generator, make_video, tmp_path, caplog, options, fps, count
):
    pace, generator.fps = generator.fps, None
    assert generator.fps == 25
    try:
        generator.save_pretrained(tmp_path / "model")
    finally:
        generator.fps = pace
    source = make_video("in.mp4", frames=19, fps=12)
    pvdm("reconstruct", tmp_path / "model", source, "--output", tmp_path / "out.mp4", *options)
    info = probe(tmp_path / "out.mp4")
    assert (info.frames, info.height, info.width, info.fps) == (count, 32, 32, fps)
    told = [line for line in caplog.messages if "PSNR" not in line]
    assert told == (["read at 6 frames per second as requested; in.mp4 has 12"] if options else [])


@pytest.mark.parametrize(("options", "fps"), [([], 10), (["--fps", 30], 30)])
def test_of_a_folder_every_frame_is_read(pvdm, stage_1_model, make_frame_folder, tmp_path, caplog, options, fps):
    source = make_frame_folder("in", frames=9)
    pvdm("reconstruct", stage_1_model, source, "--output", tmp_path / "out.mp4", *options)
    assert (probe(tmp_path / "out.mp4").frames, probe(tmp_path / "out.mp4").fps) == (9, fps)
    told = ["written at 30 frames per second as requested; the model's pace is 10"] if options else []
    assert [line for line in caplog.messages if "PSNR" not in line] == told


def test_frames_hours_apart_are_not_repeated_without_end(refusal, stage_1_model, make_video, tmp_path):
    source = make_video("in.mp4", 10, 32, 32, milliseconds=[*range(0, 320, 40), 5_000_000, 10_000_000])
    message = refusal("reconstruct", stage_1_model, source, "--output", tmp_path / "out.mp4")
    assert "has 10 frames in 10000 s, which at 10 frames per second would be 100000, almost all of them" in message


def test_the_error_is_told(pvdm, model, frames, source, tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="pvdm"):
        pvdm("reconstruct", model, source, "--output", tmp_path / "out", "--side-by-side")
    original, found = frames(tmp_path / "out").double().split(32, dim=3)
    expected = 10 * math.log10(255**2 / (original - found).square().mean())
    assert f"PSNR {expected:.2f} dB over 19 frames, which are in {tmp_path / 'out'}" in caplog.text


def test_refusals_leave_nothing(refusal, model, make_video, tmp_path):
    short, output = make_video("in.mp4", frames=7, fps=10), ["--output", tmp_path / "out.mp4"]
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
