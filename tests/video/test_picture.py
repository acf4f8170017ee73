"""Frames are read as a player shows them, by `read_frames` and as a clip."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from shown import filtered, soft, write

from pvdm.errors import InputError
from pvdm.video import ClipShape, probe, read_clip, read_frames, resize_and_crop
from pvdm.video.decoding import hdr, packets
from pvdm.video.decoding.picture import on_black, orientation

ONE = 1 << 16
HLG_CODES = np.linspace(0, 1, 4096)
ORIENTATIONS = {  # the first four numbers of a display matrix: the FFmpeg filters for it
    (1, 0, 0, 1): (),
    (-1, 0, 0, 1): (("hflip", ""),),
    (1, 0, 0, -1): (("vflip", ""),),
    (-1, 0, 0, -1): (("hflip", ""), ("vflip", "")),
    (0, 1, -1, 0): (("transpose", "clock"),),
    (0, -1, 1, 0): (("transpose", "cclock"),),
    (0, 1, 1, 0): (("transpose", "cclock_flip"),),
    (0, -1, -1, 0): (("transpose", "clock_flip"),),
}


def matrix_of(a: float, b: float, c: float, d: float) -> tuple[int, ...]:
    return (*(round(value * ONE) for value in (a, b)), 0, *(round(value * ONE) for value in (c, d)), 0, 0, 0, 1 << 30)


def check_clip(path: Path, shown: np.ndarray, size: tuple[int, int] = (20, 28)) -> None:
    """A clip is the same picture, scaled and cropped, except that it is scaled before color conversion."""
    expected = resize_and_crop(shown, *size, (0.25, 1.0))
    clip = read_clip(path, ClipShape(len(shown), *size), crop=(0.25, 1.0))
    assert (clip.float() - expected).abs().mean() < 5
    own = read_clip(path, ClipShape(len(shown), *shown.shape[1:3]))
    assert (own.float() - torch.from_numpy(shown).movedim(-1, 0)).abs().mean() < 1


@pytest.mark.skipif(
    not hasattr(av.video.stream.VideoStream, "set_display_matrix"), reason="this version of PyAV cannot write a matrix"
)
@pytest.mark.parametrize("values", ORIENTATIONS)
@pytest.mark.parametrize("aspect", [None, Fraction(3, 2)])
def test_orientation_and_the_shape_of_pixels_are_those_of_ffmpeg(tmp_path, values, aspect):
    path = write(tmp_path / "a.mp4", soft(3, 32, 48), aspect=aspect, matrix=matrix_of(*values), crf="5")
    square = (("scale", "iw*sar:ih:flags=bilinear"),) if aspect else ()
    expected = filtered(path, *ORIENTATIONS[values], *square)
    shown = read_frames(path, range(3))
    info = probe(path)
    assert (info.height, info.width) == shown.shape[1:3] == expected.shape[1:3]
    assert (
        np.abs(shown.astype(int) - expected).mean() < 5
    )  # scalers differ slightly; another orientation differs by more than 30
    check_clip(path, shown)


@pytest.mark.parametrize("angle", [30, 100, -45])
def test_another_angle_is_named(tmp_path, make_video, angle):
    path = make_video("a.mp4", frames=3, rotation=angle)
    for read in (probe, lambda path: read_frames(path, [0]), lambda path: read_clip(path, ClipShape(2, 8, 8))):
        with pytest.raises(InputError, match=rf"a.mp4 cannot be .* \(its picture is to be rotated by {abs(angle)} deg"):
            read(path)


def test_half_a_degree_is_upright():
    assert orientation(np.array([65534, 572, 0, -572, 65534, 0, 0, 0, 1 << 30], np.int32).tobytes()).transposed is False


@pytest.mark.parametrize(
    ("aspect", "width"), [(Fraction(4096, 4083), 64), (Fraction(10, 11), 58), (Fraction(8, 1), 512)]
)
def test_nearly_square_pixels_are_square(tmp_path, aspect, width):
    assert probe(write(tmp_path / "a.mp4", soft(2), aspect=aspect)).width == width


def test_pixels_of_no_sensible_shape_are_named(tmp_path):
    path = write(tmp_path / "a.mp4", soft(2), aspect=Fraction(20, 1))
    with pytest.raises(InputError, match=r"a.mp4 .* \(its pixel aspect ratio is 20"):
        probe(path)


@pytest.mark.parametrize(
    ("codec", "pixels", "suffix", "colors"),
    [
        ("libx264", "yuv420p10le", "mp4", {}),
        ("libx264", "yuv444p", "mp4", {"color_range": 2, "colorspace": 1}),
        ("libx264", "yuv420p", "mp4", {"color_range": 1, "colorspace": 1}),
        ("libx265", "yuv420p12le", "mp4", {"color_range": 1, "colorspace": 9}),
        ("ffv1", "yuv444p16le", "mkv", {"color_range": 2, "colorspace": 5}),
        ("ffv1", "gray16le", "mkv", {}),
        ("png", "rgb48be", "mov", {}),
    ],
)
def test_depth_range_and_matrix_are_those_of_ffmpeg(tmp_path, codec, pixels, suffix, colors):
    options = {"x265-params": "log-level=none:pools=1:frame-threads=1"} if codec == "libx265" else {}
    path = write(tmp_path / f"a.{suffix}", soft(3), codec, pixels, colors=colors, **options)
    expected = filtered(path, ("scale", "flags=bilinear"), ("format", "rgb24"))
    shown = read_frames(path, range(3))
    difference = np.abs(shown.astype(int) - expected)
    assert difference.mean() < 1.5 and difference.max() <= 10
    check_clip(path, shown)


@pytest.mark.parametrize(
    ("codec", "pixels", "suffix", "tolerance"),
    [("qtrle", "argb", "mov", 0), ("png", "rgba64be", "mov", 1), ("prores_ks", "yuva444p10le", "mov", 12)],
)
def test_transparency_is_shown_on_black(tmp_path, codec, pixels, suffix, tolerance):
    color = soft(3)
    alpha = np.broadcast_to(np.linspace(0, 255, 64).astype(np.uint8)[:, None], (3, 48, 64, 1))
    path = write(tmp_path / f"a.{suffix}", np.concatenate([color, alpha], -1), codec, pixels, source="rgba")
    shown = read_frames(path, range(3))
    expected = np.rint(color.astype(float) * alpha / 255)
    assert np.abs(shown - expected).max() <= max(tolerance, 1)
    check_clip(path, shown)


def test_alpha_is_rounded_once():
    for whole, type_ in ((255, np.uint8), (65535, np.uint16)):
        pixels = np.array([[[whole, 100, 3, 0], [whole, 100, 3, whole], [whole, 100, 3, whole // 3]]], type_)
        assert on_black(pixels).tolist() == [[[0, 0, 0], [whole, 100, 3], [whole // 3, 33, 1]]]


def test_transparency_that_no_decoder_gives_out_is_named(tmp_path):
    """WebM stores alpha beside the picture, where FFmpeg's native decoders ignore it."""
    color = np.concatenate([soft(2), np.full((2, 48, 64, 1), 100, np.uint8)], -1)
    path = write(tmp_path / "a.webm", color, "libvpx-vp9", "yuva420p", source="rgba", deadline="realtime")
    with pytest.raises(InputError, match=r"a.webm .* \(its transparency is stored as a second picture"):
        probe(path)


def interlaced(path: Path, frames: int = 9) -> tuple[Path, np.ndarray]:
    """An interlaced file, odd lines half a frame earlier than even ones, and its fields, (2 t, h, w)."""
    t, y, x = np.meshgrid(np.arange(2 * frames), np.arange(48), np.arange(64), indexing="ij")
    moments = (128 + 100 * np.sin(0.15 * x + 0.1 * y + 0.4 * t)).astype(np.uint8)
    woven = moments[0::2].copy()
    woven[:, 0::2] = moments[1::2][:, 0::2]
    write(path, np.repeat(woven[..., None], 3, -1), crf="5", g="4", **{"x264-params": "interlaced=1:bframes=0"})
    return path, moments


def test_interlaced_frames_are_of_one_moment_wherever_reading_begins(tmp_path):
    path, moments = interlaced(tmp_path / "a.mp4")
    oracle = filtered(path, ("estdif", "mode=frame"))
    shown = read_frames(path, range(9))
    assert np.abs(shown.astype(int) - oracle).max() <= 1
    assert np.abs(shown[..., 0] - moments[0::2].astype(int)).mean() < 3
    for wanted in ([5], [2, 8]):
        np.testing.assert_array_equal(read_frames(path, wanted), shown[wanted])
    check_clip(path, shown)


def changing(path: Path, codec: str, sizes: list[tuple[int, int]]) -> Path:
    """A file whose picture changes its size (height, width) every three frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        for part, (height, width) in enumerate(sizes):
            encoder = av.CodecContext.create(codec, "w") if part else stream.codec_context
            encoder.height, encoder.width, encoder.pix_fmt = height, width, "yuv420p"
            encoder.time_base, encoder.thread_count, encoder.bit_rate = Fraction(1, 25), 1, 2_000_000
            for i, frame in enumerate(soft(3, height, width)):
                picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
                picture.pts, picture.time_base = 3 * part + i, Fraction(1, 25)
                _mux(container, stream, encoder.encode(picture))
            _mux(container, stream, encoder.encode(None))
    return path


def _mux(container, stream, packets) -> None:
    for packet in packets:
        packet.stream = stream
        container.mux(packet)


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_a_larger_picture_of_the_same_shape_is_scaled_to_the_first(tmp_path, codec):
    path = changing(tmp_path / "a.webm", codec, [(48, 64), (96, 128)])
    shown = read_frames(path, range(6))
    assert shown.shape == (6, 48, 64, 3) and probe(path).height == 48
    np.testing.assert_array_equal(read_frames(path, [4, 5]), shown[4:])
    np.testing.assert_array_equal(read_frames(path, range(6), reader="decord"), shown)
    expected = filtered(path, ("scale", "64:48:flags=bilinear"))
    assert np.abs(shown.astype(int) - expected).mean() < 2
    check_clip(path, shown)


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_a_picture_that_changes_its_shape_for_a_while_is_named(tmp_path, codec):
    path = changing(tmp_path / "a.webm", codec, [(48, 64), (64, 48), (48, 64)])
    for read in (probe, lambda path: read_frames(path, [0]), lambda path: read_clip(path, ClipShape(3, 8, 8))):
        with pytest.raises(InputError, match=r"a.webm .* \(its picture changes from 64x48 to 48x64\); remove it"):
            read(path)


def test_a_frame_of_another_aspect_ratio_is_an_error(tmp_path, monkeypatch):
    path = changing(tmp_path / "a.webm", "libvpx", [(48, 64), (64, 48), (48, 64)])
    monkeypatch.setattr(packets, "coded_size", lambda *_: None)
    assert read_frames(path, range(3)).shape == (3, 48, 64, 3)
    with pytest.raises(InputError, match=r"a.webm .* \(its picture changes from 64x48 to 48x64\); remove it"):
        read_frames(path, range(6))


def with_cover(path: Path, *, video: bool) -> Path:
    """A cover picture, optionally followed by a video."""
    with av.open(str(path), "w") as container:
        cover = container.add_stream("png", rate=25)
        cover.height, cover.width, cover.pix_fmt = 20, 20, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic.value
        streams = [(cover, soft(1, 20, 20))]
        if video:
            stream = container.add_stream("libx264", rate=25)
            stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
            streams.append((stream, soft(5)))
        for stream, frames in streams:
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
    return path


def test_a_cover_is_not_the_video(tmp_path):
    info = probe(with_cover(tmp_path / "a.mp4", video=True))
    assert (info.frames, info.height, info.width) == (5, 48, 64)
    with pytest.raises(InputError, match=r"b.mp4 .* \(it holds no video stream, only a cover\)"):
        probe(with_cover(tmp_path / "b.mp4", video=False))


def ramp(path: Path, transfer: int, levels: np.ndarray, primaries: int = 9) -> Path:
    """Grays of these levels, (w,) in [0, 1], in 10 bits."""
    grey = np.broadcast_to(np.rint(levels * 65535).astype(np.uint16)[:, None], (16, len(levels), 3))
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(grey), format="rgb48le").reformat(format="yuv420p10le")
    colors = {"color_trc": transfer, "color_primaries": primaries, "colorspace": 9, "color_range": 1}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "0"})
        stream.height, stream.width, stream.pix_fmt = 16, len(levels), "yuv420p10le"
        for name, value in colors.items():
            setattr(stream.codec_context, name, value)
        for number in range(2):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("transfer", hdr.TRANSFERS)
def test_high_dynamic_range_is_brought_into_range(tmp_path, transfer):
    path = ramp(tmp_path / "a.mp4", transfer, np.linspace(0, 1, 64))
    shown = read_frames(path, [0, 1])
    middle = shown[0, 8].astype(int)
    assert np.abs(middle - middle.mean(axis=1, keepdims=True)).max() <= 1, "grey stays grey"
    assert (np.diff(middle[:, 1]) >= 0).all() and middle[0, 1] == 0 and middle[-1, 1] == 255
    check_clip(path, shown)


def test_codes_of_light_are_those_of_the_standards():
    """Reference levels of ITU-R BT.2408: 100, 203 and 1000 cd/m2, in PQ and HLG."""
    assert hdr.pq_light(np.array([0.508, 0.581, 0.752])) == pytest.approx([100, 203, 1000], rel=0.01)
    assert hdr.pq_code(np.array([100, 203, 1000])) == pytest.approx([0.508, 0.581, 0.752], abs=1e-3)
    assert 1000 * hdr.hlg_light(np.array([0.75, 1.0])) ** 1.2 == pytest.approx([203, 1000], rel=0.01)


@pytest.mark.parametrize("transfer", hdr.TRANSFERS)
def test_light_that_an_ordinary_display_has_keeps_its_strength(transfer):
    light = np.array([1.0, 10, 50, 90])
    scene = (light / 1000) ** (1 / 1.2)
    codes = hdr.pq_code(light) if transfer == hdr.PQ else np.interp(scene, hdr.hlg_light(HLG_CODES), HLG_CODES)
    grey = np.rint(np.repeat(codes[None, :, None], 3, -1) * 65535).astype(np.uint16)
    expected = (light / hdr.WHITE) ** (1 / 2.4) * 255
    assert hdr.to_sdr(grey, transfer, primaries=9)[0, :, 1] == pytest.approx(expected, abs=1)


def test_colours_outside_an_ordinary_display_are_brought_to_its_edge():
    green = np.array([[[0, 40000, 0]]], np.uint16)
    wide, narrow = (hdr.to_sdr(green, hdr.PQ, primaries).tolist()[0][0] for primaries in (9, 1))
    assert narrow[0] == narrow[2] == wide[0] == wide[2] == 0 and wide[1] > narrow[1] > 0
