"""`pvdm fit`, `validate`, `test` and `predict`: what a run leaves, how it resumes, and how mistakes are reported."""

import logging
import shlex
import sys
import warnings
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from miniature import read
from runs import assert_same_training, refusal, scalars

from pvdm.cli import main
from pvdm.data import dataset
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.training import AutoencoderTraining

STAGES = ["autoencoder", "diffusion"]


@pytest.mark.parametrize("stage", STAGES)
def test_the_same_command_goes_on_as_if_it_had_never_stopped(command, tmp_path, stage, caplog):
    caplog.set_level(logging.INFO)
    assert main(command("fit", stage, "straight", trainer__max_steps=8)) == 0
    for steps, workers in ((3, 0), (8, 2)):  # within an epoch, within the next, whatever the number of workers
        assert main(command("fit", stage, "broken", trainer__max_steps=steps, data__workers=workers)) == 0
        assert read(tmp_path / "broken")["global_step"] == steps
    assert caplog.text.count("resuming from") == 1
    assert_same_training(read(tmp_path / "broken"), read(tmp_path / "straight"))
    assert_finished_run_says_so(command("fit", stage, "broken", trainer__max_steps=8), tmp_path / "broken", caplog)


def assert_finished_run_says_so(arguments, run, caplog) -> None:
    caplog.clear()
    before = (run / "checkpoints" / "last.ckpt").stat()
    assert main(arguments) == 0
    assert f"the run in {run} is finished: it has made its 8 updates" in caplog.text
    assert "raise --trainer.max_steps" in caplog.text
    assert f"best model: {run / 'checkpoints' / 'best.ckpt'} (val/" in caplog.text
    assert (run / "checkpoints" / "last.ckpt").stat() == before


@pytest.mark.parametrize("interval", [3, 5], ids=["within an epoch", "at its end"])
def test_a_run_that_was_killed_goes_on_from_its_last_validation(command, tmp_path, monkeypatch, interval):
    more = {
        "trainer__max_steps": 8,
        "trainer__check_val_every_n_epoch": "null",
        "trainer__val_check_interval": interval,
    }
    assert main(command("fit", "autoencoder", "straight", **more)) == 0

    def killed(module, *_):
        if module.updates == 6:
            raise RuntimeError("killed")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
        patch.setattr(AutoencoderTraining, "on_train_batch_start", killed)
        main(command("fit", "autoencoder", "broken", **more))
    assert read(tmp_path / "broken")["global_step"] == 6 // interval * interval
    assert main(command("fit", "autoencoder", "broken", **more)) == 0
    assert_same_training(read(tmp_path / "broken"), read(tmp_path / "straight"))


@pytest.mark.parametrize("stage", STAGES)
def test_bf16_with_recomputed_activations(command, tmp_path, stage):
    more = {"trainer__precision": "bf16-mixed", "model__activation_checkpointing": "true"}
    assert main(command("fit", stage, **more)) == 0
    weights = read(tmp_path / "run")["state_dict"]
    assert all(value.isfinite().all() for value in weights.values())
    assert {value.dtype for name, value in weights.items() if "updates" not in name} == {torch.float32}


def test_the_scalars_of_stage_1(command, tmp_path):
    more = {"model__accumulate": 2, "trainer__max_steps": 5, "model__optimizer__warmup_steps": 4}
    assert main(command("fit", "autoencoder", **more)) == 0
    logged = scalars(tmp_path / "run")
    assert {"train/loss", "train/l1", "train/learning_rate", "train/gradient_norm"} <= logged.keys()
    assert {"val/psnr", "val/ssim", "val/l1"} <= logged.keys()
    assert [step for step, _ in sorted(set(logged["train/loss"]))] == [1, 2, 3, 4, 5]  # updates, one value for each
    rates = dict(logged["train/learning_rate"])
    assert rates == pytest.approx({1: 5e-4, 2: 1e-3, 3: 1.5e-3, 4: 2e-3, 5: 2e-3})
    assert [step for step, _ in logged["val/psnr"]] == [2, 5]
    assert logged["train/loss"] == logged["train/l1"]
    assert_best_and_last(tmp_path / "run", 5)


def test_the_scalars_of_stage_2(command, tmp_path):
    assert main(command("fit", "diffusion", trainer__max_steps=5)) == 0
    logged = scalars(tmp_path / "run")
    assert {"train/loss", "train/learning_rate", "train/gradient_norm"} <= logged.keys()
    assert {"val/loss", "val/loss_context", "val/loss_no_context"} <= logged.keys()
    assert [step for step, _ in logged["train/gradient_norm"]] == [1, 2, 3, 4, 5]
    assert all(value > 0 for _, value in logged["train/gradient_norm"])
    assert logged["train/learning_rate"][0][1] == pytest.approx(1e-3 / 20)
    assert_best_and_last(tmp_path / "run", 5)


def assert_best_and_last(run, step: int) -> None:
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    for path in (run / "checkpoints").iterdir():
        assert read(run, path.stem)["pvdm"]["training_step"] == step  # by the restricted unpickler
        assert VideoGenerator.from_checkpoint(path).training_step == step


def test_a_run_can_be_told_by_its_config_alone(command, tmp_path):
    assert main(command("fit", "autoencoder")) == 0
    path = tmp_path / "run" / "config.yaml"
    config = path.read_text()
    assert main(["fit", "-c", str(path), "--trainer.max_steps=3"]) == 0
    assert read(tmp_path / "run")["global_step"] == 3
    assert main(["validate", "-c", str(path)]) == 0
    assert path.read_text() == config.replace("max_steps: 2", "max_steps: 3")


def printed(caplog, *beginning: str) -> list[list[str]]:
    """The arguments of the commands that were logged and begin with these words."""
    lines = [line for record in caplog.records for line in record.getMessage().splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith("pvdm ")]
    return [words[1:] for words in commands if words[1 : 1 + len(beginning)] == list(beginning)]


def test_the_commands_that_are_printed_run_as_they_are(command, videos, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.chdir(tmp_path)
    videos.rename("my videos")
    run = {"data__path": "my videos", "trainer__default_root_dir": "an autoencoder", "trainer__max_steps": 1}
    assert main(command("fit", "autoencoder", **run)) == 0
    (stage_2,) = printed(caplog, "fit")
    shorter = ["--trainer.max_steps=1", "--trainer.enable_progress_bar=false", "--model.validation_times=1"]
    assert main([*stage_2, *shorter]) == 0
    (sample,), (export,) = printed(caplog, "sample"), printed(caplog, "export")
    assert main([*sample, "--steps", "1"]) == 0
    assert len(list(Path("an diffusion/samples").glob("*.mp4"))) == 8
    assert main(export) == 0
    assert VideoGenerator.from_pretrained("an diffusion/model").training_step == 1


@pytest.mark.parametrize("content", [None, "data: [", "model: {nothing: 1}"], ids=["gone", "broken", "changed"])
def test_a_config_that_is_no_more_as_it_was_does_not_fail_the_run(command, tmp_path, monkeypatch, caplog, content):
    caplog.set_level(logging.INFO)
    names = ("my_autoencoder.yaml", "my_diffusion.yaml")
    for name in names:
        (tmp_path / name).write_text("data: {stride: 1}\n")

    def change(*_) -> None:
        for name in names:
            (tmp_path / name).unlink() if content is None else (tmp_path / name).write_text(content)

    monkeypatch.setattr(AutoencoderTraining, "on_train_end", change)
    assert main([*command("fit", "autoencoder", trainer__max_steps=1), "-c", str(tmp_path / names[0])]) == 0
    assert "best model: " in caplog.text or "newest model: " in caplog.text


def test_what_tells_nothing_is_not_said(command, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["pvdm", "fit"])
    records = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric")]
    for logger in loggers:
        logger.addHandler(handler)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for steps in (2, 3):
            more = {"trainer__log_every_n_steps": 50, "trainer__limit_val_batches": 1}
            assert main(command("fit", "diffusion", trainer__max_steps=steps, **more)) == 0
    for logger in loggers:
        logger.removeHandler(handler)
    text = "\n".join([*records, *(str(warning.message) for warning in seen)])
    assert "smaller than the logging interval" in text
    for useless in (
        "litlogger",
        "args parameter",
        "LeafSpec",
        "many workers",
        "not empty",
        "eval mode",
        "resumable",
        "overridden",
        "TPU",
        "GPU available",
        "FLOPs",
        "configured so",
        "stopped: ",
        "Seed set",
        "Restor",
    ):
        assert useless not in text


def test_lpips_without_its_weights_ends_before_anything_begins(command, tmp_path, monkeypatch, caplog):
    def no_network(*_, **__):
        raise URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("pvdm.files.weights.urlopen", no_network)
    message = refusal(caplog, *command("fit", "autoencoder", model__lpips_weight=1.0))
    assert "no route to host" in message
    assert "lpips_weight 0" in message
    assert not (tmp_path / "run").exists()


def test_an_error_in_a_worker_is_one_sentence(command, monkeypatch, caplog):
    def broken(path, *_, **__):
        raise InputError(f"{path} cannot be decoded; replace it")

    monkeypatch.setattr(dataset, "read_clip", broken)
    message = refusal(caplog, *command("fit", "autoencoder", data__workers=1))
    assert message.endswith(".mp4 cannot be decoded; replace it")
    assert message == refusal(caplog, *command("fit", "autoencoder", data__workers=0))


@pytest.mark.parametrize("verb", ["validate", "test"])  # test_bad_input asks predict
def test_a_verb_without_a_checkpoint_says_what_to_do(command, caplog, verb):
    assert "run pvdm fit first" in refusal(caplog, *command(verb, "autoencoder"))
    assert "there is no checkpoint none.ckpt" in refusal(caplog, *command(verb, "autoencoder", ckpt_path="none.ckpt"))


def test_data_that_do_not_fit_the_model(command, caplog):
    assert "takes 2 of 4 frames of 16x16" in refusal(caplog, *command("fit", "diffusion", data__height=24))
    assert "takes 1 of" in refusal(caplog, *command("fit", "autoencoder", data__clips=2))


@pytest.mark.parametrize("verb", ["validate", "test", "predict"])
def test_data_that_do_not_fit_are_told_by_every_verb(command, caplog, verb, tmp_path):
    checkpoint = tmp_path / "empty.ckpt"
    torch.save({"pvdm": {}, "state_dict": {}, "pytorch-lightning_version": "2.6.0"}, checkpoint)
    more = {"data__clips": 1, "ckpt_path": checkpoint}
    assert "the model takes 2 of" in refusal(caplog, *command(verb, "diffusion", **more))


@pytest.mark.parametrize(
    "stage, option, words",
    [
        ("autoencoder", {"data__stride": 0}, "the clip's stride is 0; give a positive number"),
        (
            "diffusion",
            {"model__denoiser__channels": 48},
            "a level of the U-Net has 48 channels; each level must have a multiple of 32",
        ),
        ("diffusion", {"model__sampler__eta": 3.0}, "eta is 3.0; it must be in [0, 1]"),
    ],
)
def test_a_value_that_a_constructor_refuses(command, caplog, stage, option, words):
    assert refusal(caplog, *command("fit", stage, **option)).startswith(f"pvdm: error: {words}")


def test_a_damaged_checkpoint_is_one_sentence_with_what_to_do(command, tmp_path, caplog):
    assert main(command("fit", "autoencoder", trainer__max_steps=5)) == 0
    folder = tmp_path / "run" / "checkpoints"
    (folder / "last.ckpt").write_bytes((folder / "last.ckpt").read_bytes()[:-100])
    message = refusal(caplog, *command("fit", "autoencoder"))
    assert f"{folder / 'last.ckpt'} cannot be read" in message
    assert f"--ckpt_path {folder / 'best.ckpt'}, or delete it to start over" in message
    assert main(command("fit", "autoencoder", ckpt_path=folder / "best.ckpt", trainer__max_steps=6)) == 0
    assert read(tmp_path / "run")["global_step"] == 6


def test_the_other_stage_does_not_resume_a_run_and_other_data_are_told(command, videos, caplog):
    assert main(command("fit", "autoencoder")) == 0
    assert "other data" not in caplog.text
    assert "the checkpoint is of stage 1 and this is stage 2" in refusal(caplog, *command("fit", "diffusion"))
    (videos / "train" / "0.mp4").unlink()
    assert main(command("fit", "autoencoder", trainer__max_steps=3)) == 0
    assert "resuming with other data: videos was {'training': 5" in caplog.text


def test_stage_2_without_stage_1_and_a_phase_that_never_comes(command, caplog):
    without = [part for part in command("fit", "diffusion") if not str(part).startswith("--model.autoencoder")]
    assert "model.autoencoder must be given; give the exported folder or the checkpoint of stage 1" in refusal(
        caplog, *without
    )
    small = {"model__adversary__channels": 8, "model__adversary__layers": 1, "model__adversary__start": 2}
    assert main(command("fit", "autoencoder", **small)) == 0
    assert "there is no GAN phase: it begins after 2 updates, and the run ends after 2" in caplog.text
