"""Scores of clips: what they are, of videos, of scenes, of latents and of a mix, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from training.cached import data, encoded, make_videos
from training.miniature import AUTOENCODER

from pvdm.data import ClipDataset, SceneOptions, Video
from pvdm.data.data_options import DataOptions, MixedSet
from pvdm.data.latents.encoding_plan import LatentPlan
from pvdm.data.latents.latent_clips import LatentClips
from pvdm.data.latents.latent_folder import open_latents
from pvdm.data.table import VideoTable
from pvdm.data.tracks.sample_scores import SampleScores, columns_of, motion_of
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.training import VideoData
from pvdm.training.latent_encoding import plan_of
from pvdm.video import ClipShape, VideoInfo

BOTH = ["motion", "fps"]
SHAPE = ClipShape(4, 16, 16)
SIZES = {"frames": 4, "height": 16, "width": 16, "workers": 0}


def test_motion_is_the_mean_difference_of_neighboring_frames_in_percent():
    generator = torch.Generator().manual_seed(0)
    clip = torch.randint(256, (3, 5, 4, 6), dtype=torch.uint8, generator=generator)
    wanted = 100 * clip.double().diff(dim=1).abs().mean() / 255
    torch.testing.assert_close(motion_of(clip), wanted)
    still = clip[:, :1].expand(-1, 5, -1, -1)
    assert motion_of(torch.stack((still, clip))).tolist() == [0, float(motion_of(clip))]
    flash = torch.tensor([0, 255, 0], dtype=torch.uint8)[None, :, None, None].expand(3, 3, 2, 2)
    assert float(motion_of(flash)) == 100
    assert motion_of(clip[:, :1]).isnan()


def test_a_sample_has_the_scores_of_its_target(make_video, tmp_path):
    make_video("videos/a.mp4", 30, 16, 24)
    found = VideoData(tmp_path / "videos", **SIZES, clips=2, stride=2, scores=BOTH, validation_fraction=0)
    found.setup()
    sample = found.training[0]
    assert sample["scores"]["fps"] == sample["fps"] == 12.5
    assert sample["scores"]["motion"] == motion_of(sample["video"][:, 4:]).float() > 0
    assert {value.dtype for value in sample["scores"].values()} == {torch.float32}
    batch = next(iter(found.train_dataloader()))
    assert batch["scores"]["motion"].shape == (len(batch["key"]),)


def test_a_video_without_a_rate_has_no_such_score(make_video, tmp_path):
    make_video("videos/a.mp4", 9, 16, 24)
    frames = tmp_path / "videos" / "b"
    frames.mkdir()
    for index in range(9):
        Image.new("RGB", (24, 16), (20 * index, 0, 0)).save(frames / f"{index}.png")
    found = VideoData(tmp_path / "videos", **SIZES, scores=BOTH, validation_fraction=0)
    found.setup()
    rates = [found.training[index]["scores"]["fps"] for index in range(len(found.training))]
    assert sorted({str(float(rate)) for rate in rates}) == ["25.0", "nan"]
    notes, _ = found.collection.find()
    assert "1 of 2 videos have no score fps" in notes.notes


def test_columns_of_a_catalogue_are_scores_of_its_videos():
    info = VideoInfo(9, 16, 24, 8.0)
    videos = [Video(Path(f"{index}.mp4"), info, columns=own) for index, own in enumerate(((("beauty", 5.5),), ()))]
    assert list(VideoTable(videos)) == videos and columns_of(videos[0]) == {"beauty": 5.5}
    scores = SampleScores(("fps", "beauty"))
    first, second = (scores.of(video, 8.0, lambda: 1 / 0)["scores"] for video in VideoTable(videos))
    assert first == {"fps": 8.0, "beauty": 5.5} and second["beauty"].isnan()
    assert scores.notes(videos, SHAPE, Path("x")) == ["1 of 2 videos have no score beauty"]
    with pytest.raises(InputError, match=r"none of the 2 videos of x has a score ugly; name motion, fps or a column"):
        SampleScores(("ugly",)).notes(videos, SHAPE, Path("x"))


def scenes(**options) -> VideoData:
    few = SceneOptions(videos=3, held_out=2)
    found = VideoData(layout="scenes", scenes=few, clips_per_video=1, **{**SIZES, **options})
    found.setup()
    return found


def test_scenes_have_scores():
    scores = scenes(scores=BOTH).training[0]["scores"]
    assert scores["motion"] > 0 and scores["fps"] == scenes().training[0]["fps"]


def test_samples_without_scores_have_no_such_key():
    assert "scores" not in scenes().training[0]


def test_a_mix_gives_absent_scores_to_sets_without(make_video, tmp_path):
    make_video("own/a.mp4", 9, 16, 24)
    few = SceneOptions(videos=2, held_out=2)
    sets = [MixedSet(tmp_path / "own", scores=["motion"], validation_fraction=0)]
    sets += [MixedSet(layout="scenes", scenes=few, clips_per_video=1)]
    found = VideoData(mix=sets, scores=["fps"], **SIZES)
    found.setup()
    assert found.training.scores.names == ("motion", "fps")
    samples = [found.training[index]["scores"] for index in range(len(found.training))]
    assert [sorted(name for name, value in each.items() if value.isnan()) for each in samples] == [
        *[["fps"]] * 2,
        *[["motion"]] * 2,
    ]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return make_videos(tmp_path_factory.mktemp("scores") / "videos")


@pytest.fixture(scope="module")
def folder(root, tmp_path_factory) -> Path:
    """Latents of every start, mirrored as well, with the motion of each."""
    videos = data(root, scores=BOTH)
    return encoded(videos, VideoGenerator(AUTOENCODER), tmp_path_factory.mktemp("scores") / "l", scores=["motion"])


@pytest.mark.parametrize("split", ["training", "validation"])
def test_latents_have_the_scores_of_their_videos(root, folder, split):
    pixels, cached = (data(path, scores=BOTH, **more) for path, more in ((root, {}), (folder, {"layout": "latents"})))
    samples, others = getattr(pixels, split), getattr(cached, split)
    assert isinstance(others, LatentClips) and isinstance(samples, ClipDataset)
    for index in range(len(samples)):
        sample, other = samples[index], others[index]
        assert sample["start"] == other["start"] and sample["scores"] == other["scores"]
    assert cached.collection.describe()["latents"]["scores"] == ["motion"]


def test_a_plan_keeps_the_columns_of_its_videos(root):
    plan = plan_of(data(root).collection, VideoGenerator(AUTOENCODER).autoencoder, data_settings())
    assert "columns" not in plan.to_json()
    videos = [replace(video, columns=(("beauty", float(n)),) if n else ()) for n, video in enumerate(plan.videos)]
    other = replace(plan, videos=videos)
    assert list(LatentPlan.from_json(other.to_json()).videos) == videos and other.digest == plan.digest


def data_settings() -> dict:
    return {"stride": 1, "flips": False, "dtype": "float16", "precision": "32", "clips_per_shard": 16}


def test_latents_without_motion_are_refused(root, folder, tmp_path):
    plain = encoded(data(root), VideoGenerator(AUTOENCODER), tmp_path / "plain")
    with pytest.raises(InputError, match=r"have no score motion; encode the videos again with data.scores '\[motion"):
        data(plain, layout="latents", scores=BOTH)
    assert "fps" in data(plain, layout="latents", scores=["fps"]).training[0]["scores"]
    plans = [open_latents(path) for path in (plain, folder)]
    assert plans[0].differences(plans[1])[0] == "data.scores is motion there and None here"


def test_names_that_the_data_lack_or_that_are_given_twice_are_refused(root):
    with pytest.raises(InputError, match=r"none of the 6 videos of .* has a score beauty; name motion"):
        data(root, scores=["beauty"])
    with pytest.raises(InputError, match=r"data.scores names fps twice; name it once"):
        DataOptions(root, scores=["fps", "fps"])
