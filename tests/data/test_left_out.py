"""Every container and image format that people have is taken in any case, and what is not is counted."""

import pytest
from data.small_layouts import touch
from PIL import Image

from pvdm.data import find_splits, find_videos, index_videos
from pvdm.errors import InputError
from pvdm.video import probe


def names(root) -> list[str]:
    return [path.relative_to(root).as_posix() for path in find_videos(root)]


def test_suffixes_of_videos(tmp_path):
    wanted = [
        "a.m4v",
        "b.MTS",
        "c.m2ts",
        "d.ts",
        "e.MPG",
        "f.mpeg",
        "g.wmv",
        "h.flv",
        "i.3gp",
        "j.ogv",
        "k.vob",
        "l.mxf",
    ]
    touch(tmp_path, *wanted, "m.txt", "n.json", "o.csv", "p.md", ".q.mp4", "r.wav", "s.srt")
    assert names(tmp_path) == wanted and find_splits(tmp_path).left_out == {} and find_splits(tmp_path).notes == ()


@pytest.mark.parametrize("suffix", [".bmp", ".TIF", ".tiff", ".webp", ".JPE", ".ppm", ".jp2"])
def test_suffixes_of_frames(tmp_path, suffix):
    touch(tmp_path, f"x/f_1{suffix}", f"x/f_2{suffix}", "y.mp4")
    assert names(tmp_path) == ["x", "y.mp4"]


def test_what_cannot_be_read_is_counted_in_one_line(tmp_path):
    touch(tmp_path, "a.mp4", "b.HEIC", "c/d.heic", "c/e.heic", "c/f.psd", "c/g.txt", ".h.heic", ".i/j.psd")
    found = find_splits(tmp_path)
    assert found.left_out == {".heic": 3, ".psd": 1}
    assert found.notes == ("left out: 3 .heic, 1 .psd (cannot be read)",)


def test_a_folder_of_nothing_else_is_refused_with_what_it_holds(tmp_path):
    touch(tmp_path, "a.heic", "b.heic", "c.cr2")
    with pytest.raises(InputError, match=r"holds no videos that can be read, but 2 .heic, 1 .cr2; put video files"):
        find_videos(tmp_path)


def test_pictures_beside_videos_are_left_out_and_counted(tmp_path):
    touch(tmp_path, "a.mp4", "a.jpg", "preview.gif", "frames/1.png", "frames/2.png", "frames/preview.gif")
    found = find_splits(tmp_path)
    assert names(tmp_path) == ["a.mp4", "frames"] and found.left_out == {".gif": 2, ".jpg": 1}
    assert found.notes == ("left out: 2 .gif, 1 .jpg (beside videos)",)


def test_animations_are_videos_and_gifs_that_do_not_move_are_frames(tmp_path):
    stills = [Image.new("RGB", (8, 8), (level, 0, 0)) for level in (0, 80, 160)]
    for folder in ("moving", "still", "covered"):
        (tmp_path / folder).mkdir()
    for number, still in enumerate(stills):
        still.save(tmp_path / "still" / f"{number}.gif")
        for folder in ("moving", "covered"):
            still.save(tmp_path / folder / f"{number}.gif", save_all=True, append_images=stills)
    stills[0].save(tmp_path / "covered" / "cover.jpg")
    moving = [f"{folder}/{number}.gif" for folder in ("covered", "moving") for number in range(3)]
    assert names(tmp_path) == [*moving, "still"]
    assert find_splits(tmp_path).left_out == {".jpg": 1}


@pytest.mark.parametrize("suffix", [".webp", ".png", ".tif", ".gif"])
def test_an_animation_among_frames_is_a_bad_video_and_not_its_first_frame(tmp_path, suffix):
    stills = [Image.new("RGB", (8, 8), (level, 0, 0)) for level in (0, 80, 160)]
    (tmp_path / "set").mkdir()
    for number in range(3):
        options = {"save_all": True, "append_images": stills[1:]} if number == 2 else {}
        stills[0].save(tmp_path / "set" / f"{number}{suffix}", **options)
    (bad,) = index_videos(find_splits(tmp_path).entries).bad
    assert bad.cause == f"{tmp_path / 'set' / f'2{suffix}'} holds 3 frames instead of one"


def test_the_two_views_of_a_camera_are_one_frame(tmp_path):
    views = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    (tmp_path / "set").mkdir()
    views[0].save(tmp_path / "set" / "0.jpg", format="MPO", save_all=True, append_images=views[1:])
    assert probe(tmp_path / "set").frames == 1
