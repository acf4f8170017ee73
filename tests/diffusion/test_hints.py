"""Hints: what the networks see of given frames, and that what they computed without them stays as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from generation.small_models import UNET, randomized
from torch import Tensor, nn

from pvdm.autoencoder import TriplaneShape
from pvdm.diffusion import (
    Condition,
    DiffusionConfig,
    JointTransformer,
    NoiseSchedule,
    TransformerConfig,
    TriplaneUNet,
    make_denoise,
)

SHAPE = (8, 4, 6, 5)
CONFIGS = {
    "unet": replace(UNET, latent_channels=2, latent_shape=SHAPE, classes=3),
    "unet-released": replace(UNET, latent_channels=2, latent_shape=SHAPE[:3], classes=3),
    "unet-folded": replace(UNET, latent_channels=2, latent_shape=SHAPE, frame_patch=2, classes=3),
    "transformer": TransformerConfig(2, SHAPE, width=32, depth=2, heads=2, frame_patch=4, classes=3),
}
T = torch.tensor([3, 150])


def built(config) -> nn.Module:
    return (TriplaneUNet if hasattr(config, "channels") else JointTransformer)(config)


def latents(config, seed: int = 0, batch: int = 2) -> Tensor:
    size = (batch, config.latent_channels, TriplaneShape(*config.latent_shape).positions)
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def known(*frames: list[int]) -> Tensor:
    marks = torch.zeros(len(frames), SHAPE[0], dtype=torch.bool)
    for mark, chosen in zip(marks, frames, strict=True):
        mark[chosen] = True
    return marks


def test_planes_hold_the_hint_and_when_its_frames_are():
    shape = TriplaneShape(*SHAPE)
    hint = torch.randn(2, 2, shape.positions)
    planes = Condition(hint=hint, known=known([0, 5], [])).hint_planes(shape, torch.float32)
    assert planes.hw.shape == (2, 11, 4, 6) and planes.tw.shape == (2, 3, 8, 6) and planes.th.shape == (2, 3, 8, 4)
    assert planes.hw[0, -1].unique().tolist() == [0.25]
    assert planes.tw[0, -1, :, 3].tolist() == planes.th[0, -1, :, 1].tolist() == [1, 0, 0, 0, 0, 1, 0, 0]
    torch.testing.assert_close(planes.map(lambda plane: plane[:, :-1]).flatten()[0], hint[0])
    assert not any(plane[1].any() for plane in planes)
    assert Condition().hint_planes(shape, torch.float32) is None


def test_a_hint_without_known_frames_is_never_read():
    hint = torch.full((2, 2, TriplaneShape(*SHAPE).positions), torch.nan)
    planes = Condition(hint=hint, known=known([], [])).hint_planes(TriplaneShape(*SHAPE), torch.float32)
    assert not any(plane.any() for plane in planes)


@pytest.mark.parametrize("name", CONFIGS)
def test_older_weights_compute_what_they_did_until_hints_are_learned(name):
    config = CONFIGS[name]
    old, new = randomized(built(config)), built(replace(config, hints=True)).eval()
    missing = new.load_state_dict(old.state_dict(), strict=False)
    assert not missing.unexpected_keys and all("hint" in key for key in missing.missing_keys)
    z, hint = latents(config), latents(config, seed=1)
    plain = Condition(latents(config, seed=2), label=torch.tensor([0, 2]))
    hinted = replace(plain, hint=hint, known=known([0], [2, 7]), hint_level=torch.tensor([-1, 40]))
    with torch.no_grad():
        wanted = old(z, T, plain)
        assert torch.equal(new(z, T, plain), wanted) and torch.equal(new(z, T, hinted), wanted)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_network_sees_the_hint_its_times_and_its_level(name):
    config = replace(CONFIGS[name], hints=True)
    net = randomized(built(config))
    z, hint = latents(config), latents(config, seed=1)
    given = Condition(hint=hint, known=known([0], [7]))
    with torch.no_grad():
        found, without = net(z, T, given), net(z, T)
        others = (
            replace(given, hint=hint + 1),
            replace(given, known=known([1], [6])),
            replace(given, hint_level=torch.tensor([30, 30])),
        )
        for other in others:
            assert ((net(z, T, other) - found).abs().amax((1, 2)) > 1e-4).all()
        half = net(z, T, replace(given, known=known([0], [])))
        torch.testing.assert_close(half, torch.stack((found[0], without[1])), rtol=1e-4, atol=1e-5)
        with pytest.raises(ValueError, match="a network without hints; leave out the hint"):
            randomized(built(CONFIGS[name]))(z, T, given)


@pytest.mark.parametrize("name", CONFIGS)
def test_all_weights_are_trained_with_a_hint(name):
    config = replace(CONFIGS[name], hints=True, context_levels=True)
    net = randomized(built(config)).train()
    condition = Condition(
        latents(config, 1), label=torch.tensor([0, 1]), hint=latents(config, 2), known=known([0], [3])
    )
    net(latents(config), T, condition).square().mean().backward()
    without = [key for key, value in net.named_parameters() if value.grad is None or not value.grad.any()]
    assert without == []


def test_a_hint_is_noised_dropped_cut_and_joined_like_the_other_parts():
    schedule, hint = NoiseSchedule(DiffusionConfig()), torch.randn(2, 3, 4)
    condition = Condition(torch.randn(2, 3, 4), hint=hint, known=known([0], [1, 2]))
    level, noise = torch.tensor([-1, 500]), torch.randn(2, 3, 4)
    noised = condition.noised_hint(level, noise, schedule)
    at = schedule.level(500)
    torch.testing.assert_close(noised.hint, torch.stack((hint[0], at.alpha * hint[1] + at.sigma * noise[1])))
    assert torch.equal(noised.context, condition.context) and noised.level is None
    dropped = noised.drop(keep_hint=torch.tensor([False, True]))
    assert dropped.known.tolist() == known([], [1, 2]).tolist() and dropped.mask is None
    both = Condition.join([noised, noised.without("hint")])
    assert both.known.sum(1).tolist() == [1, 2, 0, 0] and both.hint_level.tolist() == [-1, 500] * 2
    assert both.mask.all() and not both.without("context").mask.any()
    assert both.part(slice(1, 3)).known.sum(1).tolist() == [2, 0]
    assert condition.given == ["hint", "context"]
    with pytest.raises(
        ValueError,
        match="frame is no part of a condition; give one of label, scores, text, camera, sound, hint, context",
    ):
        condition.without("frame")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"hint": torch.zeros(2, 3, 4)}, "belong together; give both, or neither"),
        ({"known": torch.zeros(2, 4, dtype=torch.bool)}, "belong together"),
        ({"hint_level": torch.zeros(2)}, "a hint_level is given without a hint"),
        ({"hint": torch.zeros(2, 3), "known": torch.zeros(2, 4, dtype=torch.bool)}, r"they must be a flat latent"),
        ({"hint": torch.zeros(2, 3, 4), "known": torch.zeros(2, 4)}, "known is torch.float32; it must be torch.bool"),
        ({"hint": torch.zeros(2, 3, 4), "known": torch.zeros(1, 4, dtype=torch.bool)}, r"known \(1, 4\)"),
    ],
)
def test_parts_that_do_not_fit_are_named(parts, message):
    with pytest.raises(ValueError, match=message):
        Condition(**parts)


def test_known_frames_of_another_clip_are_refused():
    condition = Condition(hint=torch.zeros(1, 2, TriplaneShape(*SHAPE).positions), known=torch.ones(1, 7).bool())
    with pytest.raises(ValueError, match="known has 7 frames, and the network's clips have 8"):
        condition.hint_planes(TriplaneShape(*SHAPE), torch.float32)


def test_guidance_by_three_parts_is_its_formula_in_one_call():
    config = replace(CONFIGS["transformer"], hints=True)
    net, z = randomized(built(config)), latents(config)
    condition = Condition(
        latents(config, 1), label=torch.tensor([0, 1]), hint=latents(config, 2), known=known([0], [3])
    )
    weights = {"guidance": 0.5, "label_guidance": 2.0, "hint_guidance": 1.2}
    calls = []

    def counted(*inputs):
        calls.append(len(inputs[0]))
        return net(*inputs)

    schedule = NoiseSchedule(DiffusionConfig(timesteps=200))
    options = {"parameterization": "eps", "condition": condition, "bound": None}
    with torch.no_grad():
        found = make_denoise(counted, schedule, **weights, **options)(z, T).noise
        outputs = [net(z, T, condition.without(*parts)) for parts in ((), ("label",), ("label", "hint"))]
        everything, hinted, context, nothing = *outputs, net(z, T)
    wanted = everything + 2 * (everything - hinted) + 1.2 * (hinted - context) + 0.5 * (context - nothing)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)
    assert calls == [8]
