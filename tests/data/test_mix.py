"""A mix takes its data sets in proportion to their weights, and what each gives is what it gives alone."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from data.small_layouts import make_ucf101

from pvdm.data import DataOptions, EpochSampler, SampleKey, SceneOptions
from pvdm.data.data_options import MixedSet, parse_options
from pvdm.data.mixing.mixed_collection import MixedCollection, collection_of
from pvdm.data.sampler import apportioned
from pvdm.data.table import NO_LABEL
from pvdm.data.video_collection import VideoCollection
from pvdm.errors import InputError

SCENES = SceneOptions(videos=6, held_out=2)


@pytest.fixture
def folder(make_video, tmp_path) -> Path:
    for index in range(3):
        make_video(f"own/{index}.mp4", frames=20 + 4 * index, height=16, width=24)
    return tmp_path / "own"


def mixed(*sets: MixedSet, **options) -> MixedCollection:
    sizes = {"frames": 4, "height": 16, "width": 16, "scenes": SCENES}
    collection = collection_of(DataOptions(mix=list(sets), **{**sizes, **options}))
    collection.setup()
    return collection


def epoch_of(collection: MixedCollection, epoch: int, seed: int = 0, **share) -> list[SampleKey]:
    samples = collection.training
    order = EpochSampler(
        len(samples), seed=seed, shuffle=True, labels=samples.numbers, weights=samples.weights, **share
    )
    order.set_epoch(epoch)
    return list(order)


def test_every_epoch_takes_the_sets_by_weight_and_goes_through_each_evenly(folder):
    collection = mixed(MixedSet(folder, weight=3, validation_fraction=0), MixedSet(layout="scenes", clips_per_video=1))
    samples = collection.training
    assert (len(samples), np.bincount(samples.numbers).tolist()) == (5 + 6 + 7 + 6, [18, 6])
    taken = Counter()
    for epoch in range(3):
        keys = epoch_of(collection, epoch)
        assert len(keys) == 24 and len(set(keys)) == 24
        assert np.bincount(samples.numbers[[key.index for key in keys]]).tolist() == [18, 6]
        taken.update(key.index for key in keys)
    assert set(taken.values()) == {3}
    heavier = mixed(MixedSet(folder, weight=1, validation_fraction=0), MixedSet(layout="scenes", weight=3))
    drawn = [key for epoch in range(4) for key in epoch_of(heavier, epoch)]
    own = Counter(key.index for key in drawn if key.index < 18)
    assert max(own.values()) - min(own.values()) <= 1  # no sample is ahead of another by more than one round


def test_the_order_depends_on_seed_and_epoch_alone_and_is_shared_by_processes(folder):
    sets = (MixedSet(folder, validation_fraction=0), MixedSet(layout="scenes", clips_per_video=1))
    collection = mixed(*sets)
    whole = epoch_of(collection, 2)
    assert epoch_of(mixed(*sets), 2) == whole
    assert epoch_of(collection, 3) != whole and epoch_of(collection, 2, seed=1) != whole
    parts = [epoch_of(collection, 2, rank=rank, world_size=2) for rank in range(2)]
    assert [key for pair in zip(*parts, strict=True) for key in pair] == whole


def test_a_sample_is_that_of_its_set_with_the_classes_of_all(tmp_path, folder, make_video):
    root = make_ucf101(make_video, tmp_path)
    collection = mixed(MixedSet(folder), MixedSet(root, "ucf101"), MixedSet(layout="scenes"))
    names = collection.classes
    assert names == (*collection.sets[1].classes, *collection.sets[2].classes)
    first = 0
    for videos in collection.sets:
        for local in range(len(videos.training)):
            sample, own = collection.training[SampleKey(1, first + local)], videos.training[SampleKey(1, local)]
            assert torch.equal(sample["video"], own["video"]) and sample["path"] == own["path"]
            assert sample["key"].tolist() == [0, 1, first + local]
            known = None if own["label"] == NO_LABEL else videos.classes[own["label"]]
            assert (None if sample["label"] == NO_LABEL else names[sample["label"]]) == known
            assert collection.training.labels[first + local] == sample["label"]
        first += len(videos.training)
    with pytest.raises(IndexError, match="outside a dataset"):
        collection.training[first]


def test_validation_takes_equally_many_of_each_set_that_has_some(folder):
    sets = (MixedSet(folder, validation_fraction=0), MixedSet(folder), MixedSet(layout="scenes"))
    collection = mixed(*sets, validation_clips=10)
    sizes = [len(clips) for clips in collection.validation.sets]
    assert len(sizes) == 2 and sizes[1] == 50
    chosen = collection.validated
    assert len(chosen) == 10 and (np.diff(chosen) > 0).all()
    assert np.bincount(collection.validation.numbers[chosen]).tolist() == [min(5, sizes[0]), 10 - min(5, sizes[0])]
    assert all("scenes" not in collection.validation[int(i)]["path"] for i in chosen if i < sizes[0])
    alone = mixed(MixedSet(folder, validation_fraction=0), MixedSet(folder, validation_fraction=0))
    assert len(alone.validation.sets) == 2  # clips of training, as of a single set


def test_samples_of_training_are_read_as_those_of_validation_are(folder):
    collection = mixed(MixedSet(folder, horizontal_flip=True), MixedSet(layout="scenes", random_crop=True))
    fixed, samples = collection.training.fixed(), collection.training
    chosen = fixed.evenly_spread(6)
    assert np.array_equal(chosen, samples.evenly_spread(6)) and len(chosen) == 6
    for index in chosen.tolist():
        assert torch.equal(fixed[SampleKey(0, index)]["video"], fixed[SampleKey(3, index)]["video"])
    first = [samples[SampleKey(epoch, 0)]["start"] for epoch in range(8)]
    assert len(set(first)) > 1 and {fixed[SampleKey(0, 0)]["start"]} == {0}


def test_options_of_a_set_stand_in_for_those_of_all(folder):
    given = {"mix": [{"path": str(folder), "stride": 2, "weight": 2}, {"layout": "scenes", "scenes": {"videos": 9}}]}
    options = parse_options({**given, "fps": 5, "random_crop": True})
    first, second = (options.of_set(part) for part in options.mix)
    assert (first.path, first.stride, first.fps, first.random_crop) == (folder, 2, None, True)
    assert (second.layout, second.fps, second.scenes) == ("scenes", 5, SceneOptions(videos=9))
    assert options.of_set(MixedSet(folder, fps=10)).stride == 1


def test_other_processes_use_what_the_first_has_found(folder, monkeypatch):
    options = DataOptions(mix=[MixedSet(folder), MixedSet(layout="scenes")], frames=4, scenes=SCENES)
    first, other, failing = (collection_of(options) for _ in range(3))
    found = first.discover()
    monkeypatch.delattr(VideoCollection, "_find_and_index")
    other.discovered = found
    other.setup()
    first.setup()
    assert [clips.videos for clips in other.training.sets] == [clips.videos for clips in first.training.sets]
    failing.discovered = InputError("the disk of the first failed")
    with pytest.raises(InputError, match="the disk of the first failed"):
        failing.setup()


def test_the_description_says_what_is_mixed(folder):
    collection = mixed(MixedSet(folder, weight=2), MixedSet(layout="scenes"))
    described = collection.describe()
    alone = [videos.describe() for videos in collection.sets]
    assert described["layout"] == "mix" and described["samples"] == len(collection.training)
    assert described["videos"]["training"] == sum(each["videos"]["training"] for each in alone) == 2 + 6
    assert [(each["weight"], each["layout"]) for each in described["mix"]] == [(2, "folder"), (1, "scenes")]
    assert collection.clip_fps == 25


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mix": []}, "data.mix names no data set"),
        ({"mix": [MixedSet(layout="scenes")], "path": Path("a")}, "data.path and data.mix are both given"),
        ({"mix": [MixedSet(layout="scenes")], "layout": "ucf101"}, "data.layout and data.mix are both given"),
        ({"mix": [MixedSet(layout="scenes")], "balanced": True}, "leave out data.balanced"),
        ({"mix": [MixedSet()]}, "data.path must be given"),
    ],
)
def test_contradictions_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        DataOptions(**options)


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_a_weight_is_a_positive_number(weight):
    with pytest.raises(InputError, match="give a number above 0"):
        MixedSet(layout="scenes", weight=weight)


def test_commands_for_one_data_set_refuse_a_mix():
    with pytest.raises(InputError, match=r"data\.mix is several data sets; name one of them as data\.path"):
        VideoCollection.of(DataOptions(mix=[MixedSet(layout="scenes")]))


def test_shares_are_whole_and_in_proportion():
    assert apportioned(10, [1, 1, 1]).tolist() == [4, 3, 3]
    assert apportioned(7, [2, 1]).tolist() == [5, 2] and apportioned(3, [5]).tolist() == [3]
    with pytest.raises(InputError, match=r"the weight 0\.001 is too small for a sample in an epoch of 20; raise it"):
        apportioned(20, [1, 0.001])


def test_training_clips_are_measured_of_the_sets_that_validation_takes(folder):
    """So that the gap between both is not that between data sets; and as validation reads its own."""
    own = MixedSet(folder, validation_fraction=0)
    collection = mixed(own, MixedSet(layout="scenes"), random_crop=True, clips_per_video=2)
    measured = collection.measured_training
    assert {str(video.path).partition(":")[0] for video in measured.videos} == {"scenes"}
    assert len(measured) == 12  # two of each of six videos
    both = mixed(replace(own, validation_fraction=0.5), MixedSet(layout="scenes")).measured_training
    assert len(both.sets) == 2 and not any(clips.training for clips in both.sets)
