"""Image series: what is read and written has the values of the files, of more than 8 bits, in every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pvdm.errors import InputError
from pvdm.video import PacedVideo, probe, read_frames, read_video, save_video
from pvdm.video.series.stored_values import StoredValues
from pvdm.video.writer import write_video

KINDS = {
    "uint8": ("uint8", 0, 255),
    "uint16": ("uint16", 3, 65501),
    "10 bits": ("uint16", 0, 1023),
    "float32": ("float32", -2.5, 40.0),
}


def stack(kind: str, *, color: bool = False) -> np.ndarray:
    """5 frames of 12x16 with the whole range of a kind."""
    dtype, low, high = KINDS[kind]
    values = np.random.default_rng(0).uniform(low, high, (5, 12, 16, 3)[: 4 if color else 3])
    values.flat[0], values.flat[1] = low, high
    return values.astype(dtype)


def write(path: Path, values: np.ndarray) -> Path:
    """As programs of others write it, without a range."""
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".npz":
        np.savez(path, frames=values)
    else:
        first, *others = map(Image.fromarray, values)
        first.save(path, save_all=True, append_images=others)
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".tif"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_series_returns(tmp_path, kind, suffix):
    """From the file to pixels and back, to half a step of integers and seven digits of floats."""
    values = stack(kind)
    source = PacedVideo(write(tmp_path / f"in{suffix}", values))
    pixels = source.read(0, 5)
    assert (source.frames, source.size, source.fps) == (5, (12, 16), None)
    assert pixels.dtype == (torch.uint8 if kind == "uint8" else torch.float32) and pixels.shape == (3, 5, 12, 16)
    write_video(tmp_path / f"out{suffix}", pixels, fps=12, values=source.values)
    again = PacedVideo(tmp_path / f"out{suffix}")
    found = again.read(0, 5)
    torch.testing.assert_close(found, pixels, rtol=0, atol=1e-4)
    back = source.values.from_pixels(found.movedim(0, -1).numpy())
    np.testing.assert_allclose(back, values, rtol=1e-6, atol=1e-5) if kind == "float32" else None
    assert kind == "float32" or np.array_equal(back, values)
    assert back.dtype == values.dtype and again.fps == (None if suffix == ".npy" else 12)


def test_a_range_is_given_or_recorded_or_found(tmp_path):
    path = write(tmp_path / "a.npy", stack("10 bits") // 2)
    assert probe(path).values == StoredValues("uint16", 0, 511, True)
    pixels = read_video(path, value_range=(0, 1023))
    assert 127 < pixels.max() < 128
    write_video(tmp_path / "b.npz", pixels, fps=5, values=StoredValues("uint16", 0, 1023, True))
    assert probe(tmp_path / "b.npz").values == StoredValues("uint16", 0, 1023, True)
    assert read_video(path, value_range=(100, 200)).aminmax() == (0, 255)  # clamped


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_color_and_size(tmp_path, suffix):
    values = stack("uint16", color=True)
    pixels = read_video(write(tmp_path / f"in{suffix}", values), size=(6, 6), frames=2)
    assert pixels.shape == (3, 2, 6, 6) and pixels.dtype == torch.float32
    assert (pixels != pixels.round()).any() and not torch.equal(pixels[0], pixels[1])
    save_video(pixels, tmp_path / f"out{suffix}", fps=5)
    with pytest.raises(InputError, match="TIFF stacks of color in uint16 cannot be written"):
        save_video(pixels, tmp_path / "out.tif", fps=5)
    assert not (tmp_path / "out.tif").exists()


def test_frames_by_number_are_those_of_the_file(tmp_path):
    path = write(tmp_path / "a.tif", stack("uint16"))
    whole = read_video(path)
    some = read_frames(path, [4, 0, 4])
    assert some.dtype == np.uint8
    torch.testing.assert_close(torch.from_numpy(some).float(), whole[:, [4, 0, 4]].movedim(0, -1), rtol=0, atol=0.5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((12, 16)), "holds an array of shape (12, 16); give frames of one size with axes"),
        (np.zeros((2, 3, 4, 4)), "holds an array of shape (2, 3, 4, 4)"),
        (np.zeros((2, 4, 4), complex), "holds values of type complex128"),
        (np.zeros((16, 3, 4)), "whose pictures have sides below 8"),
        (np.full((2, 8, 8), np.nan), "holds values that are not finite"),
        (np.array([{}]), "cannot be read (ValueError: array can't be memory-mapped"),
    ],
)
def test_other_arrays_are_refused(tmp_path, values, message):
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(InputError, match=r"a\.npy") as error:
        probe(tmp_path / "a.npy")
    assert message in str(error.value)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_other_files_are_refused(tmp_path):
    Image.fromarray(stack("uint16")[0]).save(tmp_path / "one.tif")
    np.savez(tmp_path / "two.npz", a=np.zeros((2, 4, 4)), b=np.zeros((2, 4, 4)))
    (tmp_path / "cut.tif").write_bytes(write(tmp_path / "a.tif", stack("uint16")).read_bytes()[:300])
    for name, said in (("one.tif", "single picture"), ("two.npz", "holds 2 arrays"), ("cut.tif", "cannot be read")):
        with pytest.raises(InputError, match=f"{name}.*{said}"):
            probe(tmp_path / name)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_a_damaged_array_is_one_sentence(tmp_path, suffix):
    whole = write(tmp_path / f"whole{suffix}", stack("uint16")).read_bytes()
    path, draw = tmp_path / f"a{suffix}", np.random.default_rng(0)
    for place in draw.integers(0, 128, 60):
        path.write_bytes(whole[:place])
        with pytest.raises(InputError, match=f"a{suffix} cannot be read"):
            probe(path)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        try:
            read_frames(path, [0])
        except InputError as error:
            assert str(path) in str(error)
