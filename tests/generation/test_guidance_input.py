"""A model whose network is told the weight of guidance: one evaluation a step, and weights that it was tuned for."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from generation.small_models import AUTOENCODER, labelled_generator, randomized, small_unet

from pvdm.diffusion import Condition, DiffusionConfig, SamplerConfig, VideoNoise
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator

LABEL = torch.tensor([0, 2])


@pytest.fixture(scope="module")
def told() -> VideoGenerator:
    """The labelled generator, which is told the weight of guidance by the class."""
    unet = small_unet(AUTOENCODER, classes=3, guidance_input="label_guidance", guidance_most=4.0)
    return randomized(VideoGenerator(AUTOENCODER, unet, DiffusionConfig(timesteps=200), fps=10.0))


def sampled(generator: VideoGenerator, **options) -> tuple[torch.Tensor, list[int]]:
    """The latents of two labels in two steps, and the batches of the network."""
    batches = []
    handle = generator.denoiser.register_forward_pre_hook(lambda _, inputs: batches.append(len(inputs[0])))
    latents = generator.sample_latent(
        VideoNoise([(0, 0, 0), (0, 1, 0)]), Condition(label=LABEL), SamplerConfig("ddim", 2, **options)
    )
    handle.remove()
    return latents, batches


def test_the_weight_is_an_input_that_costs_no_evaluation(told):
    plain = labelled_generator()
    others = {name: value for name, value in told.denoiser.state_dict().items() if "embed_guidance" not in name}
    plain.denoiser.load_state_dict(others)
    guided, batches = sampled(told, label_guidance=2.0)
    assert batches == [2, 2] and sampled(plain, label_guidance=2.0)[1] == [4, 4]
    assert not torch.allclose(guided, sampled(told, label_guidance=1.0)[0])
    assert torch.equal(sampled(told)[0], sampled(plain)[0])
    assert sampled(told, guidance=1.0)[1] == [2, 2]  # there is no context


def test_it_is_stored_and_said(told, tmp_path):
    told.save_pretrained(tmp_path / "model")
    again = VideoGenerator.load(tmp_path / "model").eval()
    assert torch.equal(sampled(again, label_guidance=2.0)[0], sampled(told, label_guidance=2.0)[0])
    assert "label guidance, 0 to 4" in (tmp_path / "model" / "README.md").read_text()


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        ({"label_guidance": 5.0}, "label_guidance is 5; give 0 to 4, for which this model was tuned"),
        ({"label_guidance": -1.0}, "label_guidance is -1; give 0 to 4"),
        ({"label_guidance": 1.0, "guidance_interval": (0.1, 1.0)}, "guidance_interval is given; leave it out"),
    ],
)
def test_what_it_cannot_do_is_refused(told, sampler, message):
    with pytest.raises(InputError, match=message):
        told.completed(SamplerConfig(**sampler))


def test_autoguidance_as_an_input_needs_no_weak_model():
    unet = replace(small_unet(AUTOENCODER), guidance_input="autoguidance", guidance_most=1.0)
    generator = VideoGenerator(AUTOENCODER, unet, DiffusionConfig(timesteps=200))
    assert generator.completed(SamplerConfig(autoguidance=0.5)).autoguidance == 0.5
    with pytest.raises(InputError, match="weak_model is given; leave it out: autoguidance is an input"):
        generator.completed(SamplerConfig(autoguidance=0.5, weak_model="other"))
