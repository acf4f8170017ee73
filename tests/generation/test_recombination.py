"""Recombination: what is kept of content and motion, at which noise the network sees it, and what is new."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_models import noise_video, small_generator, told_generator

from pvdm.diffusion import SamplerConfig, VideoNoise
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator

FAST = SamplerConfig("ddim", steps=4)


@pytest.fixture(scope="module")
def generator() -> VideoGenerator:
    return told_generator()


@pytest.fixture
def seen(generator):
    """What the denoiser is called with: latent, times, condition."""
    found = []
    hook = generator.denoiser.register_forward_pre_hook(lambda _, inputs: found.append(inputs))
    yield found
    hook.remove()


def latents(generator, *seeds: int) -> torch.Tensor:
    return torch.cat([generator.encode_context(noise_video(8, seed)) for seed in seeds])


def sampled(generator, latent, **levels):
    noise = VideoNoise([(3, index) for index in range(len(latent))])
    kept = generator.kept_planes(latent, VideoNoise([(4, index) for index in range(len(latent))]), **levels)
    return generator.sample_latent(noise, None, FAST, kept=kept)


def test_what_is_kept_exactly_stays_and_the_network_is_told_that_it_is_clean(generator, seen):
    latent, mask = latents(generator, 0, 1), generator.autoencoder.content_mask
    found = sampled(generator, latent, content=0.0, motion=None)
    assert torch.equal(found[:, mask], latent[:, mask])
    assert not torch.isclose(found[:, ~mask], latent[:, ~mask]).all()
    assert all(torch.equal(z[:, mask], latent[:, mask]) for z, _, _ in seen)
    assert all(times[0, 0] == 0 and times[0, 1] > 0 for _, times, _ in seen[:-1])
    other = sampled(generator, latent, content=None, motion=0.0)
    assert torch.equal(other[:, ~mask], latent[:, ~mask])


def test_up_to_a_level_a_part_is_seen_noised_and_then_moves_with_the_rest(generator, seen):
    latent, mask = latents(generator, 0), generator.autoencoder.content_mask
    found = sampled(generator, latent, content=0.5, motion=None)
    assert not torch.isclose(found[:, mask], latent[:, mask]).all()
    content, motion = (torch.stack([times[0, part] for _, times, _ in seen]) for part in (0, 1))
    level = content.max()
    assert content.tolist() == motion.clamp(max=level).tolist() and 0 < level < motion.max()
    kept = [z[:, mask] for z, times, _ in seen if times[0, 1] > level]
    assert len(kept) > 1 and all(torch.equal(z, kept[0]) for z in kept)


def test_nothing_kept_is_plain_sampling(generator):
    noise, latent = VideoNoise([(3, 0)]), latents(generator, 0)
    plain = generator.sample_latent(noise, None, FAST)
    torch.testing.assert_close(sampled(generator, latent, content=None, motion=None), plain)


def test_guided_and_weak_networks_see_the_same(generator, seen):
    latent, mask = latents(generator, 0, 1), generator.autoencoder.content_mask
    condition = generator.prompted(generator.class_condition(None, 2), "red ball", 2)
    kept = generator.kept_planes(latent, VideoNoise([(4, 0), (4, 1)]), content=0.0, motion=None)
    guided = replace(FAST, prompt_guidance=1.0)
    generator.sample_latent(VideoNoise([(3, 0), (3, 1)]), condition, guided, kept=kept)
    assert all(len(z) == 4 and torch.equal(z[:, mask], latent[:, mask].repeat(2, 1)) for z, _, _ in seen)


def test_guidance_leads_the_other_part_away_from_what_the_kept_one_would_be_as_noise(generator, seen):
    latent, mask = latents(generator, 0), generator.autoencoder.content_mask
    options, last = {"content": 0.0, "motion": None}, generator.schedule.config.timesteps - 1
    plain, guided = (sampled(generator, latent, **options, guidance=(weight, 3.0)) for weight in (0.0, 0.5))
    assert torch.equal(guided[:, mask], latent[:, mask])
    assert not torch.isclose(guided[:, ~mask], plain[:, ~mask]).all()
    with_content, without = seen[4:6]  # after the four steps of the first
    assert with_content[1][0, 0] == 0 and without[1][0, 0] == last
    assert torch.equal(with_content[0][:, ~mask], without[0][:, ~mask])
    noise = VideoNoise([(4, 0)]).normal(latent.shape[1:])
    assert torch.equal(without[0][:, mask], noise[:, mask])
    kept = generator.kept_planes(latent, VideoNoise([(4, 0)]), **options, guidance=(0.5, 0.0))
    t = torch.tensor([last // 2])
    alone = replace(kept, guidance=(0.0, 0.0)).network(generator.denoiser)(latent, t, with_content[2])
    lost = generator.denoiser(torch.where(mask, noise, latent), torch.tensor([[last, last // 2]]), with_content[2])
    both = kept.network(generator.denoiser)(latent, t, with_content[2])
    torch.testing.assert_close(both, torch.where(mask, alone, alone + 0.5 * (alone - lost)))


def test_videos_of_several_clips_continue_and_depend_on_their_seeds_alone(generator, seen):
    options = {"content_noise": 2.0, "content_guidance": 0.0, "motion_guidance": 0.0, "sampler": FAST}
    options |= {"content": noise_video(20, 1), "motion": noise_video(26, 2)}
    found = generator.recombine(2, **options)
    assert found.shape == (2, 3, 16, 32, 32) and not torch.equal(found[0], found[1])
    assert [condition.context is not None for _, _, condition in seen] == [False] * 4 + [True] * 4
    alone = generator.recombine(**options, prompt="red")
    assert not torch.equal(alone[0], found[0])
    again = generator.recombine(**options)
    assert (again[0].int() - found[0].int()).abs().max() <= 1


def test_of_both_exactly_the_latent_is_that_of_content_and_motion(generator):
    found = generator.recombine(
        content=noise_video(8, 1), motion=noise_video(8, 2), content_noise=0.0, motion_noise=0.0, sampler=FAST
    )
    one, two = latents(generator, 1), latents(generator, 2)
    mixed = torch.where(generator.autoencoder.content_mask, one, two)
    assert torch.equal(found, generator.decode_latent(mixed))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "neither content nor motion is given"),
        ({"content": noise_video(7)}, "the video has 7 frames"),
        ({"content": noise_video(8), "content_noise": -1.0}, "content_noise is -1.0; give a value at least 0"),
    ],
)
def test_what_cannot_be_recombined_is_refused(generator, options, message):
    with pytest.raises(InputError, match=message):
        generator.recombine(sampler=FAST, **options)


def test_a_model_of_one_noise_level_is_refused():
    with pytest.raises(InputError, match="not trained to keep content or motion: it takes the previous clip"):
        small_generator().recombine(content=noise_video(8), sampler=FAST)
