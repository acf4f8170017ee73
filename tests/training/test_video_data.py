"""Clips in batches for training and validation."""

import json
import logging
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from data.small_layouts import CLASSES, clip_name, make_ucf101

from pvdm.data import DataCard
from pvdm.data import index as index_module
from pvdm.data.description import known_share
from pvdm.data.table import NO_LABEL
from pvdm.data.video_collection import VideoCollection
from pvdm.errors import InputError
from pvdm.training import VideoData

CPU = SimpleNamespace(root_device=torch.device("cpu"))


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


def test_a_validation_takes_some_clips_of_all_and_says_so_and_a_test_takes_all(folder, caplog):
    with caplog.at_level(logging.INFO, logger="pvdm"):
        found = data(folder, part="test", frames=2, validation_clips=3)
        keys = torch.cat([batch["key"] for batch in found.val_dataloader()])
    assert "a validation takes 3 of 6 clips, spread over all videos (data.validation_clips)" in caplog.text
    assert keys[:, 2].tolist() == found.collection.validated.tolist() and len(keys) == 3
    full = {tuple(key): clip for batch in found.test_dataloader() for key, clip in zip(*pair(batch), strict=True)}
    assert len(full) == 6
    for batch in found.val_dataloader():  # the same clips and the same noise as if all were taken
        for key, clip in zip(*pair(batch), strict=True):
            torch.testing.assert_close(clip, full[tuple(key)])
    assert len(list(found.predict_dataloader())) == len(list(data(folder, frames=2).val_dataloader())) == 3
    assert [len(data(folder, frames=2, validation_clips=count).collection.validated) for count in (1, "all")] == [1, 6]
    with pytest.raises(InputError, match="validation_clips is 0; give a value at least 1"):
        data(folder, validation_clips=0)


def pair(batch) -> tuple:
    return batch["key"].tolist(), batch["video"]


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_a_validation_is_the_same_for_any_number_of_processes(folder, world_size):
    taken = []
    for rank in range(world_size):
        found = data(folder, frames=2, validation_clips=5)
        found.trainer = SimpleNamespace(
            global_rank=rank, world_size=world_size, num_devices=1, is_global_zero=rank == 0, strategy=CPU
        )
        taken += [key for batch in found.val_dataloader() for key in batch["key"][:, 2].tolist()]
    assert sorted(taken) == data(folder, frames=2, validation_clips=5).collection.validated.tolist()
    found.trainer.world_size = 6
    with pytest.raises(InputError, match=r"5 samples for validation and 6 processes; give more or .*validation_clips"):
        found.val_dataloader()


def test_clips_know_their_rate(folder):
    assert data(folder).collection.clip_fps == 25
    assert data(folder, stride=2).collection.clip_fps == 12.5
    assert data(folder, fps=5.0).collection.clip_fps == 5


def test_folders_of_frames_have_no_rate(make_frame_folder, tmp_path):
    for name in ("train/a", "val/b"):
        make_frame_folder(f"frames/{name}")
    assert data(tmp_path / "frames").collection.clip_fps is None


def test_without_validation_videos_those_of_training_are_taken_and_it_is_said(make_video, tmp_path, caplog):
    make_video("one/only.mp4", frames=12, height=16, width=24)
    with caplog.at_level(logging.WARNING):
        found = data(tmp_path / "one")
    assert len(found.validation) == len(found.training) == 3
    assert "clips of the training videos are used" in caplog.text


def test_sizes_that_do_not_fit_the_model_are_told_in_one_sentence(folder):
    found = data(folder, clips=2)
    found.collection.check_sizes(frames=4, height=16, width=16, clips=2)
    with pytest.raises(InputError, match=r"gives 2 clip\(s\) of 4 frames of 16x16, the model takes 1 of 4 frames of"):
        found.collection.check_sizes(frames=4, height=16, width=16, clips=1)
    with pytest.raises(InputError, match="takes 2 of 8 frames of 32x16; set data"):
        found.collection.check_sizes(frames=8, height=32, width=16, clips=2)


@pytest.fixture
def ucf101(make_video, tmp_path):
    return make_ucf101(make_video, tmp_path)


def test_classes_travel_with_the_clips(ucf101, caplog):
    with caplog.at_level(logging.WARNING):
        found = data(ucf101, layout="ucf101", split=2, batch_size=24)
    assert found.collection.classes == CLASSES
    (batch,) = found.train_dataloader()
    for path, label in zip(batch["path"], batch["label"].tolist(), strict=True):
        assert f"/{CLASSES[label]}/" in path
    assert Counter(batch["label"].tolist()) == {0: 12, 2: 12}
    assert caplog.text.count("are absent") == 1 and "4 of 12 listed videos are absent (such as" in caplog.text


def test_a_folder_has_no_classes(folder):
    found = data(folder)
    assert found.collection.classes is None and found.training.labels is None
    assert set(next(iter(found.train_dataloader()))["label"].tolist()) == {NO_LABEL}


def test_balanced_training(ucf101):
    for group in (2, 3):
        (ucf101 / clip_name(2, group)).unlink()
    plain, balanced = (data(ucf101, layout="ucf101", batch_size=16, balanced=on) for on in (False, True))
    for found, counts in ((plain, {0: 12, 2: 4}), (balanced, {0: 8, 2: 8})):
        (batch,) = found.train_dataloader()
        assert Counter(batch["label"].tolist()) == counts
    assert len(set(map(tuple, batch["key"].tolist()))) == 16
    (batch,) = balanced.val_dataloader()
    assert Counter(batch["label"].tolist()) == {0: 4, 2: 4}
    with pytest.raises(InputError, match="layout folder has no classes to balance; set data"):
        data(ucf101, layout="folder", balanced=True)
    with pytest.raises(InputError, match="the data have no classes to balance; set"):
        data(ucf101 / CLASSES[0], validation_folders=[], balanced=True)


@pytest.mark.parametrize(("part", "videos"), [("train", 6), ("test", 2), ("both", 8)])
def test_the_part_that_is_trained_on(ucf101, part, videos, caplog):
    with caplog.at_level(logging.WARNING):
        found = data(ucf101, layout="ucf101", part=part)
    assert (len(found.training.videos), len(found.validation.videos)) == (videos, 2)
    told = f"validation is on videos that are trained on, as data.part is {part}"
    assert (told in caplog.text) == (part != "train")


def test_bad_videos_are_left_out_up_to_a_share(folder, caplog):
    (folder / "train" / "bad.mp4").write_bytes(b"x" * 1000)
    with pytest.raises(InputError, match=r"1 of 5 videos cannot be used, more than the share of 0.05 .*bad.mp4 cannot"):
        data(folder)
    with caplog.at_level(logging.WARNING):
        found = data(folder, max_bad_share=0.2)
    assert len(found.training.videos) == 3
    assert "1 of 5 videos are left out" in caplog.text and "bad.mp4 cannot be decoded" in caplog.text
    with pytest.raises(InputError, match=r"4 of 5 videos cannot .* has 20 frames, fewer than the 25 that a clip"):
        data(folder, frames=25)
    with pytest.raises(InputError, match=r"^5 of 5 videos cannot be used: "):
        data(folder, frames=50, max_bad_share=1.0)


def test_a_part_without_a_usable_video(make_video, tmp_path):
    for number in range(20):
        make_video(f"videos/val/{number}.mp4", 6, 16, 24)
    (tmp_path / "videos" / "train").mkdir()
    (tmp_path / "videos" / "train" / "bad.mp4").write_bytes(b"x" * 1000)
    with pytest.raises(InputError, match=r"^1 of 1 videos cannot be used: .*bad.mp4 cannot be decoded"):
        data(tmp_path / "videos")
    make_video("one/only.mp4", 6, 16, 24)
    with pytest.raises(InputError, match=r"no videos to train on; check the folder and data.part"):
        data(tmp_path / "one", part="test")


def test_videos_too_short_for_a_context_are_trained_on_without_one(folder):
    found = data(folder, frames=9, clips=2, batch_size=8)
    (batch,) = found.val_dataloader()
    assert batch["has_context"].tolist() == [False]  # 12 frames
    assert not batch["video"][:, :, :9].any() and batch["video"][:, :, 9:].any()
    (batch,) = found.train_dataloader()
    assert batch["has_context"].tolist() == [True, True, True]


def test_the_second_start_opens_no_file(folder, cache_folder, monkeypatch):
    data(folder).setup("validate")
    kept = list(cache_folder.rglob("*.json"))
    assert len(kept) == 1
    monkeypatch.setattr(index_module, "probe", lambda path: pytest.fail(f"{path} was opened"))
    assert len(data(folder).training) == 18


class Rank:
    """In a trainer's place: one process of two, who hear what the first one found."""

    def __init__(self, rank, heard=None):
        self.is_global_zero, self.global_rank, self.world_size = rank == 0, rank, 2
        self.heard, self.strategy = heard, self

    def broadcast(self, found):
        self.heard = found if self.is_global_zero else self.heard
        return self.heard


def test_the_first_process_looks_for_all_and_speaks(folder, monkeypatch, caplog):
    (folder / "train" / "bad.mp4").write_bytes(b"x" * 1000)
    first, second = (VideoData(folder, frames=4, height=16, width=24, max_bad_share=0.5) for _ in range(2))
    first.trainer = Rank(0)
    first.setup("fit")
    assert "1 of 5 videos are left out" in caplog.text
    caplog.clear()
    monkeypatch.setattr(VideoCollection, "discover", lambda self: self.discovered or pytest.fail("it looked, too"))
    second.trainer = Rank(1, first.trainer.heard)
    with caplog.at_level(logging.INFO):
        second.setup("fit")
    assert [video.path for video in second.training.videos] == [video.path for video in first.training.videos]
    assert caplog.messages == []


def test_what_the_first_process_cannot_use_is_an_error_of_all(tmp_path):
    first, second = VideoData(tmp_path / "none"), VideoData(tmp_path / "none")
    first.trainer = Rank(0)
    with pytest.raises(InputError, match="does not exist"):
        first.setup("fit")
    second.trainer = Rank(1, first.trainer.heard)
    with pytest.raises(InputError, match="does not exist"):
        second.setup("fit")


def test_errors_are_said_by_every_process_in_setup_and_not_by_one_before(tmp_path):
    found = VideoData(tmp_path / "none")
    found.prepare_data()
    assert found.is_refused
    with pytest.raises(InputError, match="does not exist"):
        found.setup("fit")


def test_the_description_is_what_a_model_keeps(ucf101):
    card = DataCard("UCF101", "CRCV-TR-12-01", None, "none")
    found = data(ucf101, layout="ucf101", split=3, clips=2, stride=2, card=card)
    expected = {
        "layout": "ucf101",
        "split": 3,
        "part": "train",
        "card": {"name": "UCF101", "source": "CRCV-TR-12-01", "license": None, "preprocessing": "none"},
        "videos": {"training": 6, "validation": 2, "left_out": 0, "absent": 4},
        "classes": 3,
        "samples": 6,
        "clip": {"frames": 4, "height": 16, "width": 16, "stride": 2, "fps": None, "clips": 2},
    }
    said = found.collection.describe()
    assert known_share(said.pop("files"), sorted(ucf101.rglob("*.avi"))) == 1
    assert said == expected == json.loads(json.dumps(expected))
    assert data(ucf101, layout="folder").collection.describe()["split"] is None


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"split": 4}, "split is 4; give a value from 1 to 3"),
        ({"max_bad_share": 1.5}, "max_bad_share is 1.5; give a value from 0 to 1"),
    ],
)
def test_options_are_checked(folder, option, message):
    with pytest.raises(InputError, match=message):
        data(folder, **option)
