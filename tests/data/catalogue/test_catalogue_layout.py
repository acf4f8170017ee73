"""The layout `catalogue`: clips are spans of files, none is read across its borders, and no file is opened to index."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from data.catalogue.small_catalogues import write_catalogue

from pvdm.data import ClipDataset, DataOptions, Entry, SampleKey, find_splits, index_videos
from pvdm.data.catalogue.clip_table import read_clips, write_clips
from pvdm.data.catalogue.selection import select
from pvdm.data.data_options import MixedSet
from pvdm.data.latents.encoding_plan import LatentPlan
from pvdm.data.latents.window_reader import WindowReader
from pvdm.data.layouts.layout_registry import layout_of
from pvdm.data.layouts.splits import SplitOptions
from pvdm.data.mixing.mixed_collection import MixedCollection
from pvdm.data.table import VideoTable
from pvdm.data.video_collection import VideoCollection
from pvdm.errors import InputError
from pvdm.video import probe

SPANS = {
    "a.mp4": [(0, 14, {"motion": 1.5, "captions": ["one", "two"]}), (15, 39, {"motion": 0.5}), (43, 59)],
    "sub/b.mp4": [(5, 24, {"captions": ["three"]}), (25, 30)],
    "c.mp4": [(0, 39)],
}
MILLISECONDS = [40 * min(number, 20) + 100 * max(number - 20, 0) for number in range(40)]


@pytest.fixture
def root(make_video, tmp_path):
    """Videos of 60, 40 and 40 frames, of which the last is of variable rate."""
    make_video("videos/a.mp4", 60, 16, 24, g="12")
    make_video("videos/sub/b.mp4", 40, 16, 24, g="12")
    make_video("videos/c.mp4", 40, 16, 24, milliseconds=MILLISECONDS)
    return tmp_path / "videos"


@pytest.fixture
def catalogue(root, tmp_path):
    return write_catalogue(tmp_path / "catalogue", root, SPANS)


@pytest.fixture
def selection(catalogue, tmp_path):
    """All the clips but the one of 6 frames."""
    kept = select(read_clips(catalogue), where="frames > 6").clips
    write_clips(tmp_path / "selection.parquet", kept.table, kept.metadata)
    return tmp_path / "selection.parquet"


def collection(path, **options) -> VideoCollection:
    options = {"frames": 4, "height": 16, "width": 24, "validation_fraction": 0.34, **options}
    return VideoCollection.of(DataOptions(path=path, layout="catalogue", **options))


def spans_of(dataset: ClipDataset) -> dict[tuple[str, int], range]:
    found = {}
    for video in dataset.videos:
        first = video.info.first_frame
        found[str(video.path), first] = range(first, first + video.info.frames)
    return found


def numbers_of(sample, frame_numbers) -> list[int]:
    return frame_numbers(sample["video"].permute(1, 2, 3, 0).numpy())


@pytest.mark.parametrize("pace", [{}, {"stride": 2}, {"fps": 10.0}, {"loop": True}])
@pytest.mark.parametrize("clips", [1, 2])
def test_no_clip_crosses_the_borders_of_its_span(selection, frame_numbers, pace, clips):
    data = collection(selection, clips=clips, **pace)
    data.setup()
    for dataset in (data.training, data.validation):
        spans = spans_of(dataset)
        for epoch in range(3):
            for index in range(len(dataset)):
                sample = dataset[SampleKey(epoch, index)]
                numbers = numbers_of(sample, frame_numbers)
                numbers = numbers if sample["has_context"] else numbers[-4:]
                span = next(
                    span for (path, first), span in spans.items() if path == sample["path"] and sample["start"] in span
                )
                assert set(numbers) <= set(span) and numbers[0] == sample["start"]
                assert pace.get("loop") or numbers == sorted(numbers)


def test_a_clip_is_what_a_file_of_its_frames_would_give(selection, make_video, frame_numbers):
    """Samples of a span of 25 frames start where those of a file of 25 frames do."""
    data = collection(selection, validation_fraction=0.0)
    data.setup()
    (span,) = (video for video in data.training.videos if video.info.frames == 25)
    alone = index_videos([Entry(make_video("25.mp4", 25, 16, 24, g="12"))]).videos
    for training in (True, False):
        options = {"clips": 2, "seed": 5, "training": training, "clips_per_video": 4}
        of_span, of_file = ClipDataset([span], data.clip, **options), ClipDataset(alone, data.clip, **options)
        for index in range(4):
            numbers = [numbers_of(dataset[index], frame_numbers) for dataset in (of_span, of_file)]
            assert numbers[0] == [15 + number for number in numbers[1]]


def test_no_file_is_opened_to_index(selection, monkeypatch):
    def refuse(path):
        raise AssertionError(f"{path} is opened")

    monkeypatch.setattr("pvdm.data.index.probe", refuse)
    monkeypatch.setattr("pvdm.data.index.read_frames", refuse)
    data = collection(selection)
    data.setup()
    _, index = data.find()
    assert len(index.videos) == 5 and not index.bad
    assert all(video.info.index for video in index.videos)


def test_what_is_known_of_a_clip(selection, root):
    _, index = collection(selection, validation_fraction=0.0).find()
    by_key = {(video.path.name, video.info.first_frame): video for video in index.videos}
    info = by_key["a.mp4", 15].info
    assert (
        info == replace(probe(root / "a.mp4"), frames=25, first_frame=15) and info.index == probe(root / "a.mp4").index
    )
    assert by_key["c.mp4", 0].info.times == probe(root / "c.mp4").times
    assert list(VideoTable(index.videos)) == index.videos


def test_the_rate_of_a_span_of_variable_rate_is_that_of_its_frames(root, tmp_path):
    folder = write_catalogue(tmp_path / "catalogue", root, {"c.mp4": [(0, 19), (21, 34)]})
    _, index = collection(folder).find()
    assert [video.info.fps for video in index.videos] == pytest.approx([25.0, 10.0])


def test_files_are_split_as_those_of_a_folder_and_reproducibly(selection, root):
    for seed in range(6):
        options = SplitOptions(validation_fraction=0.34, seed=seed)
        found, plain = find_splits(selection, "catalogue", options), find_splits(root, "folder", options)
        for name in ("training", "validation"):
            files = {entry.path for entry in getattr(found, name)}
            assert files == {entry.path for entry in getattr(plain, name)}
        assert found == find_splits(selection, "catalogue", options)


def test_folders_of_splits_are_heeded(make_video, tmp_path):
    for name in ("train/a", "val/b"):
        make_video(f"videos/{name}.mp4", 20, 16, 24)
    spans = {"train/a.mp4": [(0, 9), (10, 19)], "val/b.mp4": [(0, 19)]}
    splits = find_splits(write_catalogue(tmp_path / "catalogue", tmp_path / "videos", spans), "catalogue")
    assert [len(split) for split in (splits.training, splits.validation)] == [2, 1]


def test_captions_and_the_flow_of_the_catalogue_travel_with_the_samples(selection):
    data = collection(selection, validation_fraction=0.0, captions=True, scores=["flow"])
    data.setup()
    told, flows = {}, {}
    for epoch in range(8):
        for index in range(len(data.training)):
            sample = data.training[SampleKey(epoch, index)]
            spans = spans_of(data.training)
            (key,) = (key for key in spans if key[0] == sample["path"] and sample["start"] in spans[key])
            key = (Path(key[0]).name, key[1])
            told.setdefault(key, set()).add(sample["caption"])
            flows[key] = sample["scores"]["flow"]
    assert told == {
        ("a.mp4", 0): {"one", "two"},
        ("a.mp4", 15): {""},
        ("a.mp4", 43): {""},
        ("b.mp4", 5): {"three"},
        ("c.mp4", 0): {""},
    }
    assert flows["a.mp4", 0] == 1.5 and flows["a.mp4", 15] == 0.5 and np.isnan(flows["c.mp4", 0])


def test_numbers_of_a_column_are_scores_of_its_clips(catalogue):
    spans = {"a.mp4": [(0, 14, {"sharpness": 1.5}), (15, 39)], "c.mp4": [(0, 39, {"sharpness": 0.25})]}
    folder = write_catalogue(catalogue.parent / "scored", catalogue.parent / "videos", spans)
    data = collection(folder, validation_fraction=0.0, scores=["sharpness", "motion"])
    data.setup()
    assert [dict(video.columns) for video in data.training.videos] == [{"sharpness": 1.5}, {}, {"sharpness": 0.25}]
    samples = [data.training[index]["scores"] for index in range(len(data.training))]
    assert samples[0]["sharpness"] == 1.5 and samples[-1]["sharpness"] == 0.25
    assert any(each["sharpness"].isnan() for each in samples) and all(each["motion"] > 0 for each in samples)
    assert "1 of 3 videos have no score sharpness" in data.find()[0].notes
    for name in ("kind", "beauty"):
        with pytest.raises(InputError, match=f"none of the 3 videos of .* has a score {name}; name motion, fps or"):
            collection(folder, scores=[name]).setup()


def test_samples_without_scores_or_captions_have_none(root, tmp_path, caplog):
    folder = write_catalogue(tmp_path / "catalogue", root, {"a.mp4": [(0, 20)], "c.mp4": [(0, 20)]})
    data = collection(folder)
    data.setup()
    assert "scores" not in data.training[0] and "caption" not in data.training[0]
    with pytest.raises(InputError, match=r"none of the 2 clips of .* has a caption"):
        collection(folder, captions=True).setup()


def test_sidecars_of_whole_files_are_no_captions_of_clips(selection, root):
    (root / "c.txt").write_text("of all of it")
    data = collection(selection, validation_fraction=0.0, captions=True)
    data.setup()
    assert sorted(data.training.captions()) == ["one", "three", "two"]


def test_a_mix_gives_all_samples_the_flow_of_some(selection, root):
    options = {"frames": 4, "height": 16, "width": 24, "validation_fraction": 0.0}
    sets = [MixedSet(path=selection, layout="catalogue", scores=["flow"]), MixedSet(path=root, layout="folder")]
    data = MixedCollection.of(DataOptions(mix=sets, **options))
    data.setup()
    flows = torch.tensor([data.training[index]["scores"]["flow"] for index in range(len(data.training))])
    assert flows.isnan().any() and not flows.isnan().all()
    assert data.describe()["mix"][0]["selection"]["where"] == "not error and frames > 6"


def test_the_selection_is_in_the_description(selection, catalogue):
    data = collection(selection)
    data.setup()
    described = json.loads(json.dumps(data.describe()))
    assert described["selection"] == {"where": "not error and frames > 6", "preset": None, "of": 6, "kept": 5}
    assert described["layout"] == "catalogue" and described["videos"]["training"] == len(data.training.videos)
    whole = collection(catalogue)
    whole.setup()
    selected = whole.describe()["selection"]
    assert selected["preset"] == "default" and selected["where"] == "not error and cuts == 0 and not duplicate_of"


def test_auto_recognizes_a_catalogue(selection, catalogue, root):
    assert [layout_of(path) for path in (selection, catalogue, root)] == ["catalogue", "catalogue", "folder"]


def test_the_default_of_a_catalogue_leaves_out_cuts_duplicates_and_errors(root, tmp_path, caplog):
    spans = {
        "a.mp4": [(0, 14), (15, 39, {"cuts": 1}), (43, 59, {"duplicate_of": "x"})],
        "sub/b.mp4": [(0, 39)],
        "broken.mp4": [],
    }
    data = collection(write_catalogue(tmp_path / "catalogue", root, spans))
    data.setup()
    assert sorted(video.info.first_frame for video in data.find()[1].videos) == [0, 0]
    assert "3 of 5 clips are left out by the default selection" in caplog.text


def test_duplicates_in_a_selection_are_told(root, tmp_path, caplog):
    folder = write_catalogue(tmp_path / "catalogue", root, {"a.mp4": [(0, 14), (15, 30, {"duplicate_of": "x"})]})
    kept = select(read_clips(folder), where="frames > 1").clips
    write_clips(tmp_path / "selection.parquet", kept.table, kept.metadata)
    collection(tmp_path / "selection.parquet").setup()
    assert "1 clips are duplicates of others, which may be in another split" in caplog.text


def test_clips_that_are_too_short_are_left_out_however_many(catalogue, caplog):
    data = collection(catalogue, frames=16, validation_fraction=0.0)
    data.setup()
    assert sorted(video.info.frames for video in data.training.videos) == [17, 20, 25, 40]
    assert "2 of 6 videos are left out" in caplog.text and "from frame 25 on has 6 frames" in caplog.text
    with pytest.raises(InputError, match=r"6 of 6 videos cannot be used: .*a\.mp4 has 15 frames, fewer than the 41"):
        collection(catalogue, frames=41, validation_fraction=0.0).setup()


def test_files_that_are_gone_are_absent(selection, root, caplog):
    (root / "sub" / "b.mp4").unlink()
    data = collection(selection, validation_fraction=0.0)
    data.setup()
    assert data.describe()["videos"]["absent"] == 1 and "1 of 3 listed videos are absent" in caplog.text
    assert {video.path.name for video in data.training.videos} == {"a.mp4", "c.mp4"}


def test_a_copy_with_another_time_is_looked_at_again(selection, root):
    os.utime(root / "a.mp4", ns=(1, 1))
    data = collection(selection, validation_fraction=0.0)
    data.setup()
    assert len(data.training.videos) == 5


def test_a_file_that_has_changed_is_named(selection, root, make_video, tmp_path):
    shutil.copy(make_video("other.mp4", 50, 16, 24), root / "a.mp4")
    data = collection(selection, validation_fraction=0.0)
    with pytest.raises(InputError, match=r"3 of 5 videos cannot be used, .*a\.mp4 has changed since it was curated"):
        data.setup()
    data = collection(selection, validation_fraction=0.0, max_bad_share=0.7)
    data.setup()
    assert len(data.training.videos) == 2 and len(data.find()[1].bad) == 3


def test_a_root_that_has_moved_is_told_to_pvdm_select(selection, root):
    root.rename(root.with_name("elsewhere"))
    with pytest.raises(InputError, match=r"none of the 3 files .* pvdm select .*selection.parquet --root FOLDER"):
        collection(selection).setup()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"last_frame": 70}, "frames 0 to 70 of a.mp4, which has 60"),
        ({"first_frame": 20}, "frames 20 to 14 of a.mp4"),
        ({"first_frame": -1}, "frames -1 to 14 of a.mp4"),
        ({"first_frame": None}, "frames None to 14 of a.mp4"),
        ({"height": None}, "frames 0 to 14 of a.mp4"),
        ({"file": "../a.mp4"}, r"names \.\./a\.mp4, which is not below its root"),
        ({"file": "/a.mp4"}, "names /a.mp4, which is not below its root"),
    ],
)
def test_rows_that_are_no_spans_are_refused(root, tmp_path, change, words):
    folder = write_catalogue(tmp_path / "catalogue", root, {"a.mp4": [(0, 14, change), (15, 20)]})
    with pytest.raises(InputError, match=words):
        find_splits(folder, "catalogue")


def test_an_empty_selection_is_refused(catalogue, tmp_path):
    clips = read_clips(catalogue)
    write_clips(tmp_path / "none.parquet", clips.table.slice(0, 0), {**clips.metadata, "selection": {"where": "False"}})
    with pytest.raises(InputError, match=r"none\.parquet has no clips"):
        collection(tmp_path / "none.parquet").setup()


def plan_of(data: VideoCollection, stride: int) -> LatentPlan:
    """The plan of encoding a data set."""
    data.setup()
    settings = {"stride": stride, "flips": False, "dtype": "float16", "precision": "32", "clips_per_shard": 7}
    videos = [replace(video, path=video.path.relative_to(data.root)) for video in data.training.videos]
    first = {"autoencoder": {"sha256": "0", "config": {}}, "settings": settings, "clip": data.clip, "latent": (2, 5)}
    return LatentPlan(**first, videos=videos, training=len(videos), validation=[], data=data.describe())


@pytest.mark.parametrize("pace", [{}, {"stride": 2}, {"fps": 10.0}, {"loop": True}])
@pytest.mark.parametrize("stride", [1, 3, 4])
def test_clips_are_encoded_within_their_spans(selection, frame_numbers, pace, stride):
    """The rows of the plan, which comes back from its file, are clips of the spans, as training reads them."""
    data = collection(selection, validation_fraction=0.0, clips=2, **pace)
    plan = LatentPlan.from_json(json.loads(json.dumps(plan_of(data, stride).to_json())))
    assert plan.digest == plan_of(data, stride).digest
    assert [video.columns for video in plan.videos] == [video.columns for video in data.training.videos]
    reader = WindowReader(plan, data.root)
    for shard in plan.shards():
        clips = reader.clips(shard)
        for video, rows in plan.videos_in(shard):
            for row in rows:
                numbers = frame_numbers(next(clips).permute(1, 2, 3, 0).numpy())
                assert numbers == (video.info.first_frame + plan.grid.frames(row, video.info)).tolist()
                assert 0 <= min(numbers) - video.info.first_frame <= max(numbers) - video.info.first_frame
                assert max(numbers) < video.info.first_frame + video.info.frames


def test_a_plan_of_whole_videos_is_what_it_was(make_video, tmp_path):
    """Latents of whole videos have no word of spans, so that those of an earlier version are still theirs."""
    make_video("whole/a.mp4", 20, 16, 24)
    options = DataOptions(path=tmp_path / "whole", frames=4, height=16, width=24, layout="folder")
    stored = plan_of(VideoCollection.of(options), 4).to_json()
    assert set(stored["videos"]) == {"path", "label", "frames", "height", "width", "fps"}
    assert not {"columns", "captions"} & set(stored)
