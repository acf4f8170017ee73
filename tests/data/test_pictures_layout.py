"""A folder of pictures is a data set of stills: videos of any length and pace in which nothing moves."""

import numpy as np
import pytest
import torch
from PIL import Image

from pvdm.cli import main
from pvdm.data import DataOptions, SampleKey, SceneOptions, SplitFolders, SplitOptions, find_splits
from pvdm.data.layouts.picture_folder import find_pictures
from pvdm.data.scenes import scene
from pvdm.data.video_collection import VideoCollection
from pvdm.errors import InputError
from pvdm.video import ClipShape, VideoInfo, probe

SIZES = {"frames": 4, "height": 16, "width": 16}


@pytest.fixture
def pictures(tmp_path):
    """Pictures of three formats and sizes, at two depths, beside a video and a note."""
    root = tmp_path / "pictures"
    generator = np.random.default_rng(0)
    for name, size in (
        ("a.jpg", (24, 20)),
        ("b.PNG", (40, 16)),
        ("more/c.webp", (16, 64)),
        ("more/train.png", (32, 32)),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(256, size=(*size, 3), dtype=np.uint8)).save(root / name)
    (root / "notes.txt").touch()
    (root / "b.mp4").touch()
    return root


def collection(path=None, **options) -> VideoCollection:
    videos = VideoCollection.of(DataOptions(path, **{"layout": "pictures", **SIZES, **options}))
    videos.setup()
    return videos


def test_each_picture_is_an_entry_of_one_split(pictures):
    found = find_splits(pictures, "pictures")
    assert "left out: 1 .mp4 (no pictures)" in found.notes
    names = sorted(entry.path.relative_to(pictures).as_posix() for entry in found.entries)
    assert names == ["a.jpg", "b.PNG", "more/c.webp", "more/train.png"]
    assert found.layout == "pictures" and len(found.validation) == 1 and found.left_out == {".mp4": 1}
    given = find_splits(pictures, "pictures", SplitOptions(folders=SplitFolders(validation=("more",))))
    assert [entry.path.name for entry in given.validation] == ["c.webp", "train.png"]
    (pictures / "more").rename(pictures / "val")
    assert [entry.path.name for entry in find_splits(pictures, "pictures").validation] == ["c.webp", "train.png"]


def test_the_layout_folder_takes_such_folders_for_videos(pictures):
    (pictures / "b.mp4").unlink()
    assert sorted(entry.path.name for entry in find_splits(pictures, "folder").entries) == ["more", "pictures"]


@pytest.mark.parametrize("pace", [{}, {"stride": 5}, {"fps": 12.5}, {"loop": True}], ids=str)
def test_a_sample_is_one_picture_at_any_pace(pictures, pace):
    training = collection(pictures, clips=2, **pace).training
    assert len(training) == 3  # one sample each
    for index in range(3):
        sample = training[SampleKey(1, index)]
        video = sample["video"]
        assert video.shape == (3, 8, 16, 16) and video.dtype == torch.uint8
        assert (video == video[:, :1]).all() and video.float().std() > 10
        assert sample["has_context"] and sample["start"] == 0
        assert sample["fps"] == pace["fps"] if "fps" in pace else np.isnan(sample["fps"])


def test_pictures_are_cropped_and_mirrored_at_random(pictures):
    training = collection(pictures, random_crop=True, horizontal_flip=True).training
    clips = [training[SampleKey(epoch, index)]["video"] for epoch in range(8) for index in range(3)]
    assert len({clip.numpy().tobytes() for clip in clips}) > 12


def test_what_is_no_single_picture_is_left_out_or_refused(pictures, tmp_path):
    for number in range(30):
        Image.new("RGB", (16, 16), (number, 0, 0)).save(pictures / f"{number}.png")
    (pictures / "damaged.jpg").write_bytes(b"no picture")
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue")]
    frames[0].save(pictures / "moving.webp", save_all=True, append_images=frames[1:])
    _, index = (videos := collection(pictures, max_bad_share=0.1)).find()
    assert sorted(bad.path.name for bad in index.bad) == ["damaged.jpg", "moving.webp"]
    assert {video.info.fps for video in videos.training.videos} == {0.0}
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.mp4").touch()
    with pytest.raises(
        InputError, match=r"empty holds no pictures that can be read, but 1 \.mp4; put picture files \(\.jpg, .*folder"
    ):
        find_pictures(tmp_path / "empty")
    with pytest.raises(InputError, match="is not a video file"):
        probe(pictures / "a.jpg")


def test_a_still_is_as_long_as_any_clip():
    still, clip = VideoInfo(1, 48, 64, 0.0), ClipShape(16, 32, 32, fps=8)
    assert still.is_still and not VideoInfo(1, 48, 64, None).is_still
    assert (clip.last_start(still), clip.fit_end_to_end(still), clip.output_fps(still)) == (0, 1, 8)
    assert ClipShape(16, 32, 32, stride=3).output_fps(still) is None
    assert clip.source_indices(0, still).tolist() == [0] * 16


def test_scenes_of_one_frame_are_stills():
    few = SceneOptions(videos=5, held_out=2, frames=1)
    training = collection(layout="scenes", scenes=few, clips=2).training
    first, later = (training[SampleKey(epoch, 3)] for epoch in (0, 1))
    expected = scene(0, 3, frames=1, height=16, width=16).frames
    assert torch.equal(first["video"].permute(1, 2, 3, 0), torch.from_numpy(expected).expand(8, -1, -1, -1))
    assert (later["video"] == later["video"][:, :1]).all() and not torch.equal(first["video"], later["video"])
    assert len(training) == 5 and np.isnan(first["fps"])


def test_inspect_takes_pictures(pictures, tmp_path):
    given = ["--layout", "pictures", "--size", "16x16", "--frames", "4", "--output", str(tmp_path / "report")]
    assert main(["inspect", str(pictures), *given]) == 0
    assert (tmp_path / "report" / "report.json").is_file()
