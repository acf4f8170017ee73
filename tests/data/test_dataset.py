"""A sample is a function of (seed, epoch, index), and the frames are those it says they are."""

import math
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close
from torch.utils.data import DataLoader

from pvdm.data import Augmentation, ClipDataset, Entry, EpochSampler, SampleKey, Video, index_videos
from pvdm.data.table import NO_LABEL
from pvdm.errors import InputError
from pvdm.video import ClipShape, ColorJitter, VideoInfo, write_video

SHAPE = ClipShape(4, 16, 16)
ALL = Augmentation(True, True, ColorJitter(0.3, 0.3, 0.3, 0.1))


@pytest.fixture
def videos(make_video, make_frame_folder):
    """Two files of 40 and 25 frames and a folder of 12."""
    paths = [
        make_video("a.mp4", 40, g="12"),
        make_video("b.avi", 25, codec="mpeg4"),
        make_frame_folder("c", 12),
    ]
    return indexed(*paths)


def indexed(*paths) -> list[Video]:
    return index_videos([Entry(path) for path in paths], workers=2).videos


def unread(frames: int, label: int | None = None) -> Video:
    """A video of which only the length matters."""
    return Video("unread", VideoInfo(frames, 16, 16, 25.0), label)


def starts(dataset: ClipDataset, epoch: int = 0) -> list[int]:
    return [dataset[SampleKey(epoch, index)]["start"] for index in range(len(dataset))]


def test_sample(videos):
    sample = ClipDataset(videos, ClipShape(4, 16, 24, stride=2), training=False)[1]
    assert sample["video"].shape == (3, 4, 16, 24) and sample["video"].dtype == torch.uint8
    assert sample["path"].endswith("a.mp4")
    assert (sample["key"].tolist(), sample["fps"]) == ([0, 0, 1], 12.5)
    assert sample["has_context"] is True and sample["label"] == NO_LABEL


@pytest.mark.parametrize("training", [True, False])
def test_frames_are_those_of_start(videos, frame_numbers, training):
    dataset = ClipDataset(videos, ClipShape(4, 48, 64, stride=2), training=training)
    for index in range(len(dataset)):
        sample = dataset[index]
        found = frame_numbers(sample["video"].permute(1, 2, 3, 0).numpy())
        assert found == [sample["start"] + 2 * k for k in range(4)]


@pytest.mark.parametrize("training", [True, False])
def test_frames_of_a_variable_rate_are_those_of_their_time(make_video, frame_numbers, training):
    shown = [*range(0, 400, 40), *range(400, 4400, 400)]
    videos = indexed(make_video("a.mp4", 20, milliseconds=shown))
    dataset = ClipDataset(videos, ClipShape(3, 48, 64, fps=2.5), clips=2, training=training, clips_per_video=9)
    for index in range(len(dataset)):
        sample = dataset[index]
        found = frame_numbers(sample["video"].permute(1, 2, 3, 0).numpy())
        wanted = [shown[sample["start"]] + 400 * k for k in range(6)]
        assert found[0] == sample["start"] and sample["fps"] == 2.5 and sample["has_context"]
        assert [shown[i] for i in found] == pytest.approx(wanted, abs=200)
    assert {videos[0].info.times, dataset.videos[0].info.times} != {None} and dataset.videos == videos
    strided = ClipDataset(videos, SHAPE, training=False, clips_per_video=2)
    assert [strided[index]["fps"] for index in range(2)] == pytest.approx([25, 2.5])


def test_clips_fit_end_to_end(videos):
    dataset = ClipDataset(videos, SHAPE, training=True)
    assert len(dataset) == 40 // 4 + 25 // 4 + 12 // 4
    assert len(ClipDataset(videos, SHAPE, training=True, clips_per_video=5)) == 15


def test_samples_of_cycles_start_anywhere_and_all_have_a_context(videos, frame_numbers):
    dataset = ClipDataset(videos[2:], replace(SHAPE, frames=8, height=48, width=64, loop=True), clips=2, training=True)
    assert len(dataset) == 1
    samples = [dataset[SampleKey(epoch, 0)] for epoch in range(60)]
    assert {sample["start"] for sample in samples} == set(range(12))
    for sample in samples[:8]:
        found = frame_numbers(sample["video"].permute(1, 2, 3, 0).numpy())
        assert sample["has_context"] and found == [(sample["start"] + i) % 12 for i in range(16)]


def test_validation_starts_are_evenly_spaced(videos):
    assert starts(ClipDataset(videos[:1], SHAPE, training=False, clips_per_video=4)) == [0, 12, 24, 36]
    assert starts(ClipDataset(videos[:1], SHAPE, training=False)) == list(range(0, 40, 4))
    assert starts(ClipDataset(videos[:1], SHAPE, training=False, clips_per_video=1)) == [18]


def test_training_starts_cover_the_video(videos):
    dataset = ClipDataset(videos[2:], ClipShape(10, 16, 16), training=True)
    assert {dataset._placement(0, epoch, 0).start for epoch in range(60)} == {0, 1, 2}


def test_sample_depends_on_seed_epoch_and_index_alone(videos):
    def dataset(seed=0):
        return ClipDataset(videos, SHAPE, seed=seed, training=True, augmentation=ALL)

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
    dataset = ClipDataset(videos[:1], SHAPE, training=True, augmentation=ALL)
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
    videos = indexed(tmp_path / "ramp")

    def rows(*, training, **options):
        augmentation = Augmentation(**options)
        dataset = ClipDataset(videos, SHAPE, clips_per_video=40, training=training, augmentation=augmentation)
        return [dataset[index]["video"][0, 0, 0].int() for index in range(len(dataset))]

    center = torch.arange(8, 24, dtype=torch.int32)
    for row in [*rows(training=True), *rows(training=False, random_crop=True, horizontal_flip=True)]:
        assert_close(row, center)
    assert {int(row[0]) for row in rows(training=True, horizontal_flip=True)} == {8, 23}
    lefts = [int(row[0]) for row in rows(training=True, random_crop=True)]
    assert min(lefts) <= 2 and max(lefts) >= 14 and all(0 <= left <= 16 for left in lefts)


def test_options_do_not_change_other_draws():
    plain = ClipDataset([unread(90)], SHAPE, training=True)
    cropped = ClipDataset([unread(90)], SHAPE, training=True, augmentation=Augmentation(True, True))
    colored = ClipDataset([unread(90)], SHAPE, training=True, augmentation=ALL)
    for index in range(len(plain)):
        first, second, third = (dataset._placement(0, 0, index) for dataset in (plain, cropped, colored))
        assert first.start == second.start
        assert second == replace(third, colors={}) and third.colors


def test_a_folder_has_no_frame_rate(videos):
    assert math.isnan(ClipDataset(videos[2:], SHAPE, training=False)[0]["fps"])


def test_colors_change_alike_in_all_frames_of_a_sample_and_differently_in_the_next(tmp_path):
    write_video(tmp_path / "grey", torch.full((3, 8, 16, 16), 100, dtype=torch.uint8), fps=1)
    videos = indexed(tmp_path / "grey")
    jitter = Augmentation(color_jitter=ColorJitter(brightness=0.5))
    levels = []
    for sample in ClipDataset(videos, SHAPE, training=True, augmentation=jitter, clips_per_video=30):
        assert len(sample["video"].unique()) == 1
        levels.append(int(sample["video"][0, 0, 0, 0]))
    assert len(levels) == 30 and 50 <= min(levels) < 65 and 135 < max(levels) <= 150 and len(set(levels)) > 20
    unchanged = ClipDataset(videos, SHAPE, training=False, augmentation=jitter)[0]["video"]
    assert unchanged.unique().tolist() == [100]


def test_a_video_too_short_for_a_context_gives_a_target_after_zeros(make_frame_folder, frame_numbers):
    videos = indexed(make_frame_folder("short", 6), make_frame_folder("long", 8), make_frame_folder("shortest", 4))
    shape = ClipShape(4, 48, 64)
    samples = list(ClipDataset(videos, shape, clips=2, training=False))
    assert [sample["has_context"] for sample in samples] == [False, True, False]
    assert all(sample["video"].shape == (3, 8, 48, 64) for sample in samples)
    found = [frame_numbers(sample["video"].permute(1, 2, 3, 0).numpy()) for sample in samples]
    assert found == [[0, 0, 0, 0, 1, 2, 3, 4], list(range(8)), [0, 0, 0, 0, 0, 1, 2, 3]]
    assert [sample["start"] for sample in samples] == [1, 0, 0]
    assert not samples[0]["video"][:, :4].any()


def test_the_target_of_a_short_video_begins_anywhere_it_has_room(make_frame_folder, frame_numbers):
    videos = indexed(make_frame_folder("short", 6))
    jitter = Augmentation(color_jitter=ColorJitter(brightness=0.9))
    dataset = ClipDataset(videos, ClipShape(4, 48, 64), clips=2, training=True, clips_per_video=30)
    for sample in dataset:
        start = sample["start"]
        assert frame_numbers(sample["video"][:, 4:].permute(1, 2, 3, 0).numpy()) == list(range(start, start + 4))
    assert {sample["start"] for sample in dataset} == {0, 1, 2}
    jittered = ClipDataset(videos, ClipShape(4, 48, 64), clips=2, training=True, augmentation=jitter)[0]
    assert not jittered["video"][:, :4].any() and jittered["video"][:, 4:].any()


def test_short_videos_do_not_change_the_samples_of_long_ones(videos):
    """The keys, and so all draws, of the videos before it are the same."""
    alone = ClipDataset(videos[:1], SHAPE, clips=2, training=True, augmentation=ALL)
    joined = ClipDataset([videos[0], videos[2]], ClipShape(7, 16, 16), clips=2, training=True)
    assert [joined.has_context(video) for video in joined.videos] == [True, False]
    longer = ClipDataset([videos[0], videos[2]], SHAPE, clips=2, training=True, augmentation=ALL)
    for index in range(len(alone)):
        assert_close(alone[index]["video"], longer[index]["video"])


def test_labels_travel_with_the_samples(videos):
    labelled = [replace(videos[0], label=5), replace(videos[2], label=0)]
    dataset = ClipDataset(labelled, SHAPE, training=False)
    assert [sample["label"] for sample in dataset] == [5] * 10 + [0] * 3 == dataset.labels.tolist()
    batch = next(iter(DataLoader(dataset, batch_size=11)))
    assert batch["label"].dtype == torch.int64 and batch["label"].tolist() == [5] * 10 + [0]
    assert batch["has_context"].dtype == torch.bool and batch["has_context"].all()
    assert ClipDataset(videos, SHAPE, training=False).labels is None


def test_a_video_without_a_label_may_lie_beside_others(videos):
    dataset = ClipDataset([replace(videos[0], label=5), videos[2]], SHAPE, training=False)
    assert [sample["label"] for sample in dataset] == [5] * 10 + [NO_LABEL] * 3 == dataset.labels.tolist()
    chosen = dataset.evenly_spread(6)
    assert dataset.labels[chosen].tolist() == [5] * 3 + [NO_LABEL] * 3


def test_videos_that_no_clip_fits_into_are_refused():
    with pytest.raises(InputError, match=r"has 5 frames, fewer than the 13 that a clip of 4 frames spans; leave"):
        ClipDataset([unread(30), unread(5)], ClipShape(4, 8, 8, stride=4), training=True)
    with pytest.raises(InputError, match="no videos for this data set"):
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
