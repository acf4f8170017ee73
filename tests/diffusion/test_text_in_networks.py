"""Text in the networks: what they see of its tokens, and that what they computed without stays as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from diffusion.test_hints import CONFIGS, T, built, latents
from generation.small_models import randomized
from torch import Tensor

from pvdm.diffusion import Condition, DiffusionConfig, NoiseSchedule, make_denoise
from pvdm.diffusion.denoise import guidance_terms
from pvdm.errors import ArgumentError

WIDTH, TOKENS = 12, 5
TEXT = {"text_width": WIDTH, "text_tokens": TOKENS, "text_layers": 1}


def states(seed: int = 1, batch: int = 2) -> Tensor:
    return torch.randn(batch, TOKENS, WIDTH, generator=torch.Generator().manual_seed(seed))


def of(*counts: int) -> Tensor:
    """The masks of texts of so many tokens."""
    return torch.arange(TOKENS) < torch.tensor(counts)[:, None]


@pytest.mark.parametrize("name", CONFIGS)
def test_older_weights_compute_what_they_did_until_text_is_learned(name):
    config = CONFIGS[name]
    old, new = randomized(built(config)), built(replace(config, **TEXT, plane_times=True)).eval()
    missing = new.load_state_dict(old.state_dict(), strict=False)
    assert not missing.unexpected_keys
    assert all(any(part in key for part in new.added) for key in missing.missing_keys)
    z, plain = latents(config), Condition(latents(config, seed=2), label=torch.tensor([0, 2]))
    told = replace(plain, text=states(), text_mask=of(3, 5))
    with torch.no_grad():
        wanted = old(z, T, plain)
        for condition in (plain, told):
            assert torch.equal(new(z, T, condition), wanted)
        assert torch.equal(new(z, torch.stack((T, T * 2), dim=1), plain), wanted)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_network_sees_tokens_their_order_and_their_number_and_no_others(name):
    config = replace(CONFIGS[name], **TEXT)
    net = randomized(built(config))
    z, text = latents(config), states()
    given = Condition(text=text, text_mask=of(3, 4))
    changed = text.clone()
    changed[:, 4:] = torch.nan_to_num(changed[:, 4:] * torch.inf, 9.0, 9.0, 9.0)
    with torch.no_grad():
        found, without = net(z, T, given), net(z, T)
        torch.testing.assert_close(net(z, T, replace(given, text=changed)), found)  # what is no token is not read
        for other in (
            replace(given, text=text.flip(1)[:, 2:].repeat(1, 2, 1)[:, :TOKENS]),
            replace(given, text_mask=of(2, 3)),
        ):
            assert ((net(z, T, other) - found).abs().amax((1, 2)) > 1e-5).all()
        swapped = text.clone()
        swapped[:, [0, 1]] = text[:, [1, 0]]
        assert ((net(z, T, replace(given, text=swapped)) - found).abs().amax((1, 2)) > 1e-6).all()
        half = net(z, T, replace(given, text_mask=of(3, 0)))
        torch.testing.assert_close(half, torch.stack((found[0], without[1])), rtol=1e-4, atol=1e-5)
        assert net(z, T, replace(given, text_mask=of(0, 0))).isfinite().all()
        with pytest.raises(ValueError, match="a network without text; leave out the text"):
            randomized(built(CONFIGS[name]))(z, T, given)
        with pytest.raises(ValueError, match="this network takes at most 5 of 12 channels"):
            net(z, T, Condition(text=text.repeat(1, 2, 1), text_mask=of(3, 4).repeat(1, 2)))


@pytest.mark.parametrize("name", CONFIGS)
def test_all_weights_are_trained_with_text_and_times_of_content_and_motion(name):
    config = replace(CONFIGS[name], **TEXT, plane_times=True)
    net = randomized(built(config)).train()
    condition = Condition(latents(config, 1), label=torch.tensor([0, 1]), text=states(), text_mask=of(3, 4))
    net(latents(config), torch.stack((T, T + 5), dim=1), condition).square().mean().backward()
    without = [key for key, value in net.named_parameters() if value.grad is None or not value.grad.any()]
    assert without == []


@pytest.mark.parametrize("name", CONFIGS)
def test_content_and_motion_may_have_times_of_their_own(name):
    net = randomized(built(replace(CONFIGS[name], plane_times=True)))
    z, both = latents(CONFIGS[name]), torch.stack((T, T), dim=1)
    with torch.no_grad():
        found = net(z, T)
        torch.testing.assert_close(net(z, both), found)
        for row in (0, 1):
            other = both.clone()
            other[:, row] += 100
            assert ((net(z, other) - found).abs().amax((1, 2)) > 1e-5).all()
        with pytest.raises(ValueError, match=r"one time for all planes; give t as \(b,\)"):
            randomized(built(CONFIGS[name]))(z, both)


def test_a_text_is_dropped_cut_joined_and_gives_way_to_a_negative_one():
    condition = Condition(text=states(), text_mask=of(3, 5), label=torch.tensor([0, 1]))
    assert condition.given == ["label", "text"]
    assert condition.drop(keep_text=torch.tensor([True, False])).text_mask.sum(1).tolist() == [3, 0]
    assert condition.part(slice(1, 2)).text_mask.sum(1).tolist() == [5]
    assert Condition.join([condition, condition.without("text")]).text_mask.sum(1).tolist() == [3, 5, 0, 0]
    negated = replace(condition, label=None, negative=states(2), negative_mask=of(1, 1))
    weights, joined = guidance_terms(negated, {"text": 2.0})
    assert weights == [3.0, -2.0]
    assert torch.equal(joined.text, torch.cat((condition.text, negated.negative)))
    assert joined.text_mask.sum(1).tolist() == [3, 5, 1, 1]


def test_prompt_guidance_is_a_step_away_from_no_prompt():
    config = replace(CONFIGS["transformer"], **TEXT)
    net, schedule = randomized(built(config)), NoiseSchedule(DiffusionConfig())
    given = Condition(text=states(), text_mask=of(3, 5))
    options = {"parameterization": "eps", "condition": given, "clamp": False}
    z = latents(config)
    with torch.no_grad():
        told, untold = net(z, T, given), net(z, T)
        found = make_denoise(net, schedule, prompt_guidance=1.5, **options)(z, T).noise
    torch.testing.assert_close(found, told + 1.5 * (told - untold), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"text": states()}, "text and text_mask belong together"),
        ({"text": states(), "text_mask": of(3, 5)[0]}, r"they must be states \(b, n, d\) and torch.bool"),
        ({"negative": states(), "negative_mask": of(3, 5)}, "give a text of the same shape, too"),
    ],
)
def test_parts_of_a_text_that_do_not_fit_are_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        Condition(**parts)


@pytest.mark.parametrize(("name", "value"), [("text_width", 0), ("text_tokens", 0), ("text_layers", -1)])
def test_impossible_sizes_are_refused(name, value):
    with pytest.raises(ArgumentError, match=f"{name} is {value}"):
        replace(CONFIGS["transformer"], **{**TEXT, name: value})
