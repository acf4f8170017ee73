"""Every command of docs/conditions.md that the model of the package can run, with that model."""

from __future__ import annotations

import pytest

from pvdm.cli import main
from pvdm.video import probe, read_video

MODEL = "pvdm/sprites-64"
PROMPT = "a green orc with red hair, wearing chain mail and white trousers, walking, facing left"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A clip `a.mp4` and another `b.mp4`, and a frame of the first, all generated."""
    folder = tmp_path_factory.mktemp("packaged")
    for name, seed in (("a", 1), ("b", 2)):
        options = ("--prompt", PROMPT, "--num-videos", 1, "--seed", seed)
        assert run("sample", *options, "--output", folder / f"{name}.mp4") == 0
    assert run("sample", "--label", "walk", "--num-videos", 1, "--output", folder / "c.png") == 0
    return folder


def run(verb: str, *arguments: object) -> int:
    return main([verb, MODEL, *map(str, arguments), "--device", "cpu", "--steps", "2"])


@pytest.mark.parametrize(
    ("verb", "arguments", "frames"),
    [
        ("sample", "--num-videos 1 --first-frame c.png", 16),
        ("sample", "--num-videos 1 --first-frame c.png --last-frame c.png --keyframe 5=c.png --keep-given", 16),
        ("sample", "--num-videos 1 --prompt walking --negative-prompt orc --prompt-guidance 1", 16),
        ("extend", "--input a.mp4 --frames 40 --last-frame c.png", 40),
        ("extend", "--frames 32 --prompt-at 0=walking 16=orc", 32),
        ("interpolate", "a.mp4 --factor 4", 61),
        ("repair", "a.mp4 --missing 4-7 10", 16),
        ("recombine", "--content a.mp4 --motion b.mp4", 16),
    ],
)
def test_a_command_makes_a_video(folder, tmp_path, verb, arguments, frames):
    for name in ("a.mp4", "b.mp4", "c.png"):
        arguments = arguments.replace(name, str(folder / name))
    assert run(verb, *arguments.split(), "--output", tmp_path / "out.mp4") == 0
    assert probe(tmp_path / "out.mp4").frames == frames
    video = read_video(tmp_path / "out.mp4").float()
    assert video.std() > 10 and (video[:, 1:] - video[:, :-1]).abs().mean() > 0.2


@pytest.mark.parametrize(
    ("arguments", "files"),
    [("--content a.mp4 --new-motion 2", ("out_0.mp4", "out_1.mp4")), ("--new-content 1 --motion a.mp4", ("out.mp4",))],
)
def test_content_or_motion_may_be_new(folder, tmp_path, arguments, files):
    named = [str(folder / text) if text.endswith(".mp4") else text for text in arguments.split()]
    assert run("recombine", *named, "--output", tmp_path / "out.mp4") == 0
    assert all(probe(tmp_path / name).frames == 16 for name in files)


def test_what_it_was_not_trained_for_is_refused_by_name(folder, tmp_path, caplog):
    assert run("upscale", folder / "a.mp4", "--output", tmp_path / "out.mp4") == 2
    assert "was not trained to upscale: it takes the previous clip, a class of 4, a prompt, given frames" in caplog.text
