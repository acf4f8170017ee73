"""A contact sheet shows middle frames, of all classes, in order."""

import numpy as np
import pytest
from PIL import Image

from pvdm.data import Entry, index_videos
from pvdm.data.inspection.contact_sheet import CELL, GAP, choose, contact_sheet


@pytest.fixture
def greys(tmp_path):
    """Twelve videos of one gray each, of three classes of 8, 3 and 1."""
    entries = []
    for number in range(12):
        folder = tmp_path / f"v{number:02}"
        folder.mkdir()
        for frame in range(3):
            level = 20 * number if frame == 1 else 255
            Image.fromarray(np.full((24, 32, 3), level, np.uint8)).save(folder / f"{frame}.png")
        entries.append(Entry(folder, 0 if number < 8 else 1 if number < 11 else 2))
    return index_videos(entries).videos


def test_the_sheet_shows_the_middle_frames_in_the_order_of_classes(greys):
    sheet = np.asarray(contact_sheet(greys, ("a", "b", "c"), count=12, columns=4))
    width, height = CELL[0] + GAP, (sheet.shape[0] - GAP) // 3
    centers = [
        sheet[GAP + row * height + CELL[1] // 2, GAP + column * width + CELL[0] // 2]
        for row in range(3)
        for column in range(4)
    ]
    assert np.array(centers).tolist() == [[20 * number] * 3 for number in range(12)]


def test_the_sheet_is_spread_over_the_classes(greys):
    assert [video.label for video in choose(greys, 3)] == [0, 1, 2]
    labels = [video.label for video in choose(greys, 6)]
    assert labels == sorted(labels) and sorted(map(labels.count, range(3))) == [1, 2, 3] and labels.count(2) == 1
    assert choose(greys, 6) == choose(greys, 6) and choose(greys, 50) == greys
    assert choose([], 3) == []


def test_a_video_that_breaks_has_an_empty_cell(greys):
    (greys[0].path / "1.png").write_bytes(b"no image")
    sheet = contact_sheet(greys[:1])
    assert sheet.getpixel((GAP + 4, GAP + 4)) == (110, 110, 110)
