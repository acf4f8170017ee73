"""Any exception of a decoder becomes an InputError that names the file."""

import struct

import numpy as np
import pytest
from PIL import Image

from pvdm.data import ClipDataset, Entry, find_damage, index_videos
from pvdm.data import index as index_module
from pvdm.errors import InputError
from pvdm.video import ClipShape, probe, read_frames
from pvdm.video.decoding import frame_folder
from pvdm.video.decoding import pyav as decoding

ODD = [
    struct.error("unpack requires a buffer"),
    KeyError("tag"),
    ZeroDivisionError(),
    AssertionError(),
    AttributeError("no codec"),
    Image.DecompressionBombError("too large"),
]


@pytest.mark.parametrize("error", ODD, ids=lambda error: type(error).__name__)
def test_an_odd_exception_is_one_bad_video(make_video, monkeypatch, error):
    bad, good = make_video("a;b.mp4", 6, 16, 24), make_video("good.mp4", 6, 16, 24)
    probed = decoding.probe

    def probe_or_fail(path):
        if path == bad:
            raise error
        return probed(path)

    monkeypatch.setattr(decoding, "probe", probe_or_fail)
    with pytest.raises(InputError, match=rf"a;b.mp4 cannot be read \({type(error).__name__}.*\); repair it or remove"):
        probe(bad)
    index = index_videos([Entry(bad), Entry(good)])
    assert [video.path for video in index.videos] == [good]
    (told,) = index.bad
    assert told.cause.startswith(f"{bad} cannot be read ({type(error).__name__}") and told.cause.endswith(")")


def test_an_odd_exception_in_the_middle_is_named_in_training_and_by_inspect(make_video, monkeypatch):
    video = index_videos([Entry(make_video("a.mp4", 8, 16, 24))]).videos[0]

    def fail(*arguments):
        raise ValueError("all input arrays must have the same shape")

    for name in ("read", "read_covering"):
        monkeypatch.setattr(decoding, name, fail)
    with pytest.raises(InputError, match=r"a.mp4 cannot be read \(ValueError: all input arrays must"):
        ClipDataset([video], ClipShape(4, 16, 16), training=True)[0]
    (bad,) = find_damage([video])
    assert "a.mp4 cannot be read (ValueError: all input" in bad.cause


def test_frames_that_do_not_fit_into_memory_are_one_bad_video(make_video, monkeypatch):
    def fail(path):
        raise MemoryError

    monkeypatch.setattr(index_module, "probe", fail)
    (bad,) = index_videos([Entry(make_video("a.mp4", 4, 16, 24))]).bad
    assert bad.cause.endswith("a.mp4 cannot be read, because its frames do not fit into memory")


def test_a_folder_that_goes_away_is_named(make_frame_folder, monkeypatch):
    folder = make_frame_folder("frames", 4, 16, 24)

    def fail(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(frame_folder, "frame_paths", fail)
    with pytest.raises(InputError, match=r"frames cannot be read \(Permission denied\); repair it or remove it"):
        read_frames(folder, [0])


@pytest.mark.parametrize("name", ["²", "f²", "f_²1", "١", "f١"])
def test_any_numerals_may_be_in_the_names_of_frames(make_frame_folder, name):
    folder = make_frame_folder("frames", 4, 16, 24)
    (folder / "f_3.png").rename(folder / f"{name}.png")
    assert probe(folder).frames == 4 and np.unique(read_frames(folder, range(4)), axis=0).shape[0] == 4
