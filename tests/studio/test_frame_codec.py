"""Frames for the browser, decoded again by others."""

from __future__ import annotations

import base64
from io import BytesIO

import av
import numpy as np
import pytest
import torch
from PIL import Image

from pvdm.studio.streams import frame_codec
from pvdm.studio.streams.frame_codec import HEADER, Frame, Place, chosen_codec, encoder_of, packet, picture_address


def moving(frames: int = 6, height: int = 48, width: int = 64) -> torch.Tensor:
    """(3, t, h, w) uint8: a soft gradient that moves and changes its color."""
    t, y, x = torch.meshgrid(torch.arange(frames), torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([2 * x + 4 * t, 3 * y + t, 128 + 0 * x]).clamp(0, 255).byte()


def decoded_h264(units: list[Frame]) -> np.ndarray:
    """(t, h, w, 3), by a decoder that sees one access unit after another, as a browser's does."""
    decoder, pictures = av.CodecContext.create("h264", "r"), []
    for unit in units:
        pictures += decoder.decode(av.Packet(unit.payload))
    pictures += decoder.decode(None)
    return np.stack([picture.to_ndarray(format="rgb24") for picture in pictures])


@pytest.mark.parametrize("size", [(48, 64), (33, 47)])
def test_h264_comes_back_frame_by_frame(size):
    video = moving(6, *size)
    units = encoder_of("h264", 10.0)(video)
    assert [unit.is_key for unit in units] == [True] + [False] * 5
    assert all(unit.payload.startswith((b"\0\0\0\1", b"\0\0\1")) for unit in units)  # Annex B
    found = decoded_h264(units)[:, : size[0], : size[1]]
    assert np.abs(found - video.permute(1, 2, 3, 0).numpy().astype(float)).mean() < 3


def test_h264_is_of_the_profile_that_the_page_asks_the_browser_for():
    (first, *_) = encoder_of("h264", 10.0)(moving())
    place = first.payload.index(b"\0\0\1\x67") + 4  # the sequence parameter set
    profile, constraints, level = first.payload[place : place + 3]
    assert profile == 66 and constraints & 0x40 and level <= 31  # constrained baseline, at most level 3.1


def test_a_clip_needs_nothing_of_the_one_before():
    one, two = (encoder_of("h264", 10.0)(moving()) for _ in range(2))
    assert [unit.payload for unit in one] == [unit.payload for unit in two]


def test_jpeg_and_the_picture_of_a_clip_are_files():
    video = moving()
    files = encoder_of("jpeg", 10.0)(video)
    found = np.stack([np.asarray(Image.open(BytesIO(file.payload))) for file in files])
    assert all(file.is_key for file in files)
    assert np.abs(found - video.permute(1, 2, 3, 0).numpy().astype(float)).mean() < 3
    kind, _, data = picture_address(video[:, 3]).partition(",")
    assert kind == "data:image/jpeg;base64" and Image.open(BytesIO(base64.b64decode(data))).size == (64, 48)


def test_a_packet_says_where_its_frame_belongs():
    found = packet("jpeg", Place(70000, 2**32 + 5, 3, 4), Frame(b"abc", is_key=True))
    assert HEADER.unpack(found[:16]) == (2, 1, 70000 % 65536, 5, 3, 4) and found[16:] == b"abc"


def test_the_first_codec_that_both_sides_know_is_taken(monkeypatch):
    assert chosen_codec(["av1", "jpeg", "h264"]) == "jpeg"
    assert [chosen_codec(nonsense) for nonsense in (["av1"], [1], None, "h264", [{}])] == [None] * 5
    monkeypatch.setattr(frame_codec, "codecs", lambda: ("jpeg",))
    assert chosen_codec(["h264", "jpeg"]) == "jpeg"
