"""A model that is not finite is refused where it is loaded, used and stored: it would make black video."""

import copy
import math

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_models import small_generator
from torch import nn

from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.evaluation.clips.model_clips import SampledClips
from pvdm.generation import VideoGenerator

VIDEO = torch.zeros(1, 3, 8, 32, 32, dtype=torch.uint8)
DIVERGED = "its training has diverged, so take an earlier checkpoint, or train again"


@pytest.fixture(scope="module")
def healthy() -> VideoGenerator:
    return small_generator()


@pytest.fixture
def generator(healthy) -> VideoGenerator:
    return copy.deepcopy(healthy)


def spoil(generator: VideoGenerator, name: str, value: float = math.nan) -> VideoGenerator:
    with torch.no_grad():
        generator.get_parameter(name).view(-1)[0] = value
    return generator


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("sampler", [SamplerConfig(steps=3), SamplerConfig("ddim", 3), SamplerConfig("ddpm", 3)])
def test_sampling_is_refused_also_where_infinity_would_be_clamped(generator, sampler, value):
    with pytest.raises(
        InputError, match=rf"sampling with the model .* finite .*, as its denoiser.conv_out.bias is not; {DIVERGED}"
    ):
        spoil(generator, "denoiser.conv_out.bias", value).sample(1, sampler=sampler)


def test_a_network_that_overflows_is_refused_too(generator):
    class Overflows(nn.Module):
        config, shape = generator.denoiser.config, generator.denoiser.shape

        def forward(self, z, t, condition):
            return z * 1e30 * 1e30

    generator.denoiser = Overflows()
    with pytest.raises(InputError, match=r"sampling with the model gave .*; try --precision 32, or guidance of less"):
        generator.sample(1, sampler=SamplerConfig(steps=2))


def test_decoding_and_encoding_are_refused(generator, tmp_path):
    spoil(generator, "autoencoder.to_pixels.bias").source = "runs/first"
    for refused in (lambda: generator.reconstruct(VIDEO), lambda: generator.decode_latent(latent(generator))):
        with pytest.raises(InputError, match=r"decoding with runs/first gave .* its autoencoder.to_pixels.bias is not"):
            refused()
    with pytest.raises(
        InputError, match=r"encoding with the model gave .* its autoencoder.embed_patches.weight is not"
    ):
        spoil(small_generator(), "autoencoder.embed_patches.weight").encode_context(VIDEO)


def latent(generator: VideoGenerator) -> torch.Tensor:
    return torch.zeros(1, generator.autoencoder.config.latent_channels, generator.denoiser.shape.positions)


@pytest.mark.parametrize("half_precision", [False, True])
def test_it_is_not_stored(generator, tmp_path, half_precision):
    with pytest.raises(InputError, match=f"cannot be used: its denoiser.conv_out.bias is not finite .*; {DIVERGED}"):
        spoil(generator, "denoiser.conv_out.bias").save_pretrained(tmp_path / "model", half_precision=half_precision)
    assert list(tmp_path.iterdir()) == []


def test_weights_beyond_the_range_of_float16_are_not_stored_in_it(generator, tmp_path):
    spoil(generator, "denoiser.conv_out.bias", 1e6).save_pretrained(tmp_path / "whole")
    with pytest.raises(InputError, match=r"the model in half precision .*: its denoiser.conv_out.bias is not finite"):
        generator.save_pretrained(tmp_path / "half", half_precision=True)


def test_it_is_not_loaded(generator, tmp_path):
    generator.save_pretrained(tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    weights = load_file(path)
    weights["denoiser.conv_in.bias"][1] = math.inf
    save_file(weights, path)
    checkpoint = {"pvdm": generator.to_config(), "state_dict": {f"generator.{n}": v for n, v in weights.items()}}
    torch.save(checkpoint, tmp_path / "last.ckpt")
    for file, load in ((path, tmp_path / "model"), (tmp_path / "last.ckpt",) * 2):
        with pytest.raises(InputError, match=f"{file} cannot be used: its denoiser.conv_in.bias is not finite"):
            VideoGenerator.load(load)


def test_a_loaded_model_knows_where_it_is_from(generator, tmp_path):
    generator.save_pretrained(tmp_path / "model")
    assert VideoGenerator.load(tmp_path / "model").source == str(tmp_path / "model")


def test_exports_are_float32_and_that_is_said_of_coarser_weights(generator, tmp_path, caplog):
    generator.save_pretrained(tmp_path / "exact")
    assert "exact" not in caplog.text
    generator.accelerate(bfloat16=True).save_pretrained(tmp_path / "coarse")
    assert "bfloat16 weights are stored as float32, which does not make them more exact" in caplog.text
    exact, coarse = (load_file(tmp_path / name / "model.safetensors") for name in ("exact", "coarse"))
    assert {value.dtype for value in coarse.values()} == {torch.float32}
    assert all(
        torch.equal(value, exact[name]) or torch.equal(value, exact[name].bfloat16()) for name, value in coarse.items()
    )
    generator.save_pretrained(tmp_path / "half", half_precision=True)
    assert {value.dtype for value in load_file(tmp_path / "half" / "model.safetensors").values()} == {torch.float16}


def test_any_model_has_a_digest_of_its_own(generator):
    def key(model: VideoGenerator) -> str:
        return SampledClips(model, num=1, frames=8).key()["model"]["weights"]

    plain = key(generator)
    assert key(copy.deepcopy(generator).accelerate(compiled=True)) == plain
    coarse = copy.deepcopy(generator).accelerate(bfloat16=True)
    assert key(coarse) == key(copy.deepcopy(coarse)) != plain
