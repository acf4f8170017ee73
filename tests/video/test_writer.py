"""Written videos can be read again; unfinished ones leave nothing behind."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from pvdm.errors import InputError
from pvdm.video import VideoWriter, grid_video, near_square, probe, read_frames, write_video


def smooth_video(frames: int = 8, height: int = 48, width: int = 64) -> torch.Tensor:
    """(3, t, h, w) uint8: drifting gradients, different in each channel."""
    t, y, x = (torch.linspace(0, 1, n) for n in (frames, height, width))
    shade = (t[:, None, None] + y[:, None] + x) / 3
    return (torch.stack([shade, 1 - shade, shade * 0.5]) * 255).byte()


def read_back(path) -> torch.Tensor:
    frames = read_frames(path, range(probe(path).frames))
    return torch.from_numpy(frames).permute(3, 0, 1, 2)


def test_folder_is_exact(tmp_path):
    video = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 5, 7, 9), dtype=np.uint8))
    write_video(tmp_path / "out", video, fps=10)
    assert (tmp_path / "out" / "frame_000004.png").is_file()
    assert_close(read_back(tmp_path / "out"), video)


@pytest.mark.parametrize(
    ("fps", "exact"),
    [
        *((29.97, Fraction(30000, 1001)), (30000 / 1001, Fraction(30000, 1001)), (23.976, Fraction(24000, 1001))),
        *((59.94, Fraction(60000, 1001)), (14.985, Fraction(15000, 1001)), (119.88, Fraction(120_000, 1001))),
        *((12.5, Fraction(25, 2)), (25 / 3, Fraction(25, 3)), (745 / 39, Fraction(745, 39)), (7, Fraction(7))),
        *((0.0123, Fraction(123, 10_000)), (1 / 3, Fraction(1, 3)), (240, Fraction(240)), (23.98, Fraction(1199, 50))),
    ],
)
def test_a_file_plays_at_exactly_the_pace_that_is_read_back(tmp_path, fps, exact):
    write_video(tmp_path / "a.mp4", torch.zeros(3, 12, 16, 16, dtype=torch.uint8), fps=fps)
    info = probe(tmp_path / "a.mp4")
    assert (info.fps, info.times, info.frames) == (float(exact), None, 12)
    write_video(tmp_path / "b.mp4", torch.zeros(3, 12, 16, 16, dtype=torch.uint8), fps=info.fps)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize("fps", [29.97, 12.5, 25 / 3, 240])
def test_a_rate_survives_the_milliseconds_of_webm(tmp_path, fps):
    for name, rate in (("a.mp4", fps), ("a.webm", fps)):
        write_video(tmp_path / name, torch.zeros(3, 12, 16, 16, dtype=torch.uint8), fps=rate)
    assert probe(tmp_path / "a.webm") == probe(tmp_path / "a.mp4")


@pytest.mark.parametrize("fps", [25, 30000 / 1001])
def test_mp4_is_close(tmp_path, fps):
    video = smooth_video()
    write_video(tmp_path / "new" / "out.mp4", video, fps=fps)
    assert probe(tmp_path / "new" / "out.mp4").fps == pytest.approx(fps)
    difference = (read_back(tmp_path / "new" / "out.mp4").float() - video.float()).abs()
    assert difference.mean() < 3


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)])
def test_mp4_keeps_colours(tmp_path, colour):
    video = torch.tensor(colour, dtype=torch.uint8)[:, None, None, None].expand(3, 3, 32, 32)
    write_video(tmp_path / "out.mp4", video, fps=25)
    assert_close(read_back(tmp_path / "out.mp4"), video.contiguous(), atol=4, rtol=0)


def test_odd_sizes_grow_by_repetition(tmp_path):
    write_video(tmp_path / "out.mp4", smooth_video(height=33, width=47), fps=25)
    info = probe(tmp_path / "out.mp4")
    assert (info.frames, info.height, info.width) == (8, 34, 48)
    frames = read_back(tmp_path / "out.mp4").float()
    assert_close(frames[:, :, -1], frames[:, :, -2], atol=12, rtol=0)


def pictures(path) -> tuple[torch.Tensor, list[float], int | None]:
    """The frames of an animated picture, (3, t, h, w) uint8, the duration of each in ms, and its loops (0: forever)."""
    with Image.open(path) as picture:
        frames, shown = [], []
        for index in range(picture.n_frames):
            picture.seek(index)
            frames.append(torch.from_numpy(np.array(picture.convert("RGB"))))
            shown.append(picture.info["duration"])
        return torch.stack(frames).permute(3, 0, 1, 2), shown, picture.info.get("loop")


@pytest.mark.parametrize(("name", "worst"), [("out.gif", 1), ("out.webp", 3)])
def test_animated_pictures_have_every_frame_at_its_time_and_repeat(tmp_path, name, worst):
    video = smooth_video(9, height=33, width=47)
    write_video(tmp_path / name, video, fps=12.5)
    found, shown, loops = pictures(tmp_path / name)
    assert (found.shape, shown, loops) == (video.shape, [80] * 9, 0)
    assert (found.float() - video.float()).abs().mean() < worst


def test_the_hundredths_of_a_gif_add_up_to_its_rate(tmp_path):
    write_video(tmp_path / "out.gif", smooth_video(30), fps=30)
    _, shown, _ = pictures(tmp_path / "out.gif")
    assert set(shown) == {30, 40} and sum(shown) == pytest.approx(1000, abs=10)


def test_a_gif_that_browsers_would_slow_down_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"out.gif is 60; give frames per second from 0.01 to 50"):
        VideoWriter(tmp_path / "out.gif", fps=60)


def test_webm_is_close(tmp_path):
    video = smooth_video(height=33, width=47)
    write_video(tmp_path / "out.WEBM", video, fps=24)
    info = probe((tmp_path / "out.WEBM").rename(tmp_path / "out.webm"))
    assert (info.frames, info.height, info.width, info.fps) == (8, 34, 48, 24)
    assert (read_back(tmp_path / "out.webm")[..., :33, :47].float() - video.float()).abs().mean() < 3


@pytest.mark.parametrize("name", ["out.mp4", "out.webm", "out.gif", "out.webp"])
def test_the_same_frames_are_the_same_file(tmp_path, name):
    for folder in ("one", "two"):
        write_video(tmp_path / folder / name, smooth_video(), fps=25)
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_x264_runs_without_the_options_that_make_files_differ(tmp_path):
    """x264's macroblock tree makes small pictures differ now and then; its settings are recorded in each file."""
    write_video(tmp_path / "out.mp4", smooth_video(), fps=25)
    written = (tmp_path / "out.mp4").read_bytes()
    assert b" mbtree=0 " in written and b" threads=1 " in written


@pytest.mark.parametrize("name", ["out.mp4", "out"])
def test_pieces_equal_the_whole(tmp_path, name):
    video = smooth_video(9)
    write_video(tmp_path / f"whole_{name}", video, fps=25)
    with VideoWriter(tmp_path / name, fps=25) as writer:
        for piece in video.split(4, dim=1):
            writer.write(piece)
    assert_close(read_back(tmp_path / name), read_back(tmp_path / f"whole_{name}"))


@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "out.webp", "out"])
def test_failure_leaves_nothing(tmp_path, name):
    with pytest.raises(KeyError), VideoWriter(tmp_path / name, fps=25) as writer:
        writer.write(smooth_video())
        raise KeyError("in the middle")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.mp4", "out"])
def test_overwriting_only_on_demand(tmp_path, name):
    path = tmp_path / name
    write_video(path, smooth_video(8), fps=25)
    with pytest.raises(InputError, match=r"exists; pass --overwrite or choose another name"):
        VideoWriter(path, fps=25)
    with pytest.raises(KeyError), VideoWriter(path, fps=25, overwrite=True):
        raise KeyError("the old one stays")
    assert probe(path).frames == 8
    write_video(path, smooth_video(3), fps=25, overwrite=True)
    assert probe(path).frames == 3
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_folder_of_other_things_is_never_replaced(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="not a video that can be replaced"):
        VideoWriter(tmp_path / "work", fps=25, overwrite=True)


def test_other_suffix_and_rate_are_refused(tmp_path):
    with pytest.raises(
        InputError,
        match=r"ends in .avi, .* choose a name in .mp4, .webm, .gif, .webp, .npy, .npz, .tif, .tiff, or one without",
    ):
        VideoWriter(tmp_path / "out.avi", fps=25)
    for rate in (0, -1, float("nan"), float("inf"), 1e-9):
        with pytest.raises(InputError, match=rf"frame rate .* is {rate}; give frames per second from 0.01 to 1000"):
            VideoWriter(tmp_path / "out.mp4", fps=rate)


@pytest.mark.parametrize("name", ["out.mp4", "out"])
def test_unwritable_place(tmp_path, name):
    (tmp_path / "file").write_text("no folder")
    with (
        pytest.raises(InputError, match=r"cannot be written \(.*\); choose a writable folder"),
        VideoWriter(tmp_path / "file" / name, fps=25),
    ):
        pass


def test_no_frames(tmp_path):
    with pytest.raises(InputError, match="no frame was written"), VideoWriter(tmp_path / "out.mp4", fps=25):
        pass
    assert list(tmp_path.iterdir()) == []


def test_layout_is_checked(tmp_path):
    with VideoWriter(tmp_path / "out", fps=25) as writer:
        writer.write(smooth_video(2))
        with pytest.raises(ValueError, match="give uint8"):
            writer.write(torch.zeros(2, 48, 64, 3, dtype=torch.uint8))
        with pytest.raises(ValueError, match="give uint8"):
            writer.write(torch.ones(3, 2, 48, 64))
        with pytest.raises(ValueError, match="one size"):
            writer.write(smooth_video(2, height=20))
    assert probe(tmp_path / "out").frames == 2


def grey(count: int) -> torch.Tensor:
    """Videos (count, 3, 2, 4, 6) uint8; the gray level of each is its number."""
    return torch.arange(count, dtype=torch.uint8).reshape(-1, 1, 1, 1, 1).expand(count, 3, 2, 4, 6)


def test_videos_stand_in_rows():
    grid = grid_video(grey(4), columns=2)
    assert grid.shape == (3, 2, 2 * 6, 2 * 8)
    assert [grid[0, 0, row, column].item() for row in (3, 9) for column in (4, 12)] == [0, 1, 2, 3]
    assert (grid[:, :, 0] == 255).all() and (grid[:, :, :, 7:9] == 255).all()


def test_the_last_row_ends_in_white():
    grid = grid_video(grey(5), columns=3)
    assert grid.shape == (3, 2, 2 * 6, 3 * 8)
    assert grid[0, 0, 9, 12] == 4 and (grid[:, :, 6:, 16:] == 255).all()


@pytest.mark.parametrize(("count", "arrangement"), [(1, (1, 1)), (2, (1, 2)), (4, (2, 2)), (5, (2, 3)), (16, (4, 4))])
def test_near_a_square(count, arrangement):
    assert near_square(count) == arrangement
