"""Images are read as their files specify: upright, opaque, in 8 bits."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from pvdm.errors import InputError
from pvdm.video import ClipShape, probe, read_clip, read_frames

UPRIGHT = {  # the transformations of stored pixels in the EXIF standard
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: x.swapaxes(0, 1)[:, ::-1],
    7: lambda x: x.swapaxes(0, 1)[::-1, ::-1],
    8: lambda x: x.swapaxes(0, 1)[::-1],
}


@pytest.fixture
def colors() -> np.ndarray:
    """(12, 20, 3) uint8."""
    y, x = np.mgrid[:12, :20]
    return np.stack([x * 12, y * 20, 128 + 0 * x], -1).astype(np.uint8)


def shown(tmp_path: Path, image: Image.Image, name: str = "a.png", **options) -> np.ndarray:
    image.save(tmp_path / name, **options)
    (frame,) = read_frames(tmp_path, [0])
    return frame


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("turn", UPRIGHT)
def test_exif_turns_frames(tmp_path, colors, suffix, turn):
    exif = Image.Exif()
    exif[274] = turn
    frame = shown(tmp_path, Image.fromarray(colors), f"a.{suffix}", exif=exif)
    expected = UPRIGHT[turn](colors)
    assert frame.shape == expected.shape
    assert np.abs(frame.astype(int) - expected).mean() < (0.1 if suffix == "png" else 5)
    info = probe(tmp_path)
    assert (info.height, info.width) == expected.shape[:2]
    clip = read_clip(tmp_path, ClipShape(1, *expected.shape[:2]))
    np.testing.assert_array_equal(clip[:, 0].numpy(), np.moveaxis(frame, -1, 0))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_unreadable_exif_turns_nothing(tmp_path, colors):
    for exif in (b"Exif\0\0MM\0*\0\0\xff\xf0garbage", b"Exif\0\0XXgarbage"):
        assert shown(tmp_path, Image.fromarray(colors), "a.jpg", exif=exif).shape == (12, 20, 3)


def test_deep_grey_is_brought_to_8_bits_as_ffmpeg_does(tmp_path):
    grey = np.linspace(0, 65535, 12 * 20).astype(np.uint16).reshape(12, 20)
    frame = shown(tmp_path, Image.fromarray(grey))
    np.testing.assert_array_equal(frame[..., 0], np.rint(grey / 257))
    with av.open(str(tmp_path / "a.png")) as container:
        oracle = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(frame.astype(int) - oracle).max() <= 1


@pytest.mark.parametrize("pixels", ["rgb48be", "rgba64be", "ya16be", "gray16be"])
def test_deep_png_files_of_ffmpeg(tmp_path, colors, pixels):
    deep = av.VideoFrame.from_ndarray(colors, format="rgb24").reformat(format=pixels)
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 20, 12, pixels
    encoder.time_base = Fraction(1, 25)
    (tmp_path / "a.png").write_bytes(b"".join(map(bytes, [*encoder.encode(deep), *encoder.encode(None)])))
    (frame,) = read_frames(tmp_path, [0])
    oracle = deep.to_ndarray(format="rgb24" if "rgb" in pixels else "gray").reshape(12, 20, -1)
    assert np.abs(frame.astype(int) - oracle).max() <= 1


def test_transparency_is_shown_on_black(tmp_path, colors):
    alpha = np.broadcast_to(np.arange(20, dtype=np.uint8) * 13, (12, 20))
    expected = colors.astype(float) * alpha[..., None] / 255
    rgba = Image.fromarray(np.dstack([colors, alpha]))
    assert np.abs(shown(tmp_path, rgba) - expected).max() <= 1
    grey = Image.fromarray(np.dstack([colors[..., 0], alpha]), "LA")
    assert np.abs(shown(tmp_path, grey)[..., 1] - expected[..., 0]).max() <= 1


def test_a_transparent_colour_is_shown_black(tmp_path):
    palette = Image.new("P", (4, 2), 1)
    palette.putpalette([255, 255, 255, 10, 200, 30])
    palette.paste(0, (0, 0, 2, 2))
    assert shown(tmp_path, palette, transparency=0).tolist() == [[[0, 0, 0]] * 2 + [[10, 200, 30]] * 2] * 2
    rgb = Image.new("RGB", (4, 2), (9, 8, 7))
    assert shown(tmp_path, rgb, transparency=(9, 8, 7)).max() == 0
    deep = Image.fromarray(np.full((2, 4), 30000, np.uint16))
    assert shown(tmp_path, deep, transparency=30000).max() == 0
    assert shown(tmp_path, deep).min() == 117


def test_printers_colours(tmp_path):
    """White minus the inks."""
    inks = Image.new("CMYK", (16, 16), (255, 0, 51, 51))
    frame = shown(tmp_path, inks, "a.jpg", quality=100)
    assert np.abs(frame.astype(int) - [0, 204, 163]).max() <= 3


def test_floating_point_pixels_are_named(tmp_path):
    Image.new("F", (4, 4), 0.5).save(tmp_path / "a.tiff")
    (tmp_path / "a.tiff").rename(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a.png cannot be read as an image \(its pixels are floating-point"):
        read_frames(tmp_path, [0])
