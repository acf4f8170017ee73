"""Scores of clips in the networks: what they change, that absent ones change nothing, and older weights stay as is."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from diffusion.test_hints import CONFIGS, T, built, latents
from generation.small_models import randomized
from torch import Tensor

from pvdm.diffusion import Condition, DiffusionConfig, NoiseSchedule, make_denoise
from pvdm.diffusion.denoise import guidance_terms
from pvdm.errors import ArgumentError

NAMES = ("motion", "fps")
VALUES = torch.tensor([[2.0, 12.0], [0.0, 30.0]])


def scored(*known: list[bool], values: Tensor = VALUES) -> Condition:
    mask = torch.tensor(known) if known else torch.ones(values.shape, dtype=torch.bool)
    return Condition(scores=values, scores_mask=mask)


@pytest.mark.parametrize("name", CONFIGS)
def test_older_weights_compute_what_they_did_until_scores_are_learned(name):
    config = CONFIGS[name]
    old, new = randomized(built(config)), built(replace(config, scores=NAMES)).eval()
    missing = new.load_state_dict(old.state_dict(), strict=False)
    assert not missing.unexpected_keys
    assert missing.missing_keys == [f"embed_scores.layers.of_{score}.weight" for score in NAMES]
    assert all(any(part in key for part in new.added) for key in missing.missing_keys)
    z, plain = latents(config), Condition(latents(config, seed=2), label=torch.tensor([0, 2]))
    with torch.no_grad():
        for condition in (plain, replace(plain, scores=VALUES, scores_mask=VALUES > 1)):
            assert torch.equal(new(z, T, condition), old(z, T, plain))


@pytest.mark.parametrize("name", CONFIGS)
def test_a_score_is_seen_where_it_is_known_and_nowhere_else(name):
    config = replace(CONFIGS[name], scores=NAMES)
    net, z = randomized(built(config)), latents(config)
    nan = VALUES.clone()
    nan[0, 1] = nan[1] = torch.nan
    with torch.no_grad():
        whole, none = net(z, T, scored()), net(z, T)
        for index in range(2):  # each of the two changes both samples
            other = VALUES.clone()
            other[:, index] += 3
            assert ((net(z, T, scored(values=other)) - whole).abs().amax((1, 2)) > 1e-5).all()
        zero = net(z, T, scored([True, True], [True, False]))
        assert (zero[1] - none[1]).abs().max() > 1e-5  # a score of 0 is not an absent one
        half = net(z, T, scored([True, False], [False, False], values=nan))
        alone = net(z[:1], T[:1], scored([True, False], values=VALUES[:1]))
    torch.testing.assert_close(half, torch.cat((alone, none[1:])), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CONFIGS)
def test_all_weights_are_trained_with_scores(name):
    net = randomized(built(replace(CONFIGS[name], scores=NAMES))).train()
    condition = replace(scored(), context=latents(CONFIGS[name], 1), label=torch.tensor([0, 1]))
    net(latents(CONFIGS[name]), T, condition).square().mean().backward()
    assert [key for key, value in net.named_parameters() if value.grad is None or not value.grad.any()] == []


def test_the_order_of_the_names_decides_which_score_is_which():
    one, other = (randomized(built(replace(CONFIGS["unet"], scores=names))) for names in (NAMES, NAMES[::-1]))
    z = latents(CONFIGS["unet"])
    with torch.no_grad():
        found, reversed_found = one(z, T, scored()), other(z, T, scored(values=VALUES.flip(1)))
    torch.testing.assert_close(found, reversed_found)


def test_sinusoids_are_those_of_the_compressed_score():
    embed = built(replace(CONFIGS["unet"], scores=("drift",))).embed_scores
    layer = embed.layers["of_drift"]
    with torch.no_grad():
        layer.weight.copy_(torch.eye(*layer.weight.shape))  # the first sinusoids, as they are
        found = embed(torch.tensor([[-3.0]]), torch.ones(1, 1, dtype=torch.bool), torch.float32)
    assert found[0, 0] == pytest.approx(math.cos(-10 * math.log(4)), abs=1e-5)
    half = embed.channels // 2
    assert found[0, half] == pytest.approx(math.sin(-10 * math.log(4)), abs=1e-5)


def test_scores_are_dropped_cut_and_joined():
    condition = replace(scored([True, False], [True, True]), label=torch.tensor([0, 1]))
    assert condition.given == ["label", "scores"]
    dropped = condition.drop(keep_scores=torch.tensor([True, False]))
    assert dropped.scores_mask.tolist() == [[True, False], [False, False]]
    assert dropped.part(slice(0, 1)).scores_mask.tolist() == [[True, False]]
    joined = Condition.join([condition, condition.without("scores")])
    assert joined.scores_mask.tolist() == [[True, False], [True, True], [False, False], [False, False]]
    weights, terms = guidance_terms(condition, {"scores": 2.0})
    assert weights == [1.0, 2.0, -2.0] and terms.scores_mask.any(1).tolist() == [True, True, True, True, False, False]


def test_guidance_is_a_step_away_from_none():
    config = replace(CONFIGS["transformer"], scores=NAMES)
    net, schedule, z = randomized(built(config)), NoiseSchedule(DiffusionConfig()), latents(config)
    options = {"parameterization": "eps", "condition": scored(), "clamp": False, "scores_guidance": 1.5}
    with torch.no_grad():
        told, untold = net(z, T, scored()), net(z, T)
        found = make_denoise(net, schedule, **options)(z, T).noise
    torch.testing.assert_close(found, told + 1.5 * (told - untold), rtol=1e-4, atol=1e-4)


def test_scores_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="scores and scores_mask belong together; give both, or neither"):
        Condition(scores=VALUES)
    with pytest.raises(ValueError, match=r"scores are torch.int64 \(2,\) .*; they must be floats \(b, n\)"):
        Condition(scores=torch.tensor([1, 2]), scores_mask=torch.ones(2, dtype=torch.bool))
    config = CONFIGS["unet"]
    with pytest.raises(ValueError, match="scores are given to a network without scores; leave out the scores"):
        built(config)(latents(config), T, scored())
    with pytest.raises(ValueError, match="there are 2 scores; this network takes motion"):
        built(replace(config, scores=("motion",)))(latents(config), T, scored())
    with pytest.raises(ArgumentError, match="the score fps is named twice; name it once"):
        replace(config, scores=("fps", "fps"))
    with pytest.raises(ArgumentError, match="a score is named 'a b'; give a word"):
        replace(config, scores=("a b",))
