"""Scenes are a data set without files: split by number, new in every epoch, the same for any reader of them."""

from itertools import chain

import numpy as np
import pytest
import torch

from pvdm.data import DataOptions, SampleKey, SceneOptions, SplitFolders, SplitOptions, find_splits, layout_of
from pvdm.data.layouts.scenes import BLOCK
from pvdm.data.scenes import MOTIONS, scene
from pvdm.data.scenes.scene_videos import ROOT, ScenePath, read_clip, read_frames
from pvdm.data.video_collection import VideoCollection
from pvdm.errors import InputError
from pvdm.video import ClipShape

SMALL = SceneOptions(videos=7, held_out=3)


def collection(**options) -> VideoCollection:
    sizes = {"frames": 4, "height": 16, "width": 16, "scenes": SMALL}
    videos = VideoCollection.of(DataOptions(layout="scenes", **{**sizes, **options}))
    videos.setup()
    return videos


def test_splits_have_other_scenes_and_the_classes_of_their_numbers():
    splits = find_splits(ROOT, "auto", SplitOptions(scenes=SMALL))
    parts = [splits.training, splits.validation, splits.test]
    numbers = [[ScenePath.of(entry.path).index for entry in part] for part in parts]
    assert numbers == [[*range(7)], [BLOCK, BLOCK + 1, BLOCK + 2], [2 * BLOCK, 2 * BLOCK + 1, 2 * BLOCK + 2]]
    assert splits.layout == layout_of(ROOT) == "scenes" and splits.classes == MOTIONS
    for entry in (entry for part in parts for entry in part):
        assert scene(0, ScenePath.of(entry.path).index).motion == MOTIONS[entry.label]
    with pytest.raises(InputError, match="the folder scenes:/more does not exist"):
        find_splits(ROOT / "more", "auto")
    with pytest.raises(InputError, match="layout scenes defines its own splits"):
        find_splits(ROOT, "scenes", SplitOptions(folders=SplitFolders()))


def test_a_sample_is_a_clip_of_a_scene():
    training = collection(clips=2, height=16, width=24).training
    sample = training[SampleKey(0, 9)]
    at = ScenePath.of(sample["path"])
    expected = scene(at.seed, at.index, frames=8, height=16, width=24, start=sample["start"]).frames
    assert torch.equal(sample["video"].permute(1, 2, 3, 0), torch.from_numpy(expected))
    assert sample["fps"] == 25 and sample["has_context"]


def test_every_epoch_has_new_scenes_of_the_same_classes():
    training = collection(clips_per_video=1).training
    epochs = [[training[SampleKey(epoch, index)] for index in range(len(training))] for epoch in range(3)]
    assert [[sample["label"] for sample in epoch] for epoch in epochs] == [[0, 1, 2, 3, 4, 0, 1]] * 3
    paths = [sample["path"] for epoch in epochs for sample in epoch]
    numbers = [ScenePath.of(path).index for path in paths]
    assert len(set(paths)) == 21 and max(numbers) < BLOCK
    assert all(number % 5 == sample["label"] for number, sample in zip(numbers, chain(*epochs), strict=True))
    fixed = collection(clips_per_video=1, scenes=SceneOptions(videos=7, held_out=3, endless=False)).training
    assert fixed[SampleKey(2, 3)]["path"] == fixed[SampleKey(0, 3)]["path"]


def test_held_out_scenes_stay_themselves_in_later_epochs_of_training_on_them():
    training = collection(clips_per_video=1, part="both").training
    later = [ScenePath.of(training[SampleKey(5, index)]["path"]).index // BLOCK for index in range(len(training))]
    assert later == [0] * 7 + [2] * 3


def test_samples_do_not_depend_on_workers():
    training = collection(clips_per_video=1).training
    keys = [SampleKey(1, index) for index in range(4)]
    loader = torch.utils.data.DataLoader(training, batch_size=2, sampler=keys, num_workers=2)
    videos = torch.cat([batch["video"] for batch in loader])
    assert torch.equal(videos, torch.stack([training[key]["video"] for key in keys]))


def test_scenes_are_as_long_as_a_sample():
    assert collection().training.videos[0].info.frames == 100
    assert collection(frames=150, clips=2).training.videos[0].info.frames == 300
    assert collection(frames=8, stride=20).training.videos[0].info.frames == 141
    assert collection(frames=8, fps=5).training.videos[0].info.frames == 100
    with pytest.raises(InputError, match="has 10 frames, fewer than the 16"):
        collection(frames=16, scenes=SceneOptions(videos=7, frames=10))


def test_frames_of_a_scene_are_read_as_those_of_a_file():
    path = ScenePath(3, 12, 50).path
    frames = read_frames(path, [7, 2, 7], size=(16, 16))
    assert np.array_equal(frames[0], frames[2]) and np.array_equal(frames[1], read_frames(path, [2], size=(16, 16))[0])
    clip = read_clip(path, ClipShape(3, 16, 16, fps=12.5), 5)
    assert torch.equal(clip.permute(1, 2, 3, 0), torch.from_numpy(read_frames(path, [5, 7, 9], size=(16, 16))))
    assert torch.equal(read_clip(path, ClipShape(3, 16, 16, fps=12.5), 5, flip=True), clip.flip(-1))
    for wrong in ([50], [-1], []):
        with pytest.raises(InputError, match="only 50 frames; give indices from 0 to 49"):
            read_frames(path, wrong)
    with pytest.raises(InputError, match="scenes:/12 is not the path of a scene"):
        read_frames("scenes:/12", [0])
