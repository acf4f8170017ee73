"""Training that starts from the weights of another model."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch
from miniature import AUTOENCODER, UNET, autoencoder_training, diffusion_training, read

from pvdm.autoencoder import SpectralConfig
from pvdm.cli import main
from pvdm.conditions.given_frames import GivenFrames
from pvdm.diffusion import TransformerConfig
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.training.callbacks.averaging import RAW
from pvdm.training.warm_start import WarmStart, is_position, misfits


def model(**sizes) -> VideoGenerator:
    """Of other random weights than `autoencoder_training` and `diffusion_training` begin with."""
    torch.manual_seed(1)
    autoencoder = replace(AUTOENCODER, **sizes)
    unet = replace(UNET, latent_channels=autoencoder.latent_channels, latent_shape=autoencoder.latent_shape)
    generator = VideoGenerator(autoencoder, unet)
    for parameter in generator.denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return generator


def transformer(transformer_width: int = 32, **sizes) -> VideoGenerator:
    """As `model`, with a joint transformer."""
    torch.manual_seed(1)
    autoencoder = replace(AUTOENCODER, **sizes)
    shape = tuple(autoencoder.latent_shape)
    return VideoGenerator(autoencoder, TransformerConfig(2, shape, transformer_width, 1, 2, frame_patch=4))


def saved(folder, **sizes) -> tuple[VideoGenerator, WarmStart]:
    generator = model(**sizes)
    generator.save_pretrained(folder / "other")
    return generator, WarmStart(folder / "other")


def same(found, wanted) -> bool:
    return all(torch.equal(value, wanted.state_dict()[name]) for name, value in found.state_dict().items())


@pytest.mark.parametrize("part", ["autoencoder", "denoiser"])
def test_the_trained_network_takes_all_weights_and_the_other_none(tmp_path, part):
    other, start = saved(tmp_path)
    generator = diffusion_training(tmp_path / "first").generator
    left = "denoiser" if part == "autoencoder" else "autoencoder"
    before = {name: value.clone() for name, value in getattr(generator, left).state_dict().items()}
    start.fill(generator, part)
    assert same(getattr(generator, part), getattr(other, part))
    assert all(torch.equal(value, before[name]) for name, value in getattr(generator, left).state_dict().items())
    assert generator.training_step == 0


def test_what_depends_on_size_and_length_are_the_positions_of_the_projections(tmp_path):
    for sizes, wanted in (
        ({"frames": 8}, {"hw"}),
        ({"height": 24}, {"tw"}),
        ({"width": 24}, {"th"}),
        ({"frames": 8, "height": 24, "width": 24}, {"hw", "tw", "th"}),
    ):
        here, there = model().autoencoder.state_dict(), model(**sizes).autoencoder.state_dict()
        differences = misfits(there, here)
        assert {name.rpartition(".")[2] for name in differences} == {"position"}
        assert {plane for plane in ("hw", "tw", "th") if any(plane in name for name in differences)} == wanted
        assert misfits(model(**sizes).denoiser.state_dict(), model().denoiser.state_dict()) == {}


def test_another_size_is_named_and_accepted_if_asked(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    other, start = saved(tmp_path, height=24, frames=8)
    generator = autoencoder_training().generator
    fresh = {name: value.clone() for name, value in generator.autoencoder.state_dict().items()}
    with pytest.raises(InputError) as refusal:
        start.fill(generator, "autoencoder")
    message = str(refusal.value)
    assert message.startswith(f"2 parameters of {tmp_path / 'other'} do not fit this model (autoencoder.")
    assert "is (9, 16) there and (5, 16) here" in message
    assert "autoencoder.frames is 8 there and 4 here and autoencoder.height is 24 there and 16 here" in message
    assert message.endswith("or pass --model.reinitialize true to initialize such parameters randomly")
    assert all(torch.equal(value, fresh[name]) for name, value in generator.autoencoder.state_dict().items())

    replace(start, reinitialize=True).fill(generator, "autoencoder")
    assert "2 parameters are initialized randomly: autoencoder." in caplog.text
    found, wanted = generator.autoencoder.state_dict(), other.autoencoder.state_dict()
    assert all(
        torch.equal(
            value, fresh[name] if name.endswith(".position") and value.shape != wanted[name].shape else wanted[name]
        )
        for name, value in found.items()
    )


@pytest.mark.parametrize("part", ["autoencoder", "denoiser"])
def test_positions_of_another_size_are_interpolated_if_asked(tmp_path, caplog, part):
    caplog.set_level(logging.INFO)
    there, here = transformer(height=24, width=40, frames=8), transformer()
    here.save_pretrained(tmp_path / "small")
    start = WarmStart(tmp_path / "small")
    with pytest.raises(InputError, match=r"; make these agree, pass --model\.resize_positions true to interpolate"):
        start.fill(there, part)
    replace(start, resize_positions=True).fill(there, part)
    assert f"position embeddings are interpolated: {part}." in caplog.text
    assert "initialized randomly" not in caplog.text
    found, given = (getattr(model, part).state_dict() for model in (there, here))
    for name, value in found.items():
        wanted = given[name]
        if is_position(name):
            assert value.shape != wanted.shape and wanted.amin() <= value.amin() and value.amax() <= wanted.amax()
        else:
            assert torch.equal(value, wanted)
    other = replace(start, init_from=tmp_path / "wide", resize_positions=True)
    transformer(width=40, channels=24, transformer_width=16).save_pretrained(tmp_path / "wide")
    with pytest.raises(InputError, match=r"do not fit this model .* make these agree, or pass --model\.reinitialize"):
        other.fill(there, part)


def test_what_follows_from_data_and_settings_may_differ(tmp_path):
    there = SpectralConfig(4, 16, 16, 8, (2, 2), 1, features=8, encoder_depth=1, decoder_depth=1)
    plain, scaled = VideoGenerator(there), VideoGenerator(replace(there, latent_power=0.5, motion_gain=2.0))
    plain.autoencoder.fit(torch.randint(256, (8, 3, 4, 16, 16), dtype=torch.uint8))
    plain.save_pretrained(tmp_path / "plain")
    WarmStart(tmp_path / "plain").fill(scaled, "autoencoder")
    own, wanted = scaled.autoencoder.normalize, plain.autoencoder.normalize
    assert torch.equal(own["hw"].square, wanted["hw"].square)
    assert own["hw"].scale.std() > 0.01
    scaled.save_pretrained(tmp_path / "scaled")
    WarmStart(tmp_path / "scaled").fill(back := VideoGenerator(there), "autoencoder")
    assert back.autoencoder.normalize["hw"].scale is None
    assert torch.equal(back.autoencoder.normalize["tw"].mean, wanted["tw"].mean)


def test_inputs_that_start_at_zero_may_be_new(tmp_path):
    other, start = saved(tmp_path)
    generator = diffusion_training(tmp_path / "first", given_frames=GivenFrames()).generator
    start.fill(generator, "denoiser")
    found = generator.denoiser.state_dict()
    assert all(torch.equal(value, found[name]) for name, value in other.denoiser.state_dict().items())
    with_hints = WarmStart(tmp_path / "with_hints")
    generator.save_pretrained(with_hints.init_from)
    with pytest.raises(InputError, match=r"embed_hint_level\.\S+ is unknown here"):
        with_hints.fill(model(), "denoiser")


def test_a_model_of_few_steps_may_be_trained_for_any_number(tmp_path, caplog):
    torch.manual_seed(1)
    tuned = VideoGenerator(AUTOENCODER, replace(model().denoiser.config, few_steps=(2, 4)))
    tuned.save_pretrained(tmp_path / "tuned")
    generator = diffusion_training(tmp_path / "first").generator
    with caplog.at_level(logging.INFO, logger="pvdm"):
        WarmStart(tmp_path / "tuned").fill(generator, "denoiser")
    assert same(generator.denoiser, tuned.denoiser)
    assert "tuned is tuned for few steps; without that, it is trained for any number" in caplog.text


def test_many_misfits_are_counted(tmp_path):
    _, start = saved(tmp_path, latent_channels=4)
    with pytest.raises(InputError) as refusal:
        start.fill(diffusion_training(tmp_path / "first").generator, "denoiser")
    assert "denoiser.conv_in.weight is (32, 8, 3, 3) there and (32, 4, 3, 3) here" in str(refusal.value)
    assert "denoiser.latent_channels is 4 there and 2 here" in str(refusal.value)
    assert misfits({"a": torch.zeros(1)}, {"b": torch.zeros(1)}) == {"a": "is unknown here", "b": "is missing there"}


def test_settings_that_no_shape_shows_are_told(tmp_path, caplog):
    generator = model()
    config = replace(generator.diffusion, prediction="v")
    generator.diffusion = config
    generator.save_pretrained(tmp_path / "other")
    WarmStart(tmp_path / "other").fill(diffusion_training(tmp_path / "first").generator, "denoiser")
    assert "diffusion.prediction is v there and eps here" in caplog.text


def test_a_denoiser_of_other_latents_is_told(tmp_path, caplog):
    generator = diffusion_training(tmp_path / "first").generator
    generator.save_pretrained(tmp_path / "half", half_precision=True)
    WarmStart(tmp_path / "half").fill(generator, "denoiser")
    assert "another autoencoder" not in caplog.text
    generator.autoencoder.embed_patches.bias.data.add_(1)
    WarmStart(tmp_path / "half").fill(generator, "denoiser")
    assert "was trained on latents of another autoencoder" in caplog.text


def test_a_model_that_cannot_serve(tmp_path):
    generator = diffusion_training(tmp_path / "first").generator
    with pytest.raises(InputError, match="is a stage-1 autoencoder without a denoiser; give a model of stage 2"):
        WarmStart(tmp_path / "first").fill(generator, "denoiser")
    torch.save({"encoder.to_patch_embedding.weight": torch.zeros(1)}, tmp_path / "released.pth")
    with pytest.raises(InputError, match="released weights are loaded by pvdm convert"):
        WarmStart(tmp_path / "released.pth").fill(generator, "autoencoder")
    with pytest.raises(InputError, match="there is no model at"):
        WarmStart(tmp_path / "none").fill(generator, "autoencoder")


@pytest.mark.parametrize("stage", ["autoencoder", "diffusion"])
def test_fit_begins_with_these_weights_and_counts_from_0(command, tmp_path, stage):
    assert main(command("fit", stage, "long", trainer__max_steps=3)) == 0
    long = tmp_path / "long" / "checkpoints" / "last.ckpt"
    options = {"model__init_from": long, "model__optimizer__learning_rate": 0.0, "trainer__max_steps": 1}
    arguments = command("fit", stage, **options)
    assert main(arguments) == 0
    wanted, found = read(tmp_path / "long"), read(tmp_path / "run")
    assert found["global_step"] == 1
    assert set(found["optimizer_states"][0]["state"][0]["step"].flatten().tolist()) == {1.0}
    assert all(torch.equal(value, wanted["state_dict"][name]) for name, value in found[RAW].items())

    long.unlink()  # the run that goes on does not need it
    assert main([*arguments, "--trainer.max_steps=2"]) == 0
    assert read(tmp_path / "run")["global_step"] == 2
    assert main(command("fit", stage, "another", **options)) == 2
