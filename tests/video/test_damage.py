"""Damage that a decoder detects is an error that names the file and the frame; intact files are read as before."""

from pathlib import Path

import av
import numpy as np
import pytest
from fuzzing import damage_frame, encode, moving
from shown import GROUPS

from pvdm.data.index import find_damage, index_videos
from pvdm.data.layouts.splits import Entry
from pvdm.errors import InputError
from pvdm.video import ClipShape, probe, read_clip, read_frames

KINDS = {  # a key frame every eight frames; in the last kind, every frame
    "a.mp4": (
        "libx264",
        {"g": "8", "bf": "0", "sc_threshold": "0", "crf": "10"},
    ),  # at lower quality, damage may still decode
    "a.avi": ("mpeg4", {"g": "8", "bf": "0", "sc_threshold": "1000000000"}),
    "a.mkv": ("mpeg2video", {"g": "8", "bf": "0", "sc_threshold": "1000000000"}),
    "b.avi": ("mjpeg", {"strict": "unofficial"}),
}


@pytest.mark.parametrize("name", KINDS)
def test_damage_counts_up_to_the_next_frame_that_needs_no_other(tmp_path, name):
    codec, options = KINDS[name]
    path = tmp_path / name
    encode(path, moving(24, 96, 128), codec, options)
    healthy = read_frames(path, range(24))
    damage_frame(path, 11)
    last = 11 if codec == "mjpeg" else 15
    for good in (range(11), range(last + 1, 24), [0, 10, last + 1, 23]):
        np.testing.assert_array_equal(read_frames(path, good), healthy[list(good)])
    for bad, named in (([11], 11), ([last], last), (range(24), 11), ([3, last, 20], last)):
        with pytest.raises(InputError, match=rf"{path.name} cannot be decoded as a video \(frame {named} is damaged\)"):
            read_frames(path, bad)
    with pytest.raises(InputError, match=rf"{path.name} .*frame 11 is damaged"):
        read_clip(path, ClipShape(4, 16, 16), 9)


def test_damage_is_found_by_the_index_and_by_decoding_all(tmp_path):
    paths = [tmp_path / f"{number}.avi" for number in range(4)]
    codec, options = KINDS["a.avi"]
    for path in paths:
        encode(path, moving(24, 96, 128), codec, options)
    for path, frame in zip(paths, (0, 12, 23), strict=False):
        damage_frame(path, frame)
    index = index_videos([Entry(path) for path in paths])
    assert {bad.path: bad.cause.split("(")[1] for bad in index.bad} == {
        paths[0]: "frame 0 is damaged)",
        paths[2]: "frame 23 is damaged)",
    }
    (found,) = find_damage(index.videos)
    assert found.path == paths[1] and "1.avi cannot be decoded as a video (frame 12 is damaged)" in found.cause


def test_a_picture_far_larger_than_the_first_is_not_decoded(tmp_path):
    """Of the same shape, so that nothing else refuses it; a few kilobytes could ask for gigabytes."""
    small, grown = tmp_path / "small.ts", tmp_path / "grown.ts"
    encode(small, moving(8))
    encode(grown, np.full((1, 48 * 44, 64 * 44, 3), 90, np.uint8), options={"preset": "ultrafast"})
    path = tmp_path / "both.ts"
    path.write_bytes(small.read_bytes() + grown.read_bytes())
    with pytest.raises(InputError, match=r"both\.ts cannot be decoded as a video"):
        read_frames(path, range(9))


def without_first(path: Path, source: Path, packets: int) -> None:
    """A recording that starts in the middle of a stream."""
    with av.open(str(source)) as container, av.open(str(path), "w") as shortened:
        stream = container.streams.video[0]
        copy = shortened.add_stream_from_template(stream)
        for number, packet in enumerate(container.demux(stream)):
            if packet.size and number >= packets:
                packet.stream = copy
                shortened.mux(packet)


def decode_all(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_recording_begun_within_a_video_has_the_frames_that_can_be_shown(tmp_path, group, suffix):
    codec, options = GROUPS[group]
    source, path = tmp_path / f"whole.{suffix}", tmp_path / f"a.{suffix}"
    encode(source, moving(32), codec, options)
    for packets in (3, 8):
        without_first(path, source, packets)
        oracle = decode_all(path)
        assert probe(path).frames == len(oracle) > 8
        for wanted in (range(len(oracle)), [0], [len(oracle) - 1], [2, 9]):
            np.testing.assert_array_equal(read_frames(path, wanted), oracle[list(wanted)])
        assert not index_videos([Entry(path)]).bad


@pytest.mark.parametrize(("container", "codec"), [("mpegts", "libx264"), ("mpegts", "mpeg2video"), ("avi", "libx264")])
@pytest.mark.parametrize("share", [0.6, 0.75])
def test_a_recording_cut_off_within_a_frame_ends_before_it(tmp_path, container, codec, share):
    """The container is detected from the content, whatever the file name."""
    source, path = tmp_path / f"whole.{'avi' if container == 'avi' else 'ts'}", tmp_path / "a.avi"
    encode(source, moving(32, 96, 128), codec, {"g": "8"})
    data = source.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    whole, frames = decode_all(source), probe(path).frames
    assert 5 < frames < 32
    np.testing.assert_array_equal(read_frames(path, range(frames)), whole[:frames])
    assert not index_videos([Entry(path)]).bad


def test_real_files_are_healthy(shared_data):
    """All frames of some files of every kind; a frame that the decoder marks would be an error."""
    paths = [path for suffix in ("avi", "mkv", "mp4") for path in sorted(shared_data.glob(f"*/**/*.{suffix}"))[::100]]
    index = index_videos([Entry(path) for path in paths])
    assert not index.bad and not find_damage(index.videos)
