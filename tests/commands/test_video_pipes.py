"""`-` as input and output: a live pipe through interpolate, repair and upscale, and how it ends early."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from generation.small_models import hinted_generator, noise_video

from pvdm.video import probe, read_video, write_video

ROOT = Path(__file__).parents[2]
FAST = ("--sampler", "ddim", "--steps", "1", "--device", "cpu")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """Clips of 8 frames of 32x32."""
    folder = tmp_path_factory.mktemp("pipes") / "model"
    hinted_generator().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """20 frames of 16x16, 25 per second."""
    path = tmp_path_factory.mktemp("pipes") / "small.mp4"
    write_video(path, noise_video(20)[..., :16, :16], fps=25)
    return path


def started(verb: str, model: Path, *more: object) -> subprocess.Popen:
    words = [sys.executable, "-m", "pvdm.cli", verb, model, "-", "--output", "-", *FAST, *more]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(list(map(str, words)), cwd=ROOT, env=environment, **pipes)


@pytest.mark.parametrize(
    ("verb", "more", "frames", "said"),
    [
        ("upscale", [], 20, "20 frames of 32x32 in standard output"),
        ("interpolate", ["--factor", 2], 39, "39 frames, 50 per second, in standard output"),
        ("repair", ["--missing", "5-6", 19], 20, "20 frames, 3 of them made anew, in standard output"),
    ],
)
def test_a_video_goes_through_and_nothing_else(model, small, tmp_path, verb, more, frames, said):
    process = started(verb, model, *more)
    video, messages = process.communicate(small.read_bytes(), timeout=120)
    assert process.returncode == 0 and said in messages.decode()
    assert re.search(r"[\d.]+ frames per second, from arrival to output median [\d.]+ s, worst [\d.]+ s", str(messages))
    assert len(video) % 188 == 0 and set(video[::188]) == {ord("G")}  # packets of MPEG-TS alone
    (tmp_path / "out.ts").write_bytes(video)
    found = probe(tmp_path / "out.ts")
    assert (found.frames, found.width, found.fps) == (frames, 32, 50 if verb == "interpolate" else 25)


def test_parts_leave_before_the_end_has_come_and_an_interrupt_ends_it_quietly(model, small):
    process = started("upscale", model)
    process.stdin.write(small.read_bytes())
    process.stdin.flush()
    assert process.stdout.read(188)[:1] == b"G"  # while standard input is open
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 130
    assert messages.decode().endswith("pvdm: interrupted\n") and "Traceback" not in messages.decode()


def test_a_reader_that_leaves_ends_it_quietly(model, small):
    process = started("upscale", model)
    process.stdout.close()
    process.stdin.write(small.read_bytes())
    process.stdin.close()
    messages = process.stderr.read().decode()
    assert process.wait(timeout=60) == 141
    assert "Traceback" not in messages and "rror" not in messages


def test_a_file_may_go_into_a_pipe_and_a_pipe_into_a_file(model, small, tmp_path, pvdm, monkeypatch, capfdbinary):
    pvdm("upscale", model, small, "--output", tmp_path / "file.mp4", *FAST)
    pvdm("upscale", model, small, "--output", "-", *FAST)
    (tmp_path / "out.ts").write_bytes(capfdbinary.readouterr().out)
    assert probe(tmp_path / "out.ts").frames == 20
    own = os.dup(0)
    with small.open("rb") as file:
        os.dup2(file.fileno(), 0)
        pvdm("upscale", model, "-", "--output", tmp_path / "piped.mp4", *FAST)
    os.dup2(own, 0)
    os.close(own)
    assert (read_video(tmp_path / "piped.mp4") == read_video(tmp_path / "file.mp4")).all()


def test_a_terminal_in_place_of_a_pipe_is_one_sentence(model, small, tmp_path, refusal, monkeypatch):
    monkeypatch.setattr(os, "isatty", lambda _: True)
    to_file = ("upscale", model, "-", "--output", tmp_path / "out.mp4")
    assert refusal(*to_file).endswith("standard input is a terminal; pipe a video into it, or name a file")
    to_terminal = ("upscale", model, small, "--output", "-")
    assert "standard output is a terminal; pipe it into a program, or name" in refusal(*to_terminal)
