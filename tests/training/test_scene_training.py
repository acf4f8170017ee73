"""Commands take scenes as any data set: cached latents, reports, evaluation."""

import json

import pytest
import torch
from cached import data, encoded
from miniature import AUTOENCODER, arguments, read

from pvdm.cli import main
from pvdm.data import SampleKey, SceneOptions
from pvdm.data.latents.latent_folder import open_latents
from pvdm.data.scenes.scene_videos import ROOT
from pvdm.evaluation.clips.protocol_clips import source_of
from pvdm.evaluation.clips.training_overlap import other_data
from pvdm.evaluation.clips.video_set import VideoSet
from pvdm.evaluation.protocols import protocols_named
from pvdm.generation import VideoGenerator
from pvdm.training import LatentData
from pvdm.video import to_float

FEW = SceneOptions(videos=4, held_out=2, frames=12)


@pytest.fixture(scope="module")
def generator() -> VideoGenerator:
    torch.manual_seed(0)
    return VideoGenerator(AUTOENCODER).eval()


def test_cached_latents_are_those_of_the_scenes(generator, tmp_path):
    videos = data(ROOT, layout="scenes", scenes=FEW)
    folder = encoded(videos, generator, tmp_path / "latents")
    assert [str(video.path) for video in open_latents(folder).videos][:1] == ["12-frames/0-0000000000"]
    size = {"frames": AUTOENCODER.frames, "height": AUTOENCODER.height, "width": AUTOENCODER.width}
    latents = LatentData(folder, clips=2, workers=0, horizontal_flip=True, **size)
    latents.setup()
    assert len(latents.training) == len(videos.training) and latents.collection.classes == videos.collection.classes
    for index in range(len(videos.training)):
        cached, sample = latents.training[SampleKey(0, index)], videos.training[SampleKey(0, index)]
        assert cached["label"] == sample["label"] and cached["start"] == sample["start"]
        with torch.no_grad():
            target = generator.autoencoder.encode(to_float(sample["video"][None, :, 4:])).flatten()[0]
        torch.testing.assert_close(cached["latent"][1].float(), target, atol=2**-10, rtol=0)


@pytest.mark.parametrize("stored", [{"cameras": True, "sound": "mel"}, {"sound": "mel"}, {}])
def test_cached_scenes_have_their_cameras_and_sound_whether_or_not_these_are_stored(generator, tmp_path, stored):
    asked = {"layout": "scenes", "scenes": FEW, "cameras": True, "sound": "mel"}
    videos = data(ROOT, **asked)
    folder = encoded(videos, generator, tmp_path / "latents", **stored)
    latents = data(folder, **{**asked, "layout": "latents"})
    for index in range(len(videos.training)):
        cached, sample = (clips.training[SampleKey(0, index)] for clips in (latents, videos))
        for name in ("camera", "has_camera", "sound", "has_sound"):
            torch.testing.assert_close(torch.as_tensor(cached[name]), torch.as_tensor(sample[name]), rtol=0, atol=0)


def test_a_run_needs_no_path(tmp_path):
    given = arguments("fit", "autoencoder", tmp_path / "run", None, data__layout="scenes", model__lpips_weight=0)
    more = ["--data.scenes.videos=4", "--data.scenes.held_out=2", "--trainer.max_steps=2"]
    main([word for word in given if word != "--data.path=None"] + more)
    described = read(tmp_path / "run")["pvdm"]["data"]
    assert described["layout"] == "scenes" and described["videos"]["training"] == 4


def test_a_report_and_a_contact_sheet_of_scenes(tmp_path, capsys):
    assert (
        main(["inspect", "--layout", "scenes", "--size", "16x16", "--output", str(tmp_path / "out"), "--videos", "5"])
        == 0
    )
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["layout"] == "scenes" and report["parts"]["training"]["videos"] == 4096
    assert (tmp_path / "out" / "contact_sheet.jpg").is_file()
    assert "bounce 820+103" in " ".join(capsys.readouterr().out.split())
    assert main(["inspect", "--size", "16x16"]) == 2


def test_real_clips_of_an_evaluation_are_rendered_at_its_size():
    (protocol,) = protocols_named("fvd-random/16f")
    protocol = protocol.with_changes(size=32, num_real=3)
    videos = VideoSet.find("anywhere", layout="scenes", part="test")
    assert videos.root == ROOT and len(videos.videos) == 512
    source = source_of(videos, protocol, role="real")(0)
    clips = list(source.read(range(3), batch_size=2))
    assert [clip.video.shape for clip in clips] == [(3, 16, 32, 32)] * 3
    assert all(clip.name.startswith("100-frames/0-2") for clip in clips)
    assert source.describe()["files_sha256"] == source_of(videos, protocol, role="real")(1).describe()["files_sha256"]
    trained = VideoGenerator(AUTOENCODER)
    trained.data = {"layout": "scenes"}
    assert other_data(trained, videos) is None
