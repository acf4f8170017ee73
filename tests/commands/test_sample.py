"""`pvdm sample`: the requested number of clips, equal to the generator's at any batch size."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from PIL import Image

from pvdm.commands.terminal.progress_bars import SamplingBar
from pvdm.diffusion import SamplerConfig
from pvdm.video import grid_video, probe, write_video


def test_clips_are_those_of_the_generator(pvdm, model, generator, frames, tmp_path):
    options = ["--num-videos", 3, "--batch-size", 2, "--seed", 5, "--steps", 2, "--format", "png"]
    pvdm("sample", model, "--output", tmp_path / "out", *options)
    names = [f"sample_00000{n}_seed5" for n in range(3)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [*names, "samples.json"]
    expected = generator.sample(3, sampler=SamplerConfig(steps=2), seed=5)
    for index in range(3):
        found = frames(tmp_path / "out" / names[index])
        torch.testing.assert_close(found.int(), expected[index].int(), rtol=0, atol=1)


@pytest.mark.parametrize(("options", "fps"), [([], 10), (["--fps", 24], 24)])
def test_files_have_the_rate_of_the_training_clips_or_another(pvdm, model, tmp_path, options, fps):
    pvdm("sample", model, "--output", tmp_path / "out", "--num-videos", 1, "--steps", 1, *options)
    info = probe(tmp_path / "out" / "sample_000000_seed0.mp4")
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
    assert probe(tmp_path / "out" / "sample_000000_seed0.mp4").frames == 8


def test_a_training_checkpoint(pvdm, generator, caplog, tmp_path):
    state = {f"generator.{name}": value for name, value in generator.state_dict().items()}
    torch.save({"pvdm": generator.to_config(), "state_dict": state}, tmp_path / "last.ckpt")
    pvdm("sample", tmp_path / "last.ckpt", "--output", tmp_path / "out", "--num-videos", 1, "--steps", 1)
    assert (tmp_path / "out" / "sample_000000_seed0.mp4").is_file()
    assert caplog.messages[-1] == f"1 clip in {tmp_path / 'out'}"


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
        (["--steps", 201], "201 steps are more than the 200 timesteps of this model; give at most 200"),
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
        found = frames(tmp_path / "out" / f"sample_00000{index}_seed0")
        torch.testing.assert_close(found.int(), expected[index].int(), rtol=0, atol=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--label", "swing"],
            "'swing' is none of this model's 3 classes (near it are Swing); give a name",
        ),
        (["--label", "7"], "the label is 7; the 3 classes of this model are 0 to 2"),
        (["--label-guidance", 2], "--label-guidance is given without --label"),
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


@pytest.mark.parametrize(
    ("name", "options", "count", "columns"),
    [
        ("one.mp4", ["--num-videos", 1], 1, None),
        ("a.webp", ["--grid", "1x3"], 3, 3),
        ("a.GIF", ["--seeds", 0], 1, None),
    ],
)
def test_one_file_of_that_name(pvdm, model, generator, tmp_path, name, options, count, columns):
    output = ["--output", tmp_path / name, "--no-provenance"]
    pvdm("sample", model, *output, "--steps", 1, "--batch-size", 2, *options)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, f"{name}.json"]
    clips = torch.cat(
        list(generator.batches([(0, i) for i in range(count)], batch_size=2, sampler=SamplerConfig(steps=1)))
    )
    write_video(tmp_path / "expected" / name, grid_video(clips, columns) if columns else clips[0], fps=10)
    assert (tmp_path / name).read_bytes() == (tmp_path / "expected" / name).read_bytes()


def test_a_picture_shows_the_middle_of_each_clip(pvdm, model, generator, tmp_path):
    pvdm("sample", model, "--output", tmp_path / "still.png", "--num-videos", 1, "--steps", 1)
    assert Image.open(tmp_path / "still.png").size == (32, 32)  # as it can be given as a frame
    pvdm("sample", model, "--output", tmp_path / "sheet.png", "--grid", "1x2", "--steps", 1)
    expected = grid_video(generator.sample(2, sampler=SamplerConfig(steps=1))[:, :, 4:5], 2)[:, 0]
    picture = Image.open(tmp_path / "sheet.png")
    found = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).reshape(34, 68, 3).permute(2, 0, 1)
    torch.testing.assert_close(found.int(), expected.int(), rtol=0, atol=1)


def test_seeds_are_in_the_names(pvdm, model, generator, frames, tmp_path):
    pvdm("sample", model, "--output", tmp_path / "out", "--seeds", 3, 12, "--steps", 1, "--format", "png")
    for seed in (3, 12):
        (expected,) = generator.sample(1, sampler=SamplerConfig(steps=1), seed=seed)
        found = frames(tmp_path / "out" / f"sample_000000_seed{seed}")
        torch.testing.assert_close(found.int(), expected.int(), rtol=0, atol=1)
    pvdm("sample", model, "--output", tmp_path / "two", "--seeds", 3, 12, "--num-videos", 2, "--steps", 1)
    names = {f"sample_00000{index}_seed{seed}.mp4" for index in range(2) for seed in (3, 12)}
    assert {path.name for path in (tmp_path / "two").iterdir()} == {*names, "samples.json"}


def test_the_record_makes_the_same_samples_again(pvdm, labelled_model, labelled, frames, tmp_path):
    options = ["--seeds", 7, 2, "--label", "Swing", "--label", 0, "--label-guidance", 1.5, "--sampler", "ddim"]
    pvdm("sample", labelled_model, *options, "--eta", 1, "--steps", 3, "--format", "png", "--output", tmp_path / "out")
    record = json.loads((tmp_path / "out" / "samples.json").read_text())
    assert record["model"]["sha256"] == sha256((Path(labelled_model) / "model.safetensors").read_bytes()).hexdigest()
    assert record["clip"] == {"frames": 8, "height": 32, "width": 32} and record["fps"] == 10
    for said in record["videos"]:
        videos, sampler = [(said["seed"], said["index"])], SamplerConfig(**record["sampler"])
        (batch,) = labelled.batches(videos, batch_size=1, labels=said["label"], sampler=sampler)
        found = frames(tmp_path / "out" / said["file"])
        torch.testing.assert_close(found.int(), batch[0].int(), rtol=0, atol=1)
    assert [said["label"] for said in record["videos"]] == ["Swing", "Archery"]


def test_the_record_s_command_repeats_it_to_the_byte(pvdm, model, tmp_path, monkeypatch):
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
    pvdm("sample", model, "--output", tmp_path / "here" / "out", "--num-videos", 2, "--steps", 2)
    command = json.loads((tmp_path / "here" / "out" / "samples.json").read_text())["command"].split()
    assert command[:2] == ["pvdm", "sample"] and command[command.index("--output") + 1] == "out"
    monkeypatch.chdir(tmp_path / "there")
    pvdm(*command[1:-2])  # the fixture gives the device
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / place / "out").iterdir()} for place in ("here", "there")
    )
    assert first == second and len(first) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--output", "a.avi"],
            "a.avi ends in .avi, which cannot be written; choose a name in .mp4, .webm, .gif, .webp",
        ),
        (["--output", "a.gif", "--format", "mp4"], "--format is for the files in a folder, and a.gif is one file"),
        (["--output", "a", "--grid", "2x2"], "--grid is for one file of all clips, and a is a folder"),
        (["--output", "a.gif", "--grid", "2x2", "--num-videos", 5], "5 clips do not fit into a --grid of 4"),
        (["--output", "a.gif", "--grid", "2by2"], "--grid is 2by2; give rows and columns as in 4x4"),
        (["--output", "a.gif", "--grid", "0x2"], "--grid is 0x2; give rows and columns as in 4x4"),
        (["--output", "a", "--seeds", 1, 1], "a seed is given twice; give each seed once"),
        (["--output", "a", "--seeds", 1, "--seed", 2], "--seed: not allowed with argument --seeds"),
    ],
)
def test_output_that_does_not_fit(refusal, model, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    assert message in refusal("sample", model, *options)
    assert list(tmp_path.iterdir()) == []


def test_neither_a_file_nor_its_record_is_lost(pvdm, refusal, model, tmp_path):
    arguments = ["sample", model, "--output", tmp_path / "one.gif", "--num-videos", 1, "--steps", 1]
    (tmp_path / "one.gif.json").write_text("mine")
    assert "one.gif.json exists already; pass --overwrite" in refusal(*arguments)
    pvdm(*arguments, "--overwrite")
    assert json.loads((tmp_path / "one.gif.json").read_text())["videos"][0]["file"] == "one.gif"
    assert "one.gif exists already; pass --overwrite" in refusal(*arguments)


def test_a_grid_of_times_is_still_named_by_grid(pvdm, model, tmp_path):
    for option in ("--grid", "--time-grid"):
        pvdm("sample", model, "--output", tmp_path / option, "--num-videos", 1, "--steps", 4, option, "karras")
        assert json.loads((tmp_path / option / "samples.json").read_text())["sampler"]["grid"] == "karras"


def test_the_bar_moves_within_a_clip(pvdm, model, tmp_path, monkeypatch):
    shown = []
    show = SamplingBar._show
    monkeypatch.setattr(SamplingBar, "_show", lambda bar: show(bar) or shown.append(bar._bar.n))
    options = ["--num-videos", 2, "--batch-size", 1, "--steps", 5]
    pvdm("sample", model, "--output", tmp_path / "out", *options)
    assert shown == sorted(shown) and len(shown) == 2 * (5 + 1) and shown[-1] == 2
    assert sum(0 < number < 1 for number in shown) == 5


def test_energy_is_measured_where_it_is_asked_for(pvdm, refusal, model, tmp_path, caplog):
    arguments = ["sample", model, "--num-videos", 3, "--steps", 1]
    pvdm(*arguments, "--output", tmp_path / "out", "--energy-watts", 10)
    found = json.loads((tmp_path / "out" / "samples.json").read_text())["energy"]
    assert found["notes"] == ["CPU: an estimate, 10 W for each busy core"] and found["gpu_kwh"] == 0
    assert found["kwh"] > 0 and found["kwh_per_minute"] == pytest.approx(found["kwh"] * 60 / (3 * 8 / 10))
    assert any("for a minute of video" in message for message in caplog.messages)
    pvdm(*arguments, "--output", tmp_path / "grid.mp4")
    assert "energy" not in json.loads((tmp_path / "grid.mp4.json").read_text())
    assert "--energy-watts is 0; give the watts" in refusal(*arguments, "--energy-watts", 0, "--output", tmp_path / "b")
