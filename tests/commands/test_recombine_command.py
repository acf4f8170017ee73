"""`pvdm recombine`: its outputs and what it refuses."""

from __future__ import annotations

import pytest
from generation.small_models import noise_video, told_generator

from pvdm.cli import main
from pvdm.video import probe, write_video


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("told") / "model"
    told_generator().save_pretrained(folder)
    return str(folder)


@pytest.fixture
def clips(tmp_path):
    for name, seed in (("a", 1), ("b", 2)):
        write_video(tmp_path / f"{name}.mp4", noise_video(20, seed), fps=10)
    return tmp_path


def run(clips, *arguments: str) -> int:
    named = [str(clips / text) if text.endswith(".mp4") else text for text in arguments]
    return main(["recombine", *named, "--device", "cpu", "--sampler", "ddim", "--steps", "2"])


def test_each_way_of_recombining_writes_whole_clips(model, clips):
    assert run(clips, model, "--content", "a.mp4", "--motion", "b.mp4", "--output", "c.mp4") == 0
    assert run(clips, model, "--content", "a.mp4", "--new-motion", "2", "--output", "d.mp4", "--prompt", "red") == 0
    assert (
        run(clips, model, "--new-content", "1", "--motion", "b.mp4", "--motion-noise", "0.1", "--output", "e.mp4") == 0
    )
    assert [probe(clips / f"{name}.mp4").frames for name in ("c", "d_0", "d_1", "e")] == [16] * 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--content a.mp4", "no motion is given; give --motion VIDEO, or --new-motion N"),
        ("--content a.mp4 --motion b.mp4 --new-motion 2", "--motion and --new-motion are both given"),
        ("--new-content 2 --new-motion 2", "both content and motion are new"),
        ("--content a.mp4 --motion gone.mp4", "gone.mp4 does not exist"),
        ("--content a.mp4 --new-motion 2 --motion-noise 1", "--motion-noise is given without --motion"),
    ],
)
def test_what_does_not_fit_is_refused(model, clips, caplog, options, message):
    assert run(clips, model, *options.split(), "--output", "c.mp4") == 2
    assert message in caplog.text and not (clips / "c.mp4").exists()
