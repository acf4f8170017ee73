"""The pace of a model is that of the clips that it was trained on, and other data do not change it."""

import pytest
import torch
from miniature import AUTOENCODER, autoencoder_training, diffusion_training, trainer

from pvdm.generation import VideoGenerator
from pvdm.training import VideoData
from pvdm.training.callbacks.prediction import WriteVideos
from pvdm.video import probe

SIZES = {"frames": AUTOENCODER.frames, "height": AUTOENCODER.height, "width": AUTOENCODER.width}


def data(path, **options) -> VideoData:
    return VideoData(path, **{**SIZES, "batch_size": 2, "workers": 0, "validation_fraction": 0.0, **options})


def trained(folder, module, videos) -> VideoGenerator:
    """What one update makes of a module."""
    run = trainer(folder, max_steps=1, limit_val_batches=0)
    run.fit(module, datamodule=videos)
    run.save_checkpoint(folder / "run.ckpt", weights_only=False)
    return VideoGenerator.from_checkpoint(folder / "run.ckpt")


@pytest.fixture
def videos(make_video, tmp_path):
    """Two of 30 frames per second, and one that has fewer and fewer."""
    for index in range(2):
        make_video(f"videos/{index}.mp4", 16, 16, 16, fps=30)
    make_video("videos/2.mp4", 16, 16, 16, milliseconds=[10 * n * n for n in range(16)])
    return tmp_path / "videos"


def test_a_model_keeps_its_pace_and_clips_that_are_read_have_theirs(videos, tmp_path):
    model = trained(tmp_path, autoencoder_training(), data(videos, stride=2))
    assert model.pace == model.fps == 15  # the median
    module, run = autoencoder_training(), trainer(tmp_path, callbacks=[WriteVideos()])
    run.predict(module, datamodule=data(videos, fps=20.0), ckpt_path=tmp_path / "run.ckpt", weights_only=False)
    assert module.generator.pace == 15
    assert {probe(path).fps for path in (tmp_path / "predictions").iterdir()} == {20}


def test_both_stages_store_the_pace(videos, tmp_path):
    module = diffusion_training(tmp_path / "model")
    assert module.generator.pace is None
    assert trained(tmp_path, module, data(videos, clips=2, fps=12.0)).pace == 12
    assert trained(tmp_path, autoencoder_training(), data(videos, fps=12.0)).pace == 12


def test_folders_of_frames_give_no_pace(make_frame_folder, tmp_path):
    for name in "ab":
        make_frame_folder(f"frames/{name}", 8, 16, 16)
    model = trained(tmp_path, autoencoder_training(), data(tmp_path / "frames"))
    assert model.pace is None and model.fps == 25
    model.save_pretrained(tmp_path / "model")
    again = VideoGenerator.from_pretrained(tmp_path / "model")
    assert again.pace is None and "| frame rate | not recorded |" in (tmp_path / "model" / "README.md").read_text()
    assert torch.equal(again.autoencoder.to_pixels.weight, model.autoencoder.to_pixels.weight)


def test_an_older_model_has_the_pace_that_it_says():
    config = VideoGenerator(AUTOENCODER, fps=12.5).to_config()
    assert config["fps"] == 12.5
    del config["classes"], config["data"]
    model = VideoGenerator.from_config(config)
    assert (model.pace, model.fps) == (12.5, 12.5)
    model.fps = 10
    assert model.to_config()["fps"] == 10
