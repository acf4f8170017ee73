"""One pass over a video: every frame small, samples large, equal to what single reads give."""

import numpy as np
import pytest

from pvdm.errors import InputError
from pvdm.video import probe, read_frames
from pvdm.video.decoding.scanning import LARGE, SMALL, scan_frames


def test_numbers_sizes_and_pixels_are_those_of_the_frames(make_video, frame_numbers):
    path = make_video("a.mp4", frames=50, height=180, width=320, fps=25)
    info = probe(path)
    found = list(scan_frames(path, info, 7, 41, samples={10, 30}))
    assert [frame.number for frame in found] == list(range(7, 42))
    assert {frame.small.shape for frame in found} == {(SMALL, 160, 3)}
    assert [frame.number for frame in found if frame.picture is not None] == [10, 30]
    whole = read_frames(path, range(7, 42), info=info)
    assert frame_numbers(np.stack([frame.small for frame in found])) == frame_numbers(whole)
    sample = found[3]
    assert sample.picture.shape == (180, 320, 3) and sample.luma.shape == (180, 320)
    np.testing.assert_allclose(sample.picture.astype(float), whole[3].astype(float), atol=2)


def test_small_videos_keep_their_size_and_large_ones_shrink(make_video):
    small = make_video("small.mp4", frames=3, height=48, width=64)
    large = make_video("large.mp4", frames=3, height=1024, width=512)
    for path, size, picture in ((small, (48, 64), (48, 64)), (large, (180, SMALL), (512, LARGE))):
        frame = next(scan_frames(path, probe(path), 0, 2, samples={0}))
        assert frame.small.shape[:2] == size and frame.picture.shape[:2] == picture


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv"])
def test_a_pass_of_several_spans_has_each_frame_once(make_video, frame_numbers, suffix):
    path = make_video(f"a.{suffix}", frames=60, height=48, width=64, fps=25)
    info = probe(path)
    spans = [frame for first in (0, 20, 40) for frame in scan_frames(path, info, first, first + 19)]
    assert [frame.number for frame in spans] == list(range(60))
    assert frame_numbers(np.stack([frame.small for frame in spans])) == list(range(60))


def test_damage_in_the_middle_leaves_out_the_damaged_frames_alone(make_video):
    path = make_video("a.mp4", frames=120, height=96, width=128, fps=25)
    info = probe(path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 300] = bytes(300)
    path.write_bytes(content)
    numbers = [frame.number for frame in scan_frames(path, info, 0, 119)]
    assert numbers == sorted(set(numbers)) and numbers[0] == 0 and len(numbers) < 120


def test_a_file_that_is_gone_is_named(tmp_path, make_video):
    path = make_video("a.mp4", frames=5)
    info = probe(path)
    path.unlink()
    with pytest.raises(InputError, match=r"a\.mp4 cannot be"):
        list(scan_frames(path, info, 0, 4))
