"""The demo on the user's videos: which are used, which are not, and that the page says so."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pvdm.cli import main
from pvdm.demo import source_videos as clips
from pvdm.demo.demo_folder import Demo
from pvdm.demo.demo_page import write_page
from pvdm.demo.demo_settings import DemoSettings
from pvdm.demo.page_figures import figure_rows
from pvdm.demo.source_videos import DemoVideo, prepare_clips
from pvdm.demo.stages import run
from pvdm.errors import InputError


def prepared(tmp_path: Path, **settings) -> tuple[dict, dict[str, int]]:
    """The returned record, and the number of written frames by part and name."""
    said = prepare_clips(tmp_path / "clips", DemoSettings(size=32, data=str(tmp_path / "my"), **settings))
    folders = {frame.parent for frame in (tmp_path / "clips").rglob("*.png")}
    return said, {f"{f.parent.parent.name}/{f.parent.name}": len(list(f.iterdir())) for f in folders}


def test_videos_that_are_long_enough_are_used_and_the_rest_is_listed(make_video, make_frame_folder, tmp_path):
    make_video("my/long.mp4", frames=70, height=96, width=40)
    make_video("my/deep/medium.mkv", frames=40, height=30, width=90)
    make_video("my/short.mp4", frames=31)
    make_frame_folder("my/frames", frames=66)
    (tmp_path / "my" / "cut.mp4").write_bytes((tmp_path / "my" / "long.mp4").read_bytes()[:900])
    said, written = prepared(tmp_path)
    assert written == {"train/long": 38, "val/long": 32, "train/medium": 40, "train/frames": 34, "val/frames": 32}
    assert said["fps"] == 25 and len(said["videos"]) == 3
    assert said["left_out"] == [
        "1 video that cannot be read (cut.mp4)",
        "1 video with fewer than 32 frames at 25 per second (short.mp4)",
    ]


def test_all_are_seen_at_one_pace(make_video, tmp_path):
    make_video("my/fast.mp4", frames=140, fps=50)
    make_video("my/slow.mp4", frames=70, fps=25)
    said, written = prepared(tmp_path)
    assert said["fps"] == 25 and written["train/fast"] == written["train/slow"] == 70 - 32
    for path in (tmp_path / "my").iterdir():
        path.unlink()
    make_video("my/slower.mp4", frames=80, fps=10)
    shutil.rmtree(tmp_path / "clips")
    said, written = prepared(tmp_path)
    assert said["fps"] == 10 and written == {"train/slower": 48, "val/slower": 32}


def test_of_short_videos_whole_ones_are_held_out(make_video, tmp_path):
    for index in range(7):
        make_video(f"my/{index}.mp4", frames=40)
    said, written = prepared(tmp_path)
    videos = [DemoVideo(**video) for video in said["videos"]]
    assert [video.name for video in videos if video.held_out == 40] == ["1", "6"]
    assert sum(video.trained for video in videos) == 5 * 40 and written["val/6"] == 40


def test_many_and_long_videos_are_limited(make_video, tmp_path, monkeypatch):
    monkeypatch.setattr(clips, "MOST_VIDEOS", 3)
    monkeypatch.setattr(clips, "MOST_FRAMES", 200)
    for index in range(6):
        make_video(f"my/{index}.mp4", frames=64 if index else 80)
    said, written = prepared(tmp_path)
    assert written == {
        f"{part}/{name}": 34 if (part, name) == ("train", 0) else 32 for part in ("train", "val") for name in (0, 2, 4)
    }
    assert said["left_out"] == [
        "3 videos beyond the limit of 3 videos (1.mp4, ...)",
        "1 video from frame 66 on (0.mp4)",
    ]


def test_names_are_short_unlike_and_fit_for_a_folder():
    paths = [
        Path("a/x.mp4"),
        Path("b/X.mkv"),
        Path("c/[1] <b>.mp4"),
        Path("d/" + "n" * 90),
        Path("e/" + "n" * 80),
        Path("f/&.mp4"),
    ]
    names = clips._names(paths)
    assert names[:3] == ["x", "X~2", "1_b"] and names[5] == "video"
    assert len({name.casefold() for name in names}) == 6 and max(map(len, names)) <= 34


@pytest.mark.parametrize(("frames", "longest"), [([40], "the longest has 40"), ([5, 9], "the longest has 9")])
def test_too_little_is_refused(make_video, tmp_path, frames, longest):
    for index, count in enumerate(frames):
        make_video(f"my/{index}.mp4", frames=count)
    with pytest.raises(
        InputError, match=rf"too short for a demo \({longest}\); give one of 64 frames at 25 per second"
    ):
        prepared(tmp_path)
    assert not (tmp_path / "clips").exists()


def test_a_missing_folder_is_refused_at_once(tmp_path, caplog):
    assert main(["demo", "--data", str(tmp_path / "none"), "--output", str(tmp_path / "demo")]) == 2
    assert "none does not exist; give the folder that holds the videos" in caplog.text
    assert not (tmp_path / "demo").exists()


def test_one_short_odd_video_makes_a_whole_demo_and_a_resumed_one_adds_up_its_times(make_video, tmp_path, settings):
    make_video(
        "my clips/A <very> long name, with 100 % of signs & more of them than fit.mp4", frames=64, height=34, width=90
    )
    (tmp_path / "my clips" / "cut.mp4").write_bytes(b"nothing")
    demo = Demo(tmp_path / "demo", replace(settings, data=str(tmp_path / "my clips"), long_frames=20))
    run(demo, write_page)
    trained = {"autoencoder": 1000.0, "diffusion": 920.0}  # as recorded in the checkpoints of a resumed run
    demo.results["trained"] = trained
    text = write_page(demo).read_text(encoding="utf-8")
    assert "<title>pvdm: a demo on my clips</title>" in text
    assert "Trained for 32 minutes on this computer</h2>" in text
    assert "The training videos are 1 video from the folder my clips: 32 frames" in text
    assert "Not used: 1 video that cannot be read (cut.mp4)." in text
    assert "A_very_long_name_with_100_of_sig" in text and "cyclists" not in text
    assert "stays close to its one scene" in text
    assert "Recognizable" not in {row["name"] for row in figure_rows(demo.results)}  # from what else?


def test_a_video_is_divided_at_its_cuts():
    generator = torch.Generator().manual_seed(0)
    scenes = torch.randint(0, 256, (3, 3, 1, 16, 16), generator=generator)
    video = torch.cat([scene.expand(-1, 20, -1, -1) for scene in scenes], dim=1).byte()
    assert clips.shots(video) == [(0, 20), (20, 40), (40, 60)]
    assert clips.shots(torch.randint(0, 256, (3, 30, 16, 16), generator=generator).byte()) == [(0, 30)]  # all change
