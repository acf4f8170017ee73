"""`pvdm studio`: what it starts, and what it refuses before it starts anything."""

from __future__ import annotations

import socket

import pytest
from generation.small_models import small_generator

from pvdm.cli import main
from pvdm.commands import studio as command
from pvdm.studio import server


@pytest.fixture
def started(monkeypatch):
    """The studios that were served, each until at once."""
    found = []

    def serve(studio, bound):
        found.append((studio, bound.getsockname()))
        bound.close()

    monkeypatch.setattr(server, "serve", serve)
    return found


def test_the_options_arrive(model, started):
    limits = ["--max-streams", "3", "--max-clients", "5", "--max-batch", "2", "--max-clips", "9"]
    limits += [
        "--max-jobs",
        "90",
        "--max-seconds",
        "7",
        "--max-frames",
        "64",
        "--max-upload",
        "2",
        "--max-messages",
        "5",
    ]
    made = ["--watermark", "7", "--precision", "bf16"]
    assert main(["studio", model, "--port", "0", "--device", "cpu", "--name", "studio.example", *limits, *made]) == 0
    ((studio, (host, port)),) = started
    assert host == "127.0.0.1" and port > 0 and studio.access.token is None
    assert studio.access.is_own("studio.example") and studio.model.name == model
    assert studio.loaded_with == ["--precision", "bf16", "--watermark", "7"]
    limits = studio.limits
    assert (limits.streams, limits.clients, limits.batch, limits.clips) == (3, 5, 2, 9)
    assert (limits.messages, limits.picture_bytes, limits.upload_bytes) == (5, 2 << 20, 256 << 20)
    jobs = studio.jobs.limits
    assert (jobs.waiting, jobs.jobs, jobs.seconds, jobs.frames, jobs.upload_bytes) == (90, 90, 7, 64, 2 << 20)


def test_the_packaged_model_is_what_a_newcomer_gets(started):
    assert main(["studio", "--port", "0", "--device", "cpu", "--host", "0.0.0.0"]) == 0
    ((studio, _),) = started
    assert studio.model.name == "pvdm/sprites-64" and "text" in studio.model.takes and len(studio.access.token) >= 32


def test_what_is_wrong_is_one_sentence(model, started, caplog, monkeypatch, tmp_path):
    small_generator(denoiser=False).save_pretrained(tmp_path / "half")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        assert main(["studio", model, "--port", port]) == 2
    assert main(["studio", str(tmp_path / "half"), "--port", "0", "--device", "cpu"]) == 2
    assert main(["studio", model, "--port", "70000"]) == 2
    assert main(["studio", model, "--max-upload", "0"]) == 2
    monkeypatch.setattr(command, "NEEDED", ("python_no_such",))
    assert main(["studio", model]) == 2
    assert not started and [message.removeprefix("pvdm: error: ") for message in caplog.messages] == [
        f"port {port} is in use; give another, such as --port {int(port) + 1}",
        "this model is a stage-1 autoencoder without a denoiser; train stage 2 with it first",
        "--port is 70000; give a number from 0, for any that is free, to 65535",
        "--max-upload is 0; give a whole number of at least 1",
        "the studio needs python-no-such; pip install 'pvdm[studio]'",
    ]
