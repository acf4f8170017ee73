"""Captions: found in a table or beside the videos, and given with the samples."""

import json

import pytest

from pvdm.conditions.text import vocabulary
from pvdm.data import Index, SceneOptions, Video
from pvdm.data.data_options import MixedSet
from pvdm.data.layouts.captions import with_captions
from pvdm.data.sampler import SampleKey
from pvdm.data.table import VideoTable
from pvdm.errors import InputError
from pvdm.training import VideoData
from pvdm.video import VideoInfo

FEW = SceneOptions(videos=40, held_out=10)
SIZES = {"frames": 2, "height": 16, "width": 16, "clips": 2, "batch_size": 2, "workers": 0}


@pytest.fixture
def videos_with_captions(make_video, tmp_path):
    """Two videos, of which the first has two captions."""
    for name in ("one", "two", "three"):
        make_video(frames=12, height=16, width=16, name=f"{name}.mp4")
    (tmp_path / "captions.csv").write_text(
        "file,caption\n"
        + "".join(f"{name}.mp4,{text}\n" for name in ("one", "two") for text in ("a red square", "something moves"))
    )
    return tmp_path


def index_of(root, *names):
    return Index([Video(root / name, VideoInfo(8, 16, 16, 10.0)) for name in names], [])


def captions_of(root, *names):
    return [video.captions for video in with_captions(index_of(root, *names), root).index.videos]


def test_captions_are_of_the_table_and_of_the_files_beside_a_video(tmp_path):
    table = 'caption,file,size\na  red ball,a/one.mp4,3\n"a ball, rolling",a/one.mp4,3\na cat,gone.mp4,1\n'
    (tmp_path / "captions.csv").write_text(table)
    (tmp_path / "two.txt").write_text("first line\n\nsecond line\n")
    (tmp_path / "three.json").write_text(json.dumps({"captions": ["x y", " "]}))
    (tmp_path / "four.json").write_text(json.dumps({"caption": "z", "duration": 3}))
    found = with_captions(index_of(tmp_path, "a/one.mp4", "two.mp4", "three.mp4", "four.mp4", "none.mp4"), tmp_path)
    expected = [("a red ball", "a ball, rolling"), ("first line", "second line"), ("x y",), ("z",), ()]
    assert [video.captions for video in found.index.videos] == expected
    assert (found.captioned, found.unknown) == (4, ["gone.mp4"])
    assert [video.captions for video in VideoTable(found.index.videos)] == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("captions.csv", "path,text\na.mp4,x\n", "has no column caption"),
        ("a.json", "{", "is not JSON"),
        ("a.json", '{"captions": [1]}', "holds captions that are no texts"),
        (
            "captions.csv",
            b"file,caption\na.mp4,caf\xe9\n",
            r"captions in .*csv cannot be read \(not UTF-8\)",
        ),
        ("a.txt", b"caf\xe9", r"captions in .*a.txt cannot be read \(not UTF-8\)"),
        ("b.txt", "of another video", "none of the 1 videos of .* has a caption"),
    ],
)
def test_captions_that_cannot_be_used_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message):
        captions_of(tmp_path, "a.mp4")


def test_a_training_sample_draws_one_of_its_captions_and_validation_takes_the_first(videos_with_captions):
    data = VideoData(videos_with_captions, captions=True, **SIZES)
    data.setup()
    drawn = {data.training[SampleKey(epoch, 0)]["caption"] for epoch in range(20)}
    assert drawn == {"a red square", "something moves"}
    assert data.training[SampleKey(3, 0)]["caption"] == data.training[SampleKey(3, 0)]["caption"]
    assert {data.validation[i]["caption"] for i in range(len(data.validation))} <= {"a red square", ""}
    assert vocabulary(data.training.captions()) == ("a", "moves", "red", "something", "square")


def test_mirrored_samples_with_captions_are_warned_of(videos_with_captions, caplog):
    VideoData(videos_with_captions, captions=True, horizontal_flip=True, **SIZES).setup()
    assert "if these say left or right, set data.horizontal_flip false" in caplog.text


def test_samples_without_captions_have_no_such_key(videos_with_captions):
    data = VideoData(videos_with_captions, **SIZES)
    data.setup()
    assert "caption" not in data.training[0] and not list(data.training.captions())


def test_the_caption_of_a_scene_says_what_the_target_shows_in_known_words():
    data = VideoData(layout="scenes", captions=True, scenes=FEW, clips_per_video=1, **SIZES)
    data.setup()
    texts = [data.training[SampleKey(epoch, index)]["caption"] for epoch in range(2) for index in range(40)]
    assert all("camera" in text for text in texts) and len(set(texts)) > 40
    assert set(vocabulary(texts)) <= set(vocabulary(data.training.captions()))


def test_a_mix_gives_samples_of_a_set_without_captions_an_empty_one(videos_with_captions):
    sets = [MixedSet(videos_with_captions), MixedSet(layout="scenes", captions=False, scenes=FEW, clips_per_video=1)]
    data = VideoData(mix=sets, captions=True, **SIZES)
    data.setup()
    texts = [data.training[index]["caption"] for index in range(len(data.training))]
    assert any(texts[:-40]) and texts[-40:] == [""] * 40
