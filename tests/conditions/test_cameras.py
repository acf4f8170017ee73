"""Cameras that users give: orbits in words, files and paths."""

import numpy as np
import pytest
import torch

from pvdm.conditions.cameras import CAMERA_WIDTH, CameraPath, camera_path, camera_rows
from pvdm.data.tracks.camera_path import orbit
from pvdm.errors import InputError


def test_an_orbit_in_words_reaches_both_its_ends():
    path = camera_path("orbit:-90..270@20.5", 5)
    np.testing.assert_allclose(np.degrees(path.azimuth), [-90, 0, 90, 180, 270])
    np.testing.assert_allclose(np.degrees(path.elevation), 20.5)
    assert camera_path("orbit:0..360", 4).elevation is None


def test_a_file_and_a_path_are_taken_if_they_are_as_long_as_the_video(tmp_path):
    file = tmp_path / "c.csv"
    file.write_text("azimuth\n0\n5\n10\n")
    given = CameraPath(np.radians([0.0, 5, 10]))
    assert camera_path(given, 3) is given
    np.testing.assert_array_equal(camera_path(str(file), 3).vectors(), given.vectors())
    with pytest.raises(InputError, match=r"c.csv is of 3 frames; this video has 4, give one pose for each"):
        camera_path(file, 4)


@pytest.mark.parametrize("text", ["orbit:0", "orbit", "orbit:a..b", "orbit:0..360@", "orbit:0..360@20x"])
def test_other_words_are_refused(text):
    with pytest.raises(InputError, match=f"the camera is {text}; give degrees .* as in orbit:0..360@20"):
        camera_path(text, 4)


def test_the_rows_of_a_clip_are_relative_to_its_own_first_frame_and_the_last_is_held():
    path = orbit(0, 70, 8)
    rows = camera_rows(path, 4, 8)
    assert rows.shape == (1, 8, CAMERA_WIDTH)
    assert torch.equal(rows[0, :4], torch.from_numpy(path.at([4, 5, 6, 7]).vectors()))
    assert torch.equal(rows[0, 4:], rows[0, 3].expand(4, -1))
