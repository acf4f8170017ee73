"""Both stages by the command line, from videos to samples."""

import json
import logging

import pytest
import torch
from miniature import arguments, read

from pvdm.cli import main
from pvdm.generation import VideoGenerator
from pvdm.video import probe


def run(*command: object) -> None:
    assert main([str(part) for part in command]) == 0


@pytest.fixture(params=["made", "real"])
def videos(request, tmp_path):
    """A folder of a few videos: made ones, or one class of UCF101."""
    if request.param == "real":
        return request.getfixturevalue("shared_data") / "UCF-101" / "BenchPress"
    make_video = request.getfixturevalue("make_video")
    for index in range(4):
        make_video(f"videos/{index}.mp4", frames=12 + index, height=16, width=24)
    return tmp_path / "videos"


def test_from_videos_to_samples(videos, tmp_path, caplog, capsys):
    caplog.set_level(logging.INFO)
    options = {"data__clips_per_video": 1, "data__layout": "folder", "trainer__max_steps": 2}
    options |= {"trainer__limit_val_batches": 1, "trainer__check_val_every_n_epoch": "null"}
    options |= {"trainer__val_check_interval": 2}
    first, second = tmp_path / "first", tmp_path / "second"

    def stage_1(verb, **more):
        return arguments(verb, "autoencoder", first, videos, **options, **more)

    def stage_2(verb, folder=second, **more):
        more = {"model__autoencoder": first / "checkpoints" / "last.ckpt", "model__sampler__steps": 2, **more}
        return arguments(verb, "diffusion", folder, videos, **options, **more)

    run(*stage_1("fit"))
    assert "clip: 4 frames of 16x16" in caplog.text
    assert "latent: hw 2x2, tw 4x2, th 4x2; 4 channels, 80 values" in caplog.text
    assert "samples in an epoch" in caplog.text
    run(*stage_1("validate"))
    run(*stage_1("test"))
    assert capsys.readouterr().out.count("val/psnr") == 2
    run(*stage_1("predict", trainer__limit_predict_batches=1))
    reconstructions = sorted((first / "predictions").iterdir())
    assert {path.suffix for path in reconstructions} == {".mp4"}
    assert {probe(path).frames for path in reconstructions} == {4}
    assert f"{len(reconstructions)} videos in {first / 'predictions'}" in caplog.text
    run("export", first / "checkpoints" / "last.ckpt", "--output", tmp_path / "exported")

    run(*stage_2("fit"))
    again = tmp_path / "again"
    run(*stage_2("fit", again, model__autoencoder=tmp_path / "exported"))
    found, wanted = read(again)["state_dict"], read(second)["state_dict"]
    assert all(torch.equal(found[name], value) for name, value in wanted.items())
    run(*stage_2("predict", trainer__limit_predict_batches=1))
    samples = sorted((second / "predictions").iterdir())
    assert samples[0].name == "sample_000000.mp4"
    assert (probe(samples[0]).frames, probe(samples[0]).height) == (4, 16)

    model = second / "checkpoints" / "last.ckpt"
    run("export", model, "--output", tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert (config["training_step"], config["fps"]) == (2, pytest.approx(probe(samples[0]).fps, rel=1e-3))
    run("sample", model, "--output", tmp_path / "samples", "--num-videos", 2, "--steps", 2, "--device", "cpu")
    assert len(list((tmp_path / "samples").glob("*.mp4"))) == 2
    video = ["--input", next(path for path in sorted(videos.iterdir()) if path.is_file())]
    run("extend", tmp_path / "model", "--frames", 7, "--steps", 2, "--output", tmp_path / "new.mp4", "--device", "cpu")
    run("extend", model, *video, "--only-new", "--frames", 6, "--steps", 2, "--output", tmp_path / "b.mp4")
    assert [probe(tmp_path / name).frames for name in ("new.mp4", "b.mp4")] == [7, 6]


def test_the_frame_rate_of_the_clips_is_that_of_the_model(make_video, tmp_path):
    for index in range(2):
        make_video(f"videos/{index}.mp4", frames=16, height=16, width=16, fps=30)
    more = {"data__stride": 2, "trainer__max_steps": 1}
    run(*arguments("fit", "autoencoder", tmp_path / "run", tmp_path / "videos", **more))
    model = VideoGenerator.from_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert model.fps == 15
    run(*arguments("predict", "autoencoder", tmp_path / "run", tmp_path / "videos", **more))
    assert {probe(path).fps for path in (tmp_path / "run" / "predictions").iterdir()} == {15}
