"""The index separates good videos from bad ones, and caches them as long as the files are unchanged."""

import json
import logging
import os
import shutil
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from pvdm.data import Entry, Index, IndexCache, Video, check_share, first_causes, index_videos, long_enough
from pvdm.data import index as index_module
from pvdm.data.index_cache import FORMAT
from pvdm.errors import InputError
from pvdm.video import ClipShape, VideoInfo
from pvdm.video.timeline import packed


def entries(*paths) -> list[Entry]:
    return [Entry(path, number) for number, path in enumerate(paths)]


@pytest.fixture
def opened(monkeypatch) -> list:
    """The paths of the videos that are opened from now on."""
    paths, probe = [], index_module.probe
    monkeypatch.setattr(index_module, "probe", lambda path: paths.append(path) or probe(path))
    return paths


def test_good_videos_keep_their_order_and_class(make_video, make_frame_folder):
    paths = [make_video("b.mp4", 40), make_frame_folder("c", 12), make_video("a.avi", 25, fps=10, codec="mpeg4")]
    index = index_videos(entries(*paths), workers=2)
    assert index.bad == []
    assert [(video.path, video.label, video.info) for video in index.videos] == [
        (paths[0], 0, VideoInfo(40, 48, 64, 25.0)),
        (paths[1], 1, VideoInfo(12, 48, 64, None)),
        (paths[2], 2, VideoInfo(25, 48, 64, 10.0)),
    ]
    assert [video.label for video in index.of(entries(*paths)[:0:-1]).videos] == [2, 1]


def test_bad_videos_are_told_with_their_cause(tmp_path, make_video, make_frame_folder):
    good, bad, absent = make_video("good.mp4", 5), tmp_path / "bad.mp4", tmp_path / "absent.mp4"
    bad.write_bytes(b"x" * 1000)
    first, last = make_frame_folder("first", 4), make_frame_folder("last", 4)
    (first / "f_0.png").write_bytes(b"no image")
    (last / "f_3.png").write_bytes(b"no image")
    index = index_videos(entries(bad, good, absent, first, last))
    assert [video.path for video in index.videos] == [good]
    assert index.of(entries(good, last)) == Index(index.videos, index.bad[-1:])
    causes = {video.path: video.cause for video in index.bad}
    assert list(causes) == [bad, absent, first, last]
    assert causes[bad].startswith(f"{bad} cannot be decoded as a video (")
    assert causes[absent] == f"{absent} cannot be read (No such file or directory)"
    assert causes[first].startswith(f"{first / 'f_0.png'} cannot be read as an image (")
    assert causes[last].startswith(f"{last / 'f_3.png'} cannot be read as an image (")


def test_a_last_frame_of_another_size_is_found(make_frame_folder):
    folder = make_frame_folder("sizes", 4)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "f_3.png")
    (bad,) = index_videos(entries(folder)).bad
    assert "f_3.png is 8x8, but the first frame of its clip is 64x48" in bad.cause


def test_what_is_known_is_not_opened_again(tmp_path, make_video, make_frame_folder, opened):
    found = entries(make_video("a.mp4", 8), make_frame_folder("c", 5))
    cache = IndexCache.of(tmp_path)
    first = index_videos(found, cache=cache)
    cache.save()
    assert sorted(opened) == sorted(entry.path for entry in found)
    opened.clear()
    assert index_videos(found, cache=IndexCache.of(tmp_path)) == first
    assert opened == []
    assert index_videos(found, cache=IndexCache.of(tmp_path / "elsewhere")) == first
    assert len(opened) == 2


@pytest.mark.parametrize("change", ["size", "time", "frame added", "frame replaced"])
def test_a_change_is_noticed(tmp_path, make_video, make_frame_folder, opened, change):
    video, folder = make_video("a.mp4", 8), make_frame_folder("c", 5)
    cache = IndexCache.of(tmp_path)
    index_videos(entries(video, folder), cache=cache)
    cache.save()
    if change == "size":
        time = video.stat().st_mtime_ns
        shutil.copy(make_video("b.mp4", 9), video)
        os.utime(video, ns=(time, time))
    elif change == "time":
        os.utime(video, ns=(0, 0))
    elif change == "frame added":
        shutil.copy(folder / "f_0.png", folder / "f_5.png")
    else:
        os.utime(folder / "f_2.png", ns=(0, 0))
    opened.clear()
    index = index_videos(entries(video, folder), cache=IndexCache.of(tmp_path))
    assert opened == [folder if change.startswith("frame") else video]
    assert [found.info.frames for found in index.videos] == [
        9 if change == "size" else 8,
        5 + (change == "frame added"),
    ]


def test_bad_videos_are_tried_again(tmp_path, make_video, opened):
    """What was wrong may have been the disk: the file itself need not change."""
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"x" * 1000)
    for _ in range(2):
        cache = IndexCache.of(tmp_path)
        assert len(index_videos(entries(bad), cache=cache).bad) == 1
        cache.save()
    assert opened == [bad, bad]


def _stored(**values) -> str:
    """A cache of one video of two frames, with a value that it cannot have."""
    good = {"mark": "", "frames": 2, "height": 1, "width": 1, "fps": 9, "index": None, "times": None}
    return json.dumps({"format": FORMAT, "videos": {"a": {**good, **values}}})


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", '"x"', "\udcff"),
        *('{"format": 1}', '{"format": 1, "videos": []}', f'{{"format": {FORMAT}, "videos": {{"a": 3}}}}'),
        *(_stored(frames=-1), _stored(fps="x"), _stored(times="1/25 AAAA")),
        _stored(times=packed(np.arange(3), Fraction(1, 9))),
        json.dumps({"format": FORMAT, "videos": {"a": {"mark": "", "frames": 2}}}),
    ],
)
def test_a_damaged_cache_counts_as_empty(tmp_path, make_video, opened, text):
    found = entries(make_video("a.mp4", 8))
    cache = IndexCache.of(tmp_path)
    cache.path.parent.mkdir(parents=True)
    cache.path.write_bytes(text.encode(errors="surrogateescape"))
    cache = IndexCache.of(tmp_path)
    assert len(index_videos(found, cache=cache).videos) == 1
    cache.save()
    assert len(opened) == 1
    assert list(json.loads(cache.path.read_text())["videos"]) == [str(found[0].path)]


def test_a_cache_that_cannot_be_written_is_a_line_of_the_log(tmp_path, make_video, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("PVDM_CACHE", str(tmp_path / "file"))
    cache = IndexCache.of(tmp_path)
    index_videos(entries(make_video("a.mp4", 8)), cache=cache)
    with caplog.at_level(logging.INFO, "pvdm.data"):
        cache.save()
    (message,) = caplog.messages
    assert message.startswith("the index of the videos is not stored: ") and "cannot be written" in message


def test_without_a_home_nothing_is_kept(tmp_path, make_video, monkeypatch, caplog):
    for name in ("PVDM_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.home", no_home)
    with caplog.at_level(logging.INFO, "pvdm.data"):
        cache = IndexCache.of(tmp_path)
    assert caplog.messages == [
        "the index of the videos is not stored: this user has no home directory; PVDM_CACHE can name a folder"
    ]
    assert len(index_videos(entries(make_video("a.mp4", 8)), cache=cache).videos) == 1
    cache.save()


def test_files_that_are_gone_are_forgotten(tmp_path, make_video):
    first, second, third = (make_video(f"{name}.mp4", 8) for name in "abc")
    cache = IndexCache.of(tmp_path)
    index_videos(entries(first, second), cache=cache)
    cache.save()
    first.unlink()
    cache = IndexCache.of(tmp_path)
    index_videos(entries(third), cache=cache)
    cache.save()
    assert list(json.loads(cache.path.read_text())["videos"]) == [str(second), str(third)]


def test_no_change_of_a_thread_is_lost_to_another(tmp_path):
    """One thread compares an entry that is known while another puts one that is new."""

    class Meanwhile(str):
        def __eq__(self, other):
            cache.put(tmp_path / "new", "mark", VideoInfo(1, 1, 1, None))
            return True

        __hash__ = str.__hash__

    cache, known = IndexCache(tmp_path / "index.json"), VideoInfo(2, 2, 2, None)
    (tmp_path / "new").touch()
    cache._known[str(tmp_path / "old")] = (Meanwhile("mark"), known)
    cache.put(tmp_path / "old", "mark", known)
    cache.save()
    assert list(json.loads(cache.path.read_text())["videos"]) == [str(tmp_path / "new")]


def test_where_the_cache_is(tmp_path, monkeypatch, cache_folder):
    folder = index_module.IndexCache.of(tmp_path).path.parent
    assert folder == cache_folder / "index"
    monkeypatch.delenv("PVDM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert IndexCache.of(tmp_path).path.parent == tmp_path / "xdg" / "pvdm" / "index"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert IndexCache.of(tmp_path).path.parent == tmp_path / "home" / ".cache" / "pvdm" / "index"
    assert not (tmp_path / "home").exists()


def of_lengths(*lengths: int, fps: float | None = 25.0) -> Index:
    return Index([Video(f"{frames}.mp4", VideoInfo(frames, 16, 16, fps)) for frames in lengths], [])


def test_a_video_is_long_enough_for_one_clip_and_no_more():
    index = long_enough(of_lengths(12, 13, 14), ClipShape(4, 8, 8, stride=4))
    assert [video.path for video in index.videos] == ["13.mp4", "14.mp4"]
    assert [video.cause for video in index.bad] == [
        "12.mp4 has 12 frames, fewer than the 13 that a clip of 4 frames spans"
    ]


def test_a_rate_that_a_video_does_not_know_is_a_cause():
    index = long_enough(of_lengths(50, fps=None), ClipShape(4, 8, 8, fps=10))
    assert "50.mp4 cannot give such clips (the clip has 10 frames per second, but" in index.bad[0].cause


def test_the_share_of_bad_videos():
    clip = ClipShape(10, 8, 8)
    bad = long_enough(of_lengths(*[1] * 5, *[20] * 95), clip).bad
    check_share(100, bad, 0.05)
    check_share(100, [], 0)
    with pytest.raises(InputError) as error:
        check_share(99, bad, 0.05)
    assert str(error.value) == (
        "5 of 99 videos cannot be used, more than the share of 0.05 that data.max_bad_share allows: "
        + "; ".join(["1.mp4 has 1 frames, fewer than the 10 that a clip of 10 frames spans"] * 3)
        + "; and 2 more; repair or remove them (pvdm inspect lists all), choose fewer frames or a smaller stride, "
        "or raise --data.max_bad_share"
    )
    with pytest.raises(InputError, match=r"^5 of 5 videos cannot be used: 1.mp4 has .* smaller stride$"):
        check_share(5, bad, 1.0)
    with pytest.raises(InputError, match=r"no videos to train on; check the folder and data.part"):
        check_share(0, [], 1)


def test_only_the_first_few_are_named():
    bad = long_enough(of_lengths(1, 2, 3), ClipShape(10, 8, 8)).bad
    assert first_causes(bad).count("fewer than") == 3 and "more" not in first_causes(bad)


def test_times_of_variable_rate_are_remembered(tmp_path, make_video, opened):
    shown = [0, 40, 80, 120, 500, 900, 1300]
    found = entries(make_video("a.mp4", 7, milliseconds=shown))
    for _ in range(2):
        cache = IndexCache.of(tmp_path)
        (video,) = index_videos(found, cache=cache).videos
        cache.save()
        assert video.info.timeline.seconds.tolist() == pytest.approx([time / 1000 for time in shown])
    assert len(opened) == 1
    short = long_enough(Index([video], []), ClipShape(8, 8, 8, fps=4.0))
    assert short.bad[0].cause.endswith("a.mp4 lasts 1.3 s, less than the 1.75 s of a clip of 8 frames")
