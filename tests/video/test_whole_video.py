"""Whole videos in memory: read at a frame rate and size, saved alone or in a grid."""

import subprocess
import sys

import pytest
import torch

import pvdm
from pvdm.errors import InputError
from pvdm.video import grid_video, probe, read_frames


@pytest.mark.parametrize(
    ("options", "numbers"),
    [({}, range(40)), ({"fps": 25}, range(40)), ({"fps": 12.5}, range(0, 40, 2)), ({"fps": 50}, None)],
)
def test_every_frame_or_those_of_a_pace(make_video, frame_numbers, options, numbers):
    video = pvdm.read_video(make_video("a.mp4", frames=40, fps=25), **options)
    assert video.dtype == torch.uint8 and video.shape[0] == 3 and video.shape[2:] == (48, 64)
    found = frame_numbers(video.permute(1, 2, 3, 0).numpy())
    wanted = list(numbers) if numbers else [-(-n // 2) for n in range(79)]  # nearest in time, the later one in a tie
    assert found == wanted


def test_a_size_is_covered_and_cropped(make_video):
    assert pvdm.read_video(make_video("a.mp4", frames=3), size=(20, 16)).shape == (3, 3, 20, 16)


@pytest.mark.parametrize("options", [{"frames": 0}, {"frames": -1}, {"size": (0, 16)}, {"size": (16, -1)}])
def test_counts_and_sizes_are_positive(make_video, options):
    with pytest.raises(InputError, match=r"(frames|height|width) is (0|-1); give a value at least 1"):
        pvdm.read_video(make_video("a.mp4", frames=3), **options)


def test_a_folder_of_videos_is_refused_and_names_one_of_them(make_video):
    path = make_video("a.mp4", frames=3)
    with pytest.raises(InputError, match=f"{path.parent} holds no frames; give one of its videos, such as {path}"):
        pvdm.read_video(path.parent)


def test_a_folder_has_no_pace(make_frame_folder):
    assert pvdm.read_video(make_frame_folder("a", frames=7), fps=3).shape == (3, 7, 48, 64)


def test_saved_videos_are_read_again_and_replaced(tmp_path):
    video = torch.randint(0, 256, (3, 4, 32, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for frames in (4, 3):
        pvdm.save_video(video[:, :frames], tmp_path / "out", fps=25)
        assert torch.equal(pvdm.read_video(tmp_path / "out"), video[:, :frames])
    pvdm.save_video(tmp_path / "out.mp4", video, fps=12)  # argument order of torchvision
    assert (probe(tmp_path / "out.mp4").frames, probe(tmp_path / "out.mp4").fps) == (4, 12)
    with pytest.raises(InputError, match="exists"):
        pvdm.save_video(video, tmp_path / "out", fps=25, overwrite=False)


def test_several_are_saved_in_a_grid(tmp_path):
    videos = torch.arange(5, dtype=torch.uint8).reshape(-1, 1, 1, 1, 1).expand(5, 3, 2, 4, 6)
    pvdm.save_video(videos, tmp_path / "out", fps=25)
    found = torch.from_numpy(read_frames(tmp_path / "out", range(2))).permute(3, 0, 1, 2)
    assert torch.equal(found, grid_video(videos, columns=3))
    with pytest.raises(InputError, match=r"has the shape \(4, 6\); give \(3, t, h, w\), or"):
        pvdm.save_video(videos[0, 0, 0], tmp_path / "new", fps=25)


def test_the_package_is_cheap_to_import():
    code = "import pvdm, sys; assert 'torch' not in sys.modules; assert 'read_video' in dir(pvdm); pvdm.nothing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and "AttributeError" in done.stderr
