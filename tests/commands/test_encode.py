"""`pvdm encode`: what stage 2 then trains on, what it takes from its configs, and what it refuses."""

import json
import logging
import math
import shutil
from pathlib import Path

import pytest
import torch
from training.cached import make_videos
from training.miniature import AUTOENCODER, arguments

from pvdm.cli import main
from pvdm.data import workers as worker
from pvdm.data.latents.latent_folder import open_latents
from pvdm.generation import VideoGenerator
from pvdm.training.latent_encoding import digest_of


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """`videos`, and two autoencoders, `first` and `other`."""
    folder = tmp_path_factory.mktemp("encode")
    make_videos(folder / "videos")
    for seed, name in enumerate(("first", "other")):
        torch.manual_seed(seed)
        VideoGenerator(AUTOENCODER).save_pretrained(folder / name)
    return folder


@pytest.fixture
def stage_2(world, tmp_path):
    """`stage_2("encode", ...)` -> the arguments of a verb with the configs of stage 2; those with None are left out."""

    def stage_2(verb, *more, **options):
        options = {"model__autoencoder": world / "first", "data__layout": "classes", "trainer__max_steps": 1, **options}
        path = options.pop("data__path", world / "videos")
        return [*map(str, arguments(verb, "diffusion", tmp_path / "run", path, **options)), *map(str, more)]

    return stage_2


def encode(arguments, caplog) -> str:
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert main(arguments) == 0
    return caplog.messages[-1]


def test_stage_2_trains_from_what_is_encoded(world, stage_2, tmp_path, caplog):
    folder = tmp_path / "latents"
    command = stage_2("encode", "--output", folder, "--clips-per-shard", 8, trainer__precision="bf16-mixed")
    assert encode(command, caplog) == f"3 of 3 shards were encoded; the latents are in {folder}"
    plan = open_latents(folder)
    size = 36 * 2 * math.prod(plan.latent) / 1024
    assert f"21 clips of 6 videos, 15 of them mirrored as well: {size:.2f} KiB" in caplog.messages
    wanted = {"stride": 4, "flips": True, "dtype": "float16", "precision": "bf16", "clips_per_shard": 8}
    assert plan.settings == wanted  # what the configs say of flips and precision
    assert plan.autoencoder["sha256"] == digest_of(VideoGenerator.load(world / "first").autoencoder)
    assert sorted(path.name for path in folder.iterdir()) == ["index.json", *(shard.file for shard in plan.shards())]

    (folder / plan.shards()[1].file).unlink()
    assert encode(command, caplog) == f"1 of 3 shards were encoded; the latents are in {folder}"
    damaged = bytearray((folder / plan.shards()[0].file).read_bytes())
    damaged[-1] ^= 1  # another latent, of the same size and range
    (folder / plan.shards()[0].file).write_bytes(damaged)
    assert encode(command, caplog) == f"1 of 3 shards were encoded; the latents are in {folder}"
    assert "holds latents that pvdm encode has made; train from them" in refused(
        stage_2("fit", data__path=folder), caplog
    )
    fit = stage_2("fit", "-c", "configs/data/latents.yaml", "--data.layout=latents", data__path=folder)
    assert main(fit) == 0
    checkpoint = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["pvdm"]["data"]["latents"]["stride"] == 4
    assert checkpoint["pvdm"]["data"]["videos"] == {"training": 4, "validation": 2, "left_out": 0, "absent": 0}
    # of the run's own checkpoint, which holds the same autoencoder
    assert encode([*command, f"--model.autoencoder={tmp_path}/run/checkpoints/last.ckpt"], caplog).startswith("0 of 3")


def test_readers_are_as_many_as_cores_if_their_number_is_not_given(stage_2, tmp_path, caplog, monkeypatch):
    asked = []
    monkeypatch.setattr(worker, "default_workers", lambda processes: asked.append(processes) or 2)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    command = stage_2("encode", "--output", tmp_path / "latents", data__workers="null")
    assert encode(command, caplog).startswith("1 of 1")
    assert asked == [3]


def test_what_is_there_is_kept_unless_it_is_to_go(world, stage_2, tmp_path, caplog):
    folder = tmp_path / "latents"
    options = ["--output", folder, "--stride", 3, "--no-flips", "--dtype", "bfloat16"]
    encode(stage_2("encode", *options), caplog)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert open_latents(folder).mirrored == 0
    for more, words in (
        (
            ["--stride", 4],
            "latents holds other latents: --stride is 3 there and 4 here; use the same settings, choose another",
        ),
        (
            ["--precision", "bf16", "--flips"],
            "--flips is False there and True here; --precision is 32 there and bf16 here",
        ),
        ([f"--model.autoencoder={world}/other"], "holds other latents: they are of another autoencoder; use the"),
        (["--data.part=both"], "holds other latents: they are of other videos (6 there and 6 here)"),
        (["--data.stride=2", "--data.max_bad_share=0.5"], "data.stride is 1 there and 2 here"),
    ):
        assert words in refused(stage_2("encode", *options, *more), caplog)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    encode(stage_2("encode", *options, "--stride", 4, "--overwrite"), caplog)
    assert json.loads((folder / "index.json").read_text())["settings"]["stride"] == 4
    words = "come from another autoencoder; give that one as --model.autoencoder, or encode the videos with this one"
    fit = stage_2("fit", data__layout="latents", data__path=folder, model__autoencoder=world / "other")
    assert words in refused(fit, caplog)


def refused(arguments, caplog) -> str:
    """The last line of a command, which may have said before what it is about to do."""
    with caplog.at_level(logging.ERROR):
        assert main(arguments) == 2
    return caplog.messages[-1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--data.height=32"], "the data gives 2 clip(s) of 4 frames of 32x16, the model takes 2 of 4 frames of 16x16"),
        (["--data.clips=1"], "the data gives 1 clip(s) of 4 frames"),
        (["--model.autoencoder=none"], "there is no model at none"),
        (["--data.path=none"], "the folder none does not exist"),
        (["--data.layout=latents"], "is to hold latents (data.layout), not videos; give the videos' own layout"),
        (["--stride=0"], "--stride is 0; give a whole number of at least 1"),
        (["--dtype=float8"], "--dtype is float8; choose one of float16, bfloat16"),
        (["--data.steps=3"], "data.steps is not an option"),
        (["--strid=3"], "strid is not an option"),
        (["--device=cuda"], "there is no device cuda here"),
    ],
)
def test_what_cannot_be_encoded_is_refused(stage_2, tmp_path, refusal, options, words):
    assert words in refusal(*stage_2("encode", "--output", tmp_path / "latents", *options))
    assert not (tmp_path / "latents").exists()


def test_without_a_config_that_of_stage_2_is_named(tmp_path, refusal):
    assert "-c configs/diffusion.yaml" in refusal("encode", "--output", tmp_path / "out")


def test_a_config_of_stage_1_is_refused(world, tmp_path, refusal):
    command = [
        "encode",
        "-c",
        "configs/autoencoder.yaml",
        "--data.path",
        world / "videos",
        "--output",
        tmp_path / "out",
    ]
    assert "pvdm encode takes the config of stage 2, with the first stage as --model.autoencoder" in refusal(*command)


def test_a_full_disk_ends_it_in_a_sentence_and_the_same_command_goes_on(isolation, stage_2, tmp_path):
    command = stage_2("encode", "--output", "latents", "--device=cpu", "--clips-per-shard", 24)
    ended = isolation(command, tmp_path, file_size=2500)
    assert ended.status == 2
    last = ended.err.splitlines()[-1]
    assert last.startswith("pvdm: error: latents/latents-000000.safetensors cannot be written (File too large); free s")
    assert sorted(path.name for path in (tmp_path / "latents").iterdir()) == ["plan.json"]
    assert isolation(command, tmp_path).status == 0
    assert open_latents(tmp_path / "latents").clips == 21
    shutil.rmtree(tmp_path / "latents")
