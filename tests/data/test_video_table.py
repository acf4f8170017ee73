"""A table of videos is the list of them, in less memory."""

import pickle
from pathlib import Path

import pytest

from pvdm.data import Video
from pvdm.data.table import VideoTable
from pvdm.video import VideoInfo


def videos() -> list[Video]:
    return [
        Video(Path("/a/Ünïcode \udcff.mp4"), VideoInfo(10, 48, 64, 25.0, "index"), 3),
        Video(Path("b/frames"), VideoInfo(1 << 40, 1, 2, None), 0),
        Video(Path("c"), VideoInfo(7, 480, 640, 30000 / 1001, "index")),
        Video(Path("d"), VideoInfo(7, 480, 640, 30000 / 1001, "another")),
    ]


def test_it_is_the_list():
    table = VideoTable(videos())
    assert list(table) == videos() and len(table) == 4
    assert [video.info.index for video in table] == [video.info.index for video in videos()]
    assert table[-1] == videos()[-1] and table[1:3] == videos()[1:3]
    assert isinstance(table[0].info.frames, int) and isinstance(table[0].label, int)
    assert list(pickle.loads(pickle.dumps(table))) == videos()
    assert list(VideoTable([])) == []
    for outside in (4, -5):
        with pytest.raises(IndexError):
            table[outside]


def test_videos_of_one_index_share_it():
    info = VideoInfo(150, 240, 320, 25.0, "x" * 1000)
    table = VideoTable([Video(Path(f"clip_{i:010d}.mp4"), info) for i in range(1000)])
    assert len(pickle.dumps(table)) < 100 * 1000
