"""Each task as a job of the model of the package, at few steps; and those that other models are trained for."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
import torch
from generation.small_models import hinted_generator, noise_video
from PIL import Image
from studio.job_client import done, ended, post, studio_client

from pvdm.generation import VideoGenerator
from pvdm.studio.jobs.api_page import CLIENT
from pvdm.video import read_video, write_video

MODEL = "pvdm/sprites-64"


@pytest.fixture(scope="module")
def generator():
    return VideoGenerator.load(MODEL)


@pytest.fixture(scope="module")
def client(generator):
    with studio_client(generator, MODEL) as client:
        yield client


@pytest.fixture(scope="module")
def uploads(generator, tmp_path_factory) -> dict[str, bytes]:
    """A clip of the model, the beginning of it, and its first frame."""
    folder, clip, found = tmp_path_factory.mktemp("uploads"), generator.sample(1, steps=1, seed=1)[0], {}
    for name, frames in (("a", 16), ("short", 6)):
        write_video(folder / f"{name}.mp4", clip[:, :frames], fps=generator.fps)
        found[name] = (folder / f"{name}.mp4").read_bytes()
    file = BytesIO()
    Image.fromarray(clip[:, 0].movedim(0, -1).contiguous().numpy()).save(file, "PNG")
    return {**found, "picture": file.getvalue()}


@pytest.mark.parametrize(
    ("task", "files", "settings", "frames", "size"),
    [
        ("sample", {}, {"videos": 2, "label": "walk"}, 16, (66, 132)),
        ("image-to-video", {"first_frame": "picture"}, {"prompt": "walking", "frames": 12}, 12, (64, 64)),
        ("extend", {"video": "a", "last_frame": "picture"}, {"frames": 24}, 24, (64, 64)),
        ("interpolate", {"video": "short"}, {"factor": 3}, 16, (64, 64)),
        ("repair", {"video": "a"}, {"missing": "3-6 9"}, 16, (64, 64)),
        ("recombine", {"content": "a", "motion": "a"}, {"content_guidance": 0, "motion_guidance": 0}, 16, (64, 64)),
    ],
)
def test_each_task_of_the_packaged_model(client, uploads, tmp_path, task, files, settings, frames, size):
    sent = {name: uploads[upload] for name, upload in files.items()}
    path = tmp_path / "result.mp4"
    path.write_bytes(done(client, post(client, task, sent, steps=1, **settings))["result.mp4"])
    assert read_video(path).shape == (3, frames, *size)


def test_a_sample_is_that_of_the_command(client, generator, tmp_path):
    write_video(tmp_path / "a.mp4", generator.sample(1, steps=1, seed=4, labels="slash")[0], fps=generator.fps)
    files = done(client, post(client, "sample", steps=1, seed=4, label="slash"))
    assert files == {"result.mp4": (tmp_path / "a.mp4").read_bytes()}


def test_the_client_of_the_page_works(client, uploads, tmp_path, monkeypatch):
    text = CLIENT.read_text()
    assert len(text.splitlines()) == 11 and text in (Path(__file__).parents[2] / "docs" / "studio_api.md").read_text()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("httpx.Client", lambda base_url: client)
    Path("picture.png").write_bytes(uploads["picture"])
    exec(compile(text.replace('"steps": 8', '"steps": 1'), "client", "exec"), {})
    assert read_video("result.mp4").shape == (3, 16, 64, 64)


def test_a_small_video_is_upscaled_and_a_large_one_refused(tmp_path):
    contents = []
    for size in (16, 40):
        write_video(tmp_path / f"{size}.mp4", noise_video(9).repeat(1, 1, 2, 2)[:, :, :size, :size], fps=10)
        contents.append((tmp_path / f"{size}.mp4").read_bytes())
    with studio_client(hinted_generator()) as client:
        result = done(client, post(client, "upscale", {"video": contents[0]}, steps=1))["result.mp4"]
        (tmp_path / "large.mp4").write_bytes(result)
        assert read_video(tmp_path / "large.mp4").shape == (3, 9, 32, 32)
        told = post(client, "upscale", {"video": contents[1]}).json()["error"]
    assert told == "the video has 40x40 pixels, and this model makes 32x32; send a smaller video"


def test_views_turn_a_camera(monkeypatch):
    """With a model that takes one, of which nothing but its path is looked at."""
    generator, seen = hinted_generator(), []

    def tracks(frames, *, camera=None, sound=None, fps=None):
        seen.append(torch.from_numpy(camera.azimuth).rad2deg().round().tolist())

    monkeypatch.setattr(generator, "tracks", tracks)
    monkeypatch.setattr(generator, "check_takes", lambda names: None)
    with studio_client(generator) as client:
        answer = post(client, "views", {}, steps=1, to=70, elevation=10)
        assert ended(client, answer)["state"] == "done"
    assert seen == [[0, 10, 20, 30, 40, 50, 60, 70]]
