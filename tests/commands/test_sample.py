"""`pvdm sample`: as many clips as asked for, those of the generator, whatever the batch."""

import pytest
import torch

from pvdm.diffusion import SamplerConfig
from pvdm.video import probe


def test_clips_are_those_of_the_generator(pvdm, model, generator, frames, tmp_path):
    options = ["--num-videos", 3, "--batch-size", 2, "--seed", 5, "--steps", 2, "--format", "png"]
    pvdm("sample", model, "--output", tmp_path / "out", *options)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"sample_00000{n}" for n in range(3)]
    expected = generator.sample(3, sampler=SamplerConfig(steps=2), seed=5)
    for index in range(3):
        found = frames(tmp_path / "out" / f"sample_00000{index}")
        torch.testing.assert_close(found.int(), expected[index].int(), rtol=0, atol=1)


@pytest.mark.parametrize(("options", "fps"), [([], 10), (["--fps", 24], 24)])
def test_files_have_the_rate_of_the_training_clips_or_another(pvdm, model, tmp_path, options, fps):
    pvdm("sample", model, "--output", tmp_path / "out", "--num-videos", 1, "--steps", 1, *options)
    info = probe(tmp_path / "out" / "sample_000000.mp4")
    assert (info.frames, info.height, info.width, info.fps) == (8, 32, 32, fps)


@pytest.mark.parametrize(
    "options",
    [
        ["--sampler", "ddpm"],
        ["--sampler", "ddim", "--eta", 0.5],
        ["--sampler", "dpmpp_2m", "--guidance", 1.5],
        ["--precision", "bf16"],
    ],
)
def test_every_sampler(pvdm, model, tmp_path, options):
    pvdm("sample", model, "--output", tmp_path / "out", "--num-videos", 1, "--steps", 2, *options)
    assert probe(tmp_path / "out" / "sample_000000.mp4").frames == 8


def test_a_training_checkpoint(pvdm, generator, caplog, tmp_path):
    state = {f"generator.{name}": value for name, value in generator.state_dict().items()}
    torch.save({"pvdm": generator.to_config(), "state_dict": state}, tmp_path / "last.ckpt")
    pvdm("sample", tmp_path / "last.ckpt", "--output", tmp_path / "out", "--num-videos", 1, "--steps", 1)
    assert (tmp_path / "out" / "sample_000000.mp4").is_file()
    assert caplog.messages[-1] == f"1 clip(s) in {tmp_path / 'out'}"


def test_existing_output(pvdm, refusal, model, tmp_path):
    arguments = ["sample", model, "--output", tmp_path / "out", "--num-videos", 1, "--steps", 1]
    pvdm(*arguments)
    assert "out exists already; pass --overwrite" in refusal(*arguments)
    pvdm(*arguments, "--overwrite")
    (tmp_path / "out" / "notes.txt").write_text("precious")
    assert "out holds notes.txt, which would be lost" in refusal(*arguments, "--overwrite")
    assert (tmp_path / "out" / "notes.txt").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", 201], "201 steps were asked for; this model has 200 times, choose at most that"),
        (["--eta", 2], "eta is 2.0; it must be in [0, 1]"),
        (["--sampler", "ddpm", "--eta", 0.5], "eta 0.5 belongs to ddim, not to ddpm"),
        (["--device", "cuda:99"], "there is no device cuda:99 here; choose cpu, or leave out --device"),
        (["--device", "toaster"], "there is no device toaster here"),
    ],
)
def test_options_that_do_not_fit(refusal, model, tmp_path, options, message):
    assert message in refusal("sample", model, "--output", tmp_path / "out", *options)
    assert list(tmp_path.iterdir()) == []


GUIDED = SamplerConfig(steps=2, label_guidance=1.5)


@pytest.mark.parametrize(
    ("options", "labels", "sampler"),
    [
        (["--label", "Swing"], [2, 2, 2], SamplerConfig(steps=2)),
        (["--label", 2, "--label-guidance", 1.5], [2, 2, 2], GUIDED),
        (["--label", "Biking", "--label", "0"], [1, 0, 1], SamplerConfig(steps=2)),
        ([], None, SamplerConfig(steps=2)),
    ],
)
def test_videos_take_the_labels_in_turn(pvdm, labelled_model, labelled, frames, tmp_path, options, labels, sampler):
    common = ["--num-videos", 3, "--batch-size", 2, "--steps", 2, "--format", "png"]
    pvdm("sample", labelled_model, "--output", tmp_path / "out", *common, *options)
    expected = labelled.sample(3, labels=labels, sampler=sampler)
    for index in range(3):
        found = frames(tmp_path / "out" / f"sample_00000{index}")
        torch.testing.assert_close(found.int(), expected[index].int(), rtol=0, atol=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--label", "swing"],
            "'swing' is none of this model's 3 classes (near it are Swing); give a name",
        ),
        (["--label", "7"], "the label is 7; the 3 classes of this model are 0 to 2"),
        (["--label-guidance", 2], "--label-guidance is given without a --label to guide by"),
        (["--label", "0", "--label", "1", "--num-videos", 1], "there are 2 labels for 1 video(s)"),
    ],
)
def test_labels_that_do_not_fit(refusal, labelled_model, tmp_path, options, message):
    assert message in refusal("sample", labelled_model, "--output", tmp_path / "out", *options)
    assert list(tmp_path.iterdir()) == []


def test_a_label_for_a_model_without_classes(refusal, model, tmp_path):
    message = refusal("sample", model, "--output", tmp_path / "out", "--label", "Swing")
    assert "this model has no classes; leave out the label" in message


def test_a_stage_1_model(refusal, stage_1_model, tmp_path):
    message = refusal("sample", stage_1_model, "--output", tmp_path / "out")
    assert "this model is a stage-1 autoencoder without a denoiser; train stage 2 with it first" in message
    assert list(tmp_path.iterdir()) == []


def test_no_model(refusal, tmp_path):
    message = refusal("sample", tmp_path / "none", "--output", tmp_path / "out")
    assert f"there is no model at {tmp_path / 'none'}; give an exported folder or a training checkpoint" in message
