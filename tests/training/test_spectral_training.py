"""Stage 1 with the spectral autoencoder, and stage 2 after it."""

from __future__ import annotations

import json
import logging

import pytest
import torch
from fuzzing import encode as write
from miniature import SIZES, UNET_SIZES, batch, loader, read, trainer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pvdm.autoencoder import SpectralAutoencoder, SpectralConfig
from pvdm.cli import main
from pvdm.diffusion import SamplerConfig
from pvdm.generation import VideoGenerator
from pvdm.training import AutoencoderTraining, OptimizerConfig
from pvdm.training.data import VideoData
from pvdm.training.latent_encoding import digest_of
from pvdm.training.run.data_start import sample_clips
from pvdm.video import to_float

MODEL = {
    "model.autoencoder.patch": 4,
    "model.autoencoder.content_channels": "[4, 2]",
    "model.autoencoder.motion_channels": 1,
    "model.autoencoder.features": 16,
    "model.autoencoder.encoder_depth": 1,
    "model.autoencoder.decoder_depth": 1,
    "trainer.val_check_interval": 1.0,
    "trainer.check_val_every_n_epoch": 1,
    "data.batch_size": 2,
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Four videos of a bright square that moves over a dark ramp."""
    folder = tmp_path_factory.mktemp("videos")
    for number in range(4):
        frames = torch.linspace(0, 80, 16)[None, None, :, None].expand(3, 12, 16, 16).clone()
        for t in range(12):
            frames[number % 3, t, 2 * number : 2 * number + 4, t : t + 4] = 250
        write(folder / f"{number}.mp4", frames.byte().permute(1, 2, 3, 0).numpy())
    return folder


def stage_1(verb, run, videos, **more):
    options = {**SIZES, **MODEL, "data.path": videos, "trainer.default_root_dir": run}
    options |= {name.replace("__", "."): value for name, value in more.items()}
    configs = ["-c", "configs/spectral.yaml", "-c", "configs/sizes/spectral-64.yaml"]
    return [verb, *configs, *(f"--{name}={value}" for name, value in options.items())]


def test_equivariance_is_learned_and_logged(videos, tmp_path):
    run = tmp_path / "run"
    options = {"trainer__max_steps": 2, "trainer__log_every_n_steps": 1, "model__equivariance_weight": 0.5}
    assert main(stage_1("fit", run, videos, **options)) == 0
    events = EventAccumulator(str(run))
    events.Reload()
    values = {
        name: [event.value for event in events.Scalars(f"train/{name}")] for name in ("loss", "rms", "equivariance")
    }
    assert all(0 < value < 1 for value in values["equivariance"]) and values["loss"] == values["rms"]


@pytest.fixture(scope="module")
def trained(videos, tmp_path_factory):
    """A run of two updates."""
    run = tmp_path_factory.mktemp("run")
    assert main(stage_1("fit", run, videos, trainer__max_steps=2)) == 0
    return run


def test_a_run_starts_from_the_linear_code_of_its_clips(videos, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        fit = stage_1("fit", tmp_path / "run", videos, trainer__max_steps=1, model__optimizer__learning_rate=0)
        assert main(fit) == 0
    assert "started from the best linear code of 36 clips" in caplog.text
    model = VideoGenerator.from_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert isinstance(model.autoencoder, SpectralAutoencoder)
    weight = model.autoencoder.linear.content.decoders[0].weight
    directions = weight / weight.norm(dim=0)
    torch.testing.assert_close(directions.T @ directions, torch.eye(4), rtol=0, atol=1e-4)
    assert not model.autoencoder.to_spectrum.weight.any()


def test_the_sample_is_a_function_of_the_seed(videos):
    data = VideoData(videos, frames=4, height=16, width=16, workers=0)
    data.setup()
    first, again, other = (sample_clips(data.training, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.shape == (4 * len(data.training), 3, 4, 16, 16) and first.dtype == torch.uint8


def test_a_resumed_run_equals_one_without_interruption(videos, trained, tmp_path, caplog):
    assert main(stage_1("fit", tmp_path / "whole", videos, trainer__max_steps=4)) == 0
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert main(stage_1("fit", trained, videos, trainer__max_steps=4)) == 0
    assert "linear code" not in caplog.text
    found, wanted = read(trained), read(tmp_path / "whole")
    for key in ("state_dict", "raw_weights"):
        assert found[key].keys() == wanted[key].keys()
        assert all(torch.equal(found[key][name], value) for name, value in wanted[key].items())


def test_sizes_are_those_of_the_data_and_the_class_is_stored(trained, tmp_path):
    model = trained / "checkpoints" / "last.ckpt"
    assert main(["export", str(model), "--output", str(tmp_path / "model")]) == 0
    stored = json.loads((tmp_path / "model" / "config.json").read_text())["autoencoder"]
    assert (stored["class"], stored["frames"], stored["height"]) == ("SpectralConfig", 4, 16)
    exported, checkpoint = VideoGenerator.from_pretrained(tmp_path / "model"), VideoGenerator.from_checkpoint(model)
    assert isinstance(exported.autoencoder.config, SpectralConfig)
    video = to_float(torch.randint(256, (1, 3, 4, 16, 16), generator=torch.Generator().manual_seed(0)).byte())
    with torch.no_grad():
        torch.testing.assert_close(exported.autoencoder(video), checkpoint.autoencoder(video), rtol=0, atol=0)


def test_the_printed_config_is_that_of_the_run(videos, tmp_path, capsys):
    printed = tmp_path / "printed.yaml"
    with pytest.raises(SystemExit, match="0"):
        main([*stage_1("fit", tmp_path / "run", videos, trainer__max_steps=1), "--print_config"])
    printed.write_text(capsys.readouterr().out)
    assert main(["fit", "-c", str(printed)]) == 0
    config = VideoGenerator.from_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt").autoencoder.config
    assert (config.frames, config.content_channels, config.features) == (4, (4, 2), 16)


def test_another_model_is_taken_up_and_its_decoder_alone_trained(videos, trained, tmp_path, caplog):
    before = VideoGenerator.from_checkpoint(trained / "checkpoints" / "last.ckpt")
    with torch.no_grad():
        before.autoencoder.to_content.weight[0].fill_(-0.0)  # as in half precision, where small weights become it
    before.save_pretrained(tmp_path / "start")
    more = {"trainer__max_steps": 10, "model__init_from": tmp_path / "start", "model__freeze_encoder": "true"}
    with caplog.at_level(logging.INFO):
        assert main(stage_1("fit", tmp_path / "run", videos, **more)) == 0
    assert "linear code" not in caplog.text
    after = VideoGenerator.from_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert digest_of(after.autoencoder) == digest_of(before.autoencoder)
    assert not torch.equal(before.autoencoder.from_code.weight, after.autoencoder.from_code.weight)


def test_cached_latents_belong_to_the_encoder_whatever_the_decoder(trained):
    autoencoder = VideoGenerator.from_checkpoint(trained / "checkpoints" / "last.ckpt").autoencoder
    before = digest_of(autoencoder)
    with torch.no_grad():
        autoencoder.from_code.weight.add_(1)
        assert digest_of(autoencoder) == before
        autoencoder.normalize["tw"].mean.add_(1)
    assert digest_of(autoencoder) != before


def test_the_gan_phase_trains_it(videos, tmp_path):
    gan = {
        "model.adversary.start": 0,
        "model.adversary.channels": 8,
        "model.adversary.layers": 1,
        "model.adversary.optimizer.warmup_steps": 0,
    }
    fit = stage_1("fit", tmp_path / "run", videos, trainer__max_steps=1, **gan)
    assert main([*fit[:5], "-c", "configs/gan.yaml", *fit[5:]]) == 0


def test_sizes_of_both_autoencoders_are_refused(videos, tmp_path, caplog):
    assert main(stage_1("fit", tmp_path / "run", videos, model__autoencoder__channels=16)) == 2
    words = (
        "model.autoencoder.channels is of the released autoencoder, and patch of the spectral one; give sizes of one"
    )
    assert words in caplog.text


def test_stage_2_learns_its_latents_and_samples(videos, trained, tmp_path):
    model = trained / "checkpoints" / "last.ckpt"
    options = {**SIZES, **UNET_SIZES, "data.path": videos, "trainer.default_root_dir": tmp_path / "run"}
    options |= {"model.autoencoder": model, "data.batch_size": 2, "trainer.max_steps": 1}
    configs = ["-c", "configs/diffusion.yaml", "-c", "configs/sizes/diffusion-tiny.yaml"]
    assert main(["fit", *configs, *(f"--{name}={value}" for name, value in options.items())]) == 0
    generator = VideoGenerator.from_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert generator.denoiser.config.latent_shape == (4, 4, 4, 6)
    clips = generator.sample(2, sampler=SamplerConfig(steps=2))
    assert clips.shape == (2, 3, 4, 16, 16) and clips.dtype == torch.uint8


def test_without_a_data_module_the_linear_code_is_left_to_the_caller(tmp_path):
    torch.manual_seed(0)
    config = SpectralConfig(frames=4, height=16, width=16, patch=4, content_channels=(2,), features=16)
    module = AutoencoderTraining(config, lpips_weight=0.0, optimizer=OptimizerConfig(learning_rate=0.0))
    clips = batch([0, 1])
    module.generator.autoencoder.fit(clips["video"])
    before = {name: value.clone() for name, value in module.generator.autoencoder.linear.state_dict().items()}
    trainer(tmp_path, max_steps=1).fit(module, loader([clips]))
    for name, value in module.generator.autoencoder.linear.state_dict().items():
        assert torch.equal(value, before[name]), name
