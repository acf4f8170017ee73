"""Clips in batches for training and validation."""

import logging

import pytest
import torch

from pvdm.errors import InputError
from pvdm.training import VideoData


@pytest.fixture
def folder(make_video, tmp_path):
    for index in range(3):
        make_video(f"videos/train/{index}.mp4", frames=20 + 4 * index, height=16, width=24)
    make_video("videos/val/0.mp4", frames=12, height=16, width=24, fps=10)
    return tmp_path / "videos"


def data(folder, **options) -> VideoData:
    found = VideoData(folder, **{"frames": 4, "height": 16, "width": 16, "workers": 0, "batch_size": 2, **options})
    found.setup("fit")
    return found


def test_a_batch_is_clips_of_the_size_asked_for(folder):
    found = data(folder, clips=2)
    batch = next(iter(found.train_dataloader()))
    assert (batch["video"].shape, batch["video"].dtype) == (torch.Size([2, 3, 8, 16, 16]), torch.uint8)
    assert batch["key"].tolist() == [[0, 0, index] for index in batch["key"][:, 2].tolist()]


def test_training_takes_whole_batches_and_validation_every_clip(folder):
    found = data(folder)
    assert len(found.training) == 5 + 6 + 7
    sizes = [len(batch["video"]) for batch in data(folder, batch_size=4).train_dataloader()]
    assert sizes == [4, 4, 4, 4]
    assert [len(batch["video"]) for batch in found.val_dataloader()] == [2, 1]
    assert [len(batch["video"]) for batch in data(folder, batch_size=32).train_dataloader()] == [18]


def test_every_validation_has_the_same_keys(folder):
    loader = data(folder).val_dataloader()
    assert not hasattr(loader.sampler, "set_epoch")  # by which Lightning would change them
    assert not hasattr(loader.batch_sampler.sampler, "set_epoch")
    keys = torch.cat([batch["key"] for batch in loader]).tolist()
    assert keys == [[0, 0, index] for index in range(3)]


def test_clips_know_their_rate(folder):
    assert data(folder).clip_fps == 25
    assert data(folder, stride=2).clip_fps == 12.5
    assert data(folder, fps=5.0).clip_fps == 5


def test_folders_of_frames_have_no_rate(make_frame_folder, tmp_path):
    for name in ("train/a", "val/b"):
        make_frame_folder(f"frames/{name}")
    assert data(tmp_path / "frames").clip_fps is None


def test_without_validation_videos_those_of_training_are_taken_and_it_is_said(make_video, tmp_path, caplog):
    make_video("one/only.mp4", frames=12, height=16, width=24)
    with caplog.at_level(logging.WARNING):
        found = data(tmp_path / "one")
    assert len(found.validation) == len(found.training) == 3
    assert "clips of the training videos are used" in caplog.text


def test_sizes_that_do_not_fit_the_model_are_told_in_one_sentence(folder):
    found = data(folder, clips=2)
    found.check_sizes(frames=4, height=16, width=16, clips=2)
    with pytest.raises(InputError, match=r"gives 2 clip\(s\) of 4 frames of 16x16, the model takes 1 of 4 frames of"):
        found.check_sizes(frames=4, height=16, width=16, clips=1)
    with pytest.raises(InputError, match="takes 2 of 8 frames of 32x16; set data"):
        found.check_sizes(frames=8, height=32, width=16, clips=2)
