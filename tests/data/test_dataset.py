"""A sample is a function of (seed, epoch, index), and the frames are those it says they are."""

import logging
import math

import pytest
import torch
from torch.testing import assert_close
from torch.utils.data import DataLoader

from pvdm.data import ClipDataset, EpochSampler, SampleKey, Video, index_videos
from pvdm.errors import InputError
from pvdm.video import ClipShape, VideoInfo, write_video

SHAPE = ClipShape(4, 16, 16)


@pytest.fixture
def videos(make_video, make_frame_folder):
    """Two files of 40 and 25 frames and a folder of 12."""
    paths = [
        make_video("a.mp4", 40, g="12"),
        make_video("b.avi", 25, codec="mpeg4"),
        make_frame_folder("c", 12),
    ]
    return index_videos(paths, workers=2)


def unread(frames: int) -> Video:
    """A video of which only the length matters."""
    return Video("unread", VideoInfo(frames, 16, 16, 25.0))


def starts(dataset: ClipDataset, epoch: int = 0) -> list[int]:
    return [dataset[SampleKey(epoch, index)]["start"] for index in range(len(dataset))]


def test_index_keeps_the_order(videos):
    assert [(video.path.name, video.info.frames) for video in videos] == [
        ("a.mp4", 40),
        ("b.avi", 25),
        ("c", 12),
    ]


def test_index_names_all_unreadable_files(tmp_path, make_video):
    good, bad = make_video("good.mp4", 5), tmp_path / "bad.mp4"
    bad.write_bytes(b"x" * 1000)
    with pytest.raises(InputError, match=r"2 of 3 videos are unreadable: .*bad.mp4 .*absent.mp4 does not"):
        index_videos([bad, good, tmp_path / "absent.mp4"])


def test_sample(videos):
    sample = ClipDataset(videos, ClipShape(4, 16, 24, stride=2), training=False)[1]
    assert sample["video"].shape == (3, 4, 16, 24) and sample["video"].dtype == torch.uint8
    assert sample["path"].endswith("a.mp4")
    assert (sample["key"].tolist(), sample["fps"]) == ([0, 0, 1], 12.5)


@pytest.mark.parametrize("training", [True, False])
def test_frames_are_those_of_start(videos, frame_numbers, training):
    dataset = ClipDataset(videos, ClipShape(4, 48, 64, stride=2), training=training)
    for index in range(len(dataset)):
        sample = dataset[index]
        found = frame_numbers(sample["video"].permute(1, 2, 3, 0).numpy())
        assert found == [sample["start"] + 2 * k for k in range(4)]


def test_clips_fit_end_to_end(videos):
    dataset = ClipDataset(videos, SHAPE, training=True)
    assert len(dataset) == 40 // 4 + 25 // 4 + 12 // 4
    assert len(ClipDataset(videos, SHAPE, training=True, clips_per_video=5)) == 15


def test_validation_starts_are_evenly_spaced(videos):
    assert starts(ClipDataset(videos[:1], SHAPE, training=False, clips_per_video=4)) == [0, 12, 24, 36]
    assert starts(ClipDataset(videos[:1], SHAPE, training=False)) == list(range(0, 40, 4))
    assert starts(ClipDataset(videos[:1], SHAPE, training=False, clips_per_video=1)) == [18]


def test_training_starts_cover_the_video(videos):
    dataset = ClipDataset(videos[2:], ClipShape(10, 16, 16), training=True)
    assert {dataset._placement(0, epoch, 0)[0] for epoch in range(60)} == {0, 1, 2}


def test_sample_depends_on_seed_epoch_and_index_alone(videos):
    def dataset(seed=0):
        return ClipDataset(videos, SHAPE, seed=seed, training=True, random_crop=True, horizontal_flip=True)

    torch.manual_seed(1)
    first = dataset()[SampleKey(3, 2)]
    torch.manual_seed(2)
    second = dataset()[SampleKey(3, 2)]
    for name in ("video", "key"):
        assert_close(first.pop(name), second.pop(name))
    assert first == second
    assert starts(dataset(), epoch=1) == starts(dataset(), epoch=1) != starts(dataset(), epoch=2)
    assert starts(dataset(seed=1)) != starts(dataset(seed=2))
    assert_close(dataset()[2]["video"], dataset()[SampleKey(0, 2)]["video"])


def test_workers_do_not_matter(videos):
    dataset = ClipDataset(videos[:1], SHAPE, training=True, random_crop=True, horizontal_flip=True)
    batches = []
    for workers in (0, 2):
        sampler = EpochSampler(len(dataset), seed=0, shuffle=True)
        sampler.set_epoch(1)
        loader = DataLoader(dataset, batch_size=3, sampler=sampler, num_workers=workers)
        batches.append(torch.cat([batch["video"] for batch in loader]))
    assert_close(*batches)


def test_crop_and_flip_only_where_asked_and_only_in_training(tmp_path):
    ramp = torch.arange(32, dtype=torch.uint8).expand(3, 6, 16, 32)
    write_video(tmp_path / "ramp", ramp, fps=1)
    videos = index_videos([tmp_path / "ramp"])

    def rows(**options):
        dataset = ClipDataset(videos, SHAPE, clips_per_video=40, **options)
        return [dataset[index]["video"][0, 0, 0].int() for index in range(len(dataset))]

    centre = torch.arange(8, 24, dtype=torch.int32)
    for row in [*rows(training=True), *rows(training=False, random_crop=True, horizontal_flip=True)]:
        assert_close(row, centre)
    assert {int(row[0]) for row in rows(training=True, horizontal_flip=True)} == {8, 23}
    lefts = [int(row[0]) for row in rows(training=True, random_crop=True)]
    assert min(lefts) <= 2 and max(lefts) >= 14 and all(0 <= left <= 16 for left in lefts)


def test_options_do_not_change_other_draws():
    plain = ClipDataset([unread(90)], SHAPE, training=True)
    augmented = ClipDataset([unread(90)], SHAPE, training=True, random_crop=True, horizontal_flip=True)
    for index in range(len(plain)):
        assert plain._placement(0, 0, index)[0] == augmented._placement(0, 0, index)[0]


def test_a_folder_has_no_frame_rate(videos):
    assert math.isnan(ClipDataset(videos[2:], SHAPE, training=False)[0]["fps"])


def test_short_videos_are_left_out_with_one_warning(caplog):
    with caplog.at_level(logging.WARNING, "pvdm.data.dataset"):
        dataset = ClipDataset([unread(3), unread(9), unread(2)], SHAPE, training=True)
    assert len(dataset.videos) == 1
    (record,) = caplog.records
    assert "2 of 3 videos are shorter than a clip: unread, unread" in record.getMessage()


def test_no_video_is_long_enough():
    with pytest.raises(InputError, match=r"longest of 2 videos has 5 frames .* spans 13; choose fewer frames"):
        ClipDataset([unread(3), unread(5)], ClipShape(4, 8, 8, stride=4), training=True)
    with pytest.raises(InputError, match="no videos for this dataset"):
        ClipDataset([], SHAPE, training=True)


def test_arguments_are_checked(videos):
    with pytest.raises(InputError, match="clips_per_video is 0"):
        ClipDataset(videos, SHAPE, training=True, clips_per_video=0)
    with pytest.raises(InputError, match="seed is -1"):
        ClipDataset(videos, SHAPE, training=True, seed=-1)
    dataset = ClipDataset(videos, SHAPE, training=True)
    for index in (-1, len(dataset)):
        with pytest.raises(IndexError, match="outside a dataset of 19 clips"):
            dataset[index]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_damaged_later_is_named(videos, workers):
    videos[0].path.write_bytes(b"x" * 500)
    dataset = ClipDataset(videos[:1], SHAPE, training=True, clips_per_video=1)
    with pytest.raises(InputError, match=r"a.mp4 cannot be decoded"):
        list(DataLoader(dataset, num_workers=workers))
