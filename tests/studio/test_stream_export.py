"""Clips of a stream as a file: the JSON and the command make the very same video again."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest
import torch
from generation.small_models import noise_video, small_generator, told_and_hinted
from studio.job_client import done, post, refused, studio_client

from pvdm.cli import main
from pvdm.errors import InputError
from pvdm.provenance import Provenance, read_fields
from pvdm.studio.jobs.stream_export import beyond_command
from pvdm.studio.replays.replay_clips import replay_of
from pvdm.studio.replays.replay_file import read_replay, weights_digest
from pvdm.studio.streams.clip_batch import ClipRequest, make_clips


@pytest.fixture(scope="module")
def generator():
    """Clips of 8 frames, whose borders fade."""
    generator = told_and_hinted()
    generator.diffusion = replace(generator.diffusion, border_fade=2)
    return generator


@pytest.fixture(scope="module")
def model(generator, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("model") / "own"
    generator.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def client(generator, model):
    with studio_client(generator, model) as client:
        yield client


def played(client, generator, *settings: dict, branch: tuple[int, dict] | None = None):
    """A stream with a clip for each of the settings, and one more that continues a clip of the branch's number."""
    stream = client.studio.streams.open()
    stream.settings = replace(stream.settings, steps=2)
    picture = stream.add_picture(noise_video(1, seed=3)[:, 0], 8)
    steps = [(None, changed) for changed in settings] + ([branch] if branch else [])
    for number, changed in steps:
        stream.timeline.head = stream.timeline.head if number is None else number
        named = {name: picture if value == "PICTURE" else value for name, value in changed.items()}
        stream.settings = stream.settings.changed(named, client.studio.model, stream.pictures)
        _add_clip(stream, generator)
    return stream


def _add_clip(stream, generator) -> None:
    head = stream.timeline.clips.get(stream.timeline.head)
    before = generator.decode_latent(head.latent[None])[0] if head else None
    noise = stream.timeline.next_noise(head.id if head else None, stream.settings.seed)
    request = ClipRequest(
        stream.id,
        stream.settings,
        noise,
        head.latent if head else None,
        before,
        dict(stream.pictures),
        parent=head.id if head else None,
    )
    stream.timeline.add(make_clips(generator, [request])[0])


def test_an_export_says_what_made_it_and_whether_pictures_were_given(client, stream, generator, tmp_path, monkeypatch):
    monkeypatch.setattr(generator, "provenance", Provenance("own", "0" * 64))
    for clips, kind in (([1, 2], "trainedAlgorithmicMedia"), ([3], "compositeWithTrainedAlgorithmicMedia")):
        (tmp_path / "a.gif").write_bytes(export(client, stream, clips, "gif")["stream.gif"])
        assert read_fields(tmp_path / "a.gif")["source_type"].endswith(f"/{kind}")


def export(client, stream, clips: list[int], kind: str) -> dict[str, bytes]:
    return done(client, post(client, "export", stream=stream.id, clips=clips, format=kind))


def again(model: str, files: dict[str, bytes], folder) -> bytes:
    """The video that `pvdm studio --replay` makes of an exported JSON file."""
    (folder / "stream.json").write_bytes(files["stream.json"])
    output = folder / "again.mp4"
    more = ["--replay", f"{folder}/stream.json", "--output", str(output), "--no-provenance"]
    assert main(["studio", model, "--device", "cpu", *more]) == 0
    return output.read_bytes()


STEERED = ({"seed": 5}, {"prompt": "a red ball"}, {"guidance": 1.0, "last_picture": "PICTURE"}, {"anchor": "PICTURE"})


@pytest.fixture(scope="module")
def stream(client, generator):
    """Clips 1 to 4 of a scene, and 5, which continues 2."""
    return played(client, generator, *STEERED, branch=(2, {"seed": 9}))


@pytest.mark.parametrize("clips", [[1, 2, 5], [3, 5, 4]])
def test_the_json_file_makes_the_video_again_to_the_bit(client, stream, model, tmp_path, clips):
    """Of a branch from its beginning, and of clips whose predecessor is left out."""
    video = export(client, stream, clips, "mp4")["stream.mp4"]
    assert again(model, export(client, stream, clips, "json"), tmp_path) == video


def test_a_clip_after_a_forgotten_one_is_made_from_its_own_latent(client, stream, model, tmp_path, monkeypatch):
    monkeypatch.delitem(stream.timeline.clips, 2)
    files = export(client, stream, [3, 4], "json")
    assert [*json.loads(files["stream.json"])["latents"]] == ["3"]
    assert again(model, files, tmp_path) == export(client, stream, [3, 4], "mp4")["stream.mp4"]


@pytest.mark.parametrize("more", [{}, {"anchor": "PICTURE", "guidance": 0.1234567891}])
def test_the_command_of_a_scene_makes_the_video_again(client, generator, model, tmp_path, monkeypatch, more):
    monkeypatch.chdir(tmp_path)
    stream = played(client, generator, {"seed": 5, "prompt": "a red ball", **more}, {"prompt": "a ball"})
    files = export(client, stream, [1, 2], "command")
    command = shlex.split(files.pop("command.txt").decode())
    assert command[:2] == ["pvdm", "extend"] and "8=a ball" in command
    assert [*files] == ["anchor.png"] * bool(more)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert main([*command[1:], "--device", "cpu", "--no-provenance"]) == 0
    assert (tmp_path / "stream.mp4").read_bytes() == export(client, stream, [1, 2], "mp4")["stream.mp4"]


@pytest.mark.parametrize(
    ("clips", "reason"), [([2, 3], "clip 2 continues clip 1"), ([1, 2], "the setting prompt of clip 2 is another")]
)
def test_the_command_of_anything_else_names_its_file_and_why(client, stream, model, clips, reason):
    files = export(client, stream, clips, "command")
    assert sorted(files) == ["command.txt", "stream.json"]
    comment, command = files["command.txt"].decode().splitlines()
    assert reason in comment and comment.startswith("# pvdm extend cannot make this video")
    assert command == f"pvdm studio {model} --replay stream.json --output stream.mp4"


def test_a_picture_of_one_clip_and_noise_of_a_branch_are_beyond_a_command(client, generator):
    stream = played(client, generator, {"first_picture": "PICTURE"}, branch=(None, {"first_picture": None}))
    assert beyond_command(replay_of(stream, [1])) == "first_picture is of one clip"
    stream = played(client, generator, {}, {}, branch=(1, {}))
    assert beyond_command(replay_of(stream, [1, 3])) == "clip 3 has the noise of another seed or branch"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "the setting stream is missing"),
        ({"stream": "x"}, "the setting clips is missing"),
        ({"stream": "x", "clips": [1]}, "there is no such stream"),
        ({"clips": [1, 1]}, "a clip is named twice"),
        ({"clips": [9]}, "there is no clip 9 in this stream"),
        ({"clips": "all"}, "clips is all; give a list of 1 to 1000 numbers of clips"),
        ({"clips": [1], "format": "avi"}, "format is avi; give one of mp4, gif, json, command"),
        ({"clips": [3]}, "a picture of clip 3 is forgotten"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(client, stream, monkeypatch, settings, message):
    monkeypatch.setattr(stream, "pictures", {})
    settings = {"stream": stream.id, **settings} if "clips" in settings else settings
    assert refused(post(client, "export", **settings)).startswith(message)


@pytest.fixture(scope="module")
def exported(client, stream) -> bytes:
    return export(client, stream, [3, 4, 5], "json")["stream.json"]


def _changed(*path, to):
    """Damage that puts another value at a place of the file."""

    def change(content):
        for key in path[:-1]:
            content = content[key] if key != "first" else next(iter(content.values()))
        content[next(iter(content)) if path[-1] == "first" else path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_changed("format", to="other"), "holds no clips of a stream"),
        (_changed("version", to=2), "is of version 2; update pvdm"),
        (_changed("more", to=1), "the file has an unknown field more"),
        (_changed("clips", 0, "code", to="x"), "a clip has an unknown field code"),
        (_changed("clips", to={}), "the field clips of the file is of another type"),
        (_changed("clips", to=[]), "the file has 0 clips"),
        (_changed("clips", to=[{}] * 5000), "the file has 5000 clips"),
        (_changed("clips", 0, to=[]), "a clip is no JSON object"),
        (_changed("clips", 0, "id", to=-1), "a number of clip -1 is none"),
        (_changed("clips", 0, "id", to=True), "the field id of a clip is of another type"),
        (_changed("clips", 1, "id", to=3), "two clips of the file have one number"),
        (_changed("clips", 1, "parent", to=7), "clip 4 continues clip 7, which is not there"),
        (_changed("clips", 0, "noise", to=[1, 2]), "a number of clip 3 is none"),
        (_changed("clips", 0, "noise", 2, to=1.5), "a number of clip 3 is none"),
        (_changed("clips", 0, "settings", "steps", to=1000), "steps is 1000; give one of"),
        (_changed("clips", 0, "settings", "prompt", to="a dragon"), "does not know the word 'dragon'"),
        (_changed("clips", 0, "settings", "more", to=1), "the settings of clip 3 are not those of this version"),
        (_changed("clips", 0, "settings", "last_picture", to="/etc/passwd"), "last_picture is /etc/passwd"),
        (_changed("latents", "first", to="AAAA"), "latent 2 is not one of this model"),
        (_changed("latents", "first", to="AAAA" * 10**6), "latent 2 is damaged"),
        (_changed("latents", "x", to="AAAA"), "a latent has the name 'x'"),
        (_changed("pictures", "first", to="AAAA"), "is damaged"),
        (_changed("pictures", "first", to=7), "is damaged"),
        (_changed("model", "sha256", to="12"), "holds no digest of a model"),
        (_changed("model", "sha256", to="0" * 64), "was made with"),
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence(generator, model, exported, tmp_path, damage, message):
    content = json.loads(exported)
    damage(content)
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(InputError) as error:
        read_replay(tmp_path / "a.json", generator, model)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"[" * 100_000, b'{"a": Infinity}', b"[]", b"1"])
def test_what_is_no_such_file_is_refused(generator, tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"is no JSON file|holds no clips of a stream"):
        read_replay(tmp_path / "a.json", generator, "model")


def test_another_model_is_named(generator, model, exported, tmp_path):
    (tmp_path / "a.json").write_bytes(exported)
    other = small_generator()
    own, wanted = weights_digest(other)[:8], weights_digest(generator)[:8]
    with pytest.raises(InputError, match=f"made with {model} of the digest {wanted}.*, and the digest of x is {own}"):
        read_replay(tmp_path / "a.json", other, "x")


def test_the_digest_is_of_weights_and_configuration(generator):
    other = told_and_hinted()
    other.diffusion = generator.diffusion
    assert weights_digest(other) == weights_digest(generator)
    with torch.no_grad():
        next(other.parameters()).view(-1)[0] += 1e-6
    assert weights_digest(other) != weights_digest(generator)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--replay", "a.json"], "--replay is given without --output; give both"),
        (["--output", "a.mp4"], "--output is given without --replay; give both"),
        (["--replay", "none.json", "--output", "a.mp4"], "none.json does not exist"),
        (["--replay", "a.json", "--output", "a.json"], "a.json exists already"),
    ],
)
def test_a_command_line_that_cannot_be_is_refused(model, tmp_path, monkeypatch, caplog, more, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.json").write_text("{}")
    assert main(["studio", model, *more]) == 2
    assert message in caplog.text
