"""Pictures from clients, which may be anything."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from pvdm.errors import InputError
from pvdm.studio.picture_upload import read_upload

LIMIT = {"most_pixels": 10_000}


def file(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    data = BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def test_a_picture_is_scaled_and_cut_around_its_center():
    image = Image.new("RGB", (80, 40), "red")
    image.paste("blue", (20, 0, 60, 40))
    found = read_upload(file(image), (32, 32), **LIMIT)
    assert found.pixels.shape == (3, 32, 32) and found.pixels[2, :, 4:-4].min() == 255
    assert found.size == (40, 80) and found.cut == "50 % is cut, left and right"
    assert read_upload(file(image), (20, 40), **LIMIT).cut == ""


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF", "BMP"])
def test_common_formats_are_read(kind):
    found = read_upload(file(Image.new("RGB", (32, 32), "white"), kind), (32, 32), **LIMIT)
    assert found.pixels.float().mean() > 250


def test_transparent_and_turned_pictures_are_as_shown():
    clear = Image.new("RGBA", (32, 32), (255, 255, 255, 0))
    assert read_upload(file(clear), (32, 32), **LIMIT).pixels.max() == 0
    turned, exif = Image.new("RGB", (20, 40)), Image.Exif()
    exif[0x0112] = 6
    assert read_upload(file(turned, exif=exif), (20, 40), **LIMIT).size == (20, 40)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        b"<svg/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        file(Image.new("RGB", (9, 9)), "TIFF"),
    ],
)
def test_what_is_no_picture_is_one_sentence(data):
    with pytest.raises(InputError) as error:
        read_upload(data, (32, 32), **LIMIT)
    assert str(error.value) == "the file cannot be read as a picture; give a picture as PNG, JPEG, WEBP, GIF or BMP"


def test_a_truncated_picture_is_refused():
    data = file(Image.effect_noise((64, 64), 50).convert("RGB"))
    with pytest.raises(InputError, match="cannot be read as a picture"):
        read_upload(data[: len(data) // 2], (32, 32), **LIMIT)


def test_pixels_are_counted_before_they_are_decoded():
    bomb = file(Image.new("1", (1100, 1000)))
    with pytest.raises(InputError, match="the picture has 1100x1000 pixels; give one of at most 1 million"):
        read_upload(bomb, (32, 32), most_pixels=10**6)
