"""Autoguidance: the weak model that is named in a sampler's settings."""

import copy
from dataclasses import replace

import pytest
import torch
from small_models import AUTOENCODER, labelled_generator, randomized, small_generator, small_unet

from pvdm.diffusion import Condition, DiffusionConfig, SamplerConfig, TransformerConfig, VideoNoise
from pvdm.errors import ArgumentError, InputError
from pvdm.generation import VideoGenerator

PROCESS = DiffusionConfig(timesteps=200)


def smaller() -> VideoGenerator:
    unet = small_unet(AUTOENCODER, channel_multipliers=(1,))
    return randomized(VideoGenerator(AUTOENCODER, unet, PROCESS))


def latent(generator: VideoGenerator, condition=None, **options) -> torch.Tensor:
    return generator.sample_latent(VideoNoise([(0, 0, 0)]), condition, SamplerConfig(steps=2, **options))


def test_a_smaller_model_guides_and_a_model_as_its_own_guide_changes_nothing(tmp_path):
    model = small_generator()
    model.save_pretrained(tmp_path / "own")
    smaller().save_pretrained(tmp_path / "weak")
    plain = latent(model)
    own = latent(model, autoguidance=1.0, weak_model=str(tmp_path / "own"))
    torch.testing.assert_close(own, plain, rtol=1e-4, atol=1e-5)
    guided = latent(model, autoguidance=1.0, weak_model=str(tmp_path / "weak"))
    assert (guided - plain).abs().max() > 1e-3
    names = model.state_dict().keys()
    assert names == small_generator().state_dict().keys()


def test_a_weak_model_without_classes_guides_one_with(tmp_path):
    smaller().save_pretrained(tmp_path / "weak")
    condition = Condition(label=torch.tensor([1]))
    options = {"autoguidance": 1.0, "weak_model": str(tmp_path / "weak"), "label_guidance": 0.5}
    assert latent(labelled_generator(), condition, **options).isfinite().all()


def test_the_pixels_of_a_guided_sample_are_those_of_its_seed(tmp_path):
    smaller().save_pretrained(tmp_path / "weak")
    sampler = SamplerConfig(steps=2, autoguidance=1.0, weak_model=str(tmp_path / "weak"), guidance_interval=(0.1, 50))
    pair, alone = (small_generator().sample(2, batch_size=size, sampler=sampler) for size in (2, 1))
    assert (pair.int() - alone.int()).abs().max() <= 1


def test_a_model_with_a_guide_is_guided_by_default(tmp_path):
    process = replace(PROCESS, autoguidance=0.7)
    model = randomized(VideoGenerator(AUTOENCODER, small_unet(AUTOENCODER), process))
    weak = VideoGenerator(AUTOENCODER, model.denoiser.config, PROCESS)
    weak.autoencoder.load_state_dict(model.autoencoder.state_dict())
    weak.denoiser.load_state_dict(model.guide.state_dict())
    weak.save_pretrained(tmp_path / "weak")
    guided, plain = latent(model), latent(model, autoguidance=0.0)
    assert (guided - plain).abs().max() > 1e-3
    torch.testing.assert_close(latent(model, autoguidance=0.7, weak_model=str(tmp_path / "weak")), guided)
    assert (latent(model, autoguidance=0.3) - guided).abs().max() > 1e-3
    assert model.completed(SamplerConfig()).autoguidance == 0.7
    model.save_pretrained(tmp_path / "model")
    again = VideoGenerator.from_pretrained(tmp_path / "model")
    assert torch.equal(latent(again), guided)


def test_guidance_costs_one_evaluation_more():
    model = randomized(VideoGenerator(AUTOENCODER, small_unet(AUTOENCODER), replace(PROCESS, autoguidance=1.0)))
    calls = []
    for network in (model.denoiser, model.guide):
        network.register_forward_pre_hook(lambda module, _: calls.append(module))
    latent(model)
    assert calls == [model.denoiser, model.guide] * 2


def test_a_model_without_a_guide_needs_a_weak_model():
    assert small_generator().completed(SamplerConfig()).autoguidance == 0
    with pytest.raises(InputError, match=r"holds no early weights to guide it; give a weak model"):
        latent(small_generator(), autoguidance=1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"denoiser": None}, "has no denoiser; give an earlier checkpoint"),
        ({"diffusion": DiffusionConfig(timesteps=100)}, "has another diffusion; give an earlier checkpoint"),
        ({"autoencoder": "shifted"}, "has another autoencoder; give a model of stage 2"),
    ],
)
def test_a_model_that_cannot_guide_is_refused_in_a_sentence(tmp_path, change, message):
    denoiser = change.get("denoiser", small_unet(AUTOENCODER))
    weak = randomized(VideoGenerator(AUTOENCODER, denoiser, change.get("diffusion", PROCESS)))
    if "autoencoder" in change:
        next(weak.autoencoder.parameters()).data.add_(1)
    weak.save_pretrained(tmp_path / "weak")
    with pytest.raises(InputError, match=message):
        latent(small_generator(), autoguidance=1.0, weak_model=str(tmp_path / "weak"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weak_model": "weak"}, "there is a weak model, weak, and no autoguidance by it; give both, or neither"),
        ({"weak_model": "weak", "autoguidance": 0.0}, "give both, or neither"),
        ({"guidance_interval": (2.0, 1.0)}, "guidance_interval is 2 to 1; give two values, the lower first"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SamplerConfig(**options)


def transformer(**process) -> VideoGenerator:
    sizes = TransformerConfig(2, AUTOENCODER.latent_shape, width=16, depth=3, heads=2, frame_patch=2)
    return randomized(VideoGenerator(AUTOENCODER, sizes, replace(PROCESS, **process)))


def test_a_transformer_is_guided_by_itself_without_a_block(tmp_path):
    plain = transformer()
    model = transformer(autoguidance=1.0, skipped_block=1)
    model.load_state_dict(plain.state_dict())  # the same names: the guide has no weights of its own
    guided = latent(model)
    torch.testing.assert_close(latent(plain, autoguidance=1.0, weak_model="block:1"), guided)
    assert (latent(plain, autoguidance=1.0, weak_model="block:0") - guided).abs().max() > 1e-3
    shorter = TransformerConfig(**{**vars(model.denoiser.config), "depth": 2})
    weak = VideoGenerator(AUTOENCODER, shorter, PROCESS)
    weak.autoencoder.load_state_dict(model.autoencoder.state_dict())
    weak.denoiser.load_state_dict(model.guide.state_dict())
    weak.save_pretrained(tmp_path / "weak")
    torch.testing.assert_close(latent(plain, autoguidance=1.0, weak_model=str(tmp_path / "weak")), guided)
    plain.guide_without(1)
    plain.save_pretrained(tmp_path / "model")
    again = VideoGenerator.from_pretrained(tmp_path / "model")
    assert torch.equal(latent(again), guided)
    with torch.no_grad():
        again.denoiser.position.zero_()
    assert torch.equal(again.guide.position, again.denoiser.position)
    copied = copy.deepcopy(again)
    assert copied.guide.blocks[0] is copied.denoiser.blocks[0] is not again.denoiser.blocks[0]


def test_leaving_out_a_block_replaces_early_weights():
    model = transformer(autoguidance=0.5)
    assert any(name.startswith("guide.") for name in model.state_dict())
    model.guide_without(2, 0.7)
    assert not any(name.startswith("guide.") for name in model.state_dict())
    assert (latent(model) - latent(model, autoguidance=0.0)).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("block:x", "the weak model is block:x; give the number of a block, as in block:2"),
        ("block:3", "there is no block 3 among 3; give a number from 0 to 2"),
    ],
)
def test_blocks_that_are_not_there(name, message):
    with pytest.raises((InputError, ArgumentError), match=message):
        latent(transformer(), autoguidance=1.0, weak_model=name)


def test_a_unet_cannot_leave_out_a_block():
    with pytest.raises((InputError, ArgumentError), match="a TriplaneUNet cannot leave out a block"):
        latent(small_generator(), autoguidance=1.0, weak_model="block:0")
