"""Only the frames that a clip needs are decoded, and scaling is as accurate as the file's colors."""

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from fuzzing import encode, moving
from torch.testing import assert_close

from pvdm.video import ClipShape, probe, read_clip, read_frames, reader, resize_and_crop
from pvdm.video.decoding import pyav as decoding
from pvdm.video.decoding.packets import PacketIndex

KEYS_EVERY_TWELFTH = {"g": "12", "keyint_min": "12", "sc_threshold": "0"}


@pytest.fixture
def decoded(monkeypatch) -> list[int]:
    """The times of all frames that are decoded after a key."""
    times, decode = [], decoding.decode

    def spy(*arguments):
        for frame in decode(*arguments):
            times.append(frame.pts)
            yield frame

    monkeypatch.setattr(decoding, "decode", spy)
    return times


@pytest.fixture
def sought(monkeypatch):
    """Makes it an error to decode a file from its first frame for lack of times."""

    def refuse(*_):
        raise AssertionError("decoded from the start")

    monkeypatch.setattr(decoding, "_decode_from_start", refuse)


@pytest.mark.parametrize(("start", "frames"), [(0, 4), (12, 4), (14, 4), (22, 4), (36, 4)])
def test_frames_are_decoded_from_the_entry_point_to_the_last_wanted(make_video, decoded, sought, start, frames):
    path = make_video("a.mp4", bf="0", **KEYS_EVERY_TWELFTH)
    wanted = np.arange(start, start + frames)
    read_frames(path, wanted)
    assert len(decoded) == start + frames - start // 12 * 12
    assert len(decoded) == PacketIndex.unpack(probe(path).index).decoded(wanted)


def test_frames_between_distant_ones_are_left_out(make_video, decoded, sought):
    read_frames(make_video("a.mp4", bf="0", **KEYS_EVERY_TWELFTH), [1, 37])
    assert len(decoded) == 2 + 2


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"x264-params": "bframes=2:b-adapt=0:b-pyramid=none:keyint=300:scenecut=0"}),
        ("a.avi", {"codec": "mpeg4", "g": "300", "bf": "2", "sc_threshold": "1000000000"}),
    ],
)
def test_b_frames_before_the_clip_are_not_decoded(make_video, frame_numbers, decoded, sought, name, options):
    path = make_video(name, **options)
    assert frame_numbers(read_frames(path, range(30, 34))) == [30, 31, 32, 33]
    assert len(decoded) <= 30 // 3 + 4 + decoding.PACKED + 3  # a third of the frames, and reordered ones


def test_packed_b_frames_are_found_by_seeking(shared_data, sought):
    """As in UCF101 as published, with a single key per file."""
    path = shared_data / "UCF-101" / "ApplyEyeMakeup" / "v_ApplyEyeMakeup_g01_c01.avi"
    info = probe(path)
    assert PacketIndex.unpack(info.index).clock == "dts"
    with av.open(str(path)) as container:
        oracle = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    for first in (*range(40), 100, len(oracle) - 1):
        (frame,) = read_frames(path, [first], info=info)
        np.testing.assert_array_equal(frame, oracle[first], err_msg=str(first))


def test_a_known_index_is_not_computed_again(make_video, frame_numbers, monkeypatch):
    path = make_video("a.mp4")
    info = probe(path)
    monkeypatch.setattr(reader, "packet_index", None)
    assert frame_numbers(read_frames(path, [7, 30], info=info)) == [7, 30]
    assert read_clip(path, ClipShape(4, 32, 32), 3, info=info).shape == (3, 4, 32, 32)


def test_clips_repeat_frames_where_they_are_faster_than_the_file(make_video, frame_numbers):
    clip = read_clip(make_video("a.mp4"), ClipShape(6, 32, 32, fps=50), 3)
    assert frame_numbers(clip.movedim(0, -1).numpy()) == [3, 4, 4, 5, 5, 6]


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_turned_files_are_scaled_as_they_are_shown(tmp_path, make_video, rotation):
    path = make_video("turned.mp4", frames=3, rotation=rotation)
    shown = read_frames(path, [0, 2])
    expected = resize_and_crop(shown, 40, 24, (0.0, 1.0))
    clip = read_clip(path, ClipShape(2, 40, 24, stride=2), 0, crop=(0.0, 1.0))
    assert_close(clip, expected, atol=2, rtol=0)


@pytest.mark.parametrize("size", [64, 256])
def test_scaling_is_nearer_to_exact_than_that_of_rounded_colours(shared_data, size):
    path = shared_data / "wild" / "flipping_a_pancake.mkv"
    exact = _exact(path, 4, size)
    errors = [
        (clip.double() - exact).square().mean().item()
        for clip in (
            read_clip(path, ClipShape(4, size, size)),
            resize_and_crop(read_frames(path, range(4)), size, size),
        )
    ]
    assert errors[0] < 0.5 < errors[1]


def _exact(path: Path, frames: int, size: int) -> torch.Tensor:
    """(3, t, size, size) float64: BT.601 in limited range, chroma sited as in MPEG-2, without rounding."""
    with av.open(str(path)) as container:
        decoded = [frame for frame, _ in zip(container.decode(video=0), range(frames), strict=False)]
    colors = torch.stack([_rgb(*map(_plane, frame.planes)) for frame in decoded])
    h, w = colors.shape[-2:]
    scaled = (size, round(w * size / h))
    colors = torch.nn.functional.interpolate(colors, scaled, mode="bilinear", antialias=True)
    left = round((scaled[1] - size) / 2)
    return colors[..., left : left + size].movedim(1, 0)


def _rgb(y: torch.Tensor, u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    u, v = (_chroma(plane, *y.shape) - 128 for plane in (u, v))
    y, k = (y - 16) * 255 / 219, 255 / 224
    return torch.stack([y + 1.402 * k * v, y - 0.344136 * k * u - 0.714136 * k * v, y + 1.772 * k * u]).clamp(0, 255)


def _chroma(plane: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Chroma rows lie between luma rows, chroma columns on every other luma column."""
    rows = torch.nn.functional.interpolate(plane[None, None], (height, plane.shape[1]), mode="bilinear")[0, 0]
    after = torch.cat([rows[:, 1:], rows[:, -1:]], dim=1)
    return torch.stack([rows, (rows + after) / 2], dim=-1).flatten(1)[:, :width]


def _plane(plane: av.video.plane.VideoPlane) -> torch.Tensor:
    pixels = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
    return torch.from_numpy(pixels.astype(np.float64))


@pytest.mark.parametrize("width", [16, 20, 26])
def test_a_clip_of_the_file_s_own_size_is_its_frames(tmp_path, width):
    path = tmp_path / "a.mp4"
    encode(path, moving(6, 16, width))
    clips = [read_clip(path, ClipShape(6, 16, width)) for _ in range(3)]
    for clip in clips:
        assert_close(clip, torch.from_numpy(read_frames(path, range(6))).movedim(-1, 0))
