"""`pvdm benchmark speed`: a table and JSON at the end, compared with an older one; one sentence for what cannot be."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from types import SimpleNamespace

import lpips
import pytest
import torch
import yaml
from generation.small_models import hinted_generator, small_generator
from torchvision.models import vgg

from pvdm import configs
from pvdm.benchmark.speed import inference_speed, speed_command, training_speed
from pvdm.benchmark.speed.inference_speed import parallel, sample_clip
from pvdm.benchmark.speed.measured_model import MeasuredModel, sizes
from pvdm.benchmark.speed.speed_command import TASKS
from pvdm.benchmark.speed.speed_options import TASK_NAMES, Repeats, SpeedOptions
from pvdm.cli import main
from pvdm.diffusion import SamplerConfig
from pvdm.training import AdversaryConfig

ONCE = ["--repeats", 1, "--steps", 2, "--stream-frames", 20]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Everything is measured, but of small things."""
    monkeypatch.setattr("pvdm.benchmark.speed.speed_command.ceiling", lambda device, dtype: 1e11)
    monkeypatch.setattr(training_speed, "AdversaryConfig", lambda: AdversaryConfig(channels=8))
    for name, size in {"MADE": 1, "FRAMES": 20, "HEIGHT": 48, "WIDTH": 64}.items():
        monkeypatch.setattr(inference_speed, name, size)
    features = vgg.make_layers(vgg.cfgs["D"])  # the whole of VGG-16 takes seconds to make
    monkeypatch.setattr(lpips.pretrained_networks.tv, "vgg16", lambda pretrained: SimpleNamespace(features=features))


def test_every_task_of_a_model(pvdm, model, tmp_path, caplog):
    output, later = tmp_path / "speed.json", tmp_path / "later.json"
    with caplog.at_level(logging.INFO):
        tasks = ["--tasks", ",".join(name for name in TASK_NAMES if name != "chained_20")]  # the longest
        pvdm("benchmark", "speed", "--model", model, "--output", output, "--batch-size", 2, *tasks, *ONCE)
    found = json.loads(output.read_text())
    assert found["format"] == "pvdm-speed" and found["subject"]["autoencoder"]["frames"] == 8
    assert found["settings"]["steps"] == 2 and found["settings"]["batch_size"] == 2
    assert found["versions"]["torch"] and found["machine"]["threads"] and found["ceiling"]["flops_per_second"] == 1e11
    tasks = {task["task"]: task for task in found["tasks"]}
    assert tuple(TASKS) == TASK_NAMES and {*TASK_NAMES} - {*tasks} == {"chained_20"}
    parallel = [tasks.pop(f"parallel_{steps}") for steps in (2, 4, 20)]
    assert {task["missing"] for task in parallel} == {"this model was not trained with given frames"}
    assert all(task["missing"] is None and task["seconds"] > 0 for task in tasks.values())
    assert all(task["peak_memory_bytes"] > 1 << 20 for task in tasks.values())

    flops = {name: task["flops"] for name, task in tasks.items()}
    assert flops["sample_clip"] == 2 * flops["denoise"] + flops["decode"]
    assert flops["stream"] == flops["chained_2"] == 3 * flops["sample_clip"], "20 frames are three clips"
    assert flops["chained_4"] - flops["chained_2"] == 3 * 2 * flops["denoise"]
    assert tasks["stream"]["items"] == 40 and tasks["stream"]["frames_per_second_after_it"] > 0
    assert flops["stage2_step_latents"] > 2.5 * flops["denoise"]
    encoded = flops["stage2_step_pixels"] - flops["stage2_step_latents"]
    assert encoded == pytest.approx(1.3 * flops["encode"], rel=1e-3), "the target, and 30 % of the contexts"
    assert tasks["stage1_step"]["vgg_weights"] == "random"
    assert "of product" in caplog.text

    caplog.clear()
    options = ["--tasks", "denoise", "--compare", output, *ONCE]
    with caplog.at_level(logging.INFO):
        pvdm("benchmark", "speed", "--model", model, "--output", later, *options)
    assert "times as fast" in caplog.text and "settings: batch_size was 2 and is 1" in caplog.text


def test_clips_side_by_side_are_timed_too():
    generator = hinted_generator()
    options = SpeedOptions(torch.device("cpu"), frames=20, repeats=Repeats(count=1), batch_size=2)
    found = parallel(SimpleNamespace(generator=generator), options, steps=2)
    assert found.items == 20 and found.extra["first_clip_seconds"] > 0 and found.extra["frames_per_second_after_it"] > 0


def test_a_sampled_clip_is_as_many_evaluations_as_steps_with_a_thread_ahead_too(monkeypatch):
    generator = small_generator()
    calls, forward = [], generator.denoiser.forward
    monkeypatch.setattr(generator.denoiser, "forward", lambda *args: calls.append(args) or forward(*args))
    generator.overlap = True
    sampler = SamplerConfig("ddim", 3).completed(generator.diffusion.timesteps)
    options = SpeedOptions(torch.device("cpu"), sampler=sampler, repeats=Repeats(count=2))
    sample_clip(SimpleNamespace(generator=generator), options)
    assert len(calls) == (1 + 2) * 3, "one run that is counted and two that are timed, and no clip beyond"


def test_weights_are_those_of_the_precision():
    for precision, wanted in (("bf16", torch.bfloat16), ("32", torch.float32)):
        options = SpeedOptions(torch.device("cpu"), precision=precision)
        generator = MeasuredModel("small", small_generator, options).generator
        assert wanted in {value.dtype for value in generator.parameters()}


def test_a_stage_1_model_has_what_it_can(pvdm, stage_1_model, tmp_path):
    pvdm(
        "benchmark",
        "speed",
        "--model",
        stage_1_model,
        "--output",
        tmp_path / "a.json",
        "--tasks",
        "decode,denoise",
        *ONCE,
    )
    decode, denoise = json.loads((tmp_path / "a.json").read_text())["tasks"]
    assert decode["missing"] is None and denoise["missing"].startswith("this model is a stage-1 autoencoder without a")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tasks", "encode,fly"], "--tasks names 'fly'; give names of read, encode, decode, denoise, sample_clip"),
        (["--size", "huge"], "--size is huge; choose one of released, pvdm-s, tiny"),
        (["--height", "20"], "height 20 is not divisible by the patch size 8; choose a multiple of 8"),
        (["--unet-channels", "40"], "a level of the U-Net has 40 channels; each level must have a multiple of 32"),
        (["--sampler", "euler"], "--sampler is euler; choose one of"),
        (["--repeats", "0"], "--repeats is 0; give a whole number of at least 1"),
        (["--compare", "nowhere.json"], "nowhere.json is no result of pvdm benchmark speed"),
        (
            ["--data", "nowhere", "--tasks", "read"],
            "the folder nowhere does not exist; give the folder that",
        ),
        (
            ["--model", __file__, "--frames", "8"],
            "--frames is given together with a --model, which has its own sizes",
        ),
        (["--quick"], "--quick is not an option of pvdm benchmark speed"),
        (["--plain"], "--plain was removed: the networks as the released code computes them now serve the tests alone"),
        (
            ["--vgg-weights", "a.pth"],
            "--vgg-weights was removed: LPIPS takes the same time with any weights; leave it out",
        ),
        (["--saved-tensors"], "--saved-tensors was removed: memory is measured, no longer counted without a GPU; read"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(refusal, tmp_path, options, message):
    size = [] if {"--size", "--model"} & set(options) else ["--size", "tiny"]
    output = tmp_path / "out.json"
    assert message in refusal("benchmark", "speed", "--output", output, *size, *options)
    assert list(tmp_path.iterdir()) == []


def test_what_is_measured_is_written_at_once(monkeypatch, tmp_path):
    def interrupted(model, options):
        raise KeyboardInterrupt

    monkeypatch.setitem(TASKS, "denoise", replace(TASKS["denoise"], measure=interrupted))
    output = tmp_path / "out.json"
    size = ["--size", "tiny", "--frames", "4", "--height", "32", "--width", "32", "--unet-channels", "32"]
    options = [*size, "--tasks", "encode,decode,denoise", "--output", str(output), *map(str, ONCE)]
    assert main(["benchmark", "speed", "--device", "cpu", *options]) == 130
    tasks = json.loads(output.read_text())["tasks"]
    assert [task["task"] for task in tasks] == ["encode", "decode"] and all(task["seconds"] > 0 for task in tasks)


def test_largest_batches_are_written_with_the_rest(pvdm, model, tmp_path, caplog):
    output = tmp_path / "out.json"
    with caplog.at_level(logging.INFO):
        pvdm(
            "benchmark", "speed", "--model", model, "--tasks", "decode", "--largest-batches", "--output", output, *ONCE
        )
    found = json.loads(output.read_text())["largest_batches"]
    assert [(batch["stage"], batch["batch"]) for batch in found] == [("autoencoder", None), ("diffusion", None)]
    assert "largest batch, diffusion, 24 GiB: the device is cpu; a memory limit can be tried on a GPU" in caplog.text


def test_the_largest_batches_are_of_weights_in_float32(monkeypatch):
    given = []
    monkeypatch.setattr(
        speed_command, "largest_batches", lambda generator: given.append(generator) or iter([{"batch": 3}])
    )
    options = SpeedOptions(torch.device("cpu"), precision="bf16")
    model = MeasuredModel("small", small_generator, options)
    *_, found = speed_command.documents([], model, options, batches=True)
    assert found["largest_batches"] == [{"batch": 3}]
    assert {value.dtype for value in given[0].parameters()} == {torch.float32}


def test_a_full_memory_leaves_no_file(caplog, tmp_path):
    options = ["--size", "tiny", "--tasks", "encode", "--batch-size", "10000000000", "--output", tmp_path / "out.json"]
    assert main(["benchmark", "speed", "--device", "cpu", *map(str, options)]) == 2
    assert "error: the memory is full; take fewer samples at once (data.batch_size in training, --ba" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_an_output_is_kept(refusal, tmp_path):
    output = tmp_path / "out.json"
    output.write_text("mine")
    assert "exists already; pass --overwrite" in refusal("benchmark", "speed", "--size", "tiny", "--output", output)
    assert output.read_text() == "mine"


def test_sizes_and_losses_are_those_of_the_configurations():
    def config(name):
        return yaml.safe_load((configs.FOLDER / f"{name}.yaml").read_text())["model"]["init_args"]

    adversary = {**config("gan")["adversary"], "start": 0}
    assert AdversaryConfig(**{**adversary, "optimizer": AdversaryConfig().optimizer}) == AdversaryConfig()
    assert config("diffusion")["context_dropout"] == training_speed.CONTEXT_DROPOUT
    for size, folder in (("released", ""), ("tiny", "sizes/")):
        suffix = "" if size == "released" else "-tiny"
        networks = {"autoencoder": sizes(size)[0], "denoiser": sizes(size)[1]}
        for stage, part in (("autoencoder", "autoencoder"), ("diffusion", "denoiser")):
            for name, value in config(f"{folder}{stage}{suffix}")[part].items():
                found = getattr(networks[part], name)
                assert (list(found) if isinstance(found, tuple) else found) == value


def test_help_names_it(capsys):
    with pytest.raises(SystemExit):
        main(["benchmark", "--help"])
    assert "speed" in capsys.readouterr().out
