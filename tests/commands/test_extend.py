"""`pvdm extend`: exactly the requested frames, the input's first, one file for each seed."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from pvdm.diffusion import SamplerConfig
from pvdm.video import ClipShape, probe, read_clip

STEPS = ["--steps", 2]
SAMPLER = SamplerConfig(steps=2)


def assert_within_one_grey_level(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found.int(), wanted.int(), rtol=0, atol=1)


def as_the_model_sees_it(path: Path, frames: int) -> Tensor:
    return read_clip(path, ClipShape(frames, 32, 32))


@pytest.mark.parametrize("count", [1, 8, 21])
@pytest.mark.parametrize("name", ["out.mp4", "out"])
def test_from_noise(pvdm, model, generator, frames, caplog, tmp_path, count, name):
    pvdm("extend", model, "--frames", count, "--output", tmp_path / name, *STEPS)
    found = frames(tmp_path / name)
    assert found.shape == (3, count, 32, 32)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert caplog.messages[-1] == f"{count} frame{'s' * (count != 1)} in {tmp_path / name}"
    if name == "out":
        expected = torch.cat(list(generator.stream(num_frames=count, sampler=SAMPLER)), dim=2)[0]
        assert_within_one_grey_level(found, expected)


@pytest.mark.parametrize("count", [20, 37])
def test_an_input_is_kept_and_continued(pvdm, model, generator, make_video, frames, tmp_path, count):
    source = make_video("in.mp4", frames=19, fps=10)
    pvdm("extend", model, "--input", source, "--frames", count, "--output", tmp_path / "out", "--seeds", 3, *STEPS)
    found, head = frames(tmp_path / "out"), as_the_model_sees_it(source, 19)
    assert found.shape == (3, count, 32, 32)
    assert torch.equal(found[:, :19], head)
    assert_within_one_grey_level(found, generator.extend(head, num_frames=count, sampler=SAMPLER, seed=3))


def test_only_the_new_frames(pvdm, model, generator, make_video, frames, tmp_path):
    source = make_video("in.mp4", frames=19, fps=10)
    pvdm("extend", model, "--input", source, "--frames", 11, "--only-new", "--output", tmp_path / "out", *STEPS)
    expected = generator.extend(as_the_model_sees_it(source, 19), num_frames=11, only_new=True, sampler=SAMPLER)
    assert_within_one_grey_level(frames(tmp_path / "out"), expected)


def test_a_folder_of_frames(pvdm, model, make_frame_folder, frames, tmp_path):
    source = make_frame_folder("in", frames=9)
    pvdm("extend", model, "--input", source, "--frames", 12, "--output", tmp_path / "out.mp4", *STEPS)
    info = probe(tmp_path / "out.mp4")
    assert (info.frames, info.fps) == (12, 10)  # a folder has no rate of its own: the training clips'


@pytest.mark.parametrize(
    ("rate", "options", "fps", "step", "told"),
    [
        (10, [], 10, 1, None),
        (20, [], 10, 2, "read at 10 frames per second, the model's pace; in.mp4 has 20"),
        (20, ["--fps", 20], 20, 1, "read at 20 frames per second as requested; the model's pace is 10"),
        (20, ["--fps", 5], 5, 4, "read at 5 frames per second as requested; the model's pace is 10 and in.mp4 has 20"),
        (20, ["--fps", 10], 10, 2, "read at 10 frames per second as requested; in.mp4 has 20"),
    ],
)
def test_an_input_is_read_and_written_at_the_model_s_pace_or_another(
    pvdm, model, generator, make_video, frames, tmp_path, caplog, rate, options, fps, step, told
):
    source = make_video("in.mp4", frames=16 * step - step + 1, fps=rate)
    head = read_clip(source, ClipShape(16, 32, 32, stride=step))
    for name in ("out", "out.mp4"):
        pvdm(*("extend", model, "--input", source, "--frames", 18, "--output", tmp_path / name), *STEPS, *options)
    assert probe(tmp_path / "out.mp4").fps == fps
    found = frames(tmp_path / "out")
    assert torch.equal(found[:, :16], head)
    assert_within_one_grey_level(found, generator.extend(head, num_frames=18, sampler=SAMPLER))
    assert [line for line in caplog.messages if line.startswith("read")] == ([told] * 2 if told else [])


def test_too_few_frames_at_the_pace_say_so(refusal, model, make_video, tmp_path):
    arguments = ["extend", model, "--input", make_video("in.mp4", frames=19, fps=25), "--output", tmp_path / "out"]
    assert "has 8 frames at 10 frames per second already; give more --frames" in refusal(*arguments, "--frames", 8)
    message = refusal(*arguments, "--frames", 20, "--fps", 5)
    assert "has 4 frames at 5 frames per second; the context of this model is a clip of 8, give a longer" in message


def test_the_rate_of_noise_is_that_of_the_training_clips(pvdm, model, tmp_path):
    pvdm("extend", model, "--frames", 3, "--output", tmp_path / "out.mp4", *STEPS)
    assert probe(tmp_path / "out.mp4").fps == 10


@pytest.mark.parametrize("suffix", [".mp4", ""])
def test_one_output_for_each_seed(pvdm, refusal, model, generator, make_video, frames, tmp_path, suffix):
    source = make_video("in/in.mp4", frames=8, fps=10)
    arguments = ["extend", model, "--input", source, "--frames", 18, "--output", tmp_path / f"out{suffix}", *STEPS]
    pvdm(*arguments, "--seeds", 2, 7)
    names = [f"out_seed2{suffix}", f"out_seed7{suffix}"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", *names]
    found = [frames(tmp_path / name) for name in names]
    assert [len(video[0]) for video in found] == [18, 18] and (found[0] != found[1]).any()
    if not suffix:
        head = as_the_model_sees_it(source, 8)
        for seed, video in zip((2, 7), found, strict=True):
            assert_within_one_grey_level(video, generator.extend(head, num_frames=18, sampler=SAMPLER, seed=seed))
    assert f"out_seed7{suffix} exists" in refusal(*arguments, "--seeds", 1, 7)
    assert not (tmp_path / f"out_seed1{suffix}").exists()
    pvdm(*arguments, "--seeds", 1, 7, "--overwrite")
    assert (tmp_path / f"out_seed1{suffix}").exists()


def test_later_clips_may_take_other_steps(pvdm, model, generator, frames, tmp_path):
    pvdm("extend", model, "--frames", 16, "--output", tmp_path / "out", *STEPS, "--later-steps", 1)
    clips = generator.stream(num_frames=16, sampler=SAMPLER, later_sampler=SamplerConfig(steps=1))
    assert_within_one_grey_level(frames(tmp_path / "out"), torch.cat(list(clips), dim=2)[0])


def test_a_label_for_each_seed_or_one_for_all(pvdm, refusal, labelled_model, labelled, frames, tmp_path):
    options = ["--frames", 10, "--seeds", 4, 5, "--label", "Swing", "--label", "0", "--label-guidance", 1, *STEPS]
    pvdm("extend", labelled_model, "--output", tmp_path / "out", *options)
    sampler = SamplerConfig(steps=2, label_guidance=1.0)
    clips = labelled.stream(num_frames=10, videos=[(4, 0), (5, 0)], labels=[2, 0], sampler=sampler)
    expected = torch.cat(list(clips), dim=2)
    for index, seed in enumerate((4, 5)):
        assert_within_one_grey_level(frames(tmp_path / f"out_seed{seed}"), expected[index])
    message = refusal("extend", labelled_model, "--output", tmp_path / "new", "--frames", 10, "--label", "Zumba")
    assert "'Zumba' is none of this model's 3 classes" in message
    assert not (tmp_path / "new").exists()


def test_stages_that_overlap_change_nothing(pvdm, model, frames, tmp_path):
    options = ["extend", model, "--frames", 20, *STEPS]
    pvdm(*options, "--output", tmp_path / "plain")
    pvdm(*options, "--output", tmp_path / "overlapped", "--pipeline", "--decode-device", "cpu")
    assert torch.equal(frames(tmp_path / "plain"), frames(tmp_path / "overlapped"))


def test_an_input_may_be_its_own_output(pvdm, model, make_video, tmp_path):
    source = make_video("in.mp4", frames=9, fps=10)
    pvdm("extend", model, "--input", source, "--frames", 12, "--output", source, "--overwrite", *STEPS)
    assert probe(source).frames == 12


@pytest.mark.parametrize(
    ("length", "options", "message"),
    [
        (7, [], "has 7 frames; the context of this model is a clip of 8"),
        (19, ["--frames", 19], "has 19 frames already; give more --frames, or --only-new"),
        (19, ["--seeds", 1, 1], "a seed is given twice; give each seed once"),
        (19, ["--device", "cuda:99"], "there is no device cuda:99 here"),
        (19, ["--output", "out.avi"], "out.avi ends in .avi, which cannot be written"),
        (19, ["--decode-device", "cuda:99"], "there is no device cuda:99 here"),
        (19, ["--anchor", "first"], "this model was not trained with given frames"),
        (19, ["--anchor-noise", 1], "--anchor-noise is given without --anchor; give --anchor first, or leave it out"),
        (19, ["--later-steps", 201], "201 steps are more than the 200 timesteps of this model"),
    ],
)
def test_refusals_leave_nothing(refusal, model, make_video, tmp_path, monkeypatch, length, options, message):
    monkeypatch.chdir(tmp_path)
    source = make_video("in.mp4", frames=length, fps=10)
    arguments = ["extend", model, "--input", source, "--frames", 24, "--output", "out.mp4", *STEPS]
    assert message in refusal(*arguments, *options)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_what_is_missing_or_in_the_way(refusal, model, stage_1_model, make_video, tmp_path):
    source, output = make_video("in.mp4", frames=9, fps=10), ["--frames", 24, "--output", tmp_path / "out.mp4"]
    assert f"{tmp_path / 'none.mp4'} does not exist" in refusal(
        "extend", model, "--input", tmp_path / "none.mp4", *output
    )
    assert "a stage-1 autoencoder without a denoiser" in refusal("extend", stage_1_model, "--input", source, *output)
    assert "a stage-1 autoencoder without a denoiser" in refusal("extend", stage_1_model, *output)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
    assert "in.mp4 exists" in refusal("extend", model, "--frames", 24, "--output", source)
    assert probe(source).frames == 9


def test_energy_is_told_for_a_minute_of_new_video(pvdm, model, tmp_path, caplog):
    pvdm("extend", model, "--frames", 12, "--steps", 1, "--output", tmp_path / "a.mp4", "--energy", "--energy-watts", 5)
    (told,) = [message for message in caplog.messages if message.startswith("energy: ")]
    assert "5 W for each busy core" in told and told.endswith("for a minute of video")
