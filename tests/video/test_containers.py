"""Frames are exact in every supported container, however unreliable its timestamps and seeks are."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from fuzzing import encode

from pvdm.video import VIDEO_SUFFIXES, probe, read_frames

B_FRAMES = {"bf": "2", "g": "12", "sc_threshold": "1000000000"}
KINDS = {
    **dict.fromkeys((".m4v", ".mp4v", ".qt", ".3g2", ".f4v", ".nut", ".mkv"), ("libx264", B_FRAMES)),
    **dict.fromkeys((".ts", ".mts", ".m2ts", ".m2t", ".tp", ".trp", ".3gp"), ("libx264", B_FRAMES)),
    **dict.fromkeys((".mpg", ".mpeg", ".mpe", ".m2p", ".vob", ".m2v", ".mpv"), ("mpeg2video", B_FRAMES)),
    **dict.fromkeys((".wtv", ".mxf"), ("mpeg2video", B_FRAMES)),
    ".m1v": ("mpeg1video", B_FRAMES),
    **dict.fromkeys((".divx", ".xvid"), ("mpeg4", B_FRAMES)),
    **dict.fromkeys((".wmv", ".asf"), ("wmv2", {"g": "12"})),
    **dict.fromkeys((".ogv", ".ogm", ".ivf"), ("libvpx", {"g": "12", "cpu-used": "8", "deadline": "realtime"})),
    ".flv": ("flv", {"g": "12"}),
    ".rm": ("rv20", {"g": "12"}),
    ".y4m": ("rawvideo", {}),
    **dict.fromkeys((".mjpeg", ".mjpg"), ("mjpeg", {})),
    ".gif": ("gif", {}),
    ".apng": ("apng", {}),
}
FORMATS = {
    ".mp4v": "mp4",
    ".qt": "mov",
    ".divx": "avi",
    ".xvid": "avi",
    ".ogm": "ogg",
    ".mjpg": "mjpeg",
    ".mpe": "mpeg",
    ".m2p": "mpeg",
    ".mpv": "mpeg2video",
    ".tp": "mpegts",
    ".trp": "mpegts",
}
PIXELS = {"gif": "rgb8", "apng": "rgb24", "mjpeg": "yuvj420p"}
BIG = (".gxf", ".dv")  # only at broadcast sizes


def write(path: Path, codec: str, options: dict[str, str], frames: int = 40) -> Path:
    """A square that moves over noise, so that all frames differ."""
    ground = np.random.default_rng(0).integers(0, 64, (48, 64, 3), np.uint8)
    with av.open(str(path), "w", format=FORMATS.get(path.suffix)) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, PIXELS.get(codec, "yuv420p")
        stream.bit_rate, stream.time_base = 2_000_000, Fraction(1, 25)
        for number in range(frames):
            pixels = ground.copy()
            pixels[number : number + 8, number : number + 16] = 255
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def decode_all(path: Path) -> np.ndarray:
    """(t, h, w, 3) uint8: the reference, decoded from the first packet to the last."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.mark.parametrize("suffix", KINDS)
def test_random_access_is_exact(tmp_path, suffix):
    path = write(tmp_path / f"a{suffix}", *KINDS[suffix])
    oracle, info = decode_all(path), probe(path)
    assert len(oracle) == info.frames == 40 and info.fps == pytest.approx(25)
    for wanted in ([39], [0], [13, 14, 15], [5, 6, 30], list(range(7, 23)), list(range(0, 40, 3))):
        np.testing.assert_array_equal(read_frames(path, wanted, info=info), oracle[wanted])


@pytest.mark.parametrize("suffix", [".vob", ".mpg", ".ts"])
def test_packs_of_several_frames(make_video, suffix):
    """With frames this small, a program stream has one timestamp for many frames."""
    path = make_video(f"a{suffix}", codec="mpeg2video", g="12")
    oracle = decode_all(path)
    for wanted in ([39], [20], [5, 6, 30], list(range(7, 23))):
        np.testing.assert_array_equal(read_frames(path, wanted), oracle[wanted])


@pytest.mark.parametrize("suffix", [".vob", ".mpg", ".ts"])
def test_frames_larger_than_a_pack(tmp_path, suffix):
    """A seek to the start of a program stream would skip some of these frames."""
    noise = np.random.default_rng(0).integers(0, 256, (30, 48, 64, 3), np.uint8)
    encode(path := tmp_path / f"a{suffix}", noise, "mpeg2video", {"bf": "2", "g": "12"}, rate=25)
    oracle = decode_all(path)
    assert len(oracle) == probe(path).frames == 30
    for wanted in ([0], [29], [5, 6, 20], list(range(7, 23))):
        np.testing.assert_array_equal(read_frames(path, wanted), oracle[wanted])


def test_every_suffix_is_tried_here_or_in_the_reader_s_test():
    assert set(VIDEO_SUFFIXES) - set(KINDS) == {".mp4", ".avi", ".webm", ".mov", *BIG}


def test_a_name_in_capitals(tmp_path):
    assert probe(write(tmp_path / "a.mts", *KINDS[".mts"]).rename(tmp_path / "A.MTS")).frames == 40
